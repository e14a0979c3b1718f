import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// The counter: whom the hospital has identified, and admits.
extension HospitalServer {
  static func ticketKey(_ ticket: [UInt8]) -> String { "ticket/\(ticket.hex)" }
  private static let ticketDayPrefix = "ticket-day/"
  private static func dayKey(_ day: UInt64, _ ticket: String = "") -> String {
    "\(ticketDayPrefix)\(day)/\(ticket)"
  }
  private static let forgottenKey = "tickets-forgotten"
  static let secondsOfDay: UInt64 = 86_400
  /// How many days a ticket is kept after it has expired, and with it the answer to its form.
  static let daysKept: UInt64 = 7

  /// Whatever is wrong with a ticket or a form: whoever has none learns nothing of who is a patient here.
  private static var refusal: ConsortiumError {
    ConsortiumError(.refused, "there is no admission by this form")
  }

  /// Makes a ticket for a person whom the clerk has identified; it can be used for a day.
  ///
  /// - Parameter identity: ID_j, 1 to 256 bytes, as the patient's own program states it.
  package func issueTicket(for identity: String) async throws -> AdmissionTicket {
    let identity = WrittenForm.canonical(identity)
    guard (1...256).contains(identity.utf8.count) else {
      throw ConsortiumError(.wrongState, "an identity has 1 to 256 bytes")
    }
    try await forgetTickets()
    let ticket = AdmissionTicket(using: &randomness)
    let publicKey = try ticket.key(genesis: node.genesis.digest, hospital: id).publicKey
    let expiresAt = inbox.clock() &+ Self.secondsOfDay
    try store.write([
      Self.ticketKey(publicKey): Message(
        IssuedTicket(identity: identity, expiresAt: expiresAt)
      ).encoded(),
      Self.dayKey(expiresAt / Self.secondsOfDay, publicKey.hex): [],
    ])
    return ticket
  }

  /// The public keys of the tickets of a person that have opened no visit.
  package func openTickets(of identity: String) async throws -> [[UInt8]] {
    let prefix = Self.ticketKey([])
    var tickets: [[UInt8]] = []
    for (key, issued) in try store.readable(withPrefix: prefix, as: IssuedTicket.self)
    where issued.isFor(identity) {
      if let context = issued.context { try await noteOpened(context.visitID) }
      guard try issued.answer == nil || offer(of: issued) != nil,
        let ticket = [UInt8](hex: String(key.dropFirst(prefix.count)))
      else { continue }
      tickets.append(ticket)
    }
    return tickets
  }

  /// Takes a ticket back, with the visit that it was offered: nobody is admitted with it any more. A visit
  /// that is open stays.
  ///
  /// - Parameter ticket: its public key.
  package func voidTicket(_ ticket: [UInt8]) async throws {
    let key = Self.ticketKey(ticket)
    guard let issued: IssuedTicket = try store.readable(key) else {
      // One that cannot be read admits nobody either, and what it was offered is not known.
      return try store.write([key: nil])
    }
    guard let context = issued.context else { return try void(issued, key) }
    // Nobody opens its visit meanwhile.
    try await openings.pass(context.visitID) {
      try await noteOpened(context.visitID)
      try void(issued, key)
    }
  }

  private func void(_ issued: IssuedTicket, _ key: String) throws {
    var changes: [String: [UInt8]?] = [key: nil]
    if let offer = try offer(of: issued) {
      changes[Self.offerKey(offer.digest)] = .some(nil)
      let offered = Self.offeredKey(offer.visitID, offer.visitSigningKey)
      changes[offered] = .some(nil)
      // Another ticket may have been offered the same visit, or have opened it.
      let offers = try store.keys(withPrefix: Self.offeredKey(offer.visitID))
      if try offers.allSatisfy({ $0 == offered }) && !hasPatient(offer.visitID) {
        changes[Self.choiceKey(offer.visitID)] = .some(nil)
      }
    }
    try store.write(changes)
  }

  /// Whether this is the public key of a ticket that was issued here.
  package func isIssued(_ ticket: [UInt8]) throws -> Bool {
    try store.value(forKey: Self.ticketKey(ticket)) != nil
  }

