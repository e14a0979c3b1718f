import CanonicalEncoding
import EMRScheme
import Foundation
import Ledger
import SQLiteBackend
import TerminalText
import TransparencyLog

/// Blocks of a chain, in words. Only their form is checked.
struct ChainInspection: Encodable {
  struct Item: Encodable {
    let index: UInt64
    let kind: String
    let signer: String
    let visit: String?
    /// Of an opening, the visit that it adds to or corrects.
    let amends: Named?
    let says: String
  }

  /// A visit and whose chain has it.
  struct Named: Encodable, Equatable {
    let chain: String
    let visit: String
  }

  struct Block: Encodable {
    let height: UInt64
    let generation: UInt64
    /// Of the consortium block whose directory and time count; on the consortium chain its own.
    let time: String
    /// Absent on the consortium chain.
    let base: UInt64?
    let header: UInt64
    /// The digest of the header.
    let digest: String
    var items: [Item]
  }

  let chain: String
  let visit: String?
  /// The visits of all chains here that say that they add to this one, or correct it.
  let amendedBy: [Named]
  /// Of a visit, its team in the order of signing.
  let signatures: [VisitSignatures.Place]?
  /// Of a visit only the items about it.
  let blocks: [Block]

  /// One block of a chain.
  ///
  /// - Throws: ``CommandFailure`` `no-block`.
  init(block height: UInt64, of chain: String, in source: LeafSource) throws {
    var found: Block?
    try Self.read(chain, source) { block in
      if block.height == height { found = block }
      return found == nil
    }
    guard let found else {
      throw CommandFailure(
        .badInput, code: "no-block", "\(source.path): \(chain) has no block \(height)")
    }
    (self.chain, visit, amendedBy, blocks) = (chain, nil, [], [found])
    signatures = nil
  }

  /// All that a ledger says about a visit.
  ///
  /// - Parameter digits: of its identifier, the first 8 or more.
  /// - Throws: ``CommandFailure`` `unknown-visit`, `several-visits`.
  init(visit digits: String, at hospital: String?, in source: LeafSource) throws {
    let digits = try VisitArgument.digits(digits)
    var found: [(chain: String, visit: String, blocks: [Block])] = []
    var addenda: [(amended: Named, by: Named)] = []
    for chain in try source.hospitals {
      try Self.read(chain, source) { block in
        for item in block.items {
          if let amended = item.amends, let visit = item.visit, amended.visit.hasPrefix(digits) {
            addenda.append((amended, Named(chain: chain, visit: visit)))
          }
        }
        guard hospital == nil || chain == hospital else { return true }
        for visit in Set(block.items.compactMap(\.visit)) where visit.hasPrefix(digits) {
          var part = block
          part.items.removeAll { $0.visit != visit }
          if let place = found.firstIndex(where: { $0.chain == chain && $0.visit == visit }) {
            found[place].blocks.append(part)
          } else {
            found.append((chain, visit, [part]))
          }
        }
        return true
      }
    }
    let first = try VisitArgument.only(
      found, named: digits, in: source.path, hint: "what is not confirmed yet is not looked at",
      option: "--chain"
    ) { ($0.visit, $0.chain) }
    (chain, visit, blocks) = (first.chain, first.visit, first.blocks)
    signatures = try VisitSignatures(of: first.visit, on: first.chain, in: source).places
    let own = Named(chain: first.chain, visit: first.visit)
    amendedBy = addenda.filter { $0.amended == own }.map(\.by)
  }

  /// - Parameter take: given each block; returns whether to go on.
  private static func read(
    _ chain: String, _ source: LeafSource, _ take: (Block) throws -> Bool
  ) throws {
    var (index, items): (UInt64, [Item]) = (0, [])
    try source.leaves(of: chain) { bytes in
      defer { index += 1 }
      switch try Leaf(encoded: bytes) {
      case .item(let entry):
        let content = entry.content
        items.append(
          Item(
            index: index, kind: "\(content.body.kind)", signer: LeafWords.signer(content.signer),
            visit: content.body.visit?.description, amends: Self.amended(by: content.body),
            says: LeafWords.says(content.body)))
        return true
      case .header(let header):
        defer { items = [] }
        return try take(
          Block(
            height: header.height, generation: header.generation,
            time: LedgerTime.text(header.time),
            base: chain == ChainName.consortium ? nil : header.base.height, header: index,
            digest: "\(header.digest)", items: items))
      }
    }
  }

