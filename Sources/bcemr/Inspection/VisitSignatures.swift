import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TerminalText

/// Who has signed a visit, what, when and with which key, as a ledger says it. Nothing of it is verified.
struct VisitSignatures {
  /// A doctor's place on the team, from 1.
  struct Place: Encodable {
    let place: Int
    let doctor: String
    /// The digest of the doctor's statement with the keys that count for this visit, and where it is
    /// registered on the consortium chain; absent if it is not.
    let key: String?
    let registered: UInt64?
    /// The signature that counts; absent if there is none.
    let signed: Signed?
  }

  struct Signed: Encodable {
    /// Of the entry, on the hospital's chain.
    let index: UInt64
    /// The block of the hospital's chain.
    let block: UInt64
    /// Of the consortium block by which that block goes: it was not signed on the ledger before.
    let notBefore: String
    /// Of this doctor in this visit, from 1.
    let attempt: UInt64
    /// What was signed in the place of the finding: a salted digest.
    let commitment: String
  }

  let places: [Place]

  /// - Parameter visit: all digits of its identifier.
  init(of visit: String, on chain: String, in source: LeafSource) throws {
    var signers: [VisitContext.Signer] = []
    var (index, found): (UInt64, [(place: Int, index: UInt64, FindingCommitment)]) = (0, [])
    var signed: [Int: Signed] = [:]
    try source.leaves(of: chain) { bytes in
      defer { index += 1 }
      switch try Leaf(encoded: bytes) {
      case .item(let entry):
        switch entry.content.body {
        case .visitOpening(let body) where "\(body.context.visitID)" == visit:
          signers = body.context.signers
        case .partialSignature(let body) where "\(body.visit)" == visit:
          if let last = body.commitments.last {
            found.append((body.commitments.count, index, last))
          }
        default: break
        }
      case .header(let header):
        for (place, index, commitment) in found {
          // Whoever signs again withdraws what was signed behind.
          signed = signed.filter { $0.key < place }
          signed[place] = Signed(
            index: index, block: header.height, notBefore: LedgerTime.text(header.time),
            attempt: commitment.attempt, commitment: "\(commitment.commitment)")
        }
        found = []
      }
      return true
    }
    let keys = try Self.registrations(of: signers, in: source)
    places = signers.enumerated().map { position, signer in
      Place(
        place: position + 1, doctor: signer.doctor, key: keys[signer]?.digest,
        registered: keys[signer]?.index, signed: signed[position + 1])
    }
  }

  /// Where the keys of a team are registered.
  private static func registrations(
    of signers: [VisitContext.Signer], in source: LeafSource
  ) throws -> [VisitContext.Signer: (digest: String, index: UInt64)] {
    let wanted = Set(signers)
    var (index, found): (UInt64, [VisitContext.Signer: (String, UInt64)]) = (0, [:])
    try source.leaves(of: ChainName.consortium) { bytes in
      defer { index += 1 }
      if case .item(let entry) = try Leaf(encoded: bytes),
        case .doctorRegistration(let body) = entry.content.body,
        wanted.contains(body.statement.signer), found[body.statement.signer] == nil
      {
        found[body.statement.signer] = ("\(body.statement.digest)", index)
      }
      return found.count < wanted.count
    }
    return found.mapValues { (digest: $0.0, index: $0.1) }
  }

  /// The team in lines, with the beginnings of digests.
  static func table(_ places: [Place]) -> [String] {
    Table.text(places.map(row), leading: 7).split(separator: "\n").map(String.init)
  }

  private static func row(_ place: Place) -> [String] {
    var signed = ["has not signed", "", ""]
    if let one = place.signed {
      let attempt = one.attempt > 1 ? ", attempt \(one.attempt)" : ""
      signed = [
        "signed at \(one.index)\(attempt)", "not before \(one.notBefore)",
        "findings \(one.commitment.prefix(16))…",
      ]
    }
    var key = ["", "registered nowhere"]
    if let digest = place.key, let index = place.registered {
      key = ["key \(digest.prefix(16))…", "registered at \(index)"]
    }
    return ["  \(place.place)", printable(place.doctor)] + signed + key
  }
}
