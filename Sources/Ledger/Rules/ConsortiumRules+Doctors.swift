import CanonicalEncoding
import Credentials
import EMRScheme

/// The directory: registrations, rotations, and who may act (specification 6.3).
extension ConsortiumRules {
  /// The Ed25519 key with which this party signs entries now: of a member, or of an active doctor.
  func identityKey(
    of party: String, _ block: Block, _ state: StateView
  ) throws(Refusal) -> [UInt8] {
    if let key = block.members.identityKey(of: party) { return key }
    guard let doctor: DoctorRecord = state.value(.doctor(party)) else { throw .unknownSigner }
    guard doctor.status == .active else { throw .notActive }
    return doctor.identityKey
  }

  func register(
    _ registration: DoctorRegistration, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (hospital, signature) = try party(item.entry, block, state)
    let statement = registration.statement
    guard hospital == statement.hospital, block.members.supernode(hospital)?.role == .hospital
    else {
      throw .notEntitled
    }
    guard statement.genesis == genesis.digest, statement.suite == genesis.content.suite,
      ValidGenesis.isIdentifier(statement.doctor)
    else { throw .wrongRegistration }
    guard !isPartyName(statement.doctor, state), statement.doctor != ChainName.consortium
    else { throw .alreadyRegistered }
    let version = try version(for: statement, item, block, state)
    let keys = [statement.identityKey, statement.a, statement.b2, statement.c2]
    try registerKeys(keys, of: statement.doctor, block, state)
    state.note(.schemeKey(statement.a), version.version)
    return Judgement(claims: [
      signature,
      RequiredClaim(
        .registration(registration, managerKey: block.members.manager.registrationKey),
        or: .wrongRegistration),
    ])
  }

  /// The version that a registration makes: the first, or, where keys were lost or stolen, one that
  /// names the statement in force, so that a registration that was held back counts no more once
  /// another has been made. It leaves the status as it is.
  private func version(
    for statement: RegistrationStatement, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> DoctorRecord {
    guard let known: DoctorRecord = state.value(.doctor(statement.doctor)) else {
      guard statement.replaces == nil else { throw .unknownDoctor }
      let first = DoctorRecord(height: block.height, index: item.index, statement: statement)
      state.set(.doctor(statement.doctor), first)
      return first
    }
    guard let replaced = statement.replaces else { throw .alreadyRegistered }
    guard statement.hospital == known.statement.hospital else { throw .notEntitled }
    guard known.status != .retired else { throw .notActive }
    guard replaced == known.statement.digest else { throw .wrongRegistration }
    return set(known, item, block, state) { $0.replaceStatement(with: statement) }
  }

  /// Puts a version behind one that is known.
  @discardableResult
  private func set(
    _ known: DoctorRecord, _ item: Item, _ block: Block, _ state: StateView,
    changing change: (inout DoctorRecord) -> Void
  ) -> DoctorRecord {
    let doctor = known.statement.doctor
    var next = known.next(height: block.height, index: item.index)
    change(&next)
    state.set(.doctor(doctor), next)
    state.note(.doctor(doctor, version: known.version), known)
    return next
  }

  /// Registers keys that nobody has had, for whatever use.
  private func registerKeys(
    _ keys: [[UInt8]], of party: String, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    guard Set(keys).count == keys.count else { throw .alreadyRegistered }
    for key in keys where !isFresh(key, block, state) { throw .alreadyRegistered }
    for key in keys { state.set(.registeredKey(key), RawValue(stateBytes: Array(party.utf8))) }
  }

  func change(
    _ change: DoctorStatusChange, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try party(item.entry, block, state)
    guard let doctor: DoctorRecord = state.value(.doctor(change.doctor)) else {
      throw .unknownDoctor
    }
    // Whoever has stolen a doctor's key could lift the suspension with it.
    let isOwn = party == change.doctor
    guard isOwn ? change.status != .active : party == doctor.statement.hospital else {
      throw .notEntitled
    }
    guard doctor.status != .retired, change.status != doctor.status,
      change.number == doctor.statusChanges + 1
    else { throw .wrongStanding }
    let numbers = block.members.numbers
    if isOwn {
      try spend(.quota(ofChangesBy: party), numbers.signerQuota, block, state)
    } else {
      try spend(
        .quota(ofSupernode: party, for: .standings), numbers.supernodeQuota, block, state)
    }
    set(doctor, item, block, state) { $0.changeStatus(to: change.status) }
    return Judgement(claims: [signature])
  }

  /// A hospital answers for what its doctors are specialists in; nobody promotes himself.
  func change(
    _ change: DoctorSpecialties, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try party(item.entry, block, state)
    guard let doctor: DoctorRecord = state.value(.doctor(change.doctor)) else {
      throw .unknownDoctor
    }
    guard party == doctor.statement.hospital else { throw .notEntitled }
    guard doctor.status != .retired, change.specialties != doctor.specialties,
      change.number == doctor.specialtyChanges + 1
    else { throw .wrongSpecialties }
    try spend(
      .quota(ofSupernode: party, for: .specialties), block.members.numbers.supernodeQuota, block,
      state)
    set(doctor, item, block, state) { $0.changeSpecialties(to: change.specialties) }
    return Judgement(claims: [signature])
  }

  func rotate(
    _ rotation: KeyRotation, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try party(item.entry, block, state)
    // Members have their own: ``PartyRotation``.
    guard party == rotation.party, let doctor: DoctorRecord = state.value(.doctor(party)) else {
      throw .notEntitled
    }
    guard !IdentityKey.isOfSmallOrder(rotation.identityKey) else { throw .wrongRotation }
    try spend(.quota(ofChangesBy: party), block.members.numbers.signerQuota, block, state)
    set(doctor, item, block, state) { $0.replaceIdentityKey(by: rotation) }
    try registerKeys([rotation.identityKey], of: party, block, state)
    let statement = rotation.statement(
      genesis: genesis.digest, formerKey: doctor.identityKey)
    return Judgement(claims: [
      signature,
      RequiredClaim(
        .signature(rotation.proof, of: statement.encoded(), by: rotation.identityKey),
        or: .wrongRotation),
    ])
  }
}