  /// The visit that a ticket was offered, while the patient has not agreed to it.
  private func offer(of issued: IssuedTicket) throws -> VisitContext? {
    guard let context = issued.context else { return nil }
    return try store.value(forKey: Self.offerKey(context.digest)) == nil ? nil : context
  }

  /// Forgets tickets that have expired days ago, and what they were offered.
  func forgetTickets() async throws {
    let today = inbox.clock() / Self.secondsOfDay
    guard today > Self.daysKept else { return }
    let due = today - Self.daysKept
    let stored = try store.readableBytes(Self.forgottenKey)
    let forgotten = stored.flatMap { UInt64(String(decoding: $0, as: UTF8.self)) }
    guard forgotten != due else { return }
    try forgetNamedTeams()
    // Where the chain cannot be asked which visits are open, nothing is forgotten.
    _ = try await views.chains.view(of: id)
    if let forgotten, forgotten > due { try setTicketsRight() }
    for day in min(forgotten ?? due, due)..<due {
      let prefix = Self.dayKey(day)
      for key in try store.keys(withPrefix: prefix) {
        if let ticket = [UInt8](hex: String(key.dropFirst(prefix.count))) {
          do {
            try await voidTicket(ticket)
          } catch let error as StoreError {
            throw error
          } catch {
            // Whatever it meets keeps nobody from being admitted.
            inbox.failures.note(error)
            try store.write([Self.ticketKey(ticket): nil])
          }
        }
        try store.write([key: nil])
      }
    }
    try store.write([Self.forgottenKey: Array(String(due).utf8)])
  }

  /// Tickets that were issued by a clock that was ahead can be used for a day from now on.
  private func setTicketsRight() throws {
    let expiresAt = inbox.clock() &+ Self.secondsOfDay
    let last = expiresAt / Self.secondsOfDay
    for key in try store.keys(withPrefix: Self.ticketDayPrefix) {
      let parts = key.split(separator: "/")
      guard parts.count == 3, let day = UInt64(parts[1]), day > last else { continue }
      var changes: [String: [UInt8]?] = [key: nil, Self.dayKey(last, String(parts[2])): []]
      if let ticket = [UInt8](hex: String(parts[2])),
        var issued: IssuedTicket = try store.readable(Self.ticketKey(ticket))
      {
        issued.expiresAt = min(issued.expiresAt, expiresAt)
        changes[Self.ticketKey(ticket)] = Message(issued).encoded()
      }
      try store.write(changes)
    }
  }

  // MARK: Admission

  /// Lets a form pass that is signed with a good ticket for the identity that it names, and is the first of
  /// that ticket.
  ///
  /// It does not suspend, so no two forms can be the first.
  /// - Returns: the answer that the form has had.
  /// - Throws: ``ConsortiumError`` `refused`.
  func spendTicket(
    _ form: AdmissionForm, by author: Principal?
  ) throws -> AdmissionOffer? {
    guard case .key(let ticket) = author else { throw Self.refusal }
    let (key, digest) = (Self.ticketKey(ticket), Message(form).digest)
    guard form.ticket == ticket, var issued: IssuedTicket = try store.load(key),
      issued.isFor(form.identity),
      issued.form.map({ $0 == digest }) ?? (inbox.clock() <= issued.expiresAt)
    else { throw Self.refusal }
    if issued.form == nil {
      issued.form = digest
      try store.save(issued, key)
    }
    return issued.answer
  }

  /// Keeps the answer to a form, with what else changes by it.
  ///
  /// - Returns: the answer; the first one, if the form came twice and was answered in between.
  func answer(
    _ form: AdmissionForm, _ answer: AdmissionOffer, _ changes: [String: [UInt8]?] = [:]
  ) throws -> AdmissionOffer {
    let key = Self.ticketKey(form.ticket)
    guard var issued: IssuedTicket = try store.load(key) else { throw Self.refusal }
    if let first = issued.answer { return first }
    issued.answer = answer
    try store.write(changes.merging([key: Message(issued).encoded()]) { _, new in new })
    return answer
  }
}

extension IssuedTicket {
  /// The visit that it was offered.
  fileprivate var context: VisitContext? {
    guard case .visit(let context, _, _, _)? = answer else { return nil }
    return context
  }
}
