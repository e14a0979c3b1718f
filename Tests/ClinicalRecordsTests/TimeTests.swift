import ClinicalRecords
import Foundation
import Testing

@Suite("The time that a history takes grows with its size and no faster")
struct TimeTests {
  /// How long this thread works at a history.
  private static func seconds(_ json: [UInt8]) throws -> Double {
    func now() -> Double {
      var time = timespec()
      unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
    let start = now()
    let history = try FHIRHistory(json: json)
    #expect(!history.visits.isEmpty)
    return now() - start
  }

  /// `[text]` as often as fits in so many bytes, with the number in the place of `@`.
  private static func many(_ text: String, _ size: Int) -> [String] {
    (0..<size / text.utf8.count).map { text.replacing("@", with: "\($0)") }
  }

  private static func list(_ texts: [String]) -> String { "[" + texts.joined(separator: ",") + "]" }

  private static func links(_ target: String, _ size: Int) -> String {
    #""derivedFrom":\#(list(many(#"{"reference":"\#(target)"}"#, size)))"#
  }

  private static func observation(_ members: String) -> String {
    resource("Observation", "o", #"\#(reference("encounter", "Encounter/e")),\#(members)"#)
  }

  /// Resources of about so many bytes together, by what there is much of.
  private static let attacks: [String: @Sendable (Int) -> [String]] = [
    "contained resources, and references to none of them": { size in
      let contained = list(many(#"{"resourceType":"X"}"#, size / 2))
      return [observation(#""contained":\#(contained),\#(links("#z", size / 2))"#)]
    },
    "identifiers of a contained patient": { size in
      let identifiers = list(many(#"{"value":"@"}"#, size / 2))
      let links = list(many(##"{"reference":"#c"}"##, size / 2))
      return [
        observation(
          #""contained":[{"resourceType":"Patient","id":"c","identifier":\#(identifiers)}],"subject":\#(links)"#
        )
      ]
    },
    "resources of one identifier": { size in
      let link = "Practitioner?identifier=s|x"
      return many(
        #""resourceType":"Practitioner","id":"d@","identifier":[{"system":"s","value":"x"}]"#,
        size / 2)
        + many(
          #""resourceType":"Observation","id":"o@",\#(reference("performer", link))"#, size / 2)
    },
    "resources of one identifier, and of another": { size in
      let link = "Practitioner?identifier=s|x&identifier=s|y"
      return ["x", "y"].flatMap { value in
        many(
          #""resourceType":"Practitioner","id":"\#(value)@","identifier":[{"system":"s","value":"\#(value)"}]"#,
          size / 4)
      }
        + many(
          #""resourceType":"Observation","id":"o@",\#(reference("performer", link))"#, size / 2)
    },
    "a fullUrl": { size in
      let url = "https://\(String(repeating: "a", count: size / 2))/Observation/o"
      return [entry(url, observation(links("Device/@", size / 2)))]
    },
    "resources of one id on many servers": { size in
      many(
        #"{"fullUrl":"https://a.example/@/Device/1","resource":{"resourceType":"Device","id":"1"}}"#,
        size / 2)
        + [observation(links("https://b.example/Device/1", size / 2))]
    },
    "forms of one urn:uuid:": { size in
      let letters = Array("abcdefabcdefabcdef")
      let urls = (0..<size / 160).map { number in
        letters.enumerated().map { place, letter in
          number >> place & 1 == 1 ? letter.uppercased() : String(letter)
        }.joined()
      }
      return urls.enumerated().map {
        entry("urn:uuid:\($1)", #""resourceType":"Device","id":"d\#($0)""#)
      } + [observation(links("urn:uuid:ABCDEFABCDEFABCDEF", size / 2))]
    },
  ]

  @Test("[attack] resources within resources, with much in the innermost, take no longer")
  func nested() throws {
    let payload = #""payload":"\#(String(repeating: "x", count: 16 << 20))""#
    func made(_ depth: Int) -> [UInt8] {
      let start = String(repeating: #"{"resourceType":"Basic","contained":["#, count: depth)
      let end = String(repeating: "]}", count: depth)
      return bundle(
        encounter("e"), #"{"resource":\#(start){"resourceType":"Basic",\#(payload)}\#(end)}"#)
    }
    let (flat, deep) = (try Self.seconds(made(0)), try Self.seconds(made(120)))
    print("alone \(Int(flat * 1000)) ms, within 120 \(Int(deep * 1000)) ms")
    #expect(deep < 4 * flat + 0.1)
  }

  @Test("[attack] of what refers to much, much often", arguments: attacks.keys.sorted())
  func linear(attack: String) throws {
    let resources = try #require(Self.attacks[attack])
    var times: [Double] = []
    for size in [128 << 10, 1 << 20, 8 << 20] {
      let json = bundle([encounter("e")] + resources(size))
      #expect(json.count > size / 2 && json.count < 2 * size)
      times.append(try Self.seconds(json))
      // Eight times the size; the square would be 64 times.
      if times.count > 1 {
        try #require(times[times.count - 1] < 24 * max(times[times.count - 2], 0.002))
      }
    }
    print("\(attack): \(times.map { "\(Int($0 * 1000)) ms" }.joined(separator: ", "))")
  }
}
