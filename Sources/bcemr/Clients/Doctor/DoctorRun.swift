#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Foundation
  import Keystore
  import Ledger
  import Synchronization

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
          // Another command may have changed what the profile has, and its keys: it reads both anew.
          opened = try OpenProfile(path, description, keystore, patience: 2)
        } catch let error as StoreError where error.code == .locked && !once {
          // It takes longer; what comes meanwhile waits in the mailbox.
          continue
        }
        let former = agent
        agent = try await DoctorSession.run(in: opened) { session in
          var agent = former
          if once {
            try await agent.workOnce(session)
          } else {
            try await agent.work(session, turn: turn)
          }
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
    var messages = 0
    var completed: [String] = []
    /// What does not work now.
    private var failures: [Work: String] = [:]
    /// What was said of visits: their step, and whether they are over.
    private var told: [Digest32: String] = [:]
    private var consents: Set<Digest32> = []

    private enum Work: String { case mail, following }

    init(console: Console) { self.console = console }

    var failure: String? { failures[.mail] ?? failures[.following] }

    /// Between two times of following up, in seconds.
    private static let followingPeriod = 15.0
    /// How long after a message the profile is given away at the earliest, and how long somebody waits for it at the
    /// most, in seconds: the exchange of a group key is several messages, and begins anew where it is interrupted.
    private static let (quiet, patience) = (2.0, 10.0)
    /// Between two looks at what has come, and at who wants the profile.
    private static let look = Duration.milliseconds(100)
    private var lastMail = Date.distantPast
    /// When it has followed up last. Who wants the profile again and again, and never leaves the mailbox the time to
    /// be heard of, keeps nothing from being followed.
    private var followed: Date?

    /// Does all that there is to do now.
    mutating func workOnce(_ session: DoctorSession) async throws {
      do {
        while case let count = try await session.doctor.readMail(), count > 0 { messages += count }
        note(nil, .mail)
      } catch {
        // A profile that cannot be read is nothing that time mends.
        if error is StoreError { throw error }
        note(error, .mail)
      }
      try await tell(session.doctor)
      if !StopSignal.isGiven { await followUp(session) }
    }

    /// Works until somebody else wants the profile, or the process is to end.
    mutating func work(_ session: DoctorSession, turn: ProfileTurn) async throws {
      let mailbox = AttendedMailbox()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await mailbox.attend(session.doctor) }
        defer { group.cancelAll() }
        try await work(session, mailbox, turn)
      }
    }

    private mutating func work(
      _ session: DoctorSession, _ mailbox: AttendedMailbox, _ turn: ProfileTurn
    ) async throws {
      /// Since when somebody waits for the profile.
      var wished: Date?
      while true {
        let news = mailbox.news()
        if news.count > 0 {
          messages += news.count
          lastMail = Date()
        }
        if let error = news.failure as? StoreError { throw error }
        if news.isHeard || news.failure != nil {
          note(news.failure, .mail)
          try await tell(session.doctor)
        }
        let isDue =
          followed.map { -$0.timeIntervalSinceNow > Self.followingPeriod }
          ?? (news.isHeard || news.failure != nil)
        if !StopSignal.isGiven, isDue {
          await followUp(session)
          try await tell(session.doctor)
          followed = Date()
        }
        if StopSignal.isGiven { return }
        if turn.isWanted {
          if -lastMail.timeIntervalSinceNow > Self.quiet || wished.map(Self.isLongAgo) ?? false {
            return
          }
          wished = wished ?? Date()
        }
        try await Task.sleep(for: Self.look)
      }
    }

    private static func isLongAgo(_ time: Date) -> Bool {
      -time.timeIntervalSinceNow > patience
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
      let halts = await doctor.halts()
      for visit in try await doctor.visits() {
        let report = AssignedVisitReport(visit, halts: halts)
        let news = report.over ? "over" : report.step
        guard told[visit.visit] != news else { continue }
        told[visit.visit] = news
        report.print(to: console)
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

  /// A mailbox that is read all the time, for who looks now and then at what came of it.
  private final class AttendedMailbox: Sendable {
    /// What is new since somebody looked.
    struct News: Sendable {
      /// How many messages were taken.
      var count = 0
      /// Whether the hospital has answered.
      var isHeard = false
      /// What failed last, if nothing has gone well since.
      var failure: (any Error)?
    }

    /// How long a question waits for a message, and between two questions at most where they fail, in seconds.
    private static let (waiting, longestPause): (UInt64, Double) = (20, 8)
    private let state = Mutex(News())
    /// After the next failure.
    private let pause = Mutex(1.0)

    func news() -> News {
      state.withLock { state in
        defer { state = News() }
        return state
      }
    }

    /// Reads the mailbox until the task is cancelled, or the profile cannot be read.
    func attend(_ doctor: Doctor) async {
      while !Task.isCancelled {
        do {
          try await doctor.keepReadingMail(waiting: Self.waiting) { count in
            self.pause.withLock { $0 = 1 }
            self.state.withLock { state in
              state.count += count
              (state.isHeard, state.failure) = (true, nil)
            }
          }
        } catch {
          if Task.isCancelled { return }
          state.withLock { $0.failure = error }
          if error is StoreError { return }
          let seconds = pause.withLock { pause in
            defer { pause = min(pause * 2, Self.longestPause) }
            return pause
          }
          try? await Task.sleep(for: .seconds(seconds))
        }
      }
    }
  }
#endif
