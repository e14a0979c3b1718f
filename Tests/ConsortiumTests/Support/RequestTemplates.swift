import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// One request between honest roles, as both of them know it.
struct Exchange: Sendable {
  let name: String
  let author: Principal?
  let message: DER
  /// As it was on the wire.
  let request: [UInt8]
  let sender: String
  let recipient: String

  /// - Returns: nil for what is no request.
  init?(_ transit: Wire.Transit) {
    guard let message = DER(transit.message), let fields = message.children?.first?.children,
      fields.count == 3
    else { return nil }
    name = String(decoding: fields[1].bytes, as: UTF8.self)
    (author, self.message) = (transit.author, message)
    (request, sender, recipient) = (transit.request, transit.sender, transit.recipient)
  }
}

/// The requests of honest runs, in their order.
final class RecordedRun: Sendable {
  private let log = Mutex<[Exchange]>([])

  var exchanges: [Exchange] { log.withLock { $0 } }

  func note(_ exchange: Exchange) { log.withLock { $0.append(exchange) } }

  /// Has everything noted that passes this wire.
  func listen(to wire: Wire) {
    wire.intercept { transit in
      if let exchange = Exchange(transit) { self.note(exchange) }
      return try await transit.deliver(transit.request)
    }
  }
}

/// What honest people asked, in consortia of their own: every kind of request has templates, into which an
/// attacker puts the values of another consortium.
struct RequestTemplates: Sendable {
  struct Template: Sendable {
    let exchange: Exchange
    /// Which of the runs it is from.
    let run: Int
  }

  /// Of each kind, requests of different structure.
  private(set) var templates: [String: [Template]] = [:]
  /// By run, by kind, all of its exchanges.
  let runs: [[String: [Exchange]]]

  private static let limit = 6

  init(_ runs: [RecordedRun]) {
    self.runs = runs.map { Dictionary(grouping: $0.exchanges, by: \.name) }
    var shapes: Set<[UInt8]> = []
    for (number, run) in runs.enumerated() {
      for exchange in run.exchanges {
        let name = exchange.name
        let shape = Array(name.utf8) + exchange.message.shape
        guard templates[name, default: []].count < Self.limit, shapes.insert(shape).inserted
        else { continue }
        templates[name, default: []].append(Template(exchange: exchange, run: number))
      }
    }
  }

  /// Three runs: one that goes as it should, one in which a doctor's program stops, a hospital takes no
  /// revocation, a disk is put back and a chain gets another cloud, with every request that is asked for
  /// that alone, and one in which messages wait in mailboxes.
  static func record() async throws -> RequestTemplates {
    let runs = [RecordedRun(), RecordedRun(), RecordedRun()]
    let test = HonestStory.consortium()
    runs[0].listen(to: test.wire)
    _ = try await HonestStory(test).run()
    try await troubles(runs[1])
    try await mail(runs[2])
    return RequestTemplates(runs)
  }

  private static func mail(_ run: RecordedRun) async throws {
    let test = TestConsortium(teamSize: 1, routes: MailRoutes())
    run.listen(to: test.wire)
    let consortium = try await test.open()
    _ = try await consortium.requestAccess(
      doctor: TestConsortium.reader, patient: TestConsortium.patient, purpose: "second opinion")
    _ = try await consortium.doctors[TestConsortium.reader]?.readMail()
    _ = try await consortium.patients[TestConsortium.patient]?.readMail()
  }

  private static func troubles(_ run: RecordedRun) async throws {
    let test = TestConsortium(teamSize: 2, epochLength: 12)
    run.listen(to: test.wire)
    var consortium = try await test.openWithTwoClouds()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    consortium = try await test.open()
    try test.storage.loseReceivedFindings()
    try await consortium.diagnose(visit, plan, position: 2)
    try await consortium.complete(visit, at: plan.hospital)
    _ = try await consortium.collect(visit, plan)
    let request = try await consortium.requestAccess(
      doctor: TestConsortium.reader, patient: TestConsortium.patient, purpose: "second opinion")
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 36_000)
    try await consortium.settle()
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    _ = await ConsortiumError.code {
      try await patient.demandRevocation(consent, through: "cloud")
    }
    try await consortium.settle()
    // The hospital's disk is put back, and its chain goes on in a new generation.
    let backup = try await test.storage.backup(plan.hospital)
    _ = try await test.completeVisit(consortium, test.plan("encounter-2"))
    await consortium.stop(hospital: plan.hospital)
    try await test.storage.restore(backup)
    try await consortium.start(hospital: plan.hospital)
    await test.rest(consortium)
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    await test.rest(consortium)
    _ = await ConsortiumError.code {
      _ = try await consortium.hold(test.plan("encounter-3"))
    }
    // A patient has nothing left but the words.
    try await test.loseDevice(consortium)
    _ = await ConsortiumError.code {
      _ = try await consortium.restore(patient: TestConsortium.patient)
    }
    // One who decides no blocks has something to say on the consortium chain.
    try await consortium.rotateKeys(of: "cloud-2")
  }

  /// What a run calls the things that another one calls otherwise: values at the same places of the same
  /// requests.
  ///
  /// - Parameter index: how many of this kind there were before.
  func values(of exchange: Exchange, index: Int, run: Int) -> [[UInt8]: [UInt8]] {
    guard let known = runs[run][exchange.name], index < known.count else { return [:] }
    var values: [[UInt8]: [UInt8]] = [:]
    known[index].message.align(with: exchange.message, &values)
    return values
  }
}

extension DER {
  /// The tags alone.
  fileprivate var shape: [UInt8] {
    tag + (children.map { [0xff] + $0.flatMap(\.shape) + [0xfe] } ?? [])
  }

  fileprivate func align(with other: DER, _ values: inout [[UInt8]: [UInt8]]) {
    guard tag == other.tag else { return }
    guard let children, let others = other.children else {
      if tag == [0x04], bytes.count >= 16, bytes != other.bytes { values[bytes] = other.bytes }
      return
    }
    for (child, other) in zip(children, others) { child.align(with: other, &values) }
  }
}
