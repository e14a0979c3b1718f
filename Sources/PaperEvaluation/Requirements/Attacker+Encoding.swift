internal import CanonicalEncoding
internal import EMRScheme
internal import Pairings

extension Attacker {
  /// Every object of a visit reads back as itself, and its bytes in any other form read back as
  /// nothing.
  mutating func oneEncoding() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let signature = try visit.sign(findings, using: &random).signature
    let record = try visit.seal(findings, using: &random)
    let consented = try Consented(visit, using: &random)
    let shared = try consented.key().reencrypt(record)
    let point = visit.visitKey.encodedPublicKey
    var holds = try hasOneEncoding(visit.context) && hasOneEncoding(visit.plaintext(findings))
    holds = try holds && hasOneEncoding(visit.doctors[0].statement)
    holds = try holds && hasOneEncoding(record.record) && hasOneEncoding(shared)
    holds = try holds && hasOneEncoding(record.openingEvidence(with: visit.visitKey))
    holds = try holds && Suite.G2(encoded: point).encoded() == point
    holds = holds && (try? Suite.G2(encoded: point + [0])) == nil
    holds = try holds && SequentialSignature<Suite>(encoded: signature.encoded()) == signature
    return .property(
      holds && (try? SequentialSignature<Suite>(encoded: signature.encoded() + [0])) == nil,
      ifHolds: "canonical DER and compressed points: no second form is taken",
      else: "a second form is taken")
  }

  private func hasOneEncoding<Object: CanonicalObject & Equatable>(
    _ object: Object
  ) throws -> Bool {
    let bytes = object.encoded()
    let read = try Object(encoded: bytes)
    guard read == object, read.encoded() == bytes else { return false }
    return otherForms(of: bytes).allSatisfy { (try? Object(encoded: $0)) == nil }
  }

  /// A trailing byte, the length in the indefinite form, and in one octet more than needed.
  private func otherForms(of der: [UInt8]) -> [[UInt8]] {
    let tag = der[0] & 0x1f == 0x1f ? 2 : 1
    let (head, length) = (Array(der[..<tag]), der[tag])
    let longer =
      length < 0x80
      ? [0x81, length] + der[(tag + 1)...]
      : [length + 1, 0] + der[(tag + 1)...]
    let contents = der[(tag + 1 + (length < 0x80 ? 0 : Int(length & 0x7f)))...]
    return [der + [0], head + longer, head + [0x80] + contents + [0, 0]]
  }
}
