public import CanonicalEncoding
import Consensus
import EMRScheme
package import TransparencyLog

/// Who decides the blocks of the consortium chain at one height, with their keys, in the order of
/// their seats.
package struct DelegateSet: Sendable, Equatable {
  package struct Seat: Sendable, Equatable {
    /// The identifier of the supernode; nil where nobody could be elected.
    package let delegate: String?
    /// Signs its proposals and votes. Ed25519.
    package let votingKey: [UInt8]
    /// Cosigns the checkpoints of the chain.
    package let cosigner: CosignerVerifier?
    /// Whether nobody sits here, or the voting key was convicted: then the delegate proposes nothing
    /// and its votes count for nothing, but the seat counts among all.
    package internal(set) var isEmpty: Bool

    /// - Parameter network: of the genesis.
    init(_ occupant: SeatOccupant?, network: String) {
      delegate = occupant?.delegate
      votingKey = occupant?.votingKey ?? []
      cosigner = occupant.flatMap { occupant in
        try? CosignerVerifier(
          name: ValidGenesis.cosignerName(
            network: network, node: occupant.delegate, chain: ChainName.consortium),
          publicKey: occupant.cosigningKey)
      }
      isEmpty = occupant == nil
    }
  }

  package let epoch: UInt64
  package internal(set) var seats: [Seat]

  init(epoch: UInt64, occupants: [SeatOccupant?], genesis: ValidGenesis) {
    self.epoch = epoch
    seats = occupants.map { Seat($0, network: genesis.content.network) }
  }

  /// Whether so many seats are more than two thirds of all.
  package func isQuorum(_ count: Int) -> Bool { 3 * count > 2 * seats.count }

  /// The seat whose turn it is to propose.
  package func proposer(height: UInt64, round: UInt64) -> UInt64 {
    ConsensusMachine.proposer(height: height, round: round, seatCount: seats.count)
  }

  package func seat(of delegate: String) -> UInt64? {
    seats.firstIndex { $0.delegate == delegate }.map(UInt64.init)
  }

  package var emptySeats: Set<UInt64> {
    Set(seats.indices.filter { seats[$0].isEmpty }.map(UInt64.init))
  }

  package var cosigners: [CosignerVerifier] { seats.compactMap(\.cosigner) }

  /// What a checkpoint needs of this set. The cosignature of a convicted delegate counts: it was
  /// convicted of what its voting key signed, and whoever checks a checkpoint need not know the chain.
  package func keys(of genesis: ValidGenesis) -> ChainKeys {
    var parties: [[UInt8]: String] = [:]
    for seat in seats {
      if let key = seat.cosigner?.key.publicKey { parties[key] = seat.delegate }
    }
    return ChainKeys(
      chain: ChainName.consortium, generation: 0, origin: genesis.origin(of: ChainName.consortium),
      log: nil, cosigners: cosigners, threshold: 2 * seats.count / 3 + 1, parties: parties)
  }
}

/// Who sits in a seat in an epoch.
public struct SeatOccupant: CanonicalValue, Equatable {
  /// The identifier of the supernode.
  public var delegate: String
  /// Signs proposals and votes. Ed25519.
  public var votingKey: [UInt8]
  /// Cosigns the checkpoints of the consortium chain. Ed25519.
  public var cosigningKey: [UInt8]

  /// - Returns: nil if the supernode lacks a key for it.
  init?(_ node: Members.Supernode) {
    guard let voting = node.votingKey,
      let cosigner = node.cosigners.first(where: { $0.chain == ChainName.consortium })
    else { return nil }
    (delegate, votingKey, cosigningKey) = (node.id, voting.publicKey, cosigner.publicKey)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("delegate", delegate)
    fields.octets("votingKey", votingKey)
    fields.octets("cosigningKey", cosigningKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    delegate = try fields.identifier("delegate")
    votingKey = try fields.octets("votingKey", count: 32)
    cosigningKey = try fields.octets("cosigningKey", count: 32)
  }
}

/// The seats of an epoch in their order, as the header of the last block before it names them.
public struct SeatList: CanonicalValue, Equatable {
  /// Nil where nobody could be elected.
  public var occupants: [SeatOccupant?]

  init(_ occupants: [SeatOccupant?]) { self.occupants = occupants }

  public func encode(into fields: inout some FieldEncoder) {
    fields.list("seats", occupants.map(Seat.init))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    occupants = try fields.list(
      "seats", maximum: ConsensusLimits.seatCount, of: Seat.self
    ).map(\.occupant)
  }

  private struct Seat: CanonicalValue {
    var occupant: SeatOccupant?

    init(_ occupant: SeatOccupant?) { self.occupant = occupant }

    func encode(into fields: inout some FieldEncoder) { fields.optional("occupant", occupant) }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      occupant = try fields.optional("occupant")
    }
  }
}

extension SeatList: StateRecord {}
