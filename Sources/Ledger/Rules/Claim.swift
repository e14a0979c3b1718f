import CanonicalEncoding
public import Credentials
public import EMRScheme

/// What has to hold of signatures and groups for an entry to be accepted: a value, so that whoever
/// follows a chain may decide many together (specification 7.3).
public enum Claim: Sendable {
  /// Ed25519, over the DER of an object.
  case signature([UInt8], of: [UInt8], by: [UInt8])
  /// The signature and the Schnorr proof of a registration (specification, item 11).
  case registration(DoctorRegistration, managerKey: [UInt8])
  /// e(π, g2) = e(H_vk(context), PK_v) (item 4).
  case visitKey(VisitContext, proof: [UInt8])
  /// R and Q are points of G1, and R is not the identity.
  case partialSignature([UInt8])
  /// Eq. 3 of a complete visit; `team` are the statements that its context names.
  case multisignature(VisitCompletion, team: [RegistrationStatement])
}

/// A ``Claim`` with the refusal that an entry meets if it does not hold.
public struct RequiredClaim: Sendable {
  public let claim: Claim
  public let refusal: Refusal

  init(_ claim: Claim, or refusal: Refusal) { (self.claim, self.refusal) = (claim, refusal) }
}

/// Decides claims; the only part of the rules that knows a pairing.
public protocol ClaimDecider: Sendable {
  /// Decides one claim now.
  func holds(_ claim: Claim) -> Bool

  /// Decides many claims of one chain, together where that is cheaper.
  ///
  /// - Returns: the index of the first that does not hold.
  func firstFailure(of claims: [Claim]) -> Int?
}

/// What the rules say of an entry that nothing in the state speaks against: it is accepted if the
/// claims hold.
package struct Judgement {
  var claims: [RequiredClaim] = []
  /// Whether the block has to be closed behind it.
  var closesBlock = false
  /// Roots that the tree before it must have.
  var roots: [RequiredRoot] = []
}

/// A root that the tree before an entry must have, with the refusal that the entry meets if not.
struct RequiredRoot {
  let root: Digest32
  let refusal: Refusal

  init(_ root: Digest32, or refusal: Refusal) { (self.root, self.refusal) = (root, refusal) }
}
