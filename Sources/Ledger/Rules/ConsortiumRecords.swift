public import CanonicalEncoding

/// A checkpoint of a hospital's chain that was anchored.
public struct AnchorRecord: Sendable, Equatable {
  public var generation: UInt64
  public var size: UInt64
  public var root: Digest32
  /// Of the header before the checkpoint's end.
  public var header: BlockReference
  public var answeredThrough: UInt64
  /// The consortium block with the anchor, and the anchor's place in it.
  public var height: UInt64
  public var index: UInt64
}

extension AnchorRecord: StateRecord {
  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("generation", generation)
    fields.integer("size", size)
    fields.digest("root", root)
    fields.value("header", header)
    fields.integer("answeredThrough", answeredThrough)
    fields.integer("height", height)
    fields.integer("index", index)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    generation = try fields.integer("generation")
    size = try fields.integer("size")
    root = try fields.digest("root")
    header = try fields.value("header")
    answeredThrough = try fields.integer("answeredThrough")
    height = try fields.integer("height")
    index = try fields.integer("index")
  }
}

/// The generation of a hospital's chain: its log key, and how much it keeps of the one before.
public struct GenerationRecord: Sendable, Equatable {
  public var generation: UInt64
  /// The leaves that it has in common with the generation before.
  public var start: UInt64
  /// Of the tree over them.
  public var root: Digest32
  /// The consortium block with the ``Continuation``; blocks with this base or a later one are of
  /// this generation.
  public var height: UInt64
  public var logKey: [UInt8]
}

extension GenerationRecord: StateRecord {
  package static var isReadOften: Bool { true }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("generation", generation)
    fields.integer("start", start)
    fields.digest("root", root)
    fields.integer("height", height)
    fields.octets("logKey", logKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    generation = try fields.integer("generation")
    start = try fields.integer("start")
    root = try fields.digest("root")
    height = try fields.integer("height")
    logKey = try fields.octets("logKey", count: 32)
  }
}

/// An entry that was demanded of a hospital.
public struct DemandRecord: Sendable, Equatable {
  /// The digest of the demanded entry.
  public var entry: Digest32
  /// The consortium block whose directory and time judge it.
  public var height: UInt64
  /// Of the demand, on the consortium chain.
  public var index: UInt64
}

extension DemandRecord: StateRecord {
  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("entry", entry)
    fields.integer("height", height)
    fields.integer("index", index)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.digest("entry")
    height = try fields.integer("height")
    index = try fields.integer("index")
  }
}

/// What a supernode spends a quota on; each has its own, so that nobody keeps evidence or patients'
/// entries out by demands of another kind.
enum QuotaPurpose: UInt8 {
  /// Of what doctors have signed, those of one hospital a share together.
  case partiesDemands = 1
  case patientsDemands
  /// Reports, and continuations.
  case reports
  /// Changes of its doctors' standing.
  case standings
  case elections
  case motions
  /// Changes of its doctors' specialties.
  case specialties
  /// Demands of patients' own revocations, one of each visit.
  case revocations
  /// Demands of what the manager has signed, of which it has a share for each hospital.
  case managersDemands
}

/// How much of a quota is used in an epoch.
struct QuotaRecord: StateRecord {
  var epoch: UInt64
  var used: UInt64

  init(epoch: UInt64, used: UInt64) { (self.epoch, self.used) = (epoch, used) }

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("epoch", epoch)
    fields.integer("used", used)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    epoch = try fields.integer("epoch")
    used = try fields.integer("used")
  }
}

extension StateView {
  /// How much of a quota was used in an epoch.
  func used(of quota: StateKey, inEpoch epoch: UInt64) -> UInt64 {
    let record: QuotaRecord? = value(quota)
    return record.flatMap { $0.epoch == epoch ? $0.used : nil } ?? 0
  }
}

/// A closed consortium block, as the base of hospitals' blocks.
public struct ConsortiumBlock: Sendable, Equatable {
  public var reference: BlockReference
  /// Seconds since 1970; what expiries are judged by.
  public var time: UInt64
  /// What deadlines and lags are judged by (specification 6.2).
  public var countedTime: UInt64
  /// Of the header.
  public var index: UInt64

  init(_ header: BlockHeader) {
    reference = BlockReference(height: header.height, digest: header.digest)
    time = header.time
    countedTime = header.countedTime
    index = header.index
  }
}

extension ConsortiumBlock: StateRecord {
  package static var isReadOften: Bool { true }

  public func encode(into fields: inout some FieldEncoder) {
    fields.value("reference", reference)
    fields.integer("time", time)
    fields.integer("countedTime", countedTime)
    fields.integer("index", index)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    reference = try fields.value("reference")
    time = try fields.integer("time")
    countedTime = try fields.integer("countedTime")
    index = try fields.integer("index")
  }
}

