import CanonicalEncoding
import Consortium
import Ledger
import TestSupport
import Testing

@Suite("Hostile bytes at every endpoint")
struct HostileMessageTests {
  private static let patient = "an address of a patient"
  private static let endpoints = ["manager", "hospital-1", "cloud", TestConsortium.reader, patient]

  /// The code of the error that these bytes are answered with; nil for an honest answer.
  private func code(
    _ bytes: [UInt8], at endpoint: String, _ consortium: LocalConsortium
  ) async throws -> String? {
    let reply = try await consortium.courier.send(bytes, from: "stranger", to: endpoint)
    do {
      _ = try ReplyMessage<Done>(encoded: reply).result.get()
      return nil
    } catch let error as ConsortiumError {
      return "\(error.code)"
    } catch {
      return nil
    }
  }

  @Test("what is no message is answered with an error", arguments: endpoints)
  func garbage(endpoint: String) async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let endpoint =
      endpoint == Self.patient
      ? try await consortium.address(ofPatient: TestConsortium.patient).id : endpoint
    var generator = SeededGenerator(seed: 1)
    // A SEQUENCE of SEQUENCEs, some thousand deep, in short and in indefinite lengths.
    var nested: [UInt8] = []
    for _ in 0..<4000 {
      let length = nested.count
      let bytes: [UInt8] =
        length < 128 ? [UInt8(length)] : [0x82, UInt8(length >> 8), UInt8(length & 255)]
      nested = [0x30] + bytes + nested
    }
    let cases: [[UInt8]] = [
      [], [0], [0x7f], [0x7f, 0x27], generator.bytes(1000),
      // A length of 2⁶⁴ − 1 and one beyond the end.
      [0x7f, 0x27, 0x88] + [UInt8](repeating: 0xff, count: 8),
      [0x7f, 0x27, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x30], nested,
      [UInt8](repeating: 0x30, count: 100_000),
      [0x7f, 0x27] + [UInt8](repeating: 0x80, count: 100_000),
    ]
    for bytes in cases {
      // What is longer than all that somebody hears is not looked at.
      let answer = try await code(bytes, at: endpoint, consortium)
      #expect(answer == "malformed" || answer == "too-large" && bytes.count > 4096, "\(answer)")
    }
    let large = [UInt8](repeating: 0x30, count: 100 << 20)
    #expect(try await code(large, at: endpoint, consortium) == "too-large")
    #expect(
      try await code(
        Message(Unknown()).encoded(), at: endpoint, consortium) == "unsupported-request")
  }

  @Test(
    "[attack] DER of many small elements, or of deep ones, is refused by its count",
    arguments: ["hospital-1", "cloud"])
  func bombs(endpoint: String) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    func element(_ tag: [UInt8], _ contents: [UInt8]) -> [UInt8] {
      var digits: [UInt8] = []
      var rest = contents.count
      repeat {
        digits.insert(UInt8(rest & 0xff), at: 0)
        rest >>= 8
      } while rest > 0
      let length = contents.count < 0x80 ? digits : [0x80 | UInt8(digits.count)] + digits
      return tag + length + contents
    }
    // Of the longest that anybody may send without a seal, and that is looked at.
    func message(_ payload: [UInt8]) -> [UInt8] {
      let fields =
        element([2], [1]) + element([12], Array(OfferEntry.name.utf8)) + element([0x30], payload)
      return element([0x7f, 0x27], element([0x30], fields))
    }
    let limit = try #require(RequestTable.byName[OfferEntry.name]).limit
    let many = [[UInt8]](repeating: [5, 0], count: limit / 2 - 64).flatMap(\.self)
    let deep = (0..<1000).reduce(into: [UInt8]()) { nested, _ in nested = element([0x30], nested) }
    let full = message(many)
    #expect(full.count <= limit && full.count > limit - 200)
    #expect(try await code(full, at: endpoint, consortium) == "too-large")
    #expect(try await code(message(deep), at: endpoint, consortium) == "malformed")
    // An envelope has few elements, whatever its length.
    let bomb = element([0x7f, UInt8(ObjectKind.envelope.rawValue)], element([0x30], many))
    #expect(try await code(bomb, at: endpoint, consortium) == "too-large")
  }

  private struct Unknown: NamedValue {
    static let name = "no-such-request"
    init() {}
    func encode(into fields: inout some FieldEncoder) {}
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {}
  }

  @Test("a request at the wrong door, or changed in any byte, harms nobody")
  func misdirectedAndChanged() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    let passages = test.wire.passages
    // One of each kind, told apart by its beginning.
    var kinds: [String: Wire.Passage] = [:]
    for passage in passages { kinds[Self.name(passage.message)] = passage }
    #expect(kinds.count >= 20)
    var generator = SeededGenerator(seed: 2)
    var refused = 0
    for passage in kinds.values {
      let doors = Self.endpoints.dropLast().filter { $0 != passage.recipient }
      for door in doors {
        if try await code(passage.request, at: door, consortium) != nil { refused += 1 }
      }
      for _ in 0..<12 {
        var changed = passage.request
        let place = Int.random(in: changed.indices, using: &generator)
        changed[place] ^= UInt8.random(in: 1...255, using: &generator)
        _ = try await code(changed, at: passage.recipient, consortium)
        _ = try await code(
          Array(passage.request.prefix(place)), at: passage.recipient, consortium)
      }
    }
    #expect(refused > kinds.count)
    // Everybody still works, and the ledger is what it was.
    #expect(try await consortium.hold(test.plan("encounter-2")).record?.record != nil)
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains[1].visits.acknowledged == 2)
  }

  /// The name that a message begins with.
  private static func name(_ message: [UInt8]) -> String {
    guard let start = message.firstIndex(of: 0x0c), start + 1 < message.count else { return "" }
    let count = Int(message[start + 1])
    return String(decoding: message[(start + 2)...].prefix(count), as: UTF8.self)
  }
}
