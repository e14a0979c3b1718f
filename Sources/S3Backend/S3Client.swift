import AsyncHTTPClient
import CanonicalEncoding
import Crypto
package import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Requests to one bucket: signed, sent again where that changes nothing, and given up at a deadline.
package final class S3Client: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case put = "PUT"
    case delete = "DELETE"
  }

  package struct Request: Sendable {
    var method: Method
    /// Nil for the bucket itself.
    var key: String?
    var query: [(name: String, value: String)]
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// The longest answer that is taken, in bytes.
    var limit: Int
    /// Whether it may arrive twice: what is conditional may not, since nobody knows then which of both answered.
    var isRepeatable: Bool

    package init(
      method: Method, key: String?, query: [(name: String, value: String)] = [],
      headers: [(name: String, value: String)] = [], body: [UInt8] = [],
      limit: Int = ErrorAnswer.byteLimit, isRepeatable: Bool = true
    ) {
      (self.method, self.key, self.query, self.headers) = (method, key, query, headers)
      (self.body, self.limit, self.isRepeatable) = (body, limit, isRepeatable)
    }
  }

  package struct Answer: Sendable {
    package let status: Int
    package let body: [UInt8]
    /// Of the object, in quotation marks, as it is given back in `If-Match`.
    let tag: String?

    package var isDone: Bool { (200...299).contains(status) }
  }

  /// Why there is no answer.
  package struct Failure: Error {
    package enum Kind {
      /// Nothing was changed, and the same request would not be carried out later either.
      case rejected
      /// Whether the request was carried out nobody knows.
      case unknown
      /// More bytes than were asked for.
      case tooLong
    }

    package let kind: Kind
    /// With the object and the number of attempts, without anything secret.
    package let message: String
  }

  let configuration: S3Configuration
  private let signature: RequestSignature
  private let clock: @Sendable () -> Date
  private let http: HTTPClient

  package init(
    _ configuration: S3Configuration, _ credentials: S3Credentials,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    (self.configuration, self.clock) = (configuration, clock)
    signature = RequestSignature(
      credentials: credentials, region: configuration.region, service: "s3")
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    var settings = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: .milliseconds(Int64(configuration.attempt * 1000))))
    settings.httpVersion = .http1Only
    settings.decompression = .disabled
    settings.proxy = nil
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections
    settings.connectionPool.retryConnectionEstablishment = false
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
  }

  deinit {
    // A client that is not shut down ends the process; what is under way ends with it.
    let http = http
    Task { try? await http.shutdown() }
  }

  /// - Returns: an answer of any status but those that say to try again.
  package func send(
    _ request: Request, until deadline: ContinuousClock.Instant
  ) async throws(Failure) -> Answer {
    var (count, first) = (0, Failure?.none)
    while true {
      count += 1
      let failure: Failure
      do throws(Failure) {
        return try await attempt(request, until: deadline)
      } catch {
        failure = error
      }
      guard request.isRepeatable, failure.kind == .unknown,
        await pause(after: count, until: deadline)
      else {
        guard let first else { throw failure }
        // The last attempt may have had no time, and says little.
        throw Failure(
          kind: failure.kind == .tooLong ? .tooLong : first.kind,
          message: "\(first.message), at first of \(count) attempts; then \(failure.message)")
      }
      first = first ?? failure
    }
  }

  /// Waits for a random part of a time that doubles with each attempt, so that many who failed together do not
  /// come back together.
  ///
  /// - Returns: false if there is no time left.
  func pause(after count: Int, until deadline: ContinuousClock.Instant) async -> Bool {
    let longest = min(
      configuration.longestPause, configuration.firstPause * Double(1 << min(count - 1, 20)))
    let end = ContinuousClock.now.advanced(by: .seconds(.random(in: 0...max(longest, 0))))
    guard end < deadline, !Task.isCancelled else { return false }
    return (try? await Task.sleep(until: end, clock: .continuous)) != nil
  }

  private func attempt(
    _ request: Request, until deadline: ContinuousClock.Instant
  ) async throws(Failure) -> Answer {
    let place = "\(request.method.rawValue) \(configuration.bucket)/\(request.key ?? "")"
    let left = (deadline - ContinuousClock.now) / .milliseconds(1)
    guard left > 0 else { throw Failure(kind: .rejected, message: "\(place): no time is left") }
    let milliseconds = Int64(min(left, configuration.attempt * 1000).rounded(.up))
    do {
      let response = try await http.execute(
        signed(request), deadline: .now() + .milliseconds(milliseconds))
      let status = Int(response.status.code)
      let isDone = (200...299).contains(status)
      let body = Array(
        try await response.body.collect(upTo: isDone ? request.limit : ErrorAnswer.byteLimit)
          .readableBytesView)
      let code = isDone ? nil : ErrorAnswer.code(body)
      // Without a bucket, or behind who is no S3 at all, nothing says that there is no object.
      let isAbsent = status == 404 && code == "NoSuchKey"
      let isCondition = request.method == .put && [409, 412].contains(status)
      if isDone || isAbsent || isCondition {
        let tag = response.headers.first(name: "etag")
        return Answer(status: status, body: body, tag: tag.flatMap(Self.checked))
      }
      let mayChange = [408, 429].contains(status) || status >= 500 || code == "RequestTimeout"
      throw Failure(
        kind: mayChange ? .unknown : .rejected,
        message: "\(place): HTTP status \(status)\(code.map { " \($0)" } ?? "")")
    } catch let failure as Failure {
      throw failure
    } catch is NIOTooManyBytesError {
      throw Failure(kind: .tooLong, message: "\(place): the answer is too long")
    } catch let error as HTTPClientError {
      throw Failure(kind: .unknown, message: "\(place): \(error.shortDescription)")
    } catch is CancellationError {
      throw Failure(kind: .unknown, message: "\(place): given up")
    } catch {
      throw Failure(kind: .unknown, message: "\(place): \(type(of: error))")
    }
  }

  private func signed(_ request: Request) -> HTTPClientRequest {
    let digest = SHA256.hash(data: request.body)
    let time = RequestSignature.time(clock())
    var headers = request.headers
    headers += [
      ("host", configuration.authority), ("x-amz-content-sha256", Array(digest).hex),
      ("x-amz-date", time),
    ]
    if request.method == .put {
      headers += [
        ("content-type", "application/octet-stream"),
        ("x-amz-checksum-sha256", Data(digest).base64EncodedString()),
      ]
    }
    if let token = signature.credentials.sessionToken {
      headers.append(("x-amz-security-token", token))
    }
    let path = RequestSignature.escape(
      "/\(configuration.bucket)" + (request.key.map { "/\($0)" } ?? ""), keepingSlashes: true)
    let authorization = signature.authorization(
      .init(
        method: request.method.rawValue, path: path, query: request.query, headers: headers,
        bodyDigest: Array(digest).hex), time: time)
    let query = request.query.isEmpty ? "" : "?\(RequestSignature.text(of: request.query))"
    var made = HTTPClientRequest(url: configuration.endpoint + path + query)
    made.method = HTTPMethod(rawValue: request.method.rawValue)
    for (name, value) in headers { made.headers.add(name: name, value: value) }
    made.headers.add(name: "authorization", value: authorization)
    if request.method == .put {
      made.body = .bytes(ByteBuffer(bytes: request.body))
    }
    return made
  }

  /// A tag goes into a header again.
  private static func checked(_ tag: String) -> String? {
    (1...256).contains(tag.utf8.count) && tag.utf8.allSatisfy { (0x21...0x7e).contains($0) }
      ? tag : nil
  }
}
