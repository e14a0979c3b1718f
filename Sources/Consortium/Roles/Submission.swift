public import CanonicalEncoding
import EMRScheme
package import Ledger

/// Something that a patient or a doctor has submitted to a hospital, and how it stands.
public struct Submission: Sendable, Equatable {
  /// What it says.
  public enum Kind: UInt64, Sendable {
    /// A doctor's, over all findings up to the own.
    case signature = 1
    case completion, receipt, consent, revocation
  }

  /// How long a hospital has before what it was sent is demanded, in seconds: from its first signed answer
  /// until its cloud confirms the entry; or, while it signs none, over which three attempts are spread; and over
  /// which three looks are spread that do not find final what was confirmed.
  public static let patience: UInt64 = 3600

  /// What it says.
  public let kind: Kind
  /// The digest of the entry.
  public let entry: Digest32
  /// To whose chain.
  public let hospital: String
  /// About which visit.
  public let visit: Digest32
  /// The digest of the consent that is given or taken back.
  public let consent: Digest32?
  /// How it stands.
  public let standing: SubmissionStanding
  /// Since when it stands so, by the own clock, in seconds since 1970.
  public let since: UInt64
  /// Where its final demand stands on the consortium chain, if it was demanded; or that of another entry that takes
  /// the same consent back.
  public let demand: UInt64?
  /// The hospital, or who stands before it: it was asked, had not taken the entry within its time, and
  /// the entry was demanded. Nobody once another entry is shown that makes this one needless, nor of what its cloud
  /// has confirmed.
  public let swallowedBy: String?
  /// Whether the hospital has signed less since than its cloud has confirmed; both answers are kept.
  public let isContradicted: Bool
}

