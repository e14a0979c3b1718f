import CanonicalEncoding

/// Which members an epoch has.
struct MembersRecord: StateRecord, Equatable {
  static var isReadOften: Bool { true }

  var digest: Digest32
  /// The first epoch that has them, under which they lie in the state.
  var since: UInt64

  init(digest: Digest32, since: UInt64) { (self.digest, self.since) = (digest, since) }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("digest", digest)
    fields.integer("since", since)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    digest = try fields.digest("digest")
    since = try fields.integer("since")
  }
}

/// What has become of a motion.
package enum MotionStatus: UInt64, Sendable {
  case open = 1
  case passed = 2
  /// Had its votes, and its changes could not be made any more.
  case failed = 3
}

/// A motion that was put.
struct MotionRecord: StateRecord, Equatable {
  /// Of the item.
  var index: UInt64
  var lastEpoch: UInt64
  var status: MotionStatus
  /// The organisation that does not vote on it, if there is one.
  var concerned: String?

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("index", index)
    fields.integer("lastEpoch", lastEpoch)
    fields.integer("status", status.rawValue)
    fields.octetsList("concerned", concerned.map { [Array($0.utf8)] } ?? [])
  }

  init(index: UInt64, lastEpoch: UInt64, status: MotionStatus, concerned: String?) {
    (self.index, self.lastEpoch, self.status, self.concerned) =
      (index, lastEpoch, status, concerned)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    index = try fields.integer("index")
    lastEpoch = try fields.integer("lastEpoch")
    guard let status = MotionStatus(rawValue: try fields.integer("status")) else {
      throw DecodingFailure(.invalidField, "status is not one of 1 to 3")
    }
    self.status = status
    concerned = try fields.octetsList("concerned", maximum: 1, 1...64).first.map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}

/// How an organisation has voted.
struct BallotRecord: StateRecord, Equatable {
  /// 1 for yes, 0 for no.
  var approves: UInt64
  /// SHA-256 of the identity key that signed it.
  var key: Digest32

  init(approves: UInt64, key: Digest32) { (self.approves, self.key) = (approves, key) }

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("approves", approves)
    fields.digest("key", key)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    approves = try fields.integer("approves")
    key = try fields.digest("key")
  }
}

extension StateKey {
  /// The members of an epoch, from the second on.
  static func members(_ epoch: UInt64) -> Self { Self("members/", epoch.stateBytes) }
  /// The DER of the members that begin with an epoch.
  static func membersObject(since epoch: UInt64) -> Self {
    Self("members-since/", epoch.stateBytes)
  }
  /// The digest of those of the next epoch, as far as it is decided, if they are other ones.
  static let nextMembers = Self("next-members")
  static let nextMembersObject = Self("coming-members")

  /// An identifier that some party has, or had; nobody else gets it.
  static func partyName(_ id: String) -> Self { Self("party/", Array(id.utf8)) }
  /// How many hospitals were admitted after the genesis, and each.
  static let admittedHospitalCount = Self("hospitals-admitted")
  static func admittedHospital(number: UInt64) -> Self {
    Self("hospital-admitted/", number.stateBytes)
  }
  /// The first epoch without a hospital that was removed.
  static func departure(_ hospital: String) -> Self {
    Self("hospital-removed/", Array(hospital.utf8))
  }

  /// The motion that a key stands in last.
  static func reservedKey(_ key: [UInt8]) -> Self {
    Self("reserved/", Digest32(sha256: key).bytes)
  }
  static func motion(_ entry: Digest32) -> Self { Self("motion/", entry.bytes) }
  static func motionObject(_ entry: Digest32) -> Self { Self("motion-object/", entry.bytes) }
  /// How many motions there were of all organisations, and each.
  static let motionTotal = Self("all-motions")
  static func motion(number: UInt64) -> Self { Self("motion-number/", number.stateBytes) }
  static func motionCount(_ organisation: String) -> Self {
    Self("motions/", Array(organisation.utf8))
  }
  static func ballot(_ motion: Digest32, _ organisation: String) -> Self {
    Self("ballot/", motion.bytes, Array(organisation.utf8))
  }
  /// How many ballots a motion has, and where each stands.
  static func ballotCount(_ motion: Digest32) -> Self { Self("ballots/", motion.bytes) }
  static func ballot(_ motion: Digest32, number: UInt64) -> Self {
    Self("ballot-number/", motion.bytes, number.stateBytes)
  }
  /// How many of its convictions an organisation was forgiven by a vote.
  static func readmission(_ organisation: String) -> Self {
    Self("readmitted/", Array(organisation.utf8))
  }
}

extension StateView {
  /// The members of an epoch that has begun, or whose predecessor has ended.
  func members(inEpoch epoch: UInt64, of genesis: ValidGenesis) -> ValidMembers {
    guard epoch > 0 else { return genesis.members }
    guard let record: MembersRecord = value(.members(epoch)) else {
      fail(StoreError(.corrupted, "the state has no members of epoch \(epoch)"))
      return genesis.members
    }
    return members(record, of: genesis)
  }

  private func members(_ record: MembersRecord, of genesis: ValidGenesis) -> ValidMembers {
    if record.since == 0 { return genesis.members }
    return members(record.digest, of: genesis, at: .membersObject(since: record.since))
  }

  private func members(
    _ digest: Digest32, of genesis: ValidGenesis, at key: StateKey
  ) -> ValidMembers {
    let found = KnownMembers.shared.members(digest, network: genesis.content.network) {
      bytes(key)
    }
    if let found { return found }
    fail(StoreError(.corrupted, "the state does not hold the members \(digest)"))
    return genesis.members
  }

  /// The members of the epoch after this one, as far as it is decided.
  func nextMembers(afterEpoch epoch: UInt64, of genesis: ValidGenesis) -> ValidMembers {
    guard let digest: Digest32 = value(.nextMembers) else {
      return members(inEpoch: epoch, of: genesis)
    }
    return members(digest, of: genesis, at: .nextMembersObject)
  }

  /// The last epoch before this one that has other members.
  func epoch(beforeMembersOf epoch: UInt64) -> UInt64? {
    let record: MembersRecord? = value(.members(epoch))
    return record.flatMap { $0.since == 0 ? nil : $0.since - 1 }
  }

  /// The members that have a hospital, or had it last.
  func members(
    having hospital: String, inEpoch epoch: UInt64, of genesis: ValidGenesis
  ) -> ValidMembers {
    let departure: UInt64? = value(.departure(hospital))
    return members(inEpoch: departure.map { min(epoch, $0 - 1) } ?? epoch, of: genesis)
  }

  /// All hospitals that there were up to now: those of the genesis in its order, then those that were
  /// admitted.
  func hospitals(of genesis: ValidGenesis) -> [String] {
    let count: UInt64 = value(.admittedHospitalCount) ?? 0
    return genesis.members.hospitals
      + (0..<count).compactMap { number in
        bytes(.admittedHospital(number: number)).map { String(decoding: $0, as: UTF8.self) }
      }
  }
}
