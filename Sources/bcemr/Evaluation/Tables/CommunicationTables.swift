import PaperEvaluation

/// What is really sent and stored, beside Table 5.
struct CommunicationTables {
  let result: EvaluationResult
  let suites: [EvaluatedSuite]

  var all: [ResultTable] { [paper] + measured }

  var measured: [ResultTable] { [objects] + (result.traffic.isEmpty ? [] : [system]) }

  private static let lambda = 1000

  private var paper: ResultTable {
    ResultTable(
      number: "Table 5",
      caption: "communication cost by the paper's formulas and sizes, in bytes, λ = \(Self.lambda)",
      columns: ["scheme"] + [1, 3, 5, 10].map { "n = \($0)" },
      rows: PaperFigures.ComparedScheme.allCases.map { scheme in
        [scheme.rawValue]
          + [1, 3, 5, 10].map { n in
            bytes(PaperFigures.communicationBits(scheme, n: n, lambda: Self.lambda))
          }
      })
  }

  private func bytes(_ bits: Int) -> String { "\((bits + 7) / 8)" }

  /// The scheme's own objects in their encoding.
  private var objects: ResultTable {
    let senders: [(name: String, roles: [SchemeRole])] = [
      ("patient", [.patient]), ("last doctor", [.lastDoctor]),
      ("other doctors", [.doctor, .receiver]),
      ("hospital", [.hospital]), ("cloud, manager", [.supernode, .manager]),
    ]
    return ResultTable(
      number: "Table 5, with real sizes",
      caption: "BC-EMR's formula with the sizes of a suite, and what the scheme's objects take "
        + "when they are sent, n = 3, in bytes",
      columns: ["suite", "formula", "sent"] + senders.map(\.name),
      rows: suites.compactMap { suite -> [String]? in
        guard let sent = result.timing(suite, team: 3)?.sent else { return nil }
        let formula = PaperFigures.communicationBits(
          .bcEMR, n: 3, lambda: Self.lambda, sizes: suite.elementSizes)
        return [suite.name, bytes(formula), "\(sent.reduce(0) { $0 + $1.bytes })"]
          + senders.map { sender in
            "\(sent.filter { sender.roles.contains($0.sender) }.reduce(0) { $0 + $1.bytes })"
          }
      },
      notes: [
        "The formula has no registration proof, no visit context and no signature on the group key's "
          + "messages, and counts the record once; it travels from the doctor to the cloud, to the "
          + "manager and to the doctor elsewhere. Findings of 9 bytes; records are padded."
      ])
  }

  private var system: ResultTable {
    ResultTable(
      number: "Table 5, the whole system",
      caption: "what one visit of this system sends in requests and replies, and stores, on "
        + "BLS12-381, in bytes",
      columns: [
        "n", "sent", "patient", "doctors", "hospitals", "cloud, manager", "hospital's chain",
        "consortium chain", "at the cloud",
      ],
      rows: result.traffic.map { visit in
        func sent(_ senders: Set<String>) -> String {
          "\(visit.sent.filter { senders.contains($0.sender) }.reduce(0) { $0 + $1.bytes })"
        }
        return [
          "\(visit.team)", "\(visit.sentBytes)", sent(["patient"]), sent(["doctor"]),
          sent(["hospital"]), sent(["cloud", "manager"]), "\(visit.onHospitalChain)",
          "\(visit.onConsortiumChain)", "\(visit.atCloud)",
        ]
      })
  }
}
