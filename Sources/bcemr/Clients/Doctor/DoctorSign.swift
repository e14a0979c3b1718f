#if Network
  import ArgumentParser
  import CanonicalEncoding
  import ClinicalRecords
  import Consortium

  struct DoctorSign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "sign", abstract: "Sign what you have found at a visit.",
      discussion: """
        The files are FHIR R4 in JSON: one Bundle, which is signed byte for byte, or resources, of which a Bundle is \
        made. That they are FHIR, that nothing stands there twice in two forms and that all of it is one patient's is \
        checked before; whose it is you know. Another finding of the same visit withdraws the first. The last doctor's \
        signature seals the record, gives it to the cloud and completes the visit.
        """)

    @Argument(help: "The visit, by the first 8 or more digits of its identifier.")
    var visit: String

    @Argument(help: "The files with what was found.")
    var files: [String] = []

    @Flag(help: "Sign that there is nothing to say: a Bundle without an entry.")
    var nothing = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      struct Count: Encodable {
        let type: String
        let count: Int
      }

      let visit: String
      let bytes: Int
      let resources: [Count]
      let signature: DemoReport.StandingReport
      let signatureWords: String
      /// How the completion stands, of the last doctor.
      var completion: DemoReport.StandingReport?
      var completionWords: String?
      /// What is signed, and did not reach everybody yet.
      var waits: String?

      private enum CodingKeys: String, CodingKey {
        case visit, bytes, resources, signature, completion, waits
      }

      func print(to console: Console) {
        let found = resources.map { "\($0.count) \($0.type)" }.joined(separator: ", ")
        console.line(
          "Signed \(found.isEmpty ? "nothing found" : found) in visit \(visit): \(signatureWords).")
        if let completionWords {
          console.line("The record is sealed and with the cloud; the visit is \(completionWords).")
        }
        if let waits { console.line(waits) }
      }
    }

    func validate() throws {
      guard files.isEmpty == nothing else {
        throw ValidationError(
          nothing ? "--nothing is for a finding without files" : "no file says what was found")
      }
    }

    func run() async throws {
      let finding = try Self.finding(files)
      for name in finding.enteredInError {
        Console.diagnostic(
          "\(name) says of itself that it is entered in error; it is signed as it is")
      }
      let name = visit
      let report = try await DoctorSession.run(profile) { session in
        try await Self.sign(finding, name, session)
      }
      output.deliver(report)
      if report.waits != nil { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }

    private static func sign(
      _ finding: FHIRFinding, _ name: String, _ session: DoctorSession
    ) async throws -> Report {
      let doctor = session.doctor
      // What those before have handed on may wait in the mailbox.
      _ = try? await doctor.readMail(waiting: 0)
      let visit = try await session.visit(name)
      func standing(of kind: Submission.Kind) async throws -> Submission? {
        try await doctor.submissions().last {
          $0.kind == kind && $0.visit == visit.visit && $0.hospital == doctor.hospital
        }
      }
      let before = try await standing(of: .signature)?.entry
      var signature: SubmissionStanding
      var waits: String?
      do {
        signature = try await doctor.diagnose(visit.visit, finding.content)
      } catch let error as ConsortiumError
        where error.code == .wrongState && [.done, .completion].contains(visit.step)
      {
        throw CommandFailure(
          .checkFailed, code: "\(error.code)",
          "you have signed it, and the visit takes no other signature",
          hint: "'bcemr doctor visits' tells what is left to do")
      } catch {
        // Signed, and not heard of by everybody: the next doctor may be away, or the hospital's answer was lost.
        let failure = CommandFailure(asClient: error, waiting: 1, agent: "bcemr doctor run")
        guard failure.exitCode == .waits, let made = try await standing(of: .signature),
          made.entry != before, made.isWaiting || made.standing.isFinal
        else { throw error }
        signature = made.standing
        waits = "\(failure.message): what waits is sent again by 'bcemr doctor run'."
      }
      var report = Report(
        visit: "\(visit.visit)", bytes: finding.content.count,
        resources: finding.counts.map { .init(type: $0.type, count: $0.count) },
        signature: .init(signature), signatureWords: signature.told(by: doctor.hospital))
      report.waits = waits
      if visit.position == visit.team.count, waits == nil {
        do {
          let completion = try await doctor.completeVisit(visit.visit)
          report.completion = .init(completion)
          report.completionWords = completion.told(by: doctor.hospital)
        } catch {
          let failure = CommandFailure(asClient: error, waiting: 1, agent: "bcemr doctor run")
          guard failure.exitCode == .waits else { throw error }
          report.waits =
            "\(failure.message): the record is kept, and 'bcemr doctor run' completes the visit."
        }
      }
      return report
    }

    private static func finding(_ paths: [String]) throws -> FHIRFinding {
      var files: [HistoryFile] = []
      for path in paths {
        let bytes = try SystemFile.contents(of: path, limit: FHIRHistory.maximumByteCount)
        do {
          files.append(try HistoryFile(bytes, name: path))
        } catch {
          throw CommandFailure(error, at: path)
        }
      }
      do {
        return try FHIRFinding(files)
      } catch {
        throw CommandFailure(error, at: error.location?.file ?? paths.joined(separator: ", "))
      }
    }
  }
#endif
