import CanonicalEncoding
package import EMRScheme
package import Ledger

/// What a client knows of a doctor from proofs: as of the last final block that a supernode shows.
package struct CurrentDoctor: Sendable {
  /// Of the latest registration.
  package let prepared: PreparedDoctorKey<Suite>
  package var identityKey: [UInt8]
  package var status = DoctorStatus.active
  /// How often the status has changed.
  package var statusChanges: UInt64 = 0
  package var specialties: [Specialty]
  let seen: Seen

  package var statement: RegistrationStatement { prepared.verified.statement }

  init(prepared: PreparedDoctorKey<Suite>, seen: Seen) {
    self.prepared = prepared
    self.seen = seen
    identityKey = prepared.verified.statement.identityKey
    specialties = prepared.verified.statement.specialties
  }

  /// The items that say so, by their indices; 0 where there is none.
  struct Seen: NamedValue, Equatable {
    static let name = "doctor-seen"

    var registration: UInt64
    var rotation: UInt64
    var status: UInt64
    var specialties: UInt64

    init(registration: UInt64, rotation: UInt64, status: UInt64, specialties: UInt64) {
      (self.registration, self.rotation) = (registration, rotation)
      (self.status, self.specialties) = (status, specialties)
    }

    /// Whether nothing is taken back. Of a new registration there need be neither a rotation nor a change
    /// of specialties.
    func isAtLeast(_ former: Seen) -> Bool {
      registration >= former.registration && status >= former.status
        && max(registration, rotation) >= max(former.registration, former.rotation)
        && max(registration, specialties) >= max(former.registration, former.specialties)
    }

    func encode(into fields: inout some FieldEncoder) {
      fields.integer("registration", registration)
      fields.integer("rotation", rotation)
      fields.integer("status", status)
      fields.integer("specialties", specialties)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      registration = try fields.integer("registration")
      rotation = try fields.integer("rotation")
      status = try fields.integer("status")
      specialties = try fields.integer("specialties")
    }
  }
}
