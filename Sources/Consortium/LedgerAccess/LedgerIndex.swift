import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TransparencyLog

/// Where things stand in the blocks of a replica; what the rules themselves need not remember.
struct LedgerIndex: Sendable {
  struct Place: Sendable {
    let entry: Entry
    let height: Int
  }

  struct AnchorPlace: Sendable {
    let size: UInt64
    /// The height of the consortium block.
    let height: Int
  }

  /// Doctor to the consortium block with the registration.
  private(set) var registrations: [String: Int] = [:]
  /// Hospital to the anchors of its chain, in ascending order.
  private(set) var anchors: [String: [AnchorPlace]] = [:]
  /// Visit to its block on the hospital's chain.
  private(set) var visits: [Digest32: Int] = [:]
  /// Visit to the entries about sharing it.
  private(set) var sharing: [Digest32: [Place]] = [:]
  private var scanned: [String: Int] = [:]

  /// Takes in the blocks that are new.
  mutating func update(_ replica: Replica) {
    for block in replica.consortium.blocks.dropFirst(scanned[ChainName.consortium] ?? 0) {
      for entry in block.acceptedEntries { note(entry, Int(block.header.height)) }
    }
    scanned[ChainName.consortium] = replica.consortium.blocks.count
    for (name, chain) in replica.hospitals {
      for block in chain.blocks.dropFirst(scanned[name] ?? 0) {
        for entry in block.acceptedEntries { note(entry, Int(block.header.height)) }
      }
      scanned[name] = chain.blocks.count
    }
  }

  private mutating func note(_ entry: Entry, _ height: Int) {
    let body = entry.content.body
    switch ObjectKind(of: body) {
    case .doctorRegistration:
      if let doctor = entry.registration?.statement.doctor { registrations[doctor] = height }
    case .anchor:
      if let anchor = try? Anchor(encoded: body), let size = anchor.size {
        anchors[anchor.hospital, default: []].append(AnchorPlace(size: size, height: height))
      }
    case .visitCompletion:
      if let completion = try? VisitCompletion(encoded: body) {
        visits[completion.context.visitID] = height
      }
    default:
      if let notice = entry.sharingNotice {
        sharing[notice.visit, default: []].append(Place(entry: entry, height: height))
      }
    }
  }
}

extension Entry {
  var sharingNotice: (any SharingNotice)? {
    let body = content.body
    return switch ObjectKind(of: body) {
    case .accessRequestNotice: try? AccessRequestNotice(encoded: body)
    case .consentNotice: try? ConsentNotice(encoded: body)
    case .revocation: try? Revocation(encoded: body)
    case .accessNotice: try? AccessNotice(encoded: body)
    default: nil
    }
  }
}

extension Anchor {
  var size: UInt64? {
    guard let note = try? SignedNote(encoded: note) else { return nil }
    return try? Checkpoint(body: note.body).size
  }
}
