import ArgumentParser
import CanonicalEncoding
import Ledger

/// Whether two exports tell one history.
struct Compare: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Check two exports of one ledger, and say whether they tell one history.",
    discussion: """
      Of each chain: whether both have the same leaves, which of the two goes on where the other ends, or \
      at which leaf they part; an export may have the chains of some hospitals alone. Where they part, \
      both were signed by those who answer for the chain: who has both files can prove it.
      """)

  @Argument(help: "A file or a folder of tiles that 'bcemr export' wrote.")
  var first: String

  @Argument(help: "Another one.")
  var second: String

  @Option(
    help: ArgumentHelp(
      "The ledger that is meant: the 64 hexadecimal digits of its genesis' hash, or its genesis.",
      valueName: "hash|file"))
  var genesis: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let meant = try genesis.map(GenesisArgument.digest)
    let report = ComparisonReport(
      try VerifiedExport(first, genesis: meant, output.console),
      try VerifiedExport(second, genesis: meant, output.console))
    if output.json { Console.write(report) } else { report.print(to: output.console) }
    if !report.passed { throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue) }
  }
}

/// An export with what its check came to, and the trees that it found.
private struct VerifiedExport {
  let path: String
  let audit: Audit
  private let stores: [String: any StateStore]

  init(_ path: String, genesis: Digest32?, _ console: Console) throws {
    try VisitAudit.requireNoProof(path)
    var stores: [String: any StateStore] = [:]
    audit = try Audit(path, genesis: genesis, console: console) { stores[$0] = $1 }
    self.path = path
    self.stores = stores
  }

  /// - Returns: nil for a chain that has a fault: what of it was read is no history.
  func chain(_ name: String) -> ExportComparison.Chain? {
    guard let chain = audit.summary?.chains.first(where: { $0.name == name }), chain.fault == nil,
      let store = stores[name]
    else { return nil }
    return ExportComparison.Chain(size: chain.leaves, store: store)
  }

  /// How many leaves of it are valid; nil if the export has none of its files.
  func leaves(_ name: String) -> UInt64? {
    audit.summary?.chains.first { $0.name == name && !isLeftOut($0) }?.leaves
  }

  /// Whether all that it has is valid; it may have the chains of some hospitals alone.
  var isValid: Bool {
    audit.summary?.chains.allSatisfy { $0.fault == nil || isLeftOut($0) } ?? false
  }

  /// Whether it has no file of it, be it that nothing of it is anchored.
  func isAbsent(_ name: String) -> Bool {
    audit.summary?.chains.contains { $0.name == name && $0.absent } ?? true
  }

  func leavesOut(_ name: String) -> Bool {
    audit.summary?.chains.contains { $0.name == name && isLeftOut($0) } ?? false
  }

  private func isLeftOut(_ chain: Audit.Chain) -> Bool {
    chain.absent && chain.fault?.code == "\(Audit.Check.anchors)"
  }
}

private struct ComparisonReport: Encodable {
  struct Export: Encodable {
    let path: String
    /// Whether it is valid by itself.
    let passed: Bool
    let genesis: String?
    /// Of its last block.
    let time: String?
    let error: ReportedError?
  }

  enum Relation: String, Encodable {
    case same
    case firstGoesOn = "first-goes-on"
    case secondGoesOn = "second-goes-on"
    case parts
    /// The other has no file of it.
    case firstAlone = "first-alone"
    case secondAlone = "second-alone"
    case neither
    /// It is not valid in one of the two, or one of the two does not know it.
    case notCompared = "not-compared"
  }

  struct Chain: Encodable {
    let name: String
    /// How many valid leaves the one and the other has.
    let first: UInt64?
    let second: UInt64?
    let relation: Relation
    /// The first leaf that is another one.
    let leaf: UInt64?
  }

  /// What both have is valid, with a consortium chain in both, of one ledger, and no chain parts.
  let passed: Bool
  let genesisCompared: Bool
  let first: Export
  let second: Export
  /// Whether both have the same genesis.
  let sameLedger: Bool
  let chains: [Chain]

