#if Network
  import CanonicalEncoding
  import Consortium
  import Ledger

  /// A doctor who is there for a load alone, with the keys in memory.
  final class LoadDoctor: Sendable {
    let doctor: Doctor
    /// Told when mail has come.
    let mail = ChangeSignal()
    /// Between two times of following up what was submitted, in seconds; as `bcemr doctor run`.
    private static let followingPeriod = 15.0
    /// For how long one question for mail waits, in seconds.
    private static let waiting: UInt64 = 20

    init(_ doctor: Doctor) { self.doctor = doctor }

    var id: String { doctor.id }

    /// Answers mail, until the task is cancelled.
    func readMail(_ recorder: LoadRecorder) async {
      while !Task.isCancelled {
        do {
          try await doctor.keepReadingMail(waiting: Self.waiting) { [mail] count in
            if count > 0 { mail.notify() }
          }
        } catch {
          if Task.isCancelled { return }
          recorder.fail(.groupKey, "mail-\(ConsortiumError(error).code)")
          try? await Task.sleep(for: .seconds(1))
        }
      }
    }

    /// Follows up what was submitted, until the task is cancelled.
    func followUp(_ recorder: LoadRecorder) async {
      // Not all doctors at one time.
      var pause = Double.random(in: 0...Self.followingPeriod)
      while !Task.isCancelled {
        guard (try? await Task.sleep(for: .seconds(pause))) != nil else { return }
        pause = Self.followingPeriod
        do {
          try await doctor.followUp(demandingAfter: nil)
        } catch {
          if !Task.isCancelled { recorder.fail(.final, "follow-\(ConsortiumError(error).code)") }
        }
      }
    }
  }

  /// A patient who is there for a load alone, with the keys in memory.
  struct LoadPatient: Sendable {
    let identity: String
    let patient: Patient
  }

  /// A visit of the load that is complete.
  struct LoadedVisit: Sendable {
    let visit: Digest32
    let hospital: String
    /// The place of the patient among all of the load.
    let patient: Int
    /// The identifiers of the team.
    let team: Set<String>
    let intended: ContinuousClock.Instant
    /// When the completion was confirmed.
    let confirmed: ContinuousClock.Instant
    private var pauses = Pauses.untilFinal
    /// When the patient asks for the record.
    private(set) var due: ContinuousClock.Instant

    init(
      visit: Digest32, hospital: String, patient: Int, team: Set<String>,
      intended: ContinuousClock.Instant, confirmed: ContinuousClock.Instant
    ) {
      (self.visit, self.hospital, self.patient, self.team) = (visit, hospital, patient, team)
      (self.intended, self.confirmed) = (intended, confirmed)
      due = confirmed
      askAgain()
    }

    /// Notes that it is not final yet.
    mutating func askAgain() { due = .now + pauses.next() }
  }
#endif
