public import CanonicalEncoding
import EMRScheme
import TransparencyLog

/// The end of an epoch of the consortium chain, for who follows the sets of delegates without the
/// chain: its last header, which names the next set, under a checkpoint that ends with it.
public struct EpochEnd: CanonicalValue, Equatable {
  /// How many are sent at once.
  public static let pageLimit = 64

  /// The checkpoint, with the cosignatures of more than two thirds of the epoch's delegates: a C2SP
  /// signed note.
  public var note: String
  /// The last leaf of the checkpoint.
  public var header: LeafProof

  public init(note: String, header: LeafProof) { (self.note, self.header) = (note, header) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("note", note)
    fields.value("header", header)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    note = try fields.text("note", maximum: LedgerLimits.finalNoteByteCount)
    header = try fields.value("header")
  }
}

/// The set of delegates that a client has followed the consortium chain to, from the genesis and by
/// the ends of epochs alone.
public struct KnownDelegates: CanonicalValue, Equatable {
  public private(set) var epoch: UInt64
  /// How many leaves there are before the epoch.
  public private(set) var start: UInt64
  /// The digest of the ``Members`` of the epoch.
  public private(set) var members: Digest32
  private var seats: SeatList

  /// Those of the first epoch.
  public init(_ genesis: ValidGenesis) {
    (epoch, start, seats) = (0, 0, SeatList(genesis.firstSeats))
    members = genesis.members.digest
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("epoch", epoch)
    fields.integer("start", start)
    fields.digest("members", members)
    fields.value("seats", seats)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    epoch = try fields.integer("epoch", in: 0...LedgerLimits.size)
    start = try fields.integer("start", in: 0...LedgerLimits.size)
    members = try fields.digest("members")
    seats = try fields.value("seats")
  }

  /// In the order of their seats, without vacant ones.
  public var names: [String] { seats.occupants.compactMap { $0?.delegate } }

  /// What a checkpoint of the epoch needs.
  package func keys(of genesis: ValidGenesis) -> ChainKeys {
    DelegateSet(epoch: epoch, occupants: seats.occupants, genesis: genesis).keys(of: genesis)
  }

  /// Goes on to the next set.
  ///
  /// - Throws: ``LedgerError`` `invalid-proof` if it is not the end of this epoch; nothing has changed
  ///   then.
  public mutating func follow(_ end: EpochEnd, genesis: ValidGenesis) throws(LedgerError) {
    guard let checkpoint = keys(of: genesis).confirmedCheckpoint(end.note),
      checkpoint.size > start, end.header.index == checkpoint.size - 1
    else { throw LedgerError(.invalidProof, "an end of an epoch has too few cosignatures") }
    let length = genesis.content.epochLength
    guard
      case .header(let header) = try end.header.verify(
        size: checkpoint.size, root: checkpoint.root),
      header.genesis == genesis.digest, header.chain == ChainName.consortium,
      genesis.epoch(ofHeight: header.height) == epoch, header.height % length == length - 1,
      let next = header.nextSeats, next.occupants.count % 3 == 1, next.occupants.count >= 4,
      let members = header.nextMembers
    else { throw LedgerError(.invalidProof, "the header does not end this epoch") }
    (epoch, start, seats) = (epoch + 1, checkpoint.size, next)
    self.members = members
  }
}
