import PaperEvaluation

/// Table 1, and what can be measured of it.
struct PlatformTables {
  let load: [LedgerLoad]

  var all: [ResultTable] { load.isEmpty ? [] : [paper, measured] }

  private var paper: ResultTable {
    ResultTable(
      number: "Table 1",
      caption: "as the paper prints it: F1 payment, F2 consensus, F3 less pressure on the main "
        + "chain, F4 demand for computing power, F5 private blockchain",
      columns: ["scheme", "F1", "F2", "F3", "F4", "F5"],
      rows: PaperFigures.table1.map { row in
        [
          row.scheme, mark(row.needsPayment), row.consensus, mark(row.relievesMainChain),
          row.demand, mark(row.hasPrivateChain),
        ]
      }, leading: 6)
  }

  private func mark(_ value: Bool) -> String { value ? "√" : "×" }

  private var measured: ResultTable {
    ResultTable(
      number: "Table 1, measured",
      caption: "what rounds of visits put on the chains until all are final, teams of 3",
      columns: [
        "hospitals", "visits", "consortium blocks", "bytes", "a visit", "hospitals' blocks",
        "bytes", "a visit", "supernodes: ms a visit",
      ],
      rows: load.map { load in
        [
          "\(load.hospitals)", "\(load.visits)", "\(load.consortiumBlocks)",
          "\(load.consortiumBytes)", "\(load.consortiumBytes / load.visits)",
          "\(load.hospitalBlocks)", "\(load.hospitalBytes)", "\(load.hospitalBytes / load.visits)",
          ValueScale.number(load.supernodeMs / Double(load.visits)),
        ]
      }, leading: 0,
      notes: [
        "F1: no entry carries a fee. F2: a block is final by cosignatures of more than two thirds of "
          + "the delegates. F3: the consortium chain takes a hospital's checkpoint a round, however many "
          + "visits it covers. F4: what all supernodes together work for a visit, on one core; nothing "
          + "is mined. F5: visits stand on their hospital's chain."
      ])
  }
}
