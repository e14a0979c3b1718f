import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Synchronization
import TestSupport
import Testing

/// Strangers, a colleague, another hospital and the manager, each with its own true keys, who send every
/// kind of request to whoever takes it, whenever honest people have got on by a step.
final class Crowd: Sendable {
  enum Attacker: String, CaseIterable {
    case stranger
    case colleague = "hospital-1-doctor-3"
    case hospital = "hospital-3"
    case manager
  }

  /// What an attacker makes of a request.
  enum Form: CaseIterable {
    /// With own name and own signatures inside, in an envelope of its own.
    case own
    /// The same under a bare key.
    case bareKey
    /// In the true author's name, signed by the attacker.
    case othersName
    /// As its own, without a seal.
    case unsealed
    /// What honest people have asked in this run, in an envelope of the attacker's.
    case honestContent
    /// An envelope that has passed in this run, unchanged.
    case replayed
    /// The same to somebody else.
    case misdirected
    /// As long as the rule allows, with junk in it; sealed, and not.
    case longest, longestUnsealed
  }

  /// How much is sent at each step.
  enum Effort {
    /// So many requests of each kind by each attacker, chosen by the seed.
    case some(Int)
    /// Every kind in every form, made of every template, to every recipient.
    case all
  }

  struct Figures {
    var messages = 0
    var bytes = 0
    var bursts = 0
    /// By attacker, the kinds that it has sent.
    var kinds: [Attacker: Set<String>] = [:]
    var forms: Set<Form> = []
    /// What an attacker's own request was answered with, but for what is open to everybody.
    var answered: [String: Int] = [:]
  }

  private struct State {
    var figures = Figures()
    var generator: SeededGenerator
    /// By kind, what honest people have asked.
    var seen: [String: [Exchange]] = [:]
    /// By recorded run, the values of this one.
    var values: [[[UInt8]: [UInt8]]]
    var addresses: Set<String> = []
    /// Requests of megabytes that were sent, which are not sent at every step.
    var enormous: Set<String> = []
  }

  @TaskLocal static var isAttacking = false

  private let test: TestConsortium
  private let templates: RequestTemplates
  private let effort: Effort?
  private let stranger: IdentityKey
  private let state: Mutex<State>
  private let contacts = Mutex<[String: Contact]>([:])

  /// - Parameter effort: nil for nobody.
  init(_ test: TestConsortium, _ templates: RequestTemplates, _ effort: Effort?) throws {
    (self.test, self.templates, self.effort) = (test, templates, effort)
    var generator = SeededGenerator(seed: 31)
    stranger = try IdentityKey(seed: generator.bytes(32))
    state = Mutex(
      State(generator: generator, values: templates.runs.map { _ in [:] }))
  }

  var figures: Figures { state.withLock { $0.figures } }

  /// The kinds in whose midst nothing can be asked by a test: their sender lets nobody else in until it
  /// has its answer, and the crowd would wait for that.
  private static let exclusive: Set<String> = [ConfirmLeaves.name]

  /// From now on everything that honest people ask is seen, and followed by the crowd.
  func gather() {
    test.wire.intercept { [self] transit in
      if Self.isAttacking { return try await transit.deliver(transit.request) }
      let exchange = Exchange(transit)
      if let exchange { see(exchange) }
      let reply = try await transit.deliver(transit.request)
      if let exchange, RequestTable.byName[exchange.name]?.carriage == .sealed,
        !Self.exclusive.contains(exchange.name)
      {
        await attack()
      }
      return reply
    }
  }

  private func see(_ exchange: Exchange) {
    state.withLock { state in
      let index = state.seen[exchange.name, default: []].count
      state.seen[exchange.name, default: []].append(exchange)
      for run in state.values.indices {
        state.values[run].merge(
          templates.values(of: exchange, index: index, run: run), uniquingKeysWith: { $1 })
      }
      if exchange.recipient.utf8.count == 64 { state.addresses.insert(exchange.recipient) }
    }
  }

  // MARK: What is sent

  private struct Shot {
    let attacker: Attacker
    let rule: RequestRule
    let form: Form
    let recipient: String
    /// Which template, or which of the exchanges.
    let choice: Int
  }

  /// Everybody sends what they send at one step.
  func attack() async {
    // Whoever attacks has time, and quotas come back.
    test.pass(seconds: 1)
    guard let effort else { return }
    await Self.$isAttacking.withValue(true) {
      for shot in shots(effort) {
        do {
          try await send(shot)
        } catch {
          Issue.record("\(shot.rule.name) by \(shot.attacker): \(error)")
        }
      }
    }
    state.withLock { $0.figures.bursts += 1 }
  }

