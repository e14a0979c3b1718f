import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport
import Testing

/// The ways of a consortium in which doctors and patients are reached by their mailboxes, and in no other way.
final class MailRoutes: Sendable {
  let limits: Mailboxes.Limits
  private let known = Mutex<[HospitalServer]>([])

  init(limits: Mailboxes.Limits = Mailboxes.Limits()) { self.limits = limits }

  /// Where all programs that are there answer: on a machine with much else to do, only later.
  static var patient: MailRoutes {
    var limits = Mailboxes.Limits()
    limits.patience = .seconds(600)
    return MailRoutes(limits: limits)
  }

  /// Whose mailboxes there are.
  var keepers: [HospitalServer] {
    get { known.withLock { $0 } }
    set { known.withLock { $0 = newValue } }
  }

  func over(_ courier: any Courier) -> any Courier { Way(routes: self, inside: courier) }

  private struct Way: Courier {
    let routes: MailRoutes
    let inside: any Courier

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      for keeper in routes.keepers {
        if let mailbox = await keeper.mailbox(of: recipient, keeping: sender != keeper.id) {
          return await mailbox.receive(request, from: sender)
        }
      }
      if recipient.contains("-doctor-") || Digest32(hex: recipient) != nil {
        throw ConsortiumError(.unreachable, "\(recipient) has no server")
      }
      return try await inside.send(request, from: sender, to: recipient)
    }
  }
}

extension TestConsortium {
  /// Does something while the programs of these doctors, and the patient's, read what comes for them.
  func reading<Result: Sendable>(
    _ doctors: [String], patient: Bool = true, _ consortium: LocalConsortium,
    _ body: @Sendable () async throws -> Result
  ) async throws -> Result {
    var programs: [@Sendable () async throws -> Int] = []
    for id in doctors {
      let doctor = try await #require(consortium.doctors[id])
      programs.append { try await doctor.readMail(waiting: 1) }
    }
    if patient, let person = await consortium.patients[Self.patient] {
      programs.append { try await person.readMail(waiting: 1) }
    }
    let tasks = programs.map { read in
      Task {
        while !Task.isCancelled {
          do {
            _ = try await read()
          } catch {
            try? await Task.sleep(for: .milliseconds(20))
          }
        }
      }
    }
    // Each has asked, and so is there.
    for id in doctors {
      for _ in 0..<20000 where await !isReading(id) { try await Task.sleep(for: .milliseconds(10)) }
    }
    do {
      let result = try await body()
      await end(tasks)
      return result
    } catch {
      await end(tasks)
      throw error
    }
  }

  private func end(_ tasks: [Task<Void, Never>]) async {
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
    // Nobody takes them for present any more.
    pass(seconds: 120)
  }

  private func isReading(_ doctor: String) async -> Bool {
    for keeper in routes?.keepers ?? [] where await keeper.mailboxes?.isPresent(doctor) == true {
      return true
    }
    return false
  }

  /// All doctors of the hospitals that there are at the start.
  static func staff(hospitals: ClosedRange<Int> = 1...2, doctors: Int = 3) -> [String] {
    hospitals.flatMap { hospital in (1...doctors).map { "hospital-\(hospital)-doctor-\($0)" } }
  }

  /// What waits in the mailboxes that a hospital, or the manager, keeps on disk.
  func waiting(_ keeper: String) throws -> [String] {
    try storage.roleStore("mail/\(keeper)").keys(withPrefix: "mail/")
  }
}
