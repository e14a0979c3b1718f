public import CanonicalEncoding
import Consensus
import EMRScheme
package import TransparencyLog

/// A ``Genesis`` whose rules have been checked, with what follows from it.
public struct ValidGenesis: Sendable {
  /// What was checked.
  public let content: Genesis
  /// Names the ledger in every context, entry and header.
  public let digest: Digest32
  /// Who takes part in the first epoch.
  public let members: ValidMembers
  private let originPrefix: String
  /// The delegates of the first epoch.
  let firstSeats: [SeatOccupant?]

  /// - Throws: ``LedgerError`` `invalid-genesis`, naming the rule that is broken.
  public init(_ genesis: Genesis) throws(LedgerError) {
    func require(_ holds: Bool, _ rule: String) throws(LedgerError) {
      if !holds { throw LedgerError(.invalidGenesis, rule) }
    }
    try require(genesis.rulesVersion == Genesis.currentRulesVersion, "rules version is not known")
    try require(Self.isIdentifier(genesis.network), "the network is not of a-z, 0-9, '-'")
    let members: ValidMembers
    do {
      members = try ValidMembers(genesis.members, network: genesis.network)
    } catch {
      throw LedgerError(.invalidGenesis, error.message)
    }
    let delegates = genesis.delegates.compactMap(members.supernode)
    try require(
      delegates.count == genesis.delegates.count && Set(genesis.delegates).count == delegates.count,
      "a delegate is not a supernode, or stands twice")
    try require(
      UInt64(delegates.count) == members.numbers.seatCount,
      "there are not as many delegates as seats")
    for group in Dictionary(grouping: delegates, by: \.organisation).values {
      try require(
        3 * group.count < delegates.count,
        "organisation \(group[0].organisation) has a third of the delegates or more")
    }
    for node in delegates {
      try require(node.votingKey != nil, "\(node.id) is a delegate without a voting key")
    }
    content = genesis
    let digest = genesis.digest
    self.digest = digest
    self.members = members
    originPrefix = "bcemr/\(digest)/"
    firstSeats = delegates.map(SeatOccupant.init)
  }

  /// The same of a ledger that is founded: everybody has to be able to read it.
  ///
  /// - Throws: ``LedgerError`` `invalid-genesis`, naming the rule that is broken, or the field that no decoder
  ///   takes.
  public init(founding genesis: Genesis) throws(LedgerError) {
    do {
      _ = try Genesis(encoded: genesis.encoded())
    } catch {
      throw LedgerError(.invalidGenesis, error.message)
    }
    try self.init(genesis)
  }

  /// The checkpoint of the consortium chain in a note, whoever signed it.
  ///
  /// - Returns: nil for another origin and for a checkpoint with extension lines.
  package func consortiumCheckpoint(in note: String) -> Checkpoint? {
    guard let body = try? SignedNote(encoded: note).body,
      let checkpoint = try? Checkpoint(body: body),
      checkpoint.origin == origin(of: ChainName.consortium), checkpoint.extensionLines.isEmpty
    else { return nil }
    return checkpoint
  }

  /// Every key of these members that may cosign the consortium chain in some epoch.
  func consortiumCosigners(of members: ValidMembers) -> ChainKeys {
    DelegateSet(epoch: 0, occupants: members.supernodes.map(SeatOccupant.init), genesis: self)
      .keys(of: self)
  }

  /// Members of some epoch, as somebody has sent them.
  ///
  /// - Returns: nil unless they have this digest.
  package func members(_ digest: Digest32, sent members: Members) -> ValidMembers? {
    guard members.digest == digest else { return nil }
    return try? ValidMembers(members, network: content.network)
  }

  /// Who decides the blocks of the first epoch.
  var firstDelegates: DelegateSet { DelegateSet(epoch: 0, occupants: firstSeats, genesis: self) }

  /// The epoch in which the block at a height stands.
  public func epoch(ofHeight height: UInt64) -> UInt64 { height / content.epochLength }

  /// The origin line of a chain's checkpoints; each generation of a hospital's chain is a log of its
  /// own.
  public func origin(of chain: String, generation: UInt64 = 0) -> String {
    chain == ChainName.consortium
      ? originPrefix + chain : "\(originPrefix)\(chain)/\(generation)"
  }

  /// The name under which a supernode cosigns a chain.
  public static func cosignerName(network: String, node: String, chain: String) -> String {
    "\(network)/\(node)/\(chain)"
  }

  /// Whether a text can name a party: 1 to 64 of a-z, 0-9 and "-".
  package static func isIdentifier(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= Limits.identifierByteCount
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
      }
  }
}

/// A chain is named by its hospital, or ``consortium``.
public enum ChainName {
  /// The chain of directory, time and anchors; no party has this name.
  public static let consortium = "consortium"
}
