import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import DeskInterface
import Foundation
import QRCodes
import TerminalText

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

struct DeskTicket: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "ticket",
    abstract: "Make an admission ticket for a person whom the clerk has identified.",
    discussion: "Whoever has the words or the code is admitted in that person's name, once.")

  @OptionGroup var patient: PatientOption

  @Option(
    help: """
      What the hospital calls the occasion: printed with the ticket, since the patient's program has to name it. Not \
      with --json, and nothing keeps it.
      """)
  var encounter: String?

  @Flag(help: "Draw the QR code, too.")
  var qr = false

  @Flag(help: "Take an identity that is not SYSTEM|VALUE, which 'bcemr patient' cannot state.")
  var plain = false

  @OptionGroup var options: DeskOptions

  func request() throws -> IssueTicket {
    let identity = try patient.value()
    guard plain || PatientOption.isUsual(identity) else {
      throw DaemonFailure(
        .badInput, "the identity is not of the form SYSTEM|VALUE", code: "bad-identity",
        hint: "state it as the patient's program does, as 'https://id.example|4711', at most 256 "
          + "bytes; --plain takes another form")
    }
    return IssueTicket(role: options.role, identity: identity)
  }

  func appendix(_ answer: IssueTicket.Answer) throws -> String? {
    let occasion = encounter.map { "encounter  \(printableLines($0))\n" }
    let drawn = qr ? try QRCode(answer.code).drawn(isatty(1) == 1 ? .fixed : .own) : nil
    return occasion == nil && drawn == nil ? nil : (occasion ?? "") + (drawn ?? "")
  }
}

struct DeskTickets: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "tickets", abstract: "List a person's tickets that have opened no visit.")

  @OptionGroup var patient: PatientOption
  @OptionGroup var options: DeskOptions

  func request() throws -> ListTickets {
    ListTickets(role: options.role, identity: try patient.value())
  }
}

struct DeskVoidTicket: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "void-ticket",
    abstract: "Take a ticket back, with the visit that it was offered; one that is open stays.")

  @Argument(help: "The ticket as 'desk ticket' and 'desk tickets' show it: 64 hexadecimal digits.")
  var ticket: String

  @OptionGroup var options: DeskOptions

  func request() -> VoidTicket { VoidTicket(role: options.role, ticket: ticket) }
}

struct DeskTeam: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "team",
    abstract: "Name the doctors of an Encounter's visit, above rule and roster.",
    discussion: "Without a doctor, what was named is taken back.")

  @Argument(help: "The Encounter, as the patient's own program names it.")
  var encounter: String

  @Option(
    name: .customLong("doctor"),
    help: "In the order in which they sign; may be given several times.")
  var doctors: [String] = []

  @OptionGroup var patient: PatientOption
  @OptionGroup var options: DeskOptions

  func request() throws -> AssignTeam {
    let twice = doctors.filter { name in doctors.count { $0 == name } > 1 }
    if let name = twice.first {
      throw DaemonFailure(
        .badInput, "\(name) is named twice", code: "named-twice",
        hint: "each place of a team has a doctor of its own")
    }
    return AssignTeam(
      role: options.role, identity: try patient.value(), encounter: encounter,
      doctors: doctors.isEmpty ? nil : doctors)
  }
}

struct DeskStaffing: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "staffing",
    abstract: "Set who is on duty and which condition gets which team, or show what is set.")

  @Argument(help: "A JSON file (docs/command-line.md); without it, what is set is shown.")
  var file: String?

  @OptionGroup var options: DeskOptions

  func run() async throws {
    guard let file else { return try await options.show(ReadStaffing(role: options.role)) }
    let plan = try DurableFile.read(file, limit: StaffingPlan.byteLimit).bytes
    try await options.show(
      SetStaffing(role: options.role, plan: String(decoding: plan, as: UTF8.self)))
  }
}

struct DeskVisits: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "visits", abstract: "List the open visits, with their deadlines and teams.")

  @OptionGroup var options: DeskOptions

  func request() -> ListVisits { ListVisits(role: options.role) }
}
