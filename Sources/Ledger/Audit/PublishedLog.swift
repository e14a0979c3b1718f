package import TransparencyLog

/// A log as its keeper shows it to everybody: the newest checkpoint, and tiles below it (C2SP tlog-tiles). Who
/// takes it from there believes the signatures and hashes, and not who shows it.
package struct PublishedLog: Sendable {
  /// Why there is no such tile.
  package enum Absence: Error {
    /// The log, as its checkpoint has it, has no such tile.
    case unknown
    /// Leaves of this chain are for who takes part in it.
    case withheld
  }

  private let log: ExportWriter.Log

  /// The consortium chain as it is final.
  package init(_ consortium: ConsortiumView) { log = ExportWriter.Log(consortium) }

  /// A hospital's chain as it is confirmed.
  package init(_ hospital: HospitalView) { log = ExportWriter.Log(hospital) }

  /// How many leaves the checkpoint covers; 0 where there is none yet.
  package var size: UInt64 { log.size }

  /// The checkpoint of that size with all its signatures, a C2SP signed note; empty where there is none.
  package var note: String { log.note }

  /// Whether everybody may read the leaves: of a hospital's chain the hashes alone.
  private var hasOpenLeaves: Bool { log.chain == ChainName.consortium }

  /// What a tile holds: hashes of 32 bytes each, or an ``EntryBundle``.
  ///
  /// - Parameter path: of a tile that the log has, whole, or as narrow as it was when the log was shorter.
  /// - Throws: ``Absence``, and what reading the store throws.
  package func tile(_ path: TilePath) throws -> [UInt8] {
    guard let widest = try? TilePath(path.content, index: path.index, size: size),
      path.width <= widest.width
    else { throw Absence.unknown }
    switch path.content {
    case .hashes(let level): return try log.hashes(level, path.index, path.width)
    case .entries:
      guard hasOpenLeaves else { throw Absence.withheld }
      return try EntryBundle(leaves(from: path.index << 8, count: path.width)).encoded
    }
  }

  private func leaves(from first: UInt64, count: Int) throws -> [[UInt8]] {
    var leaves: [[UInt8]] = []
    while leaves.count < count {
      let more = try log.leaves(
        first + UInt64(leaves.count), count - leaves.count, 1 << 20)
      guard !more.isEmpty else {
        throw ExportError("\(log.chain): leaf \(first + UInt64(leaves.count)) is missing")
      }
      leaves += more
    }
    return leaves
  }
}