/// What who submits an entry keeps of it: the whole entry until it is final.
package struct KeptSubmission: NamedValue {
  package static let name = "submission"

  /// In the order in which they were kept.
  package let number: UInt64
  package let kind: Submission.Kind
  package let digest: Digest32
  package let hospital: String
  package let visit: Digest32
  package let consent: Digest32?
  /// nil once it is final: the ledger has it.
  package var entry: Entry?
  package var standing = SubmissionStanding.sent
  /// When it came to stand so.
  package var since: UInt64
  /// When it was sent to the hospital, of many attempts some, with the first and the last; none since it has
  /// answered. Of what is confirmed, when it was looked for and not found to be final.
  package var attempts: [UInt64] = []
  /// When the hospital first signed what it has done with it.
  package var answeredAt: UInt64?
  /// When a supernode first said that a demand waits for its block.
  package var demandedAt: UInt64?
  /// Where the demand stands, once it is final.
  package var demand: UInt64?
  /// Whether the hospital had not taken it within its time.
  package var wasOverdue = false
  /// The hospital's signed answer that shows the standing, in DER.
  package var answer: [UInt8] = []
  /// A later one by which the hospital takes back what its cloud has confirmed.
  package var denial: [UInt8] = []

  /// - Throws: ``ConsortiumError`` `unsupported` for what nobody keeps.
  package init(_ entry: Entry, number: UInt64, at time: UInt64) throws {
    switch entry.content.body {
    case .partialSignature(let body): (kind, visit, consent) = (.signature, body.visit, nil)
    case .visitCompletion(let body):
      (kind, visit, consent) = (.completion, body.context.visitID, nil)
    case .visitReceipt(let body): (kind, visit, consent) = (.receipt, body.visit, nil)
    case .consentNotice(let body): (kind, visit, consent) = (.consent, body.visit, body.document)
    case .revocation(let body): (kind, visit, consent) = (.revocation, body.visit, body.document)
    default: throw ConsortiumError(.unsupported, "such an entry is not submitted by hand")
    }
    (self.entry, digest, hospital) = (entry, entry.digest, entry.content.chain)
    (self.number, since) = (number, time)
  }

  /// Whether nothing more is done for it.
  package var isSettled: Bool {
    switch standing {
    case .refused, .final: true
    case .sent, .written, .demanded, .confirmed: false
    }
  }

  /// Whether what is kept of it shows more than that it was sent, and perhaps answered.
  package var isOfRecord: Bool {
    standing.isConfirmed || demandedAt != nil || demand != nil || !denial.isEmpty
  }

  /// a_k of a signature, while its entry is here.
  private var attempt: UInt64? {
    guard case .partialSignature(let body)? = entry?.content.body else { return nil }
    return body.commitments.last?.attempt
  }

  /// Whether this one has to be taken before another about the same can be: signatures count in the order of
  /// their attempts.
  func comesBefore(_ other: KeptSubmission) -> Bool {
    guard let attempt, let next = other.attempt else { return false }
    return attempt < next
  }

  /// How many attempts are remembered.
  private static let attemptLimit = 16

  /// Notes what time it is by now: a moment behind it was noted by a clock that was ahead, and counts as now. Else a
  /// hospital would have its time only once that moment has come.
  package mutating func noteTime(_ time: UInt64) {
    since = min(since, time)
    attempts = attempts.map { min($0, time) }
    answeredAt = answeredAt.map { min($0, time) }
    demandedAt = demandedAt.map { min($0, time) }
  }

  /// Notes that it is sent to the hospital once more.
  package mutating func noteAttempt(at time: UInt64) {
    noteTime(time)
    if answeredAt == nil { remember(attempt: time) }
  }

  /// Notes that it was looked for and not found to be final, though its cloud has confirmed it.
  package mutating func noteLook(at time: UInt64) {
    noteTime(time)
    if answeredAt != nil, standing.isConfirmed { remember(attempt: time) }
  }

  private mutating func remember(attempt time: UInt64) {
    // Those between the first and the last are a sixteenth of the whole apart, which shows well enough how
    // they are spread.
    if attempts.count > 2, let first = attempts.first, let last = attempts.last,
      case let between = attempts[attempts.count - 2],
      last < between || last - between < (max(first, last) - first) / 16
    {
      attempts.removeLast()
    }
    if attempts.count == Self.attemptLimit { attempts.remove(at: 1) }
    attempts.append(time)
  }

  /// Notes that the hospital has signed an answer.
  package mutating func noteAnswer(at time: UInt64) {
    guard answeredAt == nil else { return }
    answeredAt = time
    attempts = []
  }

  /// Whether the hospital has had its time: since it first answered, or, where it never did, from the first
  /// attempt to the last, with another one between that is half of it from both. A message or two that
  /// were lost are nobody's fault. Of what is confirmed the attempts are those to find it final.
  package func isOverdue(after patience: UInt64, at time: UInt64) -> Bool {
    func hasPassed(_ seconds: UInt64, from start: UInt64, to end: UInt64) -> Bool {
      end >= start && end - start >= seconds
    }
    if let answeredAt, !standing.isConfirmed || !denial.isEmpty {
      return hasPassed(patience, from: answeredAt, to: time)
    }
    guard let first = attempts.first, let last = attempts.last else { return false }
    return attempts.dropFirst().dropLast().contains {
      hasPassed(patience / 2, from: first, to: $0)
        && hasPassed(patience - patience / 2, from: $0, to: last)
    }
  }

  /// Notes what was shown: it stands for more, or for the same. By what shows less it stands as before.
  package mutating func note(_ shown: SubmissionStanding, answer: [UInt8], at time: UInt64) {
    // A revocation counts by its demand, whatever is answered to that.
    if kind == .revocation, case .demanded = standing, shown.isRefused { return }
    let raised = standing.raised(by: shown)
    if raised == shown {
      self.answer = answer
    } else if case .confirmed = standing {
      denial = answer
    }
    if raised != standing { (standing, since) = (raised, time) }
    if case .final = standing { (entry, self.answer, denial) = (nil, [], []) }
  }

  /// Takes over what is known of an entry in whose place this one is sent, under another key: the hospital's time goes
  /// on, but where the first that it has signed of that one is that it refuses it.
  mutating func takeOver(_ former: KeptSubmission) {
    if former.standing.isRefused, former.answeredAt == former.since { return }
    (attempts, answeredAt) = (former.attempts, former.answeredAt)
  }

  /// Has what is known of another one that says the same be known of this one.
  mutating func join(_ other: KeptSubmission) {
    wasOverdue = wasOverdue || other.wasOverdue
    demandedAt = demandedAt ?? other.demandedAt
    demand = demand ?? other.demand
    if !standing.isFinal, denial.isEmpty { denial = other.denial }
  }

  /// Notes how another entry stands that says the same: what was refused or not taken was needless.
  package mutating func note(another standing: SubmissionStanding, at time: UInt64) {
    if case .demanded(let index) = standing { demand = index }
    note(standing, answer: [], at: time)
    wasOverdue = false
  }

  package var submission: Submission {
    Submission(
      kind: kind, entry: digest, hospital: hospital, visit: visit, consent: consent,
      standing: standing, since: since, demand: demand,
      swallowedBy: wasOverdue && demand != nil ? hospital : nil, isContradicted: !denial.isEmpty)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("number", number)
    fields.integer("kind", kind.rawValue)
    fields.digest("digest", digest)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.octets("consent", consent?.bytes ?? [])
    fields.optional("entry", entry)
    fields.value("standing", standing)
    fields.integer("since", since)
    fields.list("attempts", attempts.map(Quantity.init))
    fields.optional("answeredAt", answeredAt.map(Quantity.init))
    fields.optional("demandedAt", demandedAt.map(Quantity.init))
    fields.optional("demand", demand.map(Quantity.init))
    fields.integer("wasOverdue", wasOverdue ? 1 : 0)
    fields.octets("answer", answer)
    fields.octets("denial", denial)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    number = try fields.integer("number")
    guard let kind = Submission.Kind(rawValue: try fields.integer("kind")) else {
      throw DecodingFailure(.invalidField, "kind is not one of 1 to 5")
    }
    self.kind = kind
    digest = try fields.digest("digest")
    hospital = try fields.text("hospital", maximum: 256)
    visit = try fields.digest("visit")
    consent = Digest32(try fields.octets("consent", 0...32))
    entry = try fields.optional("entry")
    standing = try fields.value("standing")
    since = try fields.integer("since")
    attempts = try fields.list("attempts", maximum: Self.attemptLimit, of: Quantity.self)
      .map(\.value)
    answeredAt = try fields.optional("answeredAt", of: Quantity.self)?.value
    demandedAt = try fields.optional("demandedAt", of: Quantity.self)?.value
    demand = try fields.optional("demand", of: Quantity.self)?.value
    wasOverdue = try fields.integer("wasOverdue", in: 0...1) == 1
    answer = try fields.octets("answer", 0...Self.answerLimit)
    denial = try fields.octets("denial", 0...Self.answerLimit)
  }

  private static let answerLimit = SubmissionAnswer.maximumByteCount + 256

  /// An integer that there need not be.
  private struct Quantity: CanonicalValue {
    let value: UInt64
    init(_ value: UInt64) { self.value = value }
    func encode(into fields: inout some FieldEncoder) { fields.integer("value", value) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      value = try fields.integer("value")
    }
  }
}

extension SubmissionStanding: CanonicalValue {
  public func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .sent: fields.integer("standing", 1)
    case .written: fields.integer("standing", 2)
    case .refused(let code, let position):
      fields.integer("standing", 3)
      fields.text("code", code)
      fields.integer("position", position)
    case .demanded(let index):
      fields.integer("standing", 4)
      fields.integer("index", index)
    case .confirmed(let index):
      fields.integer("standing", 5)
      fields.integer("index", index)
    case .final(let index):
      fields.integer("standing", 6)
      fields.integer("index", index)
    }
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("standing", in: 1...6) {
    case 1: self = .sent
    case 2: self = .written
    case 3:
      self = .refused(
        code: try fields.text("code", maximum: 256), position: try fields.integer("position"))
    case 4: self = .demanded(index: try fields.integer("index"))
    case 5: self = .confirmed(index: try fields.integer("index"))
    default: self = .final(index: try fields.integer("index"))
    }
  }
}
