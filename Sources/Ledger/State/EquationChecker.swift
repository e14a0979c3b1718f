public import Credentials
public import EMRScheme

/// What the rules ask of the groups; the only part of the rules that knows a pairing.
public enum EquationClaim: Sendable {
  /// Both signatures and the Schnorr proof of a registration (specification, item 11).
  case registration(DoctorRegistration, managerKey: [UInt8])
  /// e(π, g2) = e(H_vk(context), PK_v) (item 4).
  case visitKey(VisitContext, proof: [UInt8])
  /// R and Q are points of G1, and R is not the identity.
  case partialSignature([UInt8])
  /// Eq. 3 of a complete visit; `team` are the registered statements of its signers.
  case multisignature(VisitCompletion, team: [RegistrationStatement])
}

public protocol EquationChecker: AnyObject, Sendable {
  func holds(_ claim: EquationClaim) -> Bool
}
