#if Network
  import CanonicalEncoding
  import Consortium
  import Foundation
  import Ledger

  /// Consents that a patient wants to give, until all of one has arrived: the doctor's program may be away, and is
  /// asked again by every 'sync' until the consent would be over anyway.
  struct WantedConsents {
    struct Wanted: Codable, Sendable {
      let request: String
      let visit: String
      let hospital: String
      let expiresAt: UInt64
    }

    /// In the profile's store, beside what the role keeps.
    private static let prefix = "program/wanted-consent/"
    let store: any RoleStore

    private static func key(_ wanted: Wanted) -> String {
      "\(prefix)\(wanted.request)/\(wanted.hospital)/\(wanted.visit)"
    }

    func add(_ wanted: Wanted) throws {
      try store.write([Self.key(wanted): Array(JSONEncoder().encode(wanted))])
    }

    func remove(_ wanted: Wanted) throws { try store.write([Self.key(wanted): nil]) }

    /// All of them but those that would be over.
    func all(at now: UInt64) throws -> [Wanted] { try all().filter { $0.expiresAt >= now } }

    /// Also those that would be over; what cannot be read is forgotten.
    private func all() throws -> [Wanted] {
      var found: [Wanted] = []
      for key in try store.keys(withPrefix: Self.prefix) {
        guard let bytes = try store.value(forKey: key),
          let wanted = try? JSONDecoder().decode(Wanted.self, from: Data(bytes))
        else {
          try store.write([key: nil])
          continue
        }
        found.append(wanted)
      }
      return found
    }

    /// Forgets those that would be over, not by this machine's clock alone: it may be ahead for a while.
    func forgetOver(by patient: Consortium.Patient) async throws {
      for wanted in try all() where try await patient.hasPassed(wanted.expiresAt) {
        try remove(wanted)
      }
    }

    /// One as it was signed, if it has not wholly arrived.
    func signed(_ wanted: Wanted, by patient: Consortium.Patient) async throws -> Consent? {
      guard let request = Digest32(hex: wanted.request), let visit = Digest32(hex: wanted.visit)
      else { return nil }
      return try await patient.pendingConsent(to: request, visit: visit, at: wanted.hospital)
    }

    /// Gives one, and forgets that it is wanted once all of it has arrived.
    func give(_ wanted: Wanted, by patient: Consortium.Patient) async throws -> Digest32 {
      guard let request = Digest32(hex: wanted.request), let visit = Digest32(hex: wanted.visit)
      else {
        try remove(wanted)
        throw CommandFailure(.badInput, code: "unknown-request", "there is no such request")
      }
      let consent = try await patient.consent(
        to: request, visit: visit, at: wanted.hospital, expiresAt: wanted.expiresAt)
      try remove(wanted)
      return consent
    }
  }
#endif
