import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport

/// Keys with which an attacker would like to read what is sealed to the patient.
struct ForeignKeys {
  var generator: SeededGenerator
  let visitKey: VisitKey<BLS12381>
  let signing: IdentityKey

  @inline(never)
  init(seed: UInt64 = 99) throws {
    generator = SeededGenerator(seed: seed)
    visitKey = VisitKey(using: &generator)
    signing = try IdentityKey(seed: generator.bytes(32))
  }

  /// Another visit with these keys in place of the patient's.
  @inline(never)
  mutating func opening(
    like context: VisitContext, change: (inout VisitContext) -> Void = { _ in }
  ) throws -> VisitOpening {
    var context = context
    context.visitID = Digest32(sha256: generator.bytes(32))
    context.pseudonym = Digest32(sha256: generator.bytes(32))
    context.visitKey = visitKey.encodedPublicKey
    context.visitSigningKey = signing.publicKey
    context.mailboxKey = generator.bytes(32)
    context.keyNonce = Digest32(sha256: generator.bytes(32))
    change(&context)
    return VisitOpening(
      context: context, visitKeyProof: try visitKey.prove(context),
      patientSignature: signing.sign(context))
  }
}
