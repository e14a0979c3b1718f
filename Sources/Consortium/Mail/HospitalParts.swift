/// How much was promised to wait to the doctors of each hospital, in all mailboxes and in each.
///
/// A hospital alone says who its doctors are: what bounds one of them bounds no hospital. So all doctors of one
/// have together an equal part for each hospital, which no other takes.
struct HospitalParts: Sendable {
  private struct Part: Hashable {
    let hospital: [UInt8]
    /// nil for all mailboxes.
    let recipient: String?
  }

  private var weights: [Part: Int] = [:]

  mutating func insert(_ mail: WaitingMail) { add(mail, mail.weight) }
  mutating func remove(_ mail: WaitingMail) { add(mail, -mail.weight) }

  private mutating func add(_ mail: WaitingMail, _ weight: Int) {
    for part in Self.parts(of: mail) {
      let after = weights[part, default: 0] + weight
      weights[part] = after == 0 ? nil : after
    }
  }

  private static func parts(of mail: WaitingMail) -> [Part] {
    guard let hospital = mail.hospital else { return [] }
    return [nil, mail.recipient].map { Part(hospital: hospital, recipient: $0) }
  }

  /// Whether one more message has room in its hospital's part, where there are so many hospitals.
  func haveRoom(for mail: WaitingMail, among hospitals: Int, _ limits: Mailboxes.Limits) -> Bool {
    Self.parts(of: mail).allSatisfy { part in
      let limit = part.recipient == nil ? limits.totalWeight : limits.mailboxWeight
      return weights[part, default: 0] + mail.weight <= limit / max(1, hospitals)
    }
  }
}
