import ArgumentParser
import DeskInterface

struct DeskExpectDoctor: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "expect-doctor",
    abstract: "Take a doctor on: the registration with this fingerprint is accepted, and no other.")

  @Argument(help: "The doctor's identifier: 1 to 64 of a-z, 0-9 and '-'.")
  var doctor: String

  @Option(help: "What the doctor's own program shows, told in person: 64 hexadecimal digits.")
  var fingerprint: String

  @Option(
    name: .customLong("specialty"),
    help: "What the hospital has seen a diploma of, as SYSTEM|CODE; may be given several times.")
  var specialties: [String] = []

  @OptionGroup var options: DeskOptions

  func request() -> ExpectDoctor {
    ExpectDoctor(
      role: options.role, doctor: doctor, fingerprint: fingerprint, specialties: specialties)
  }
}

struct DeskVoidExpectation: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "void-expectation",
    abstract: "Take back that a doctor is expected; who is registered here stays.",
    discussion: "A registered doctor is kept from acting by 'suspend' and 'retire'.")

  @Argument(help: "The doctor's identifier.")
  var doctor: String

  @OptionGroup var options: DeskOptions

  func request() -> VoidExpectation { VoidExpectation(role: options.role, doctor: doctor) }
}

struct DeskDoctors: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctors",
    abstract: "List the doctors whom the hospital has taken on, and what the ledger has of each.")

  @OptionGroup var options: DeskOptions

  func request() -> ListDoctors { ListDoctors(role: options.role) }
}

struct DeskSpecialties: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "specialties",
    abstract: "Say on the ledger what a registered doctor is a specialist in from now on.")

  @Argument(help: "The doctor's identifier.")
  var doctor: String

  @Option(
    name: .customLong("specialty"), help: "As SYSTEM|CODE; may be given several times, or never.")
  var specialties: [String] = []

  @OptionGroup var options: DeskOptions

  func request() -> SetSpecialties {
    SetSpecialties(role: options.role, doctor: doctor, specialties: specialties)
  }
}

struct DeskSuspend: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "suspend", abstract: "Say on the ledger that a doctor may not act.")

  @Argument(help: "The doctor's identifier.")
  var doctor: String

  @OptionGroup var options: DeskOptions

  func request() -> SetStanding {
    SetStanding(role: options.role, doctor: doctor, standing: .suspended)
  }
}

struct DeskReinstate: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "reinstate", abstract: "Say on the ledger that a suspended doctor may act again.")

  @Argument(help: "The doctor's identifier.")
  var doctor: String

  @OptionGroup var options: DeskOptions

  func request() -> SetStanding {
    SetStanding(role: options.role, doctor: doctor, standing: .active)
  }
}

struct DeskRetire: DeskCommand {
  static let configuration = CommandConfiguration(
    commandName: "retire", abstract: "Say on the ledger that a doctor acts no more, for good.")

  @Argument(help: "The doctor's identifier.")
  var doctor: String

  @OptionGroup var options: DeskOptions

  func request() -> SetStanding {
    SetStanding(role: options.role, doctor: doctor, standing: .retired)
  }
}
