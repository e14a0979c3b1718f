import ArgumentParser
import CanonicalEncoding
import Consortium
import EMRScheme
import Foundation
import Ledger
import SQLiteBackend

struct OpenRecord: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open",
    abstract: "Open one record, as its patient or as a doctor with a consent.",
    discussion: """
      The folder of a demonstration has the keys of all roles; its consortium is started for this, so \
      what waits on the ledger goes on. The record is compared with the ledger, with the signatures of its \
      team, before anything is shown. As its patient nothing is signed. A doctor's opening uses the \
      patient's consent: it stands on the ledger, in the patient's access log, and cannot be repeated. Who may \
      not read gets the refusal and nothing else: in a folder of 'bcemr demo' that is every doctor, since \
      its story uses or takes back every consent that it gives.
      """)

  @Argument(
    help: ArgumentHelp(
      "The visit's identifier, 64 hexadecimal digits, or the first 8 or more of them.",
      valueName: "visit"))
  var visit: String

  @Option(help: ArgumentHelp("The folder that 'bcemr demo --data' made.", valueName: "folder"))
  var data: String

  @Option(name: .customLong("as"), help: ArgumentHelp("'patient', or a doctor.", valueName: "who"))
  var reader: String

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: ArgumentHelp(
      "A new file, which its owner alone can read. Without it the record goes to standard output.",
      valueName: "file"))
  var path: String?

  @Option(
    help: ArgumentHelp(
      "Whose chain the visit stands on, if several have one of this name.", valueName: "name"))
  var hospital: String?

  @OptionGroup var output: OutputOptions

  struct Report: Encodable {
    let path: String
    let visit: String
    let hospital: String
    let findings: Int
    /// Whether a consent was used for it.
    let usesConsent: Bool
    /// What has to be known and is no fault; absent if there is nothing.
    let remarks: [DemoReport.Remark]?
  }

  private var isPatient: Bool { reader == "patient" }

  func validate() throws {
    guard path != nil || !(output.json || output.quiet) else {
      throw ValidationError("without --output, the record is the result: no --json and no --quiet")
    }
  }

  func run() async throws {
    let found = try ExistingFolder(data).visit(visit, at: hospital)
    if let path { try SystemFile.requireNothing(at: path) }
    let folder = try DataFolder(path: data, creating: false)
    let isReported = output.json
    let (record, remarks) = try await FolderRun.run(
      in: folder, telling: { if !isReported { Console.diagnostic($0) } },
      require: { if let ledger = $0 { try LedgerClock.check(ledger, in: folder) } }
    ) { run in
      (try await open(found, in: folder) { try run.begin() }, run.remarks)
    }
    let report = Report(
      path: path ?? "-", visit: "\(found.visit)", hospital: found.hospital,
      findings: record.findings.count, usesConsent: !isPatient, remarks: remarks)
    if output.json {
      Console.write(report)
      return
    }
    if let path {
      output.console.line(
        "\(path): the record of visit \(found.visit) of \(found.hospital), "
          + "\(Quantity.count(record.findings.count, "finding")), as the team signed it")
    }
    if !isPatient {
      let text = "the consent is used; the access stands in the patient's access log"
      if path == nil { Console.diagnostic(text) } else { output.console.line(text) }
    }
  }

  private func open(
    _ found: ExistingFolder.FoundVisit, in folder: DataFolder,
    beforeSigning: @escaping @Sendable () throws -> Void
  ) async throws -> OpenedRecord {
    let console = output.console
    console.progress("opening the consortium of \(data)")
    defer { console.endProgress() }
    let team = DemoSettings.known(folder)?.doctors ?? 3
    var configuration = LocalConsortium.Configuration(teamSize: team)
    configuration.doctors = try Self.staff(of: folder)
    let consortium = try await LocalConsortium.open(
      storage: folder, configuration: configuration,
      environment: .init(
        clock: LedgerTime.now, nanoseconds: MonotoneTime.nanoseconds, beforeSigning: beforeSigning))
    console.endProgress()
    let (path, place) = (path, "visit \(found.visit) of \(found.hospital)")
    let keep: @Sendable (OpenedRecord) async throws -> Void = { record in
      let time = await consortium.time(ofBlock: record.baseHeight)
      try RecordFile(record, at: time, amendedBy: nil).write(to: path)
    }
    do {
      guard isPatient else {
        let record = try await consortium.openSharedRecord(
          found.visit, at: found.hospital, by: reader, keepingBy: keep)
        try await consortium.settle()
        return record
      }
      for contact in try folder.people("patients") {
        try await consortium.addPatient(contact: contact, identity: contact)
      }
      let (record, amendedBy) = try await consortium.openOwnRecord(
        found.visit, at: found.hospital)
      let time = await consortium.time(ofBlock: record.baseHeight)
      try RecordFile(record, at: time, amendedBy: amendedBy).write(to: path)
      return record
    } catch let error as ConsortiumError {
      let failure = CommandFailure(await consortium.cause(of: error))
      throw CommandFailure(failure.exitCode, code: failure.code, "\(place): \(failure.message)")
    }
  }

  /// How many doctors every hospital has: no other is registered by opening a record.
  private static func staff(of folder: DataFolder) throws -> Int? {
    let hospitals = Dictionary(grouping: try folder.people("doctors")) { id in
      id.range(of: "-doctor-").map { String(id[..<$0.lowerBound]) } ?? id
    }
    return hospitals.values.map(\.count).min()
  }
}
