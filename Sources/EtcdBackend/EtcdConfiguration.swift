import Foundation
import S3Backend

/// Where the members of an etcd cluster are, and how long is waited for them.
public struct EtcdConfiguration: Sendable {
  /// Why a configuration is none.
  public struct Malformed: Error, CustomStringConvertible {
    /// Which value, and what it has to be.
    public let description: String
  }

  /// Files of certificates and of a key, in PEM.
  public struct Certificates: Sendable, Equatable {
    /// Who signs the certificates of members; nil for whom the system trusts.
    public var authority: String?
    /// With which this machine shows who it is, with its key; nil where members ask for none.
    public var own: (certificate: String, key: String)?

    public init(authority: String? = nil, own: (certificate: String, key: String)? = nil) {
      (self.authority, self.own) = (authority, own)
    }

    public static func == (a: Self, b: Self) -> Bool {
      a.authority == b.authority && a.own?.certificate == b.own?.certificate
        && a.own?.key == b.own?.key
    }
  }

  /// With which etcd knows who asks, where it has users. Nothing prints the password.
  public struct User: Sendable, CustomStringConvertible, CustomReflectable {
    let name: String
    let password: String

    public init(name: String, password: String) { (self.name, self.password) = (name, password) }

    public var description: String { name }

    public var customMirror: Mirror { Mirror(self, children: [:]) }
  }

  /// `https://host:port` of each member.
  public let endpoints: [String]
  /// What all keys begin with, without a slash at the end.
  public let prefix: String
  /// By which members and this machine know each other.
  public var certificates = Certificates()
  /// Nil where etcd has no users.
  public var user: User?

  /// How long one attempt at a request may take, in seconds.
  public var attempt: Double = 2
  /// How long a request may take, with all attempts, in seconds: longer than a cluster is without a leader.
  public var patience: Double = 20

  /// - Throws: ``Malformed``; also for `http`, but to the loopback interface.
  public init(endpoints: [String], prefix: String) throws(Malformed) {
    guard (1...9).contains(endpoints.count), Set(endpoints).count == endpoints.count else {
      throw Malformed(description: "there are one to nine endpoints, each once")
    }
    self.endpoints = try endpoints.map { (endpoint) throws(Malformed) in try Self.checked(endpoint)
    }
    let segments = prefix.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...200).contains(prefix.utf8.count),
      segments.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(ObjectNames.isPlain) })
    else {
      throw Malformed(
        description: "the prefix is no text of 1 to 200 of a-z, 0-9 and '-', with '/' between")
    }
    self.prefix = prefix
  }

  private static func checked(_ endpoint: String) throws(Malformed) -> String {
    guard let parts = URLComponents(string: endpoint), let host = parts.host, !host.isEmpty,
      parts.user == nil, parts.password == nil, ["", "/"].contains(parts.path),
      parts.query == nil, parts.fragment == nil, let scheme = parts.scheme
    else { throw Malformed(description: "an endpoint is as https://HOST:2379") }
    let isLoopback = ["127.0.0.1", "::1", "[::1]", "localhost"].contains(host)
    guard scheme == "https" || scheme == "http" && isLoopback else {
      throw Malformed(
        description: "\(endpoint): an endpoint is reached by https, unless it is on this machine")
    }
    return endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
  }
}
