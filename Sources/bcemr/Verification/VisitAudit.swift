import CanonicalEncoding
import EMRScheme
import Ledger

/// An offline check of a proof of one visit, with everything to be told about its result.
struct VisitAudit: Encodable {
  typealias Check = Ledger.Verification.Check

  struct Visit: Encodable {
    /// What a doctor has signed in the place of a finding.
    struct Commitment: Encodable {
      let doctor: String
      let attempt: UInt64
      let commitment: String
    }

    let network: String
    let genesis: String
    let hospital: String
    let visit: String
    /// In the order of signing.
    let team: [String]
    /// `complete` or `abandoned`.
    let status: String
    let recordDigest: String?
    /// In the order of signing; none of a visit that was abandoned.
    let commitments: [Commitment]
    /// `acknowledged` or `disputed`.
    let receipt: String?
    /// The visit that this one adds to, or corrects.
    let amends: String?
    /// Between these two times of consortium blocks all of it was made.
    let openedAfter: String
    let anchoredAt: String
    /// Where it stands on the hospital's chain.
    let leaves: [UInt64]
    /// Under which checkpoint of the consortium chain, and who sat in the set that signed it.
    let checkpointSize: UInt64
    let delegates: [String]
  }

  let file: InputFile.Content
  let passed: Bool
  let genesisCompared: Bool
  let checks: [Audit.Step]
  let error: ReportedError?
  let visit: Visit?
  let notProven = [
    "other entries: whether the visit was signed again before, who was given consents and read the record,"
      + " and where no receipt is here, whether there is one",
    "what it amends: that there is such a visit, complete and of the same patient",
    "what came later: that a receipt, a revocation or a correction by another visit followed",
    "the rules in full: that identifiers and keys were new, that no doctor was suspended, that no key was"
      + " replaced in between, and each signature on the way; hospital, cloud and delegates answer for"
      + " that, and an export shows it",
    "identity: which person stands behind a key, nor who the patient is; that one pseudonym was made for a"
      + " patient's name, the record alone shows",
    "time: when the patient was examined; the two times are of signing, by the ledger's own clock",
    "truth, and custody: whether the findings are right, and the cloud still has the record",
    "delegates: more than two thirds of a set, also of a former one, can make another history",
  ]

  /// Whether a file holds a proof of one visit, and not an export.
  static func isProof(_ path: String) throws -> Bool {
    guard path != "-", !SystemFile.isFolder(path), try SystemFile.beginsLikeExport(path) else {
      return false
    }
    let file = try InputFile(path)
    var source = UstarSource { try file.read($0) }
    do {
      return try source.file(ExportPath.genesis, limit: Genesis.maximumByteCount) != nil
        && source.holds(ExportPath.visit)
    } catch is ExportError {
      return false
    }
  }

  /// - Throws: ``CommandFailure`` `not-an-export` for a proof of one visit.
  static func requireNoProof(_ path: String) throws {
    guard try isProof(path) else { return }
    throw CommandFailure(
      .badInput, code: "not-an-export", "\(path): this is a proof of one visit, and no export",
      hint: "'bcemr verify' says what it shows")
  }

  init(_ path: String, genesis: Digest32?) throws {
    let input = try InputFile(path)
    var source = UstarSource { try input.read($0) }
    let outcome: Result<VisitVerification.Report, Ledger.Verification.Failure>
    do {
      outcome = .success(try VisitVerification.verify(&source, genesisDigest: genesis))
    } catch let failure as Ledger.Verification.Failure {
      outcome = .failure(failure)
    }
    while !(try input.read(1 << 20).isEmpty) {}
    file = input.content
    switch outcome {
    case .success(let report):
      (passed, error, genesisCompared) = (true, nil, report.isGenesisCompared)
      visit = Visit(report)
    case .failure(let failure):
      (passed, visit) = (false, nil)
      genesisCompared = genesis != nil && failure.check.rawValue > Check.genesisDigest.rawValue
      error = ReportedError(code: "\(failure.check)", message: "\(failure)")
    }
    let failed = if case .failure(let failure) = outcome { failure.check } else { nil as Check? }
    checks = Self.order.map { check in
      let result: Audit.Step.Result =
        switch failed.flatMap({ Self.order.firstIndex(of: $0) }) {
        case let place? where Self.order[place] == check: .failed
        case let place? where Self.order[..<place].contains(check) == false: .notReached
        default: check == .genesisDigest && genesis == nil ? .notCompared : .passed
        }
      return Audit.Step(check: "\(check)", meaning: check.meaningOfProof, result: result)
    }
  }

