import BucketSupport
import CanonicalEncoding
import Consortium
import Ledger
import S3Backend
import Synchronization
import TestSupport
import Testing

@Suite("Whoever runs the S3 is the attacker")
struct OperatorAttackTests {
  @Test("[attack] a row that is changed, cut, longer, another's or gone is named, and not given")
  func changedRows() async throws {
    let scene = try await Scene()
    let store = try await scene.filled([1, 2, 3], [4, 5, 6])
    let other = RecordName(
      hospital: "south", visit: scene.record.visit, recordDigest: scene.record.recordDigest)
    try await store.put([0: [7], 1: [7, 7, 7]], of: other)
    let honest = scene.bucket.contents
    let mine = honest.filter { $0.key.contains("/north/") }
    let theirs = honest.filter { $0.key.contains("/south/") }
    for (key, bytes) in mine {
      let twin = theirs.first { $0.key.contains("/records/") == key.contains("/records/") }?.value
      let sibling = mine.first { $0.key != key && $0.key.contains("pieces/") }?.value
      for (what, forged) in [
        ("changed", [bytes[0] ^ 1] + bytes.dropFirst()), ("cut", Array(bytes.dropLast())),
        ("longer", bytes + [0]), ("empty", []), ("another record's", twin),
        ("another row's", sibling), ("gone", nil),
        ("without end", [UInt8](repeating: 0, count: 5 << 20)),
      ] {
        scene.bucket.contents[key] = forged
        for row in 0...2 where key.contains("/records/") || key.contains("-\(row)-") {
          let outcome = try await failure {
            _ = try await store.row(row, of: scene.record)
          }
          #expect(outcome.code == .corrupted, "row \(row), \(what)")
          #expect(outcome.message.contains("\(scene.record)"))
        }
        scene.bucket.contents = honest
      }
    }
    #expect(try await store.row(2, of: scene.record) == [4, 5, 6])
  }

  @Test("[attack] older rows, or none, are named by whoever has seen newer ones")
  func olderRows() async throws {
    let scene = try await Scene()
    let store = try await scene.filled([1])
    var former = [[:], scene.bucket.contents]
    try await store.put([0: [2], 2: [5]], of: scene.record)
    // Taken back to the removed, too.
    former.append(scene.bucket.contents)
    for contents in former.dropLast() {
      scene.bucket.contents = contents
      for body: () async throws -> Void in [
        { _ = try await store.row(0, of: scene.record) },
        { _ = try await store.row(1, of: scene.record) },
        { try await store.put([0: [3]], of: scene.record) },
      ] {
        let outcome = try await failure(body)
        #expect(outcome.code == .corrupted)
        #expect(outcome.message.contains(contents.isEmpty ? "missing" : "older"))
      }
    }
    scene.bucket.contents = former[2]
    #expect(try await store.row(0, of: scene.record) == [2])
    try await store.remove(scene.record)
    scene.bucket.contents = former[2]
    let outcome = try await failure {
      _ = try await store.row(0, of: scene.record)
    }
    #expect(outcome.code == .corrupted)
  }

  @Test("what is damaged is removed and put again, as a cloud does that finds it so")
  func healed() async throws {
    for damage in ["records/", "pieces/", ""] {
      let scene = try await Scene()
      let store = try await scene.filled([1, 2], [3])
      for key in scene.bucket.keys(damage) {
        scene.bucket.contents[key] = damage.isEmpty ? nil : [0]
      }
      #expect(try await store.rowCount(of: scene.record) > 0)
      try await store.remove(scene.record)
      #expect(try await store.rowCount(of: scene.record) == 0)
      #expect(scene.bucket.keys("pieces/").isEmpty)
      try await store.put([0: [1], 1: [1, 2]], of: scene.record)
      #expect(try await store.row(1, of: scene.record) == [1, 2])
    }
  }

  @Test("[attack] a listing without end, or that is none, takes bounded time and memory")
  func endlessListing() async throws {
    let count = Mutex(0)
    let answers: [@Sendable (Int) -> String] = [
      {
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>\($0)</NextContinuationToken></ListBucketResult>"
      },
      { _ in
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>"
      },
      { _ in "<html>no S3</html>" },
      { _ in String(repeating: "x", count: 5 << 20) },
    ]
    for answer in answers {
      let scene = try await Scene(
        patience: 60,
        reply: { question in
          guard question.query["list-type"] != nil else { return nil }
          let number = count.withLock {
            $0 += 1; return $0
          }
          return .init(body: Array(answer(number).utf8))
        })
      let store = try scene.store()
      let outcome = try await failure { _ = try await store.records() }
      #expect(outcome.code == .corrupted || outcome.message.contains("too long"))
    }
    #expect(count.withLock { $0 } < 5000)
  }

  @Test("[attack] a listing that names others' objects leads to none of them")
  func foreignListing() async throws {
    let scene = try await Scene()
    let store = try await scene.filled([1])
    let names = ObjectNames(prefix: scene.configuration.prefix)
    for key in ["other/records/x", "\(names.allRecords)x", "\(names.record(scene.record))/more"] {
      scene.bucket.contents[key] = [1]
    }
    #expect(try await store.records() == [scene.record])
    // Whoever answers with what was not asked for.
    let liar = try await Scene(reply: { question in
      guard question.query["list-type"] != nil else { return nil }
      return .init(
        body: Array(
          "<ListBucketResult><Contents><Key>elsewhere/pieces/x</Key><Size>1</Size></Contents></ListBucketResult>"
            .utf8))
    })
    liar.bucket.contents["elsewhere/pieces/x"] = [1]
    try await liar.filled([1]).remove(liar.record)
    #expect(liar.bucket.contents["elsewhere/pieces/x"] == [1])
  }

  @Test("[attack] nobody is followed elsewhere, and nothing secret is sent or told")
  func redirected() async throws {
    let asked = Mutex(0)
    let seen = Mutex<[String]>([])
    let elsewhere = try await BucketServer { _ in
      asked.withLock { $0 += 1 }
      return .init()
    }
    let place = elsewhere.endpoint
    for status in [301, 302, 307, 308] {
      let scene = try await Scene(
        patience: 0.5,
        reply: { question in
          seen.withLock { $0 += question.headers.map { "\($0): \($1)" } }
          return .init(status: status, headers: ["location": "\(place)/records/x"])
        })
      let store = try scene.store()
      let outcome = try await failure {
        try await store.put([0: [1]], of: scene.record)
      }
      #expect(outcome.code == .unavailable)
      #expect(!outcome.message.contains("wJalrXUtnFEMI") && !outcome.message.contains("AWS4"))
    }
    #expect(asked.withLock { $0 } == 0)
    let headers = seen.withLock { $0 }
    #expect(
      headers.contains { $0.hasPrefix("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") })
    #expect(!headers.contains { $0.contains("wJalrXUtnFEMI") })
  }
}
