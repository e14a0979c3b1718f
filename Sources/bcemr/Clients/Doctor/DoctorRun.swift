#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Foundation
  import Keystore
  import Ledger

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  struct DoctorRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run",
      abstract: "Answer what others ask of your program, until SIGTERM or SIGINT.",
      discussion: """
        Reads the mailbox at your hospital: group keys, findings on their way to you, patients' consents. Follows up \
        what you have submitted: sends it again, asks for the proof that it is final, and demands after an hour what a \
        hospital does not take, which all organisations see then. Completes visits of which you are the last doctor. \
        It asks for the passphrase once, and gives the profile to other commands when they come.
        """)

    @Flag(help: "Do all that there is to do now, and end.")
    var once = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    fileprivate struct Report: ClientReport {
      /// How many messages were answered.
      var messages = 0
      var completed: [String] = []
      /// What failed last, if it does still.
      var offline: String?

      func print(to console: Console) {
        console.line("Answered \(Quantity.count(messages, "message")).")
      }
    }

    func run() async throws {
      let path = try profile.folder(of: .doctor)
      let description = try OpenProfile.describe(path, .doctor)
      let keystore = try OpenProfile.unlock(path, description, profile.passphrase)
      let turn = ProfileTurn(path)
      let mark = try turn.beAgent()
      defer { close(mark) }
      StopSignal.listen()
      var agent = DoctorAgent(console: output.console)
      repeat {
        let opened: OpenProfile
        do {
          // Another command may have changed what the profile has, and its keys.
          let current = try agent.hasRun ? keystore.reopened() : keystore
          opened = try OpenProfile(path, description, current, patience: 2)
        } catch let error as StoreError where error.code == .locked && !once {
          // It takes longer; what comes meanwhile waits in the mailbox.
          continue
        }
        let former = agent
        agent = try await DoctorSession.run(in: opened) { session in
          var agent = former
          try await agent.work(session, once: once, turn: turn)
          return agent
        }
      } while !once && !StopSignal.isGiven
      output.deliver(
        Report(messages: agent.messages, completed: agent.completed, offline: agent.failure))
      if once, agent.failure != nil {
        throw ExitCode(CommandFailure.ExitStatus.waits.rawValue)
      }
    }
  }

  /// What an agent has done, over all the times that it has had the profile.
  private struct DoctorAgent: Sendable {
    let console: Console
    var hasRun = false
    var messages = 0
    var completed: [String] = []
    /// What does not work now.
    private var failures: [Work: String] = [:]
    private var steps: [Digest32: AssignedVisit.Step] = [:]
    private var consents: Set<Digest32> = []

    private enum Work: String { case mail, following }

    init(console: Console) { self.console = console }

    var failure: String? { failures[.mail] ?? failures[.following] }

    /// How long a fetch of mail waits, in seconds.
    private static let waiting: UInt64 = 20
    /// Between two times of following up, in seconds.
    private static let followingPeriod = 15.0
    /// How long after a message the profile is given away at the earliest, and how long somebody waits for it at the
    /// most, in seconds: the exchange of a group key is several messages, and begins anew where it is interrupted.
    private static let (quiet, patience) = (2.0, 10.0)
    private var lastMail = Date.distantPast

    /// Works until somebody else wants the profile, or the process is to end.
    mutating func work(_ session: DoctorSession, once: Bool, turn: ProfileTurn) async throws {
      var followed: Date?
      var pause = 1.0
      /// Since when somebody waits for the profile.
      var wished: Date?
      while true {
        var isHeard = true
        do {
          let count = try await mail(session.doctor, once ? 0 : Self.waiting, turn)
          if count > 0 {
            messages += count
            lastMail = Date()
          }
          pause = 1
          if once, count > 0 { continue }
          note(nil, .mail)
        } catch {
          // A profile that cannot be read is nothing that time mends.
          if error is StoreError { throw error }
          note(error, .mail)
          isHeard = false
        }
        hasRun = true
        try await tell(session.doctor)
        let isDue = followed.map { -$0.timeIntervalSinceNow > Self.followingPeriod } ?? true
        if !StopSignal.isGiven, isDue {
          await followUp(session)
          followed = Date()
        }
        if once || StopSignal.isGiven { return }
        if turn.isWanted {
          if -lastMail.timeIntervalSinceNow > Self.quiet || wished.map(Self.isLongAgo) ?? false {
            return
          }
          wished = wished ?? Date()
        }
        if !isHeard {
          await wait(pause, turn)
          pause = min(pause * 2, 8)
        }
      }
    }

    /// Reads mail, and gives it up when somebody else wants the profile or the process is to end.
    private func mail(_ doctor: Doctor, _ seconds: UInt64, _ turn: ProfileTurn) async throws -> Int
    {
      let last = lastMail
      return try await withThrowingTaskGroup(of: Int?.self) { group in
        group.addTask { try await doctor.readMail(waiting: seconds) }
        group.addTask {
          while !Task.isCancelled, !StopSignal.isGiven,
            !turn.isWanted || -last.timeIntervalSinceNow <= Self.quiet
          {
            try? await Task.sleep(for: .milliseconds(100))
          }
          return nil
        }
        let first = try await group.next() ?? nil
        group.cancelAll()
        while let _ = try? await group.next() {}
        return first ?? 0
      }
    }

    private static func isLongAgo(_ time: Date) -> Bool {
      -time.timeIntervalSinceNow > patience
    }

    private func wait(_ seconds: Double, _ turn: ProfileTurn) async {
      let end = Date().addingTimeInterval(seconds)
      while Date() < end, !StopSignal.isGiven, !turn.isWanted {
        try? await Task.sleep(for: .milliseconds(100))
      }
    }

    private mutating func followUp(_ session: DoctorSession) async {
      let doctor = session.doctor
      var failure: (any Error)?
      do {
        for visit in try await doctor.visits() where visit.step == .completion {
          do {
            try await doctor.completeVisit(visit.visit)
            completed.append("\(visit.visit)")
            console.line("Visit \(visit.visit): the record is with the cloud; it is complete.")
          } catch {
            // Others may go on.
            failure = failure ?? error
          }
        }
        try await doctor.followUp()
      } catch {
        failure = failure ?? error
      }
      note(failure, .following)
    }

    /// Says what is new.
    private mutating func tell(_ doctor: Doctor) async throws {
      for visit in try await doctor.visits() where steps[visit.visit] != visit.step {
        steps[visit.visit] = visit.step
        AssignedVisitReport(visit).print(to: console)
      }
      for consent in try await doctor.consents() where !consent.isUsed {
        guard consents.insert(consent.consent).inserted else { continue }
        console.line(
          "Consent \(consent.consent) to visit \(consent.visit.short) of \(consent.hospital): "
            + "'bcemr doctor open'")
      }
    }

    /// Says what fails, once, and that it goes on.
    private mutating func note(_ error: (any Error)?, _ work: Work) {
      let text = error.map {
        CommandFailure(asClient: $0, waiting: 0, agent: "bcemr doctor run").message
      }
      if let text, failures[work] != text { Console.diagnostic("\(text); it is tried again") }
      if text == nil, failures[work] != nil { Console.diagnostic("\(work) goes on again") }
      failures[work] = text
    }
  }
#endif
