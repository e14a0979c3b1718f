import CanonicalEncoding
import EMRScheme
import Pairings
import Testing

@Suite("Encodings of the scheme's objects")
struct EncodingTests {
  /// Every public object of one visit, with its decoder.
  private func objects() throws -> [(bytes: [UInt8], decode: ([UInt8]) throws -> [UInt8])] {
    var visit = try Visit(team: 2)
    let record = try visit.sealAndCheck()
    let request = RequestKey<BLS12381>(using: &visit.random)
    func pair<Object: CanonicalObject>(
      _ object: Object
    ) -> (bytes: [UInt8], decode: ([UInt8]) throws -> [UInt8]) {
      (object.encoded(), { try Object(encoded: $0).encoded() })
    }
    return [
      pair(visit.context), pair(visit.doctors[0].statement), pair(visit.plaintext),
      pair(record.record), pair(try visit.share(record, with: request)),
      pair(try record.openingEvidence(with: visit.visitKey)),
      pair(
        PseudonymOpening(
          hospital: "h", visitID: .zero, identity: "i", using: &visit.random)),
      pair(VisitIDInput(patient: "p", encounter: "e", attempt: 1)),
      pair(
        Amendment(
          genesis: .zero, amendedHospital: "a", amendedVisit: .zero, hospital: "h",
          visitSigningKey: [UInt8](repeating: 7, count: 32))),
    ]
  }

  @Test("what is decoded encodes to the same bytes, under its own kind")
  func roundTrip() throws {
    let objects = try objects()
    for object in objects { #expect(try object.decode(object.bytes) == object.bytes) }
    #expect(Set(objects.map { ObjectKind(of: $0.bytes) }).count == objects.count)
  }

  @Test("a context tells an amendment from a visit of its own")
  func amendment() throws {
    let visit = try Visit(team: 1)
    var amending = visit.context
    #expect(amending.amendment == nil)
    amending.amends = .init(
      hospital: "hospital-2", visit: visit.context.visitID,
      patientSignature: [UInt8](repeating: 7, count: 64))
    #expect(amending.amendment?.visitSigningKey == amending.visitSigningKey)
    #expect(amending.amendment?.amendedHospital == "hospital-2")
    #expect(try VisitContext(encoded: amending.encoded()) == amending)
    #expect(amending.digest != visit.context.digest)
  }

  @Test("no object is taken for another, cut short, lengthened, or of a later version")
  func refused() throws {
    let objects = try objects()
    for (index, object) in objects.enumerated() {
      for other in objects.indices where other != index {
        #expect(throws: DecodingFailure.self) { try object.decode(objects[other].bytes) }
      }
      for bytes in [[], Array(object.bytes.dropLast()), object.bytes + [0]] {
        #expect(throws: DecodingFailure.self) { try object.decode(bytes) }
      }
      var later = object.bytes
      let version = try #require(
        (0..<16).first { later[$0] == 2 && later[$0 + 1] == 1 && (1...4).contains(later[$0 + 2]) })
      later[version + 2] += 1
      #expect(throws: DecodingFailure.self) { try object.decode(later) }
    }
  }

  @Test("teams, salts, attempts and lengths stay within their bounds")
  func bounds() throws {
    let visit = try Visit(team: 1)
    let changes: [(inout VisitContext) -> Void] = [
      { $0.signers = [] }, { $0.signers = Array(repeating: $0.signers[0], count: 17) },
      { $0.window = 0 }, { $0.resignatureLimit = 65 }, { $0.visitSigningKey = [] },
      { $0.hospital = String(repeating: "h", count: 65) }, { $0.visitKey = [] },
      { $0.mailboxKey = [1] },
      {
        $0.amends = .init(
          hospital: String(repeating: "h", count: 65), visit: .zero,
          patientSignature: [UInt8](repeating: 7, count: 64))
      },
      { $0.amends = .init(hospital: "h", visit: .zero, patientSignature: [7]) },
    ]
    for change in changes {
      var context = visit.context
      change(&context)
      #expect(throws: DecodingFailure.self) { try VisitContext(encoded: context.encoded()) }
    }
    for change in [
      { $0.salt = [] }, { $0.attempt = 0 }, { $0.attempt = 66 },
    ] as [(inout Finding) -> Void] {
      var plaintext = visit.plaintext
      change(&plaintext.findings[0])
      #expect(throws: DecodingFailure.self) {
        try RecordPlaintext(encoded: plaintext.encoded())
      }
    }
  }
}
