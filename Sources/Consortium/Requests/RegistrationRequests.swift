package import CanonicalEncoding
package import Credentials
package import EMRScheme

/// Doctor to hospital: register this key, whose possession is proven.
package struct RegisterDoctor: RoleRequest {
  package static let name = "register-doctor"
  package typealias Reply = Done

  /// Signed with the identity key in it.
  package var statement: Signed<RegistrationStatement>
  package var proof: RegistrationProof

  package init(statement: Signed<RegistrationStatement>, proof: RegistrationProof) {
    (self.statement, self.proof) = (statement, proof)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("statement", statement)
    fields.value("proof", proof)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    statement = try fields.value("statement")
    proof = try fields.value("proof")
  }
}

/// Hospital to system manager: sign this registration with x too.
package struct CosignRegistration: RoleRequest {
  package static let name = "cosign-registration"
  package typealias Reply = DoctorRegistration

  package var registration: RegisterDoctor

  package init(registration: RegisterDoctor) { self.registration = registration }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("registration", registration)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    registration = try fields.value("registration")
  }
}