  private func recipients(_ kind: RoleKind, _ addresses: Set<String>) -> [String] {
    switch kind {
    case .manager: ["manager"]
    case .cloud: ["cloud"]
    case .hospital: (1...3).map { "hospital-\($0)" }
    case .doctor:
      (1...3).map { "hospital-1-doctor-\($0)" } + [TestConsortium.reader, "hospital-2-doctor-2"]
    case .patient: addresses.sorted()
    }
  }

  private func shots(_ effort: Effort) -> [Shot] {
    state.withLock { state in
      var shots: [Shot] = []
      for attacker in Attacker.allCases {
        for rule in RequestTable.rules {
          let recipients = rule.recipients.sorted().flatMap {
            self.recipients($0, state.addresses)
          }
          if recipients.isEmpty { continue }
          switch effort {
          case .some(let count):
            for _ in 0..<count {
              guard let form = Form.allCases.randomElement(using: &state.generator),
                let recipient = recipients.randomElement(using: &state.generator)
              else { continue }
              let choice = Int.random(in: 0..<1000, using: &state.generator)
              shots.append(
                Shot(
                  attacker: attacker, rule: rule, form: form, recipient: recipient,
                  choice: choice))
            }
          case .all:
            let templates = self.templates.templates[rule.name]?.count ?? 0
            for form in Form.allCases {
              for recipient in recipients {
                let isTemplate = [.own, .bareKey, .othersName, .unsealed].contains(form)
                for choice in 0..<(isTemplate ? templates : 1) {
                  shots.append(
                    Shot(
                      attacker: attacker, rule: rule, form: form, recipient: recipient,
                      choice: choice))
                }
              }
            }
          }
        }
      }
      return shots
    }
  }

  private func key(of attacker: Attacker) throws -> IdentityKey {
    if attacker == .stranger { return stranger }
    return try #require(test.secrets.identities(of: attacker.rawValue).first)
  }

  private func principal(_ attacker: Attacker, _ key: IdentityKey) -> Principal {
    attacker == .stranger ? .key(key.publicKey) : .party(attacker.rawValue)
  }

  private func send(_ shot: Shot) async throws {
    let key = try key(of: shot.attacker)
    let own = principal(shot.attacker, key)
    let seen = state.withLock { $0.seen[shot.rule.name] ?? [] }
    switch shot.form {
    case .own:
      try await sendSealed(shot, try made(shot, key, own), by: own, key)
    case .bareKey:
      try await sendSealed(shot, try made(shot, key, own), by: .key(key.publicKey), key)
    case .othersName:
      let template = try template(shot)
      let author = template.exchange.author ?? .party("hospital-1")
      try await sendSealed(
        shot, try made(shot, key, author), by: renamed(author, template.run), key)
    case .unsealed:
      note(try await sendBytes(shot, try made(shot, key, own)), to: shot)
    case .honestContent:
      guard let exchange = pick(seen, shot) else { return }
      try await sendSealed(shot, exchange.message.encoded(), by: own, key)
    case .replayed:
      guard let exchange = pick(seen, shot) else { return }
      try await sendBytes(shot, exchange.request, to: exchange.recipient)
    case .misdirected:
      guard let exchange = pick(seen, shot) else { return }
      try await sendBytes(shot, exchange.request)
    case .longest:
      if !isTooOften(shot) { try await sendSealed(shot, junk(shot, room: 4096), by: own, key) }
    case .longestUnsealed:
      if !isTooOften(shot) { try await sendBytes(shot, junk(shot, room: 0)) }
    }
  }

  private func pick(_ seen: [Exchange], _ shot: Shot) -> Exchange? {
    // The newest as a rule.
    if seen.isEmpty { return nil }
    return shot.choice % 2 == 0 ? seen.last : seen[shot.choice % seen.count]
  }

