import PaperEvaluation

/// An evaluation as one page: the paper's figures and tables, with its values beside ours.
struct EvaluationReport {
  let result: EvaluationResult
  /// Those that were measured.
  let suites: [EvaluatedSuite]
  let machine: String
  let date: String

  /// - Parameters:
  ///   - machine: processor and system, as they are to be printed.
  ///   - date: when the page is made.
  init(
    _ result: EvaluationResult, _ suites: [EvaluatedSuite], machine: String, date: String
  ) {
    self.result = result
    self.suites = suites.filter { result.timing($0, team: 3) != nil }
    (self.machine, self.date) = (machine, date)
  }

  /// The source of the page, which is well-formed XML after its doctype.
  var page: String {
    let title = "BC-EMR: the paper’s evaluation, repeated"
    return HTMLPage(
      title: title,
      body: [.element("h1", [:], text: title), heading] + [howToRead]
        + [phases, teams, table6, details, computation, communicationSection] + whole
    ).source
  }

  private var heading: Markup {
    .terms([
      "Date": date, "Machine": machine,
      "Measured": (result.isQuick ? "quickly: teams of 3, few runs; " : "teams of 1 to 10; ")
        + Quantity.count(suites.count, "suite"),
    ])
  }

  private var howToRead: Markup {
    .section(
      "How to read",
      [
        .paragraph(
          """
          The phases of section 4 are run by this system’s own code, without ledger, network and \
          disk, on one core. Figures 7 and 8 and Table 6 show the least time that a phase spent in \
          the groups alone, with all points in memory: what a program over a pairing library \
          measures. The paper’s values are averages of 100 runs of a Python program over PBC on an \
          Intel Core i7-9750H at 2.60 GHz; a factor compares programs and machines together.
          """),
        .terms([
          "Hatched, hollow": "the paper’s values. It prints numbers for n = 3 alone (Table 6).",
          "q as printed":
            "q has 1024, 2048 and 3072 bits at the levels 1 to 3, as section 6.2 prints it.",
          "q as usual":
            "q has 512, 1024 and 1536 bits, as is usual for such p, and as the sizes of Table 5 hint.",
          "BLS12-381": "the curve of this system. The paper has nothing in its place.",
          "Logarithmic":
            "the same values on a scale of powers of ten, on which equal factors are equal lengths.",
        ]),
        .paragraph(
          """
          Neither reading of q is claimed to be what the paper has run. Measurements that the folder \
          already held when the command began may be older than the date above, and of another \
          machine.
          """),
      ])
  }

  // MARK: What the sections share

  var own: EvaluatedSuite? { suites.first { $0.reading == nil } }

  func levels(_ reading: EvaluatedSuite.Reading) -> [EvaluatedSuite] {
    suites.filter { $0.reading == reading }
  }

  /// Milliseconds in the groups, for n = 3 unless another n is given.
  func time(_ step: SchemeStep, _ suite: EvaluatedSuite, team: Int = 3) -> Double? {
    result.timing(suite, team: team)?[step]?.groupMs
  }

  func paper(_ step: SchemeStep, _ suite: EvaluatedSuite) -> Double? {
    guard let times = PaperFigures.table6(step), (1...times.count).contains(suite.level) else {
      return nil
    }
    return times[suite.level - 1]
  }
}

extension EvaluatedSuite.Reading {
  var title: String { self == .printed ? "q as printed" : "q as usual" }
}

extension EvaluatedSuite {
  /// As "160/1024": the bits of p and q.
  var sizes: String { "\(orderBits)/\(fieldBits)" }
}
