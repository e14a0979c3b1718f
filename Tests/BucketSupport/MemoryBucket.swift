import CanonicalEncoding
import Foundation
import Synchronization

/// A bucket as S3's documentation has it, as far as the store uses it: conditions, and listings in pages.
package final class MemoryBucket: Sendable {
  package struct Question: Sendable {
    package let method: String
    /// As it stands in the request.
    package let target: String
    /// Without the bucket.
    package let key: String
    package let query: [String: String]
    /// By names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]

    package var isManifest: Bool { key.contains("records/") }
    package var isPiece: Bool { key.contains("pieces/") }
  }

  package struct Reply: Sendable {
    package var status = 200
    package var headers: [String: String] = [:]
    package var body: [UInt8] = []

    package init(status: Int = 200, headers: [String: String] = [:], body: [UInt8] = []) {
      (self.status, self.headers, self.body) = (status, headers, body)
    }

    package static func failed(_ status: Int, _ code: String) -> Self {
      Self(status: status, body: Array("<Error><Code>\(code)</Code></Error>".utf8))
    }
  }

  /// How many keys are on a page.
  let pageSize: Int
  /// Answers every conditional put as if there were no condition.
  let ignoresConditions: Bool
  private let objects = Mutex<[String: [UInt8]]>([:])

  package init(pageSize: Int = 3, ignoresConditions: Bool = false) {
    (self.pageSize, self.ignoresConditions) = (pageSize, ignoresConditions)
  }

  /// What its operator sees and changes.
  package var contents: [String: [UInt8]] {
    get { objects.withLock { $0 } }
    set { objects.withLock { $0 = newValue } }
  }

  package func keys(_ part: String) -> [String] {
    contents.keys.filter { $0.contains(part) }.sorted()
  }

  package func reply(to question: Question) -> Reply {
    objects.withLock { objects in
      let stored = objects[question.key]
      switch question.method {
      case "GET" where question.query["list-type"] == "2": return list(objects, question)
      case "GET":
        guard let stored else { return .failed(404, "NoSuchKey") }
        return Reply(headers: ["etag": Self.tag(stored)], body: stored)
      case "PUT":
        if !ignoresConditions {
          if question.headers["if-none-match"] == "*", stored != nil {
            return .failed(412, "PreconditionFailed")
          }
          if let tag = question.headers["if-match"] {
            guard let stored else { return .failed(404, "NoSuchKey") }
            if Self.tag(stored) != tag { return .failed(412, "PreconditionFailed") }
          }
        }
        let digest = Data(Digest32(sha256: question.body).bytes).base64EncodedString()
        guard question.headers["x-amz-checksum-sha256"] == digest else {
          return .failed(400, "BadDigest")
        }
        objects[question.key] = question.body
        return Reply(headers: ["etag": Self.tag(question.body)])
      case "DELETE":
        objects[question.key] = nil
        return Reply(status: 204)
      default: return .failed(405, "MethodNotAllowed")
      }
    }
  }

  private func list(_ objects: [String: [UInt8]], _ question: Question) -> Reply {
    let prefix = question.query["prefix"] ?? ""
    let after = question.query["continuation-token"].map { String($0.dropFirst(5)) } ?? ""
    let found = objects.filter { $0.key.hasPrefix(prefix) && $0.key > after }
      .sorted { $0.key < $1.key }
    let page = found.prefix(pageSize)
    let items = page.map {
      "<Contents><Key>\($0.key)</Key><Size>\($0.value.count)</Size><Owner><ID>x</ID></Owner></Contents>"
    }
    let isLast = page.count == found.count
    let token =
      isLast
      ? "" : "<NextContinuationToken>a&amp;&lt;+/\(page.last?.key ?? "")</NextContinuationToken>"
    return Reply(
      body: Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
        <IsTruncated>\(!isLast)</IsTruncated>\(token)\(items.joined())</ListBucketResult>
        """.utf8))
  }

  private static func tag(_ bytes: [UInt8]) -> String { "\"\(Digest32(sha256: bytes))\"" }
}
