import Consensus
package import TransparencyLog

/// Who decides the blocks of the consortium chain at one height, with their keys, in the order of
/// their seats.
package struct DelegateSet: Sendable, Equatable {
  package struct Seat: Sendable, Equatable {
    /// The identifier of the supernode.
    package let delegate: String
    /// Signs its proposals and votes. Ed25519.
    package let votingKey: [UInt8]
    /// Cosigns the checkpoints of the chain.
    package let cosigner: CosignerVerifier
    /// Whether its voting key was convicted: the delegate proposes nothing and its votes count for
    /// nothing, but the seat counts among all.
    package internal(set) var isEmpty = false
  }

  package let epoch: UInt64
  package internal(set) var seats: [Seat]

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

  /// What a checkpoint needs of this set. An empty seat's cosignature counts: it was convicted of
  /// what its voting key signed, and whoever checks a checkpoint need not know the chain.
  func keys(origin: String) -> ChainKeys {
    ChainKeys(
      chain: ChainName.consortium, generation: 0, origin: origin, log: nil,
      cosigners: seats.map(\.cosigner), threshold: 2 * seats.count / 3 + 1,
      parties: Dictionary(
        uniqueKeysWithValues: seats.map { ($0.cosigner.key.publicKey, $0.delegate) }))
  }
}
