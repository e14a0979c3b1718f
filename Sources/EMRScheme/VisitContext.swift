public import CanonicalEncoding

/// What a visit is, fixed before anybody signs (specification, item 8).
///
/// Its digest stands in every hash and every encryption of the visit, so that no signature can move
/// to another patient, hospital, visit, team or ledger.
public struct VisitContext: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitContext
  public static let version: UInt64 = 2

  /// The ledger: SHA-256 of its genesis.
  public var genesis: Digest32
  /// The name of the pairing suite.
  public var suite: String
  /// The hospital's identifier in the genesis (ID_i).
  public var hospital: String
  /// PID_j, see ``PseudonymOpening``.
  public var pseudonym: Digest32
  /// An HMAC under a key of the hospital over patient, Encounter and attempt.
  public var visitID: Digest32
  /// SHA-256 of the evidence α.
  public var evidenceDigest: Digest32
  /// The order s: the team in the order of signing, 1 to 16 doctors.
  public var signers: [Signer]
  /// T: the counted time of the consortium block at `baseHeight`, in seconds since 1970
  /// (specification 6.2).
  public var openedAt: UInt64
  /// w: seconds for each doctor; D_k's deadline is T_k = T + k·w.
  public var window: UInt64
  /// N: how often one doctor may sign again.
  public var resignatureLimit: UInt64
  /// The consortium block that the visit was opened against: its height.
  public var baseHeight: UInt64
  /// The hash of that block's header.
  public var baseHash: Digest32
  /// PK_v in G2, compressed.
  public var visitKey: [UInt8]
  /// S_v: the patient's Ed25519 key for this visit, 32 bytes.
  public var visitSigningKey: [UInt8]
  /// 32 bytes that the patient drew for this visit, from which the patient's keys are derived.
  public var keyNonce: Digest32
  /// The X25519 key of the visit's mailbox, 32 bytes.
  public var mailboxKey: [UInt8]
  /// The visit that this one adds to or corrects, if any.
  public var amends: AmendedVisit?

  /// A doctor of the team with the keys that verify the signature.
  public struct Signer: CanonicalValue, Hashable {
    /// ID_k, unique in the consortium.
    public var doctor: String
    /// A_k, B_k, C_k in G2, compressed.
    public var a: [UInt8]
    public var b: [UInt8]
    public var c: [UInt8]

    public init(doctor: String, a: [UInt8], b: [UInt8], c: [UInt8]) {
      (self.doctor, self.a, self.b, self.c) = (doctor, a, b, c)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("doctor", doctor)
      fields.octets("a", a)
      fields.octets("b", b)
      fields.octets("c", c)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
      a = try fields.octets("a", Limits.pointByteCounts)
      b = try fields.octets("b", Limits.pointByteCounts)
      c = try fields.octets("c", Limits.pointByteCounts)
    }
  }

  public init(
    genesis: Digest32, suite: String, hospital: String, pseudonym: Digest32, visitID: Digest32,
    evidenceDigest: Digest32, signers: [Signer], openedAt: UInt64, window: UInt64,
    resignatureLimit: UInt64, baseHeight: UInt64, baseHash: Digest32, visitKey: [UInt8],
    visitSigningKey: [UInt8], keyNonce: Digest32, mailboxKey: [UInt8],
    amends: AmendedVisit? = nil
  ) {
    self.genesis = genesis
    self.suite = suite
    self.hospital = hospital
    self.pseudonym = pseudonym
    self.visitID = visitID
    self.evidenceDigest = evidenceDigest
    self.signers = signers
    self.openedAt = openedAt
    self.window = window
    self.resignatureLimit = resignatureLimit
    self.baseHeight = baseHeight
    self.baseHash = baseHash
    self.visitKey = visitKey
    self.visitSigningKey = visitSigningKey
    self.keyNonce = keyNonce
    self.mailboxKey = mailboxKey
    self.amends = amends
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("suite", suite)
    fields.text("hospital", hospital)
    fields.digest("pseudonym", pseudonym)
    fields.digest("visitID", visitID)
    fields.digest("evidenceDigest", evidenceDigest)
    fields.list("signers", signers)
    fields.integer("openedAt", openedAt)
    fields.integer("window", window)
    fields.integer("resignatureLimit", resignatureLimit)
    fields.integer("baseHeight", baseHeight)
    fields.digest("baseHash", baseHash)
    fields.octets("visitKey", visitKey)
    fields.octets("visitSigningKey", visitSigningKey)
    fields.digest("keyNonce", keyNonce)
    fields.octets("mailboxKey", mailboxKey)
    fields.optional("amends", amends)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    suite = try fields.text("suite", maximum: Limits.identifierByteCount)
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    pseudonym = try fields.digest("pseudonym")
    visitID = try fields.digest("visitID")
    evidenceDigest = try fields.digest("evidenceDigest")
    signers = try fields.list("signers", maximum: Limits.teamSize)
    openedAt = try fields.integer("openedAt", in: 0...Limits.latestTime)
    window = try fields.integer("window", in: 1...86_400 * 366)
    resignatureLimit = try fields.integer("resignatureLimit", in: 0...64)
    baseHeight = try fields.integer("baseHeight")
    baseHash = try fields.digest("baseHash")
    visitKey = try fields.octets("visitKey", Limits.pointByteCounts)
    visitSigningKey = try fields.octets("visitSigningKey", count: 32)
    keyNonce = try fields.digest("keyNonce")
    mailboxKey = try fields.octets("mailboxKey", count: 32)
    amends = try fields.optional("amends")
    guard !signers.isEmpty else {
      throw DecodingFailure(.invalidField, "signers is empty")
    }
  }

  /// T_k = T + k·w: the last second at which doctor `position` (k = 1…n) may sign.
  public func deadline(ofPosition position: Int) -> UInt64 {
    // Both are bounded by their decoders; a program's own values are added without a trap too.
    openedAt &+ UInt64(position) &* window
  }
}
