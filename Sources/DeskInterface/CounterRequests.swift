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

/// The doctors whom the hospital has taken on.
package struct ListDoctors: DeskRequest {
  package static let name = "doctors"

  package var role: String?

  package init(role: String?) { self.role = role }

  package struct Answer: DeskAnswer {
    package struct Doctor: Codable, Sendable {
      package var doctor: String
      /// `expected`, `active`, `suspended` or `retired`.
      package var standing: String
      package var fingerprint: String
      package var specialties: [String]

      package init(doctor: String, standing: String, fingerprint: String, specialties: [String]) {
        (self.doctor, self.standing, self.fingerprint) = (doctor, standing, fingerprint)
        self.specialties = specialties
      }
    }

    package var doctors: [Doctor]

    package init(doctors: [Doctor]) { self.doctors = doctors }

    package var lines: [String] {
      doctors.map {
        ([$0.doctor, $0.standing, $0.fingerprint] + $0.specialties).joined(separator: "  ")
      }
    }
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