  private static func amended(by body: EntryBody) -> Named? {
    guard case .visitOpening(let opening) = body, let amended = opening.context.amends else {
      return nil
    }
    return Named(chain: amended.hospital, visit: "\(amended.visit)")
  }

  func print(to console: Console) {
    if let visit { console.line("visit \(visit) of \(printable(chain))") }
    for addendum in amendedBy {
      console.line("amended by visit \(addendum.visit) of \(printable(addendum.chain))")
    }
    if let signatures {
      for line in VisitSignatures.table(signatures) { console.line(line) }
    }
    for block in blocks {
      let time =
        block.base.map { "not before consortium block \($0), \(block.time)" } ?? block.time
      console.line("\(printable(chain)), block \(block.height), \(time)")
      for item in block.items {
        let about = visit == nil ? item.visit.map { " (visit \($0.prefix(16))…)" } ?? "" : ""
        // Names in it are whatever somebody has written.
        let words = printable("\(item.signer) \(item.says)\(about)", limit: .max)
        console.line("  \(item.index)  \(words)")
      }
      console.line("  \(block.header)  closed; header \(block.digest)")
    }
    console.line("Nothing of this is verified; 'bcemr verify' does that.")
  }
}

/// Where leaves of chains are read: a data folder, or an export in one file.
struct LeafSource {
  let path: String
  private let logs: [ExportWriter.Log]?

  /// - Throws: ``CommandFailure`` for what is neither.
  init(_ path: String) throws {
    self.path = path
    if SystemFile.isFolder(path) {
      guard DataFolder.firstStore(in: path) != nil else {
        throw CommandFailure(
          .badInput, code: "not-a-folder", "\(path): this is no data folder",
          hint: "of an export as tiles, make one file with 'bcemr export'")
      }
      logs = try ExistingFolder(path).logs()
    } else {
      logs = nil
      guard try SystemFile.beginsLikeExport(path) else {
        throw CommandFailure(
          .badInput, code: "not-an-export", "\(path): this is no export of a ledger")
      }
      try VisitAudit.requireNoProof(path)
    }
  }

  /// The hospitals whose chains are here.
  var hospitals: [String] {
    get throws {
      var names = logs.map { $0.map(\.chain) } ?? []
      if logs == nil {
        try files { path, _ in
          let name = String(path.prefix { $0 != "/" })
          if path.hasSuffix("/checkpoint"), !names.contains(name) { names.append(name) }
          return true
        }
      }
      return names.filter { $0 != ChainName.consortium }
    }
  }

  /// Gives the leaves of a chain, in their order, as long as `take` asks for more.
  ///
  /// - Throws: ``CommandFailure`` `unknown-chain`.
  func leaves(of chain: String, _ take: ([UInt8]) throws -> Bool) throws {
    guard let logs else { return try exportedLeaves(of: chain, take) }
    guard let log = logs.first(where: { $0.chain == chain }) else { throw unknown(chain) }
    var position: UInt64 = 0
    while position < log.size {
      let more = try log.leaves(position, Int(clamping: log.size - position), 1 << 20)
      guard !more.isEmpty else { return }
      for leaf in more where try !take(leaf) { return }
      position += UInt64(more.count)
    }
  }

  private func exportedLeaves(of chain: String, _ take: ([UInt8]) throws -> Bool) throws {
    var isKnown = false
    try files { path, contents in
      let parts = path.split(separator: "/").map(String.init)
      guard parts.first == chain else { return !isKnown }
      isKnown = true
      guard parts.contains("entries") else { return true }
      let width = parts.last.flatMap { $0.allSatisfy(\.isNumber) ? Int($0) : nil }
      let isPartial = parts.dropLast().last?.hasSuffix(".p") ?? false
      let bundle = try EntryBundle(
        encoded: contents, width: isPartial ? width ?? 0 : TilePath.fullWidth)
      for leaf in bundle.entries where try !take(leaf) { return false }
      return true
    }
    if !isKnown { throw unknown(chain) }
  }

  private func files(_ take: (String, [UInt8]) throws -> Bool) throws {
    let input = try InputFile(path)
    var source = UstarSource { try input.read($0) }
    while let (name, contents) = try source.next(limit: EntryBundle.maximumByteCount) {
      guard try take(name, contents) else { return }
    }
  }

  private func unknown(_ chain: String) -> CommandFailure {
    CommandFailure(
      .badInput, code: "unknown-chain", "there is no chain \(chain) with a block in \(path)")
  }
}
