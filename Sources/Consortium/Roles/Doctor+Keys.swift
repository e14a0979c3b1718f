public import CanonicalEncoding
public import Credentials
import EMRScheme
import Ledger

/// A key that a doctor has made and that is to be, or is, in force instead of that of the key file.
package struct RotatedKey: NamedValue {
  package static let name = "rotated-key"

  /// A seed.
  package var identity: [UInt8]
  /// ``DoctorKeys/digest`` of the key file in whose place it is: with another file it is nobody's.
  package var keyFile: Digest32

  package init(identity: [UInt8], keyFile: Digest32) {
    (self.identity, self.keyFile) = (identity, keyFile)
  }

  var identityKey: IdentityKey { get throws { try IdentityKey(seed: identity) } }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octets("identity", identity)
    fields.digest("keyFile", keyFile)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    identity = try fields.octets("identity", count: 32)
    keyFile = try fields.digest("keyFile")
  }
}

/// What a doctor says on the consortium chain: registration, other keys, retirement.
extension Doctor {
  private static let rotatedKey = "keys/rotated"
  private static let pendingKey = "keys/pending"

  /// Those that were made, and may be in force by now.
  var pendingKeys: RotatedKey? { get throws { try Self.kept(Self.pendingKey, keys, store) } }

  /// A key in a row, if it was made for this key file. Whoever registers anew does so with another, since keys
  /// were lost or stolen: what took the place of those must not take the place of these.
  private static func kept(
    _ row: String, _ keys: DoctorKeys, _ store: any RoleStore
  ) throws -> RotatedKey? {
    guard let kept: RotatedKey = try store.load(row), kept.keyFile == keys.digest else {
      return nil
    }
    return kept
  }

  /// The keys of the file, or those that have taken their place.
  static func rotated(_ keys: DoctorKeys, _ store: any RoleStore) throws -> DoctorKeys {
    guard let rotated = try kept(rotatedKey, keys, store) else { return keys }
    var keys = keys
    keys.identity = try rotated.identityKey
    return keys
  }

  /// What this doctor registers: where the ledger has other keys in this name, in their place.
  private func statement() async throws -> RegistrationStatement {
    do {
      let known = try await client.doctor(id, by: hospital)
      let registered = known.statement
      if registered == statement(replacing: registered.replaces, registered.specialties) {
        return registered
      }
      return statement(replacing: registered.digest, known.specialties)
    } catch let error as ConsortiumError where error.code == .unknownDoctor {
      // The first registration.
      return statement(replacing: nil, specialties.sorted())
    }
  }

  private func statement(
    replacing replaced: Digest32?, _ specialties: [Specialty]
  ) -> RegistrationStatement {
    keys.signing.statement(
      genesis: genesis.digest, doctor: id, hospital: hospital,
      identityKey: keys.identity.publicKey, replaces: replaced, specialties: Set(specialties))
  }

  /// What the doctor shows the hospital in person, so that it registers these keys in this name and no
  /// others: the digest of the statement.
  public func fingerprint() async throws -> Digest32 { try await statement().digest }

  /// Registers with hospital and system manager (4.2, step 4); where keys were lost or stolen, anew, in
  /// the place of the keys that the ledger has. Use of the keys begins when the registration is final.
  ///
  /// - Throws: ``ConsortiumError`` as `not-employed`, `wrong-fingerprint` or `wrong-specialties`, until the
  ///   hospital has taken this doctor on with the ``fingerprint()``.
  public func register() async throws {
    let statement = try await statement()
    _ = try await client.ask(
      RegisterDoctor(
        statement: Signed(statement, by: keys.identity),
        proof: try keys.signing.prove(statement, using: &randomness)),
      of: hospital, by: [Author(.key(keys.identity.publicKey), keys.identity)])
  }

  /// Ends this doctor's work for good: from the block on that holds it, nothing that this doctor signs
  /// counts any more. What is complete stays good; a visit under way can only be abandoned.
  ///
  /// - Throws: the ledger's refusal.
  public func retire() async throws {
    let known = try await client.doctor(id, by: hospital)
    if known.status == .retired { return }
    try await offer(
      DoctorStatusChange(doctor: id, status: .retired, number: known.statusChanges + 1))
  }

  /// Takes a new identity key; the scheme keys stay. It is stored before anybody hears of it, and is used
  /// once a final block has it: until then, this can be called again.
  ///
  /// - Returns: whether the new key is in force.
  public func rotateKeys() async throws -> Bool {
    let pending: RotatedKey
    if let stored = try pendingKeys {
      pending = stored
    } else {
      pending = RotatedKey(identity: randomness.bytes(32), keyFile: keys.digest)
      try store.save(pending, Self.pendingKey)
    }
    let identity = try pending.identityKey
    let present = try await client.doctor(id, by: hospital).identityKey
    // Another call may have had its answer first: then this key was in force, and another may be pending by now.
    guard try pendingKeys?.identity == pending.identity else { return true }
    guard present == identity.publicKey else {
      try await offer(
        KeyRotation(
          genesis: genesis.digest, party: id, former: keys.identity.publicKey, to: identity))
      return false
    }
    try store.write([
      Self.rotatedKey: Message(pending).encoded(), Self.pendingKey: nil,
    ])
    keys.identity = identity
    return true
  }

  /// The key that counts: one that was made may be in force by now.
  ///
  /// - Throws: where nobody proves which of two it is.
  func provenKey() async throws -> IdentityKey {
    guard let pending = try pendingKeys?.identityKey else { return keys.identity }
    let present = try await client.doctor(id, by: hospital).identityKey
    return present == pending.publicKey ? pending : keys.identity
  }

  /// A key file with the identity key that is in force in the place of the one it has: for who keeps keys where this
  /// doctor's store is not.
  ///
  /// - Parameter file: what this program was given, or what this has returned for it.
  public func keyFile(renewing file: KeyFile) throws(CredentialError) -> KeyFile {
    try file.changed([KeyUse.identity.name: keys.identity.encoded()])
  }

  /// Has an entry put on the consortium chain by all delegates, for one might drop it.
  private func offer(_ body: some CanonicalObject) async throws {
    let entry = try Entry(
      checked: EntryContent(
        genesis: genesis.digest, chain: ChainName.consortium, signer: .party(id), body: body),
      signedBy: keys.identity)
    var isTaken = false
    var failure: any Error = ConsortiumError(.unreachable, "there are no delegates")
    for delegate in await client.delegateNames {
      do {
        _ = try await client.askOpen(OfferEntry(entry), of: delegate)
        isTaken = true
      } catch {
        failure = error
      }
    }
    if !isTaken { throw failure }
  }
}
