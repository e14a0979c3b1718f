import Foundation

/// Where objects are kept, and how long is waited for them.
public struct S3Configuration: Sendable {
  /// Why a configuration is none.
  public struct Malformed: Error, CustomStringConvertible {
    /// Which value, and what it has to be.
    public let description: String
  }

  /// `https://host` or `https://host:port`; buckets are part of the path.
  public let endpoint: String
  /// 3 to 63 of a-z, 0-9, '-' and '.'.
  public let bucket: String
  /// Which requests are signed for.
  public let region: String
  /// What all keys begin with, without a slash at the end; may be empty.
  public let prefix: String

  /// How long one attempt at a request may take, in seconds.
  public var attempt: Double = 10
  /// How long a call of the store may take, with all attempts, in seconds; listing records ten times as long.
  public var patience: Double = 60
  /// The longest pause before the second attempt, in seconds; it doubles with each.
  public var firstPause: Double = 0.1
  /// What it doubles up to, in seconds.
  public var longestPause: Double = 5
  /// Connections at the same time; more requests wait for one.
  public var connections = 8

  /// Of the endpoint, as requests name it.
  let authority: String

  /// - Throws: ``Malformed``; also for `http`, but to the loopback interface.
  public init(
    endpoint: String, bucket: String, region: String, prefix: String = ""
  ) throws(Malformed) {
    guard let parts = URLComponents(string: endpoint), let host = parts.host, !host.isEmpty,
      parts.user == nil, parts.password == nil, ["", "/"].contains(parts.path),
      parts.query == nil, parts.fragment == nil, let scheme = parts.scheme
    else {
      throw Malformed(description: "the endpoint is no https://HOST or https://HOST:PORT")
    }
    let isLoopback = ["127.0.0.1", "::1", "[::1]", "localhost"].contains(host)
    guard scheme == "https" || scheme == "http" && isLoopback else {
      throw Malformed(
        description: "\(endpoint): an endpoint is reached by https, unless it is on this machine")
    }
    guard (3...63).contains(bucket.utf8.count),
      bucket.utf8.allSatisfy({ ObjectNames.isPlain($0) || $0 == UInt8(ascii: ".") }),
      !bucket.hasPrefix("."), !bucket.contains("..")
    else {
      throw Malformed(description: "the bucket is no name of 3 to 63 of a-z, 0-9, '-' and '.'")
    }
    guard (1...64).contains(region.utf8.count), region.utf8.allSatisfy(ObjectNames.isPlain) else {
      throw Malformed(description: "the region is no name of a-z, 0-9 and '-'")
    }
    let segments = prefix.split(separator: "/", omittingEmptySubsequences: false)
    guard prefix.utf8.count <= 200,
      prefix.isEmpty
        || segments.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(ObjectNames.isPlain) })
    else {
      throw Malformed(
        description: "the prefix is no text of up to 200 of a-z, 0-9 and '-', with '/' between")
    }
    let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    let standard = scheme == "https" ? 443 : 80
    authority = parts.port.map { $0 == standard ? name : "\(name):\($0)" } ?? name
    self.endpoint = "\(scheme)://\(authority)"
    (self.bucket, self.region, self.prefix) = (bucket, region, prefix)
  }

  /// The same, under a longer prefix.
  ///
  /// - Throws: ``Malformed``
  public func under(_ name: String) throws(Malformed) -> Self {
    var other = try Self(
      endpoint: endpoint, bucket: bucket, region: region,
      prefix: prefix.isEmpty ? name : "\(prefix)/\(name)")
    (other.attempt, other.patience) = (attempt, patience)
    (other.firstPause, other.longestPause) = (firstPause, longestPause)
    other.connections = connections
    return other
  }
}
