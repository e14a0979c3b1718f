import CanonicalEncoding
import Foundation
import S3Backend
import TestSupport
import Testing

@Suite("AWS Signature Version 4")
struct SignatureTests {
  struct Case: Decodable, CustomTestStringConvertible, Sendable {
    let name: String
    let service: String
    let method: String
    let path: String
    let query: [[String]]
    let headers: [[String]]
    let body: String
    let time: String
    let accessKey: String
    let secretKey: String
    let canonical: String?
    let authorization: String

    var testDescription: String { name }
  }

  static let cases = Result {
    try VectorFile<Case>("signature-v4", in: .module).cases
  }

  @Test("there are AWS's vectors") func vectors() throws {
    #expect(try Self.cases.get().count == 27)
  }

  @Test("a request of AWS's vectors has the signature that they give", arguments: try cases.get())
  func signature(_ vector: Case) throws {
    let credentials = try #require(
      S3Credentials(accessKey: vector.accessKey, secretKey: vector.secretKey))
    let signature = RequestSignature(
      credentials: credentials, region: "us-east-1", service: vector.service)
    let subject = RequestSignature.Subject(
      method: vector.method,
      path: RequestSignature.escape(vector.path, keepingSlashes: true),
      query: vector.query.map { ($0[0], $0[1]) }, headers: vector.headers.map { ($0[0], $0[1]) },
      bodyDigest: "\(Digest32(sha256: vector.body.utf8))")
    if let canonical = vector.canonical { #expect(subject.canonical == canonical) }
    #expect(signature.authorization(subject, time: vector.time) == vector.authorization)
  }

  @Test(
    "a point in time is written without separators",
    arguments: [
      (1_440_938_160.0, "20150830T123600Z"), (0, "19700101T000000Z"),
      (1_709_210_096.9, "20240229T123456Z"),
    ])
  func time(seconds: Double, text: String) {
    #expect(RequestSignature.time(Date(timeIntervalSince1970: seconds)) == text)
  }
}