  init(_ first: VerifiedExport, _ second: VerifiedExport) {
    (self.first, self.second) = (Export(first), Export(second))
    genesisCompared = first.audit.genesisCompared && second.audit.genesisCompared
    let genesis = [first, second].map { $0.audit.summary?.genesis }
    sameLedger = genesis[0] != nil && genesis[0] == genesis[1]
    var names = first.audit.summary?.chains.map(\.name) ?? []
    names += (second.audit.summary?.chains.map(\.name) ?? []).filter { !names.contains($0) }
    chains =
      sameLedger
      ? names.map { name in
        let found = first.chain(name).flatMap { one in
          second.chain(name).flatMap { try? ExportComparison(one, $0) }
        }
        let (relation, leaf): (Relation, UInt64?) =
          switch found {
          case nil where first.leavesOut(name) && second.leavesOut(name): (.neither, nil)
          case nil where second.leavesOut(name) && first.chain(name) != nil: (.firstAlone, nil)
          case nil where first.leavesOut(name) && second.chain(name) != nil: (.secondAlone, nil)
          case nil: (.notCompared, nil)
          case .same: (.same, nil)
          case .firstGoesOn: (second.isAbsent(name) ? .firstAlone : .firstGoesOn, nil)
          case .secondGoesOn: (first.isAbsent(name) ? .secondAlone : .secondGoesOn, nil)
          case .parts(let leaf): (.parts, leaf)
          }
        return Chain(
          name: name, first: first.leaves(name), second: second.leaves(name), relation: relation,
          leaf: leaf)
      } : []
    passed =
      first.isValid && second.isValid && sameLedger
      && ![first, second].contains { $0.isAbsent(ChainName.consortium) }
      && chains.allSatisfy { $0.relation != .parts }
  }

  func print(to console: Console) {
    for (name, export) in [("first", first), ("second", second)] {
      let state =
        export.error.map { "not valid: \($0.message)" } ?? "valid, until \(export.time ?? "-")"
      console.line("\(name.padded(to: 7)) \(export.path): \(state)")
    }
    guard sameLedger else {
      if let one = first.genesis, let other = second.genesis {
        console.line("They are of two ledgers: genesis \(one) and \(other).")
      } else {
        console.line("Nothing can be compared.")
      }
      return
    }
    console.line("ledger  \(first.genesis ?? "")")
    if !genesisCompared {
      console.line("        compared with nothing: give with --genesis which one is meant")
    }
    console.line()
    console.line(
      Table.text(
        [["chain", "", "first", "second"]]
          + chains.map { chain in
            [chain.name, chain.words]
              + [chain.first, chain.second].map { $0.map { "\($0)" } ?? "-" }
          }, leading: 2))
    for chain in chains where chain.relation == .parts {
      console.line()
      console.line(
        "\(chain.name) has two histories from leaf \(chain.leaf ?? 0) on. Both were signed by those who "
          + "answer for it: keep both files, they prove it.")
    }
  }
}

extension ComparisonReport.Export {
  fileprivate init(_ export: VerifiedExport) {
    path = export.path
    passed = export.isValid
    genesis = export.audit.summary?.genesis
    time = export.audit.summary?.time
    error = export.isValid ? nil : export.audit.error
  }
}

extension ComparisonReport.Chain {
  fileprivate var words: String {
    switch relation {
    case .same: "the same"
    case .firstGoesOn: "the first goes on"
    case .secondGoesOn: "the second goes on"
    case .parts: "they part at leaf \(leaf ?? 0)"
    case .firstAlone: "the first alone has it"
    case .secondAlone: "the second alone has it"
    case .neither: "neither has it"
    case .notCompared: "not compared"
    }
  }
}

extension String {
  fileprivate func padded(to count: Int) -> String {
    self + String(repeating: " ", count: max(0, count - self.count))
  }
}
