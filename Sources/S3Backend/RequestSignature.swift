import CanonicalEncoding
import Crypto
package import Foundation

/// AWS Signature Version 4, in a header: HMAC-SHA256 over what stands in the request
/// (docs.aws.amazon.com, "Create a signed AWS API request").
package struct RequestSignature {
  /// What of a request is signed.
  package struct Subject {
    var method: String
    /// As it stands in the request, each segment escaped once; S3 does not shorten it.
    var path: String
    /// Not yet escaped.
    var query: [(name: String, value: String)] = []
    /// `host` and all that begin with `x-amz-` among them.
    var headers: [(name: String, value: String)]
    /// SHA-256 of the body, 64 hexadecimal digits.
    var bodyDigest: String

    package init(
      method: String, path: String, query: [(name: String, value: String)] = [],
      headers: [(name: String, value: String)], bodyDigest: String
    ) {
      (self.method, self.path, self.query) = (method, path, query)
      (self.headers, self.bodyDigest) = (headers, bodyDigest)
    }

    var signedHeaders: String {
      Set(headers.map { $0.name.lowercased() }).sorted().joined(separator: ";")
    }

    package var canonical: String {
      var values: [String: [String]] = [:]
      for (name, value) in headers {
        let words = value.split(separator: " ").joined(separator: " ")
        values[name.lowercased(), default: []].append(words)
      }
      let lines = values.sorted { $0.key < $1.key }.map {
        "\($0.key):\($0.value.joined(separator: ","))\n"
      }
      return [
        method, path, RequestSignature.text(of: query), lines.joined(), signedHeaders, bodyDigest,
      ]
      .joined(separator: "\n")
    }
  }

  let credentials: S3Credentials
  private let region: String
  private let service: String

  package init(credentials: S3Credentials, region: String, service: String) {
    (self.credentials, self.region, self.service) = (credentials, region, service)
  }

  /// The value of the header `Authorization`.
  ///
  /// - Parameter time: as in the header `x-amz-date`, which is to be among the headers.
  package func authorization(_ subject: Subject, time: String) -> String {
    let scope = "\(time.prefix(8))/\(region)/\(service)/aws4_request"
    let text = """
      AWS4-HMAC-SHA256
      \(time)
      \(scope)
      \(Digest32(sha256: subject.canonical.utf8))
      """
    var key = SymmetricKey(data: Data("AWS4\(credentials.secretKey)".utf8))
    for part in [String(time.prefix(8)), region, service, "aws4_request"] {
      key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: key))
    }
    let signature = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)
    return "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), "
      + "SignedHeaders=\(subject.signedHeaders), Signature=\(Array(signature).hex)"
  }

  /// A point in time as `20150830T123600Z`.
  package static func time(_ date: Date) -> String {
    String(date.formatted(.iso8601).filter { !"-:".contains($0) })
  }

  /// A query as it stands in a request: escaped, and in the order in which it is signed.
  static func text(of query: [(name: String, value: String)]) -> String {
    query.map { (escape($0.name), escape($0.value)) }.sorted { $0 < $1 }
      .map { "\($0)=\($1)" }.joined(separator: "&")
  }

  /// Percent signs for all but the unreserved characters of RFC 3986.
  package static func escape(_ text: String, keepingSlashes: Bool = false) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        String(UnicodeScalar(byte))
      case UInt8(ascii: "/") where keepingSlashes: "/"
      default: "%\([byte].hex.uppercased())"
      }
    }.joined()
  }
}
