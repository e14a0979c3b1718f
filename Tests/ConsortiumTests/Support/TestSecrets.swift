import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import TestSupport

/// Every secret of a consortium in tests: whoever attacks has some, and dishonest roles have their own.
struct TestSecrets: Sendable {
  private let storage: MemoryStorage

  init(_ storage: MemoryStorage) { self.storage = storage }

  private static func place(of party: String) -> String {
    party.contains("-doctor-") ? "doctors/\(party)" : party
  }

  /// The seeds of a party's identity keys, the newest first.
  private func seeds(of party: String) -> [[UInt8]] {
    let place = Self.place(of: party)
    var seeds: [[UInt8]] = []
    let store = storage.roleStore(place)
    for key in ["keys/pending", "keys/rotated"] {
      guard let bytes = try? store.value(forKey: key),
        let keys = try? Message<RotatedKey>(encoded: bytes).payload
      else { continue }
      seeds.append(keys.identity)
    }
    guard let file = storage.keys(place) else { return seeds }
    let names = file.names.filter { $0 == "identity" || $0.hasPrefix("identity#") }
      .sorted().reversed()
    return seeds + names.compactMap { try? file.secret($0) }
  }

  func identities(of party: String) -> [IdentityKey] {
    seeds(of: party).compactMap { try? IdentityKey(seed: $0) }
  }

  /// Whatever of 32 bytes lies on a party's disk, in its key file or in a field of what it keeps.
  func all(of party: String) -> [[UInt8]] {
    let place = Self.place(of: party)
    let file = storage.keys(place)
    var found = file?.names.compactMap { try? file?.secret($0) } ?? []
    let store = storage.roleStore(place)
    for row in (try? store.keys(withPrefix: "")) ?? [] {
      guard let bytes = try? store.value(forKey: row), bytes.count >= 34 else { continue }
      // DER of OCTET STRING.
      for start in 0...(bytes.count - 34) where bytes[start] == 4 && bytes[start + 1] == 32 {
        found.append(Array(bytes[(start + 2)..<(start + 34)]))
      }
    }
    return found
  }

  /// The keys that a recipient opens with.
  private func agreementKeys(of recipient: String) -> [AgreementKey] {
    let store = storage.roleStore(Self.place(of: recipient))
    let keys = (try? OwnEnvelopeKeys.secrets(in: store)) ?? []
    return keys.isEmpty ? addressKeys(recipient).map { [$0] } ?? [] : keys
  }

  private func addressKeys(_ address: String) -> AgreementKey? {
    guard let genesis = storage.genesis().map({ Digest32(sha256: $0) }) else { return nil }
    for place in storage.places where place.hasPrefix("patients/") {
      guard
        let nonce = (try? storage.roleStore(place).value(forKey: "address/\(address)"))
          .flatMap({ $0.flatMap { Digest32($0) } }),
        let seed = try? storage.keys(place)?.secret("root"),
        let root = try? PatientRoot(seed)
      else { continue }
      return try? root.addressKeys(genesis: genesis, nonce: nonce).agreement
    }
    return nil
  }

  func isAddress(_ recipient: String) -> Bool { addressKeys(recipient) != nil }

  /// To whom something is sealed, with the newest key.
  func contact(_ recipient: String) -> Contact? {
    agreementKeys(of: recipient).first.map {
      Contact(id: recipient, agreementKey: $0.publicKey)
    }
  }

  var genesis: Digest32 { Digest32(sha256: storage.genesis() ?? []) }
  /// A signature of nobody.
  var zeros: [UInt8] { [UInt8](repeating: 0, count: 64) }

  func open(_ envelope: Envelope) -> (content: RequestContent, answer: AnswerKey)? {
    for key in agreementKeys(of: envelope.recipient) {
      if let (request, answer) = try? envelope.open(with: key, genesis: genesis) {
        return (request.object, answer)
      }
    }
    return nil
  }
}

/// Somebody who asks, as whomever, and takes what comes for an answer.
struct TestClient: Sendable {
  let courier: any Courier
  /// What couriers are told.
  let name: String
  let author: Principal
  let keys: [IdentityKey]
  let secrets: TestSecrets
  let now: @Sendable () -> UInt64

  /// The bare one, for who speaks with members alone.
  var requests: RequestClient { RequestClient(courier: courier, sender: name) }

  /// - Throws: ``ConsortiumError``, also what is not under the seal.
  func ask<Request: RoleRequest>(
    _ request: Request, of recipient: String
  ) async throws -> Request.Reply {
    guard let rule = RequestTable.byName[Request.name], rule.carriage == .sealed else {
      return try await requests.ask(request, of: recipient)
    }
    // Whom nobody has asked anything, or not for days, makes its key now; a patient's address has its own.
    if !secrets.isAddress(recipient) {
      _ = try? await requests.ask(FetchEnvelopeKey(), of: recipient)
    }
    var refusal = ConsortiumError(.unreachable, "there is nobody who asks")
    for key in keys {
      let content = content(request, recipient)
      let (reply, answer) = try await send(content, by: key)
      guard ObjectKind(of: reply) == .sealedAnswer else {
        guard case .failure(let error) = try ReplyMessage<Done>(encoded: reply).result else {
          throw ConsortiumError(.malformed, "an answer without a seal")
        }
        refusal = error
        if error.code == .unauthenticated { continue }
        throw error
      }
      return try ReplyMessage<Request.Reply>(
        encoded: rule.unpadded(answer.open(SealedAnswer(encoded: reply).sealed))
      ).result.get()
    }
    throw refusal
  }

  func content<Request: RoleRequest>(
    _ request: Request, _ recipient: String
  ) -> RequestContent {
    RequestContent(
      genesis: secrets.genesis, recipient: recipient, author: author, name: Request.name,
      nonce: (0..<16).map { _ in .random(in: 0...255) }, sentAt: now(),
      payload: Message(request).encoded())
  }

  /// A request as it goes on its way, with the first of the keys.
  func envelope<Request: RoleRequest>(
    _ request: Request, to recipient: String
  ) throws -> (bytes: [UInt8], answer: AnswerKey) {
    guard let key = keys.first, let contact = secrets.contact(recipient) else {
      throw ConsortiumError(.unreachable, "there is nobody called \(recipient)")
    }
    let (envelope, answer) = try Envelope.seal(
      content(request, recipient), by: key, to: contact)
    return (envelope.encoded(), answer)
  }

  /// Whatever this says.
  func send(
    _ content: RequestContent, by key: IdentityKey
  ) async throws -> (reply: [UInt8], answer: AnswerKey) {
    guard let contact = secrets.contact(content.recipient) else {
      throw ConsortiumError(.unreachable, "there is nobody called \(content.recipient)")
    }
    let (envelope, answer) = try Envelope.seal(content, by: key, to: contact)
    let reply = try await courier.send(envelope.encoded(), from: name, to: content.recipient)
    return (reply, answer)
  }
}