  /// In which they are made.
  private static let order: [Check] = [
    .archive, .genesisDigest, .genesisRules, .checkpoint, .tree, .anchors, .rules,
  ]

  func print(to console: Console) {
    console.line(
      Table.text(
        checks.map { [$0.check, $0.result.rawValue.replacing("-", with: " "), $0.meaning] },
        leading: 3))
    if let error, !console.isReported { Console.diagnostic(error.message) }
    guard let visit else { return }
    console.line()
    console.line("ledger     \(visit.network)")
    console.line("genesis    \(visit.genesis)")
    if !genesisCompared {
      console.line("           compared with nothing: ask a source you trust for this hash, and")
      console.line("           give it with --genesis")
    }
    console.line("visit      \(visit.visit) of \(visit.hospital), \(visit.status)")
    if let amends = visit.amends {
      console.line("amends     \(amends), by its own word alone")
    }
    console.line("team       \(visit.team.joined(separator: ", "))")
    if let digest = visit.recordDigest { console.line("record     \(digest)") }
    for finding in visit.commitments {
      let attempt = finding.attempt == 1 ? "" : ", attempt \(finding.attempt)"
      console.line("finding    \(finding.commitment) of \(finding.doctor)\(attempt)")
    }
    if visit.status == "complete" {
      console.line("receipt    \(visit.receipt ?? "none here")")
    }
    console.line("signed     between \(visit.openedAfter) and \(visit.anchoredAt)")
    console.line(
      "final      under \(visit.checkpointSize) leaves of the consortium chain, signed by more than two"
    )
    console.line("           thirds of \(visit.delegates.joined(separator: ", "))")
    console.line()
    console.line("A proof of one visit shows that it stands on the ledger. It does not show")
    for item in notProven { console.line("  \(item)") }
  }
}

extension VisitAudit.Visit {
  fileprivate init(_ report: VisitVerification.Report) {
    let context = report.context
    network = report.network
    genesis = "\(report.genesisDigest)"
    hospital = report.hospital
    visit = "\(context.visitID)"
    team = context.signers.map(\.doctor)
    status = report.recordDigest == nil ? "abandoned" : "complete"
    recordDigest = report.recordDigest?.description
    commitments = zip(context.signers, report.commitments).map { signer, finding in
      Commitment(
        doctor: signer.doctor, attempt: finding.attempt, commitment: "\(finding.commitment)")
    }
    receipt = report.receipt.map { $0 == .acknowledged ? "acknowledged" : "disputed" }
    amends = context.amends.map { "\($0.visit) of \($0.hospital)" }
    openedAfter = LedgerTime.text(report.openedAfter)
    anchoredAt = LedgerTime.text(report.anchoredAt)
    leaves = report.indices
    checkpointSize = report.checkpointSize
    delegates = report.delegates
  }
}

extension Ledger.Verification.Check {
  /// What the step shows of a proof, in a sentence.
  fileprivate var meaningOfProof: String {
    switch self {
    case .archive: "the files are those of a proof, each in its one form"
    case .checkpoint:
      "enough delegates signed the checkpoint, and each epoch before it leads to them"
    case .tree: "each leaf stands, by its path of hashes, in a tree that was signed or anchored"
    case .anchors: "the consortium chain has anchored the checkpoint of the hospital's chain"
    case .rules: "the team's keys are registered, every signature holds, and Eq. 3"
    case .genesisDigest, .genesisRules, .knownCheckpoint: meaning
    }
  }
}
