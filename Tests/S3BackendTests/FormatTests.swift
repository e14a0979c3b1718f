import CanonicalEncoding
import Consortium
import S3Backend
import TestSupport
import Testing

@Suite("What stands in a bucket")
struct FormatTests {
  private let record = RecordName(
    hospital: "north-1", visit: Digest32(sha256: [1]), recordDigest: Digest32(sha256: [2]))

  private var manifests: [RecordManifest] {
    let pieces = [1, 2, 4000].map { row in
      RecordManifest.Piece(
        row: row, byteCount: 1 << 20, generation: UInt64(row) << 40,
        digest: Digest32(sha256: [UInt8(truncatingIfNeeded: row)]))
    }
    return [
      .init(generation: .max, rows: .none(mayHavePieces: false)),
      .init(generation: 1, rows: .none(mayHavePieces: true)),
      .init(generation: 2, rows: .kept(first: [], pieces: [])),
      .init(generation: 3, rows: .kept(first: [7, 8], pieces: pieces)),
      .init(generation: 4, rows: .kept(first: [UInt8](repeating: 5, count: 1 << 20), pieces: [])),
    ]
  }

  @Test("init(encoded(m)) == m; the length of a removed record's is no other's")
  func manifest() {
    for manifest in manifests {
      let bytes = manifest.encoded(for: record)
      #expect(RecordManifest(bytes, of: record) == manifest)
      let isRemoved = manifest.rows == .none(mayHavePieces: false)
      #expect((bytes.count == RecordManifest.removedByteCount) == isRemoved)
    }
  }

  @Test("[attack] a manifest with any byte changed, cut, or of another record, is none")
  func changed() {
    let other = RecordName(
      hospital: "north-2", visit: record.visit, recordDigest: record.recordDigest)
    for manifest in manifests.dropLast() {
      let bytes = manifest.encoded(for: record)
      #expect(RecordManifest(bytes, of: other) == nil)
      for index in bytes.indices {
        var changed = bytes
        changed[index] ^= 1
        #expect(RecordManifest(changed, of: record) == nil)
        #expect(RecordManifest(Array(bytes[..<index]), of: record) == nil)
      }
      #expect(RecordManifest(bytes + [0], of: record) == nil)
    }
  }

  @Test("whoever knows the format gets no trap and no disorder out of it")
  func forged() {
    var generator = SeededGenerator(seed: 3)
    let magic = Array("BCEMRS3\u{1}".utf8)
    for _ in 0..<2000 {
      let tail = generator.bytes(Int.random(in: 0...120, using: &generator))
      // Small lengths, so that some are good.
      let bytes =
        magic + generator.bytes(8) + [0, 0, 0, UInt8.random(in: 0...8, using: &generator)]
      let body = bytes + tail
      let name = Array("\(record)".utf8)
      let length: [UInt8] = [0, 0, 0, 0, 0, 0, 0, UInt8(name.count)]
      let whole = body + Digest32(sha256: length + name + body).bytes
      guard let manifest = RecordManifest(whole, of: record) else { continue }
      #expect(manifest.encoded(for: record) == whole)
    }
  }

  @Test(
    "record(at: record(r)) == r, and keys are plain",
    arguments: ["hospital-1", "", "H", "a_b", "../..", "a/b", "é\u{0}%", "_"])
  func names(hospital: String) {
    let names = ObjectNames(prefix: "clouds/north")
    let name = RecordName(
      hospital: hospital, visit: record.visit, recordDigest: record.recordDigest)
    let key = names.record(name)
    #expect(names.record(at: key) == name)
    #expect(key.split(separator: "/", omittingEmptySubsequences: false).count == 6)
    #expect(
      key.utf8.allSatisfy {
        ObjectNames.isPlain($0) || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "_")
      })
    for other in ["\(key)/", "\(key)0", "x\(key)", key.uppercased(), String(key.dropLast())] {
      #expect(names.record(at: other) == nil)
    }
  }

  @Test("pages of listings, as AWS writes them")
  func listing() throws {
    let page = try ObjectListing(
      Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>
          <Prefix/><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>
          <NextContinuationToken>1ue&amp;G&#x2B;&#43;==</NextContinuationToken>
          <Contents><Key>a/b</Key><ETag>&quot;fba9&quot;</ETag><Size>434234</Size>
            <Owner><ID>8a69</ID></Owner></Contents>
          <Contents><Key>c&lt;d&gt;</Key><Size>0</Size></Contents>
          <CommonPrefixes><Prefix>photos/</Prefix></CommonPrefixes>
        </ListBucketResult>
        """.utf8))
    #expect(page.items.map(\.key) == ["a/b", "c<d>"])
    #expect(page.items.map(\.byteCount) == [434_234, 0])
    #expect(page.continuation == "1ue&G++==")
  }

  @Test(
    "[attack] XML that is no listing is refused",
    arguments: [
      "", "x", "<a>", "<a></b>", "</a>", "<ListBucketResult>", "<Error><Code>x</Code></Error>",
      "<!DOCTYPE a [<!ENTITY b 'cc'>]><ListBucketResult>&b;</ListBucketResult>",
      "<ListBucketResult><![CDATA[x]]></ListBucketResult>",
      "<ListBucketResult>&b;</ListBucketResult>", "<ListBucketResult>&#xD800;</ListBucketResult>",
      "<ListBucketResult>&#99999999999;</ListBucketResult>",
      "<ListBucketResult>&amp</ListBucketResult>",
      "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
      String(repeating: "<a>", count: 100_000), "<ListBucketResult>\u{1}<</ListBucketResult>",
    ])
  func malformed(xml: String) {
    #expect(throws: XMLEvents.Malformed.self) { try ObjectListing(Array(xml.utf8)) }
  }
}
