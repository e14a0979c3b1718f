public import CanonicalEncoding
import Credentials
import EMRScheme

/// A visit of any hospital: identifiers are unique on one chain alone.
public struct NamedVisit: Hashable, Sendable {
  /// Whose chain has it.
  public let hospital: String
  /// Its identifier there.
  public let visit: Digest32

  /// A visit, by its identifier on the chain of a hospital.
  public init(_ visit: Digest32, at hospital: String) {
    (self.hospital, self.visit) = (hospital, visit)
  }

  init(_ amended: VisitContext.AmendedVisit) {
    self.init(amended.visit, at: amended.hospital)
  }

  /// This visit as the one that another amends.
  ///
  /// - Parameters:
  ///   - key: S_v of this visit.
  ///   - addendum: S_v of the visit that amends it, at `hospital`.
  func amended(
    by addendum: [UInt8], at hospital: String, genesis: Digest32, key: IdentityKey
  ) -> VisitContext.AmendedVisit {
    var amended = VisitContext.AmendedVisit(
      hospital: self.hospital, visit: visit, patientSignature: [])
    let amendment = amended.amendment(by: addendum, at: hospital, genesis: genesis)
    amended.patientSignature = key.sign(amendment.encoded())
    return amended
  }
}
