#if Network
  import CanonicalEncoding
  import Consortium
  import Ledger

  /// The consortium that a load goes to, and the ways there.
  protocol LoadTarget: Sendable {
    /// The hospitals that have visits.
    var hospitals: [String] { get }
    /// Of messages of all people, with the answers; nil where they are not counted.
    var traffic: LoadTraffic? { get }

    /// New doctors of a hospital, registered.
    func doctors(_ count: Int, at hospital: String) async throws -> [LoadDoctor]
    /// A new patient.
    func patient(_ number: Int) async throws -> LoadPatient
    /// From the counter.
    func ticket(for patient: LoadPatient, at hospital: String) async throws -> AdmissionTicket
    /// Returns once the team of a visit has its group key.
    func awaitGroupKey(
      of visit: Digest32, at hospital: String, first: LoadDoctor,
      until deadline: ContinuousClock.Instant
    ) async throws
    /// Where a doctor asks this patient.
    func address(of patient: Int, _ person: LoadPatient) async throws -> PatientAddress
    /// Has the patient take what doctors have asked.
    func bringMail(to person: LoadPatient) async throws
    /// Lets everything of it work until the task is cancelled.
    func work(_ doctors: [LoadDoctor], _ recorder: LoadRecorder) async
    func end() async
  }

  /// What has passed between people and servers.
  struct LoadTraffic: Sendable {
    var messages = 0
    /// Of bodies, both ways.
    var bytes = 0
  }

  /// Why a load ends before its time.
  struct LoadFailure: Error {
    let code: String
  }
#endif