  private func template(_ shot: Shot) throws -> RequestTemplates.Template {
    let known = try #require(
      templates.templates[shot.rule.name], "there is no template of \(shot.rule.name)")
    return known[shot.choice % known.count]
  }

  /// An author as this run calls it.
  private func renamed(_ author: Principal, _ run: Int) -> Principal {
    let values = state.withLock { $0.values[run] }
    switch author {
    case .party: return author
    case .patient(let visit, let hospital):
      let other = values[visit.bytes].flatMap { Digest32($0) }
      return .patient(visit: other ?? visit, hospital: hospital)
    case .key(let key): return .key(values[key] ?? key)
    }
  }

  /// A template with this run's values, and with everything inside signed by the attacker.
  ///
  /// - Parameter author: in whose name it is.
  private func made(_ shot: Shot, _ key: IdentityKey, _ author: Principal) throws -> [UInt8] {
    let template = try template(shot)
    var values = state.withLock { $0.values[template.run] }
    if author != template.exchange.author {
      switch template.exchange.author {
      case .party(let name)?:
        if case .party(let own) = author { values[Array(name.utf8)] = Array(own.utf8) }
      case .key(let other)?: values[other] = key.publicKey
      case .patient?: break
      case nil:
        // A query that its author signs inside.
        if case .party(let own) = author {
          values[Array(template.exchange.sender.utf8)] = Array(own.utf8)
        }
      }
    }
    let message = template.exchange.message.replacing(values)
    // Every other one with something in it that nobody has said before.
    var invented: [[UInt8]: [UInt8]] = [:]
    if shot.choice % 2 == 1 {
      state.withLock { state in
        guard let value = message.octets.randomElement(using: &state.generator) else { return }
        invented[value] = state.generator.bytes(value.count)
      }
    }
    return message.replacing(invented).signed(by: key).encoded()
  }

  /// As long as a request of this kind may be, but for less than 64 bytes.
  private func junk(_ shot: Shot, room: Int) -> [UInt8] {
    let limit = min(shot.rule.limit, MessageLimits.message - room)
    return DER(
      tag: [0x7f, UInt8(ObjectKind.message.rawValue)],
      [
        DER([
          DER(tag: [2], bytes: [1]), DER(tag: [12], bytes: Array(shot.rule.name.utf8)),
          DER([DER(tag: [4], bytes: [UInt8](repeating: 0xa5, count: limit - 64))]),
        ])
      ]
    ).encoded()
  }

  /// Requests of megabytes are sent once a run of each kind, where all are, and else twice.
  private func isTooOften(_ shot: Shot) -> Bool {
    guard shot.rule.limit > 2 << 20 else { return false }
    return state.withLock { state in
      if case .some = effort, state.enormous.count >= 2 { return true }
      return !state.enormous.insert("\(shot.form) \(shot.rule.name)").inserted
    }
  }

  // MARK: Sending

  private func contact(_ recipient: String) -> Contact? {
    if let known = contacts.withLock({ $0[recipient] }) { return known }
    guard let contact = test.secrets.contact(recipient) else { return nil }
    contacts.withLock { $0[recipient] = contact }
    return contact
  }

  private func sendSealed(
    _ shot: Shot, _ payload: [UInt8], by author: Principal, _ key: IdentityKey
  ) async throws {
    guard let contact = contact(shot.recipient) else { return }
    let nonce = state.withLock { $0.generator.bytes(16) }
    let content = RequestContent(
      genesis: test.secrets.genesis, recipient: shot.recipient, author: author,
      name: shot.rule.name, nonce: nonce, sentAt: test.time, payload: payload)
    let (envelope, answer) = try Envelope.seal(content, by: key, to: contact)
    let reply = try await sendBytes(shot, envelope.encoded())
    guard ObjectKind(of: reply) == .sealedAnswer else { return }
    note(try answer.open(SealedAnswer(encoded: reply).sealed), to: shot)
  }

  /// Counts what is no refusal.
  private func note(_ answer: [UInt8], to shot: Shot) {
    let name = FieldDecoder.leadingText(of: .message, in: answer, maximum: 64)
    guard name == "reply" else { return }
    state.withLock {
      $0.figures.answered["\(shot.attacker): \(shot.rule.name)", default: 0] += 1
    }
  }

  @discardableResult
  private func sendBytes(
    _ shot: Shot, _ bytes: [UInt8], to recipient: String? = nil
  ) async throws -> [UInt8] {
    let courier = try #require(test.wire.untapped)
    state.withLock { state in
      state.figures.messages += 1
      state.figures.bytes += bytes.count
      state.figures.kinds[shot.attacker, default: []].insert(shot.rule.name)
      state.figures.forms.insert(shot.form)
    }
    let reply = try await courier.send(
      bytes, from: shot.attacker.rawValue, to: recipient ?? shot.recipient)
    // Whatever it is, it is an answer.
    #expect([.message, .sealedAnswer].contains(ObjectKind(of: reply)), "\(shot)")
    return reply
  }
}
