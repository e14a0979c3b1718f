import BucketSupport
import EtcdBackend
import Foundation
import Ledger
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Members of etcd, as the Debian package has it, each run for a test and ended by it: on loopback, with TLS and
/// client certificates unless the test goes between them.
final class EtcdCluster: Sendable {
  static let program = "/usr/bin/etcd"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  struct NotStarted: Error { let output: String }

  let endpoints: [String]
  let certificates: EtcdConfiguration.Certificates
  private let folder: URL
  private let arguments: [[String]]
  private let processes: Mutex<[pid_t]>

  /// - Parameter more: what members are told besides.
  init(members: Int = 3, isSecure: Bool = true, more: [String] = []) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "bcemr-etcd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    self.folder = folder
    let ports = try InstalledServer.freePorts(2 * members)
    let scheme = isSecure ? "https" : "http"
    endpoints = ports.prefix(members).map { "\(scheme)://127.0.0.1:\($0)" }
    var tls: [String] = []
    certificates = isSecure ? try Self.makeCertificates(in: folder) : .init()
    if isSecure {
      for part in ["", "peer-"] {
        tls += [
          "--\(part)cert-file=\(folder.path())/server.pem",
          "--\(part)key-file=\(folder.path())/server.key",
          "--\(part)trusted-ca-file=\(folder.path())/ca.pem", "--\(part)client-cert-auth",
        ]
      }
    }
    let peers = ports.suffix(members).map { "\(scheme)://127.0.0.1:\($0)" }
    let all = peers.enumerated().map { "m\($0)=\($1)" }.joined(separator: ",")
    arguments = (0..<members).map { [endpoints, peers] index in
      [
        "--name=m\(index)", "--data-dir=\(folder.path())/m\(index)",
        "--listen-client-urls=\(endpoints[index])", "--advertise-client-urls=\(endpoints[index])",
        "--listen-peer-urls=\(peers[index])", "--initial-advertise-peer-urls=\(peers[index])",
        "--initial-cluster=\(all)", "--heartbeat-interval=100", "--election-timeout=1000",
      ] + tls + more
    }
    processes = Mutex(arguments.map { _ in 0 })
    for index in 0..<members { try start(index) }
    try await waitForLeader()
  }

  deinit {
    for member in arguments.indices { kill9(member) }
    try? FileManager.default.removeItem(at: folder)
  }

  func start(_ index: Int) throws {
    let process = Process()
    process.executableURL = URL(filePath: Self.program)
    process.arguments = arguments[index]
    let log = folder.appending(path: "log-\(index)")
    if !FileManager.default.fileExists(atPath: log.path()) { try Data().write(to: log) }
    let output = try FileHandle(forWritingTo: log)
    try output.seekToEnd()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    processes.withLock { $0[index] = process.processIdentifier }
  }

  func kill9(_ index: Int) {
    let process = processes.withLock { processes in
      defer { processes[index] = 0 }
      return processes[index]
    }
    guard process > 0 else { return }
    kill(process, SIGKILL)
    // Foundation waits for it; then there is none with this number.
    while kill(process, 0) == 0 { usleep(10_000) }
  }

  func pause(_ index: Int) { signal(index, SIGSTOP) }
  func resume(_ index: Int) { signal(index, SIGCONT) }

  private func signal(_ index: Int, _ number: Int32) {
    let process = processes.withLock { $0[index] }
    if process > 0 { kill(process, number) }
  }

  /// Where etcd's own program asks.
  func control(_ words: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/etcdctl")
    process.environment = ["ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"]
    var given = ["--endpoints=\(endpoints.joined(separator: ","))", "--command-timeout=20s"]
    if let own = certificates.own {
      given += [
        "--cacert=\(certificates.authority ?? "")", "--cert=\(own.certificate)",
        "--key=\(own.key)",
      ]
    }
    process.arguments = given + words
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw NotStarted(output: text) }
    return text
  }

  func configuration(_ prefix: String = "test", patience: Double = 20) throws -> EtcdConfiguration {
    var configuration = try EtcdConfiguration(endpoints: endpoints, prefix: prefix)
    configuration.certificates = certificates
    (configuration.attempt, configuration.patience) = (1, patience)
    return configuration
  }

  private func waitForLeader() async throws {
    let client = try EtcdClient(configuration(patience: 60))
    do {
      _ = try await client.range([0], until: client.deadline)
    } catch {
      let logs = (0..<arguments.count).map {
        (try? String(contentsOf: folder.appending(path: "log-\($0)"), encoding: .utf8)) ?? ""
      }
      throw NotStarted(output: "\(error)\n" + logs.map { String($0.suffix(2000)) }.joined())
    }
  }

  /// An authority, and certificates by it of members and of one client.
  private static func makeCertificates(in folder: URL) throws -> EtcdConfiguration.Certificates {
    let path = folder.path()
    func openssl(_ words: [String]) throws {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/openssl")
      process.arguments = words
      (process.standardOutput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw NotStarted(output: "openssl \(words.joined(separator: " "))")
      }
    }
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    try openssl(
      ["req", "-x509"] + key + [
        "-keyout", "\(path)/ca.key", "-out", "\(path)/ca.pem", "-subj", "/CN=test authority",
        "-days", "2",
      ])
    // With a common name, members that have users would refuse the client at their gateway.
    for (name, subject) in [("server", "/CN=server"), ("client", "/O=north")] {
      try openssl(
        ["req"] + key + [
          "-keyout", "\(path)/\(name).key", "-out", "\(path)/\(name).csr", "-subj", subject,
        ])
      try Data(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n".utf8
      ).write(to: folder.appending(path: "extensions"))
      try openssl([
        "x509", "-req", "-in", "\(path)/\(name).csr", "-CA", "\(path)/ca.pem", "-CAkey",
        "\(path)/ca.key", "-CAcreateserial", "-days", "2", "-extfile", "\(path)/extensions",
        "-out", "\(path)/\(name).pem",
      ])
    }
    return .init(
      authority: "\(path)/ca.pem", own: ("\(path)/client.pem", "\(path)/client.key"))
  }
}
