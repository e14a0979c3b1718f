import CanonicalEncoding
import TransparencyLog

/// Writes an export: all that is final on the consortium chain, and confirmed on hospitals' chains.
package enum ExportWriter {
  /// One log to write.
  package struct Log: Sendable {
    package let chain: String
    let generation: UInt64
    package let size: UInt64
    /// The checkpoint of that size, with all its signatures; empty if there is none.
    package let note: String
    /// Up to `limit` leaves of up to `byteCount` bytes together, and at least one.
    package private(set) var leaves:
      @Sendable (_ from: UInt64, _ limit: Int, _ byteCount: Int) throws -> [[UInt8]]
    /// The first `count` hashes of a tile.
    private(set) var hashes:
      @Sendable (_ level: Int, _ index: UInt64, _ count: Int) throws -> [UInt8]

    /// The same log, with other errors where it cannot be read.
    package func mapErrors(
      _ transform: @escaping @Sendable (any Error) -> any Error
    ) -> Self {
      var log = self
      log.leaves = { from, limit, byteCount in
        do { return try self.leaves(from, limit, byteCount) } catch { throw transform(error) }
      }
      log.hashes = { level, index, count in
        do { return try self.hashes(level, index, count) } catch { throw transform(error) }
      }
      return log
    }

    /// The completions of visits among the leaves from `position` on, about 1 MiB of them.
    ///
    /// - Returns: the position behind them.
    package func completions(
      from position: UInt64
    ) throws -> (completions: [VisitCompletion], next: UInt64) {
      let more = try leaves(position, .max, 1 << 20)
      guard !more.isEmpty else { throw ExportError("\(chain): leaf \(position) is missing") }
      let completions = more.prefix(Int(clamping: size - position)).compactMap { leaf in
        if case .visitCompletion(let completion)? = Leaf.entry(in: leaf)?.content.body {
          completion
        } else {
          nil as VisitCompletion?
        }
      }
      return (completions, position + UInt64(more.count))
    }

    package init(_ consortium: ConsortiumView) {
      chain = ChainName.consortium
      generation = 0
      size = consortium.final?.size ?? 0
      note = consortium.final?.note ?? ""
      leaves = { try consortium.engine.storedLeaves(from: $0, limit: $1, byteCount: $2) }
      hashes = { try consortium.engine.storedHashes(level: $0, index: $1, count: $2) }
    }

    /// - Parameter leaves: those of the hospital's own log, whose state holds none; of another keeper nil.
    package init(
      _ hospital: HospitalView,
      leaves: (
        @Sendable (_ from: UInt64, _ limit: Int, _ byteCount: Int) throws -> [[UInt8]]
      )? = nil
    ) {
      chain = hospital.hospital
      generation = hospital.confirmed?.generation ?? 0
      size = hospital.confirmed?.size ?? 0
      note = hospital.confirmed?.note ?? ""
      self.leaves =
        leaves ?? { try hospital.engine.storedLeaves(from: $0, limit: $1, byteCount: $2) }
      hashes = { try hospital.engine.storedHashes(level: $0, index: $1, count: $2) }
    }
  }

  /// - Parameter logs: the consortium's first, then the hospitals' in the order of the genesis.
  package static func write(
    genesis: ValidGenesis, logs: [Log], to sink: inout some ExportSink
  ) throws {
    try sink.write(genesis.content.encoded(), to: ExportPath.genesis)
    for log in logs where log.size > 0 { try write(log, to: &sink) }
    try sink.finish()
  }

  private static func write(_ log: Log, to sink: inout some ExportSink) throws {
    let folder = ExportPath.log(log.chain, generation: log.generation)
    try sink.write(Array(log.note.utf8), to: ExportPath.checkpoint(folder))
    var ahead: [[UInt8]] = []
    var position: UInt64 = 0
    for (path, count) in ExportPath.bundles(folder, size: log.size) {
      while ahead.count < count {
        let more = try log.leaves(position, .max, 1 << 20)
        guard !more.isEmpty else { throw ExportError("\(log.chain): leaf \(position) is missing") }
        position += UInt64(more.count)
        ahead += more
      }
      try sink.write(EntryBundle(Array(ahead.prefix(count))).encoded, to: path)
      ahead.removeFirst(count)
    }
    for tile in ExportPath.hashTiles(folder, size: log.size) {
      try sink.write(log.hashes(tile.level, tile.index, tile.count), to: tile.path)
    }
  }
}
