internal import Crypto
internal import EMRScheme

extension Attacker {
  private typealias Hospital = HospitalKeyExchange<Suite>
  private typealias Doctor = DoctorKeyExchange<Suite>

  /// The man offers a U of the own to the doctor, and answers the hospital as the doctor.
  mutating func manInTheMiddle() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let (hospitalKey, mansKey) = (
      Curve25519.Signing.PrivateKey(), Curve25519.Signing.PrivateKey()
    )
    func hospital(_ key: Curve25519.Signing.PrivateKey) throws -> Hospital {
      try Hospital(
        context: visit.context, identityKey: key,
        doctorKeys: visit.doctors.map(\.statement.identityKey), using: &random)
    }
    func doctor(_ key: Curve25519.Signing.PrivateKey) throws -> Doctor {
      try Doctor(
        context: visit.context, position: 1, identityKey: key,
        hospitalKey: Array(hospitalKey.publicKey.rawRepresentation))
    }
    /// All steps between these two; whether they then hold one K.
    func agree(_ hospital: Hospital, _ doctor: Doctor) throws -> Bool {
      var (hospital, doctor) = (hospital, doctor)
      let answer = try doctor.answer(offer: hospital.offer(), using: &random)
      let confirmation = try hospital.confirm(answer: answer, from: 1)
      try hospital.acknowledge(doctor.acknowledge(confirmation: confirmation), from: 1)
      return try doctor.receive(delivery: hospital.deliver(to: 1)).encoded()
        == hospital.groupKey().encoded()
    }
    let own = visit.doctors[0].identityKey
    var attempts = AttackAttempts()
    try attempts.control("hospital and doctor without the man") {
      try agree(hospital(hospitalKey), doctor(own))
    }
    // As the hospital, as the doctor, and by passing the doctor's answer to the man's U on.
    try attempts.attempt { try agree(hospital(mansKey), doctor(own)) }
    try attempts.attempt { try agree(hospital(hospitalKey), doctor(mansKey)) }
    try attempts.attempt {
      var (genuine, answering) = (try hospital(hospitalKey), try doctor(own))
      let answer = try answering.answer(offer: hospital(mansKey).offer(), using: &random)
      _ = try genuine.confirm(answer: answer, from: 1)
      return true
    }
    return attempts.outcome(
      ifReached: "one side takes the man for the other",
      else: "both sides sign U and V with registered keys, and the man has none")
  }
}
