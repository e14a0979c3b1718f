import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("Attacks on a consent on its way")
struct GrantAttackTests {
  private let reader = TestConsortium.reader

  private func open(_ consent: Digest32, _ consortium: LocalConsortium) async -> String {
    await ConsortiumError.code {
      _ = try await consortium.openRecord(doctor: reader, consent: consent)
    }
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where typed errors meet an async body.
  @inline(never)
  private func addressKey(
    _ address: PatientAddress, _ test: TestConsortium, _ consortium: LocalConsortium
  ) throws -> IdentityKey {
    let place = "patients/\(TestConsortium.patient)"
    let nonce = try test.storage.roleStore(place).value(forKey: "address/\(address.id)")
    let root = try PatientRoot(test.secret("root", of: place))
    return try root.addressKeys(
      genesis: consortium.genesis.digest, nonce: try #require(nonce.flatMap { Digest32($0) })
    ).signing
  }

  @Test("[attack] a patient who was asked gives consents without end for one key")
  func manyGrants() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    let honest = try #require(test.wire.requests(GrantConsent.self).last)
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
    let key = try addressKey(asked.address, test, consortium)
    let post = test.post(consortium, by: Author(.key(key.publicKey), key))
    let store = test.storage.roleStore("doctors/\(reader)")
    let before = try store.keys(withPrefix: "grant")
    func code(_ number: UInt8) async -> String {
      await ConsortiumError.code {
        var other = honest.consent.object
        other.salt = [UInt8](repeating: number, count: 32)
        _ = try await post.ask(
          GrantConsent(consent: Signed(other, by: key), sealedGrant: honest.sealedGrant),
          of: reader)
      }
    }
    for number in 0..<20 as Range<UInt8> { #expect(await code(number) == "reused") }
    // The same once more is no other.
    _ = try await post.ask(honest, of: reader)
    #expect(try store.keys(withPrefix: "grant") == before)
    #expect(await open(consent, consortium) == "nothing")
    #expect(await code(99) == "consent-mismatch")
    #expect(try store.keys(withPrefix: "grant") == before)
  }

  @Test("[attack] whoever carries a consent seals another share in the place of the patient's")
  func swappedShare() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let context = try await test.state(of: visit, consortium).context
    let manager = try #require(test.secrets.contact("manager"))
    var generator = SeededGenerator(seed: 6)
    let courier = try IdentityKey(seed: generator.bytes(32))
    let other = RequestKey<BLS12381>(using: &generator).encoded()
    let genesis = consortium.genesis.digest
    let codes = Capture<[String]>()
    codes.value = []
    test.wire.intercept { transit in
      guard var deposit = transit.payload(DepositConsent.self) else {
        return try await transit.deliver(transit.request)
      }
      deposit.sealedShare = try Letter(.proxyShare, genesis: genesis, about: context.digest).seal(
        other, to: manager.agreementKey, authenticating: deposit.consent.object.digest)
      // Before the patient's own arrives: without a seal, in the patient's name, and in the courier's.
      let patient = Principal.patient(visit: visit, hospital: "hospital-1")
      var requests = [Message(deposit).encoded()]
      for author in [patient, .key(courier.publicKey)] {
        let post = test.post(consortium, by: Author(author, courier))
        requests.append(try post.envelope(deposit, to: "manager").bytes)
      }
      for request in requests {
        let reply = try await transit.deliver(request)
        let code = await ConsortiumError.code {
          _ = try ReplyMessage<Done>(encoded: reply).result.get()
        }
        codes.value?.append(code)
      }
      return try await transit.deliver(transit.request)
    }
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: TestConsortium.start + 3600)
    test.wire.intercept(nil)
    #expect(codes.value == ["unauthenticated", "unauthenticated", "unauthenticated"])
    try await consortium.settle()
    // Nobody is blamed for a share that is not the patient's.
    #expect(await open(consent, consortium) == "nothing")
  }
}
