import CanonicalEncoding
import Ledger

/// What a change would do, in words.
struct ChangeReport: Encodable {
  let what: String
  /// Whom it lists with other keys or places than before.
  let party: String?
  let fingerprint: Fingerprint?

  /// - Parameter members: as they are before it; nil if nobody has asked the ledger.
  init(_ change: MemberChange, _ members: ValidMembers?) {
    var listed: Party?
    switch change {
    case .admit(let party):
      listed = party
      what = Self.words(listing: party, members)
    case .remove(let id):
      what = "remove \(id)\(Self.consequence(ofRemoving: id, members))"
    case .assignCloud(let assigned):
      let former = members?.cloud(ofHospital: assigned.hospital)
      what =
        "have \(assigned.cloud) confirm the chain of \(assigned.hospital)"
        + (former == nil || former == assigned.cloud ? "" : " in the place of \(former ?? "")")
        + ", with the key \(assigned.cosigningKey.hex)"
    case .setNumbers(let numbers):
      what = "other limits: \(Self.words(numbers, members?.numbers))"
    case .readmit(let organisation):
      what = "let \(organisation), which was convicted, be elected again"
    case .unbar(let hospital):
      what = "let the chain of \(hospital) go on, whose log key was convicted"
    }
    (party, fingerprint) = (listed?.id, listed.map(Fingerprint.init))
  }

  private static func words(listing party: Party, _ members: ValidMembers?) -> String {
    let place =
      switch party {
      case .organisation: ""
      case .manager(let manager): places(manager.location)
      case .supernode(let node): places(node.location)
      }
    let kind =
      switch party {
      case .organisation: "organisation"
      case .manager: "system manager"
      case .supernode(let node): node.role == .hospital ? "hospital" : "cloud"
      }
    let runner = party.id == party.organisation ? "" : ", run by \(party.organisation)"
    guard let former = members?.party(party.id) else {
      return "admit the \(kind) \(party.id)\(runner)\(place)"
    }
    var other: [String] = []
    if former.organisation != party.organisation { other.append("another organisation") }
    let keys = Dictionary(former.keysByUse.map { ($0.use, $0.key) }) { first, _ in first }
    let changed = party.keysByUse.filter { keys[$0.use] != $0.key }.map(\.use)
    if !changed.isEmpty { other.append("other keys (\(changed.joined(separator: ", ")))") }
    if other.isEmpty { other.append("the same keys") }
    return
      "list the \(kind) \(party.id) anew, with \(other.joined(separator: " and "))\(runner)\(place)"
  }

  private static func places(_ location: Members.Location) -> String {
    location.addresses.isEmpty ? "" : ", at \(location.addresses.joined(separator: " and "))"
  }

  private static func consequence(ofRemoving id: String, _ members: ValidMembers?) -> String {
    guard let members else { return "" }
    let run = members.supernodes.filter { $0.organisation == id }.map(\.id)
    if !run.isEmpty { return ", with \(run.joined(separator: ", "))" }
    return members.hospitals.contains(id)
      ? ": nothing can be added to its chain any more, and no record of it is opened" : ""
  }

  private static func words(_ numbers: Members.Numbers, _ former: Members.Numbers?) -> String {
    let changes = MemberLimit.all.compactMap { limit -> String? in
      let (new, old) = (numbers[keyPath: limit.path], former?[keyPath: limit.path])
      if new == old { return nil }
      return "\(limit.name) " + (old.map { "\($0) → " } ?? "") + "\(new)"
    }
    return changes.isEmpty ? "the same as now" : changes.joined(separator: ", ")
  }

  var lines: [String] {
    ["  \(what)"]
      + (fingerprint.map { ["    compare by telephone with who has \(party ?? ""): \($0.text)"] }
        ?? [])
  }
}

/// A limit of the ledger by the name that a command line has for it.
struct MemberLimit {
  let name: String
  let path: any WritableKeyPath<Members.Numbers, UInt64> & Sendable

  static let all = [
    Self(name: "window", path: \.window),
    Self(name: "resignature-limit", path: \.resignatureLimit),
    Self(name: "maximum-lag", path: \.maximumLag),
    Self(name: "answer-within", path: \.answerWithin),
    Self(name: "block-item-limit", path: \.blockItemLimit),
    Self(name: "block-byte-limit", path: \.blockByteLimit),
    Self(name: "signer-quota", path: \.signerQuota),
    Self(name: "supernode-quota", path: \.supernodeQuota),
    Self(name: "clock-tolerance", path: \.clockTolerance),
    Self(name: "seat-count", path: \.seatCount),
  ]

  /// Takes a text as `window=900` over.
  ///
  /// - Throws: ``DaemonFailure`` `bad-limit`.
  static func set(_ text: String, in numbers: inout Members.Numbers) throws {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, let limit = all.first(where: { $0.name == parts[0] }),
      let value = UInt64(parts[1]), value <= 1 << 40
    else {
      throw DaemonFailure(
        .badInput, "--limit \(text): this is no limit", code: "bad-limit",
        hint: "as window=900; the names are \(all.map(\.name).joined(separator: ", "))")
    }
    numbers[keyPath: limit.path] = value
  }
}
