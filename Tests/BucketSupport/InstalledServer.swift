import AsyncHTTPClient
package import Foundation
import NIOCore
import NIOHTTP1
import S3Backend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// S3 servers of others, of `scripts/vectors/requirements.txt`, each run for a test and ended by it.
package enum InstalledServer: String, CaseIterable, Sendable, CustomStringConvertible {
  case moto
  case seaweedFS = "SeaweedFS"

  package var description: String { rawValue }

  /// Where the programs are.
  package static var folder: URL? {
    ProcessInfo.processInfo.environment["BCEMR_PYTHON"].map {
      URL(filePath: $0).deletingLastPathComponent()
    }
  }

  package static var areInstalled: Bool {
    ["moto_server", "weed"].allSatisfy { name in
      folder.map { FileManager.default.isExecutableFile(atPath: $0.appending(path: name).path()) }
        ?? false
    }
  }

  struct NotStarted: Error { let output: String }

  /// Runs the server while the closure runs.
  ///
  /// - Parameter body: is given the address of a server with the bucket `records`.
  package func run(_ body: (_ endpoint: String) async throws -> Void) async throws {
    let scratch = FileManager.default.temporaryDirectory.appending(
      path: "bcemr-s3-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let ports = try Self.freePorts(8)
    let process = Process()
    switch self {
    case .moto:
      process.executableURL = Self.folder?.appending(path: "moto_server")
      process.arguments = ["-H", "127.0.0.1", "-p", "\(ports[0])"]
    case .seaweedFS:
      let identities = scratch.appending(path: "s3.json")
      try Data(
        #"""
        {"identities": [{"name": "test", "actions": ["Admin", "Read", "Write", "List"], "credentials":
          [{"accessKey": "AKIDEXAMPLE", "secretKey": "wJalrXUtnFEMI/example"}]}]}
        """#.utf8
      ).write(to: identities)
      process.executableURL = Self.folder?.appending(path: "weed")
      process.arguments = [
        "server", "-dir=\(scratch.path())", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        "-s3.port=\(ports[0])", "-s3.config=\(identities.path())", "-s3.port.grpc=\(ports[1])",
        "-master.port=\(ports[2])", "-master.port.grpc=\(ports[3])",
        "-volume.port=\(ports[4])", "-volume.port.grpc=\(ports[5])",
        "-filer.port=\(ports[6])", "-filer.port.grpc=\(ports[7])", "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20",
      ]
    }
    let log = scratch.appending(path: "log")
    try Data().write(to: log)
    let output = try FileHandle(forWritingTo: log)
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    defer {
      // One of them waits for connections to end when it is asked to.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      // SeaweedFS leaves its sockets, which have the numbers of ports.
      for port in ports {
        for part in ["s3", "s3-grpc", "filer", "filer-grpc", "master-grpc", "volume-grpc"] {
          try? FileManager.default.removeItem(atPath: "/tmp/seaweedfs-\(part)-\(port).sock")
        }
      }
    }
    let endpoint = "http://127.0.0.1:\(ports[0])"
    guard await Self.createBucket(at: endpoint) else {
      throw NotStarted(output: (try? String(contentsOf: log, encoding: .utf8)) ?? "")
    }
    try await body(endpoint)
  }

  /// Asks until the server is there, for a minute.
  private static func createBucket(at endpoint: String) async -> Bool {
    guard let configuration = try? S3Configuration.test(endpoint, patience: 60),
      let credentials = try? S3Credentials.test
    else { return false }
    let client = S3Client(configuration, credentials)
    let end = ContinuousClock.now.advanced(by: .seconds(60))
    while ContinuousClock.now < end {
      let answer = try? await client.send(.init(method: .put, key: nil), until: end)
      if answer?.isDone == true { return true }
      try? await Task.sleep(for: .milliseconds(250))
    }
    return false
  }

  package static func freePorts(_ count: Int) throws -> [Int] {
    let sockets = (0..<count).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    defer { for socket in sockets { close(socket) } }
    return try sockets.map { socket in
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe bind(socket, $0, length) == 0 ? unsafe getsockname(socket, $0, &length) : -1
        }
      }
      guard result == 0 else { throw CocoaError(.fileReadUnknown) }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }
}

/// A bucket of another server, to which requests go on as they were signed.
package struct ForwardedBucket: Sendable {
  let endpoint: String

  package init(endpoint: String) { self.endpoint = endpoint }

  package func reply(to question: MemoryBucket.Question) async -> MemoryBucket.Reply {
    var request = HTTPClientRequest(url: endpoint + question.target)
    request.method = HTTPMethod(rawValue: question.method)
    for (name, value) in question.headers
    where !["content-length", "connection", "transfer-encoding"].contains(name) {
      request.headers.add(name: name, value: value)
    }
    if !question.body.isEmpty { request.body = .bytes(ByteBuffer(bytes: question.body)) }
    guard let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(20)),
      let body = try? await response.body.collect(upTo: 8 << 20)
    else { return .failed(502, "BadGateway") }
    return .init(
      status: Int(response.status.code),
      headers: response.headers.first(name: "etag").map { ["etag": $0] } ?? [:],
      body: Array(body.readableBytesView))
  }
}
