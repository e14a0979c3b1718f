package import CanonicalEncoding
package import EMRScheme

/// A doctor from one change of keys, status or specialties to the next. Every version is kept, for a hospital's block
/// is judged as of its base however late.
package struct DoctorRecord: StateRecord, Equatable {
  package static let isReadOften = true

  /// How many there were before.
  package var version: UInt64
  /// The block in which the version begins, and the item that makes it: it counts from there on.
  package var height: UInt64
  package var index: UInt64
  /// The latest registration: the scheme keys.
  package var statement: RegistrationStatement
  /// What is in force: of the statement, or of a rotation since.
  package var identityKey: [UInt8]
  package var status: DoctorStatus
  /// How often the status has changed since the first registration.
  package var statusChanges: UInt64
  /// What is in force: of the statement, or of a change since.
  package var specialties: [Specialty]
  /// How often they were said since the first registration, by registrations anew too.
  package var specialtyChanges: UInt64
  /// The items that gave statement, identity key, status and specialties.
  package var origins: Origins

  package struct Origins: CanonicalValue, Equatable {
    package var statement: UInt64
    package var keys: UInt64
    package var status: UInt64
    package var specialties: UInt64

    init(_ index: UInt64) {
      (statement, keys, status, specialties) = (index, index, index, index)
    }

    package func encode(into fields: inout some FieldEncoder) {
      fields.integer("statement", statement)
      fields.integer("keys", keys)
      fields.integer("status", status)
      fields.integer("specialties", specialties)
    }

    package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      statement = try fields.integer("statement")
      keys = try fields.integer("keys")
      status = try fields.integer("status")
      specialties = try fields.integer("specialties")
    }
  }

  /// A first registration.
  init(height: UInt64, index: UInt64, statement: RegistrationStatement) {
    version = 0
    (self.height, self.index, self.statement) = (height, index, statement)
    identityKey = statement.identityKey
    status = .active
    statusChanges = 0
    (specialties, specialtyChanges) = (statement.specialties, 0)
    origins = Origins(index)
  }

  /// The version after this one, before it says anything new.
  func next(height: UInt64, index: UInt64) -> Self {
    var next = self
    (next.version, next.height, next.index) = (version + 1, height, index)
    return next
  }

  /// The keys of a new registration are in force.
  mutating func replaceStatement(with statement: RegistrationStatement) {
    self.statement = statement
    identityKey = statement.identityKey
    (origins.statement, origins.keys) = (index, index)
    changeSpecialties(to: statement.specialties)
  }

  mutating func replaceIdentityKey(by rotation: KeyRotation) {
    identityKey = rotation.identityKey
    origins.keys = index
  }

  mutating func changeStatus(to status: DoctorStatus) {
    self.status = status
    statusChanges += 1
    origins.status = index
  }

  mutating func changeSpecialties(to specialties: [Specialty]) {
    self.specialties = specialties
    specialtyChanges += 1
    origins.specialties = index
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("number", version)
    fields.integer("height", height)
    fields.integer("index", index)
    fields.object("statement", encoded: statement.encoded())
    fields.octets("identityKey", identityKey)
    fields.integer("status", status.rawValue)
    fields.integer("statusChanges", statusChanges)
    fields.list("specialties", specialties)
    fields.integer("specialtyChanges", specialtyChanges)
    fields.value("origins", origins)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    version = try fields.integer("number")
    height = try fields.integer("height")
    index = try fields.integer("index")
    statement = try RegistrationStatement(
      encoded: try fields.object("statement", maximum: RegistrationStatement.maximumByteCount))
    identityKey = try fields.octets("identityKey", count: 32)
    guard let status = DoctorStatus(rawValue: try fields.integer("status")) else {
      throw DecodingFailure(.invalidField, "status is not one of 1 to 3")
    }
    self.status = status
    statusChanges = try fields.integer("statusChanges")
    specialties = try Specialty.decodeList("specialties", &fields)
    specialtyChanges = try fields.integer("specialtyChanges")
    origins = try fields.value("origins")
  }
}

extension StateKey {
  /// The latest version of a doctor, and each before it.
  static func doctor(_ id: String) -> Self { Self("doctor/", Array(id.utf8)) }
  static func doctor(_ id: String, version: UInt64) -> Self {
    Self("doctor-version/", Array(id.utf8), [0], version.stateBytes)
  }
  /// By A: the version that came with these scheme keys.
  static func schemeKey(_ a: [UInt8]) -> Self { Self("scheme-key/", Digest32(sha256: a).bytes) }

  /// What a doctor has used for changes of keys and status.
  static func quota(ofChangesBy doctor: String) -> Self {
    Self("quota-changes/", Array(doctor.utf8))
  }
}

extension StateView {
  /// The doctor as of a block: what stands in it counts.
  func doctor(_ id: String, at height: UInt64) -> DoctorRecord? {
    guard let latest: DoctorRecord = value(.doctor(id)) else { return nil }
    if latest.height <= height { return latest }
    // Versions from `above` on begin later; there may be many, so the last that does not is looked up.
    var found: DoctorRecord?
    var (first, above) = (UInt64(0), latest.version)
    while first < above {
      let middle = first + (above - first) / 2
      guard let record: DoctorRecord = value(.doctor(id, version: middle)) else { return found }
      if record.height <= height { (found, first) = (record, middle + 1) } else { above = middle }
    }
    return found
  }

  func doctor(_ id: String, version: UInt64) -> DoctorRecord? {
    guard let latest: DoctorRecord = value(.doctor(id)) else { return nil }
    return latest.version == version ? latest : value(.doctor(id, version: version))
  }

  /// The version with which a doctor got the scheme keys that a context names; nil if that was after
  /// this block, or never.
  func registration(of signer: VisitContext.Signer, at height: UInt64) -> DoctorRecord? {
    guard let version: UInt64 = value(.schemeKey(signer.a)),
      let record = doctor(signer.doctor, version: version), record.height <= height,
      record.statement.signer == signer
    else { return nil }
    return record
  }

  func statement(
    of signer: VisitContext.Signer, at height: UInt64
  ) -> RegistrationStatement? {
    registration(of: signer, at: height)?.statement
  }
}