extension StateKey {
  static func registeredKey(_ key: [UInt8]) -> Self { Self("key/", Digest32(sha256: key).bytes) }
  static func block(_ height: UInt64) -> Self { Self("block/", height.stateBytes) }
  /// The height of the block that ends at a size.
  static func blockEnd(_ size: UInt64) -> Self { Self("block-end/", size.stateBytes) }

  /// The latest anchor of a hospital's chain, and the number of all.
  static func anchor(_ hospital: String) -> Self { Self("anchor/", Array(hospital.utf8)) }
  static func anchorCount(_ hospital: String) -> Self { Self("anchors/", Array(hospital.utf8)) }
  static func anchor(_ hospital: String, number: UInt64) -> Self {
    Self("anchored/", Array(hospital.utf8), [0], number.stateBytes)
  }

  /// The present generation of a chain, and each.
  static func generation(_ hospital: String) -> Self { Self("chain/", Array(hospital.utf8)) }
  static func generation(_ hospital: String, number: UInt64) -> Self {
    Self("generation/", Array(hospital.utf8), [0], number.stateBytes)
  }

  static func demandCount(_ hospital: String) -> Self { Self("demands/", Array(hospital.utf8)) }
  static func demand(_ hospital: String, number: UInt64) -> Self {
    Self("demand/", Array(hospital.utf8), [0], number.stateBytes)
  }
  /// By the digest of the demanded entry: the entry.
  static func demandedEntry(_ entry: Digest32) -> Self { Self("demanded/", entry.bytes) }
  /// A revocation that was demanded by the patient of the visit, by the digest of the consent.
  static func demandedRevocation(
    _ consent: Digest32, of visit: Digest32, at hospital: String
  ) -> Self {
    Self("revoked/", Array(hospital.utf8), [0], visit.bytes, consent.bytes)
  }
  /// How many demands there are about sharing a visit, by who may say such a thing, and where each stands.
  static func demandedSharingCount(_ visit: Digest32, at hospital: String) -> Self {
    Self("demanded-sharing/", Array(hospital.utf8), [0], visit.bytes)
  }
  static func demandedSharing(_ visit: Digest32, at hospital: String, number: UInt64) -> Self {
    Self("demanded-shared/", Array(hospital.utf8), [0], visit.bytes, number.stateBytes)
  }

  static func quota(ofSupernode id: String, for purpose: QuotaPurpose) -> Self {
    Self("quota-supernode/", [purpose.rawValue], Array(id.utf8))
  }
  /// What a signer has used through one supernode: by demanding old entries again, a supernode spends
  /// nobody's quota but its own.
  ///
  /// A patient is one of a hospital's visit: on the chain of another there can be one of the same identifier.
  static func quota(
    of signer: EntrySigner, at hospital: String, through supernode: String
  ) -> Self {
    switch signer {
    case .party(let id): Self("quota-party/", Array(id.utf8), [0], Array(supernode.utf8))
    case .patient(let visit):
      Self("quota-visit/", Array(hospital.utf8), [0], visit.bytes, Array(supernode.utf8))
    }
  }
  /// What a hospital and its doctors together have used of ``QuotaPurpose/partiesDemands``.
  static func quota(ofDemandsFrom hospital: String, through supernode: String) -> Self {
    Self("quota-share/", Array(hospital.utf8), [0], Array(supernode.utf8))
  }
  /// What the manager has used of ``QuotaPurpose/managersDemands`` for entries of a hospital's chain.
  static func quota(ofManagersDemandsOf hospital: String, through supernode: String) -> Self {
    Self("quota-manager/", Array(hospital.utf8), [0], Array(supernode.utf8))
  }
  /// What the patient of a visit has used of ``QuotaPurpose/revocations``.
  static func quota(
    ofRevocationsOf visit: Digest32, at hospital: String, through supernode: String
  ) -> Self {
    Self("quota-revocation/", Array(hospital.utf8), [0], visit.bytes, Array(supernode.utf8))
  }

  static func conviction(_ organisation: String) -> Self {
    Self("convicted/", Array(organisation.utf8))
  }
  /// The height of the block with the last report by which a delegate's voting key was convicted.
  static func convictedDelegate(_ delegate: String) -> Self {
    Self("convicted-delegate/", Array(delegate.utf8))
  }
  /// How many organisations were ever convicted, and each.
  static let convictedCount = Self("convicted-organisations")
  static func convicted(number: UInt64) -> Self {
    Self("convicted-organisation/", number.stateBytes)
  }
  static func barredChain(_ hospital: String) -> Self {
    Self("barred-chain/", Array(hospital.utf8))
  }
  /// The height of the block with the report.
  static func convictedKey(_ key: [UInt8]) -> Self { Self("barred/", Digest32(sha256: key).bytes) }
}
