package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// Of which visits a hospital has no group key yet.
struct DueGroupKeys: Sendable {
  /// By visit, until when it is not tried again; nil until the store was looked through.
  var pauses: [Digest32: Pause]?
  var running: Set<Digest32> = []

  /// Notes a visit that has just been opened.
  ///
  /// - Returns: whether somebody has exchanges begun, who need not wait for it.
  mutating func note(_ visit: Digest32) -> Bool {
    if pauses != nil { pauses?[visit] = Self.untried }
    return pauses != nil
  }

  static let untried = Pause(of: 5)

  /// What is due, with what was tried longest ago first, so that those who never answer keep nobody else's place.
  func due(at now: UInt64) -> [Digest32] {
    // By a clock that was ahead nobody knows when.
    func tried(_ pause: Pause) -> UInt64 { pause.begunAt.map { $0 <= now ? $0 : 0 } ?? 0 }
    return (pauses ?? [:]).filter { $0.value.isOver(at: now) && !running.contains($0.key) }
      .sorted { tried($0.value) < tried($1.value) }.map(\.key)
  }
}

/// The group key of a visit (4.3).
extension HospitalServer {
  /// That this hospital has seen to it, by itself, that the team of a visit has its group key.
  static func keyedKey(_ visit: Digest32) -> String { "group-key/\(visit)" }
  /// How many exchanges are under way at once.
  private static let exchangeLimit = 16
  /// How often a key is brought to a doctor who does not answer, in one exchange.
  private static let deliveryLimit = 3

  /// Begins what is due of the exchanges of group keys, without waiting for it: of each open visit, while the
  /// programs of its whole team are there, until its last deadline is over.
  package func agreeOnGroupKeys() throws {
    let now = inbox.clock()
    if groupKeys.pauses == nil {
      let visits = try store.keys(withPrefix: Self.visitPrefix).compactMap {
        Digest32(hex: String($0.dropFirst(Self.visitPrefix.count)))
      }
      groupKeys.pauses = Dictionary(visits.map { ($0, DueGroupKeys.untried) }) { first, _ in first }
    }
    for visit in groupKeys.due(at: now) {
      guard groupKeys.running.count < Self.exchangeLimit else { break }
      groupKeys.running.insert(visit)
      groupKeys.pauses?[visit]?.begin(at: now)
      Task { await self.agreeOnGroupKey(visit) }
    }
  }

  private func agreeOnGroupKey(_ visitID: Digest32) async {
    defer { groupKeys.running.remove(visitID) }
    do {
      guard let visit: HospitalVisit = try store.load(Self.key(visitID)), visit.agreed != nil,
        case let context = visit.context,
        // Counted time, as of the deadline: halts of any length leave later visits all their time.
        try await countedTime() <= context.deadline(ofPosition: context.signers.count),
        try store.value(forKey: Self.keyedKey(visitID)) == nil,
        try await views.chains.view(of: id).visit(visitID)?.status == .open
      else {
        groupKeys.pauses?[visitID] = nil
        return
      }
      // Half of a team agrees on nothing.
      for signer in context.signers {
        if let mailboxes, await !mailboxes.isPresent(signer.doctor) { return }
      }
      try await establishGroupKey(visitID)
      try store.write([Self.keyedKey(visitID): []])
      groupKeys.pauses?[visitID] = nil
    } catch {
      // It is tried again; what fails here itself is told to who runs the hospital.
      if ConsortiumError.isOwn(error) { inbox.failures.note(error) }
    }
  }

  /// Tells the team of its visit, and agrees on a group key with it.
  package func establishGroupKey(_ visitID: Digest32) async throws {
    try await exchanges.pass(visitID) { try await exchangeGroupKey(visitID) }
  }

  private func exchangeGroupKey(_ visitID: Digest32) async throws {
    let visit = try await visit(visitID)
    guard let opening = visit.agreed else {
      throw ConsortiumError(.wrongState, "the patient has not agreed to the visit")
    }
    let team = visit.context.signers.map(\.doctor)
    let consortium = await node.consortium
    let doctorKeys = try team.compactMap { try consortium.identityKey(of: $0) }
    let identity = try await identity.exchangeKey()
    var exchange = try HospitalKeyExchange<Suite>(
      context: visit.context, identityKey: identity, doctorKeys: doctorKeys, using: &randomness)
    let answers = try await atOnce(team.map { ($0, exchange.offer()) }) { [node] doctor, offer in
      try await node.ask(sealed: AssignVisit(opening: opening, offer: offer), of: doctor).bytes
    }
    let confirmations = try zip(team, answers).enumerated().map { index, answered in
      (answered.0, try exchange.confirm(answer: answered.1, from: index + 1))
    }
    let acknowledgements = try await atOnce(confirmations) { [node] doctor, confirmation in
      try await node.ask(
        sealed: ExchangeGroupKey(visit: visitID, step: .confirmation, message: confirmation),
        of: doctor
      ).bytes
    }
    for (index, acknowledgement) in acknowledgements.enumerated() {
      try exchange.acknowledge(acknowledgement, from: index + 1)
    }
    let deliveries = try team.enumerated().map { index, doctor in
      (doctor, try exchange.deliver(to: index + 1))
    }
    // The first doctor has it last: who signs takes no other key, and nobody signs before the first.
    for part in [deliveries.dropFirst(), deliveries.prefix(1)] {
      _ = try await atOnce(Array(part)) { doctor, delivery in
        try await self.bring(delivery, visitID, to: doctor)
        return []
      }
    }
  }

  /// Says something to several doctors at once: what each answers depends on none of the others. Where there are no
  /// mailboxes nobody has to be waited for, and they are asked in turn, so that each one's time can be measured.
  ///
  /// - Returns: the answers, in the doctors' order.
  /// - Throws: what went wrong with the first of them for whom something did, when all have ended.
  private nonisolated func atOnce(
    _ messages: [(doctor: String, message: [UInt8])],
    _ say: @escaping @Sendable (_ doctor: String, _ message: [UInt8]) async throws -> [UInt8]
  ) async throws -> [[UInt8]] {
    guard mailboxes != nil else {
      var answers: [[UInt8]] = []
      for (doctor, message) in messages { answers.append(try await say(doctor, message)) }
      return answers
    }
    // No task group: in one, with the optimizer of Swift 6.3.1, a child's own number is another one at times.
    let tasks = messages.map { message in
      Task { try await say(message.doctor, message.message) }
    }
    var answers: [Result<[UInt8], any Error>] = []
    for task in tasks { answers.append(await task.result) }
    return try answers.map { try $0.get() }
  }

  /// Brings a doctor the key. Where the answer is lost the same is brought again: in another exchange it would be
  /// another key.
  private func bring(_ delivery: [UInt8], _ visitID: Digest32, to doctor: String) async throws {
    for attempt in 1...Self.deliveryLimit {
      do {
        _ = try await node.ask(
          sealed: ExchangeGroupKey(visit: visitID, step: .delivery, message: delivery), of: doctor)
        return
      } catch let error as ConsortiumError
        where error.code == .unreachable && attempt < Self.deliveryLimit
      {
        continue
      }
    }
  }
}
