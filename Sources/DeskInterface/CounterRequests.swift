/// Takes a doctor on: the registration with this fingerprint is accepted, and no other.
package struct ExpectDoctor: DeskRequest {
  package static let name = "expect-doctor"

  /// The hospital; nil for the one that the daemon has.
  package var role: String?
  package var doctor: String
  /// 64 hexadecimal digits.
  package var fingerprint: String
  /// As `system|code`.
  package var specialties: [String]

  package init(role: String?, doctor: String, fingerprint: String, specialties: [String]) {
    (self.role, self.doctor, self.fingerprint) = (role, doctor, fingerprint)
    self.specialties = specialties
  }
}

/// Takes back that a doctor is expected; who is registered here stays.
package struct VoidExpectation: DeskRequest {
  package static let name = "void-expectation"

  /// The hospital; nil for the one that the daemon has.
  package var role: String?
  package var doctor: String

  package init(role: String?, doctor: String) { (self.role, self.doctor) = (role, doctor) }
}

/// The doctors whom the hospital has taken on.
package struct ListDoctors: DeskRequest {
  package static let name = "doctors"

  package var role: String?

  package init(role: String?) { self.role = role }

  package struct Answer: DeskAnswer {
    package struct Doctor: Codable, Sendable {
      package var doctor: String
      /// `expected` where no final block has a registration in this name, `elsewhere` where it has one of another
      /// hospital; `active`, `suspended` or `retired` of one of this hospital.
      package var standing: String
      /// That the hospital expects, or has seen.
      package var fingerprint: String
      package var specialties: [String]
      /// Whose registration the ledger has; absent where it has none.
      package var hospital: String?
      /// The fingerprint of what the ledger has: another than ``fingerprint`` where other keys are expected.
      package var registered: String?

      package init(
        doctor: String, standing: String, fingerprint: String, specialties: [String],
        hospital: String?, registered: String?
      ) {
        (self.doctor, self.standing, self.fingerprint) = (doctor, standing, fingerprint)
        (self.specialties, self.hospital, self.registered) = (specialties, hospital, registered)
      }

      fileprivate var line: String {
        var parts = [doctor, standing]
        switch (standing, registered) {
        case ("elsewhere", _):
          parts += [fingerprint] + specialties
          parts.append("registered at \(hospital ?? "?"): no registration here can follow")
        case (_, let registered?) where registered != fingerprint:
          parts += [registered] + specialties + ["other keys are expected: \(fingerprint)"]
        default: parts += [fingerprint] + specialties
        }
        return parts.joined(separator: "  ")
      }
    }

    package var doctors: [Doctor]
    /// Rows of the hospital's store that cannot be read.
    package var damaged: [String]

    package init(doctors: [Doctor], damaged: [String]) {
      (self.doctors, self.damaged) = (doctors, damaged)
    }

    package var lines: [String] { doctors.map(\.line) + DeskText.lines(damaged: damaged) }
  }
}

/// What several answers say alike.
package enum DeskText {
  package static func lines(damaged: [String]) -> [String] {
    damaged.map { "a row of the store cannot be read: \($0)" }
  }
}

/// Makes a ticket for a person whom the clerk has identified.
package struct IssueTicket: DeskRequest {
  package static let name = "ticket"

  package var role: String?
  /// ID_j, as the patient's own program states it.
  package var identity: String

  package init(role: String?, identity: String) { (self.role, self.identity) = (role, identity) }

  package struct Answer: DeskAnswer {
    /// Its public key, by which it is voided.
    package var ticket: String
    /// Until when it can be used first.
    package var expires: String
    package var words: [String]
    /// The text of its QR code.
    package var code: String

    package init(ticket: String, expires: String, words: [String], code: String) {
      (self.ticket, self.expires, self.words, self.code) = (ticket, expires, words, code)
    }

    package var lines: [String] {
      [
        "ticket   \(ticket)", "expires  \(expires)", "words    \(words.joined(separator: " "))",
        "code     \(code)",
      ]
    }
  }
}
