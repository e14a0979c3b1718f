import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger
import SQLiteBackend

/// Makes what a party begins with.
struct Initialize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make a party's keys, a configuration, and a description for the others.",
    discussion: """
      In the folder afterwards: data/ID/keys.pem, the keys of the server; organisation/keys.pem, the key \
      with which the organisation decides, which no server needs and which belongs on another medium; \
      tls.pem and tls-key.pem; bcemrd.json, the configuration; ID.member.json, which the others are given.
      """)

  @Argument(help: "A folder that is not there, or is empty.")
  var folder: String

  @Option(help: "hospital, cloud or manager.")
  var kind: MemberDescription.Kind

  @Option(help: "The party's identifier: 1 to 64 of a-z, 0-9 and '-'.")
  var id: String

  @Option(help: "The organisation's identifier.")
  var organisation: String

  @Option(help: "Where others reach the server, as https://hospital.example:8443")
  var address: String

  @Option(help: "Of a cloud: a hospital whose chain it confirms; may be given several times.")
  var confirms: [String] = []

  mutating func run() throws {
    let (host, port) = try checked()
    let existing = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    guard existing.isEmpty else {
      throw DaemonFailure(.badInput, "\(folder): there is something in it already")
    }
    try DurableFile.createFolder(folder)
    let pin = try TLSFiles.create(
      certificate: "\(folder)/tls.pem", key: "\(folder)/tls-key.pem", host: host)
    let location = Members.Location(addresses: [address], pins: [pin])
    var randomness: Randomness = SystemRandomNumberGenerator()
    let own = try OrganisationKeys.generate(owner: organisation, using: &randomness)
    try DurableFile.createFolder("\(folder)/organisation")
    try own.create(at: "\(folder)/organisation/keys.pem")
    let organisationRing = try ring(own)
    let data = try DataFolder(path: "\(folder)/data")
    let description: MemberDescription
    switch kind {
    case .manager:
      let keys = try ManagerKeys.generate(owner: id, using: &randomness)
      try data.create(keys: keys, id)
      let ring = try ring(keys)
      description = try MemberDescription(
        ManagerKeys(ring).publicPart(id: id, organisation: organisation), location: location,
        organisation: organisationRing, party: ring)
    case .hospital, .cloud:
      let chains = [ChainName.consortium] + (kind == .cloud ? confirms : [])
      let keys = try SupernodeKeys.generate(
        owner: id, chains: chains, isHospital: kind == .hospital, using: &randomness)
      try data.create(keys: keys, id)
      let ring = try ring(keys)
      description = try MemberDescription(
        SupernodeKeys(keys, ring: ring, isHospital: kind == .hospital).publicPart(
          id: id, organisation: organisation, role: kind == .hospital ? .hospital : .cloud,
          isCandidate: true),
        location: location, organisation: organisationRing, party: ring)
    }
    let file = "\(folder)/\(id).member.json"
    try DurableFile.create(try description.encoded(), at: file)
    try DurableFile.create(
      Array(Self.configuration(id: id, port: port).utf8),
      at: "\(folder)/bcemrd.json")
    Output.line(
      "made the keys of \(id); give \(file) to who founds the consortium, or is to propose it")
    for party in [Party.organisation(try description.member), try description.party] {
      Output.line("fingerprint of \(party.id): \(Fingerprint(party).text)")
    }
    Output.line("keep \(folder)/organisation/keys.pem where no server is")
  }

  /// Looks at all that was given, before anything is made.
  ///
  /// - Returns: host and port of the address.
  private func checked() throws -> (host: String, port: Int) {
    try Identifiers.check(id, "--id")
    try Identifiers.check(organisation, "--organisation")
    guard id != organisation else {
      throw DaemonFailure(
        .badInput, "--organisation \(organisation): the party itself has this identifier",
        code: "bad-identifier", hint: "give the organisation another, as \(id)-trust")
    }
    guard confirms.isEmpty || kind == .cloud else {
      throw DaemonFailure(
        .badInput, "--confirms: a \(kind.rawValue) confirms no hospital's chain; a cloud does")
    }
    for hospital in confirms { try Identifiers.check(hospital, "--confirms") }
    guard Set(confirms).count == confirms.count, !confirms.contains(id) else {
      throw DaemonFailure(.badInput, "--confirms: each is another hospital, named once")
    }
    return try Identifiers.server(at: address)
  }

  private func ring(_ file: KeyFile) throws -> KeyRing {
    try KeyRing(file, network: "", save: { _ in })
  }

  private static func configuration(id: String, port: Int) -> String {
    """
    // The configuration of a daemon: JSON, in which a line that begins with // is a comment. Paths are relative to
    // this file. A value may be given by the environment instead, as BCEMRD_LISTEN_PORT. Where a value is commented
    // out it is what holds without it. `bcemrd check` looks at all of this; docs/operations.md says more.
    {
      // What the founders have made, and everybody has: put it beside this file.
      "genesis": "genesis.der",
      // Keys and stores of what runs here. No other process may use them.
      "data": "data",
      // The identifiers of the parties that run here.
      "roles": ["\(id)"],
      // Where the other members, doctors and patients reach this server: the port of its address.
      "listen": { "host": "0.0.0.0", "port": \(port) },
      // Others know this server by the key. The certificate may be renewed at any time, under any authority, for the
      // same key. Both are read again at SIGHUP, as by `systemctl reload bcemrd`.
      "tls": { "certificate": "tls.pem", "key": "tls-key.pem" },
      // The desk, at which `bcemrd desk` asks: a socket, for the daemon's own account alone.
      // "desk": { "socket": "data/desk.sock" },
      // From how many leaves behind on a role is not ready, and after how many seconds without a step that ended well.
      // Read again at SIGHUP, as what follows.
      // "ready": { "behind": 100, "stalled": 60 },
      // Free bytes of the disk, below which nothing new is taken, and from which on it is taken again.
      // "disk": { "floor": 1073741824, "resume": 1342177280 },
      // How much the log says: trace, debug, info, notice, warning, error or critical.
      "log": { "level": "info" },
      // Seconds between two looks at what others have. This counts after a restart, as what follows.
      // "pause": 0.5,
      // A cloud may keep records in S3, and a hospital may have several machines, with etcd and S3 ("engine"):
      // docs/operations.md has both.
      // "records": { "s3": { "endpoint": "https://s3.example", "bucket": "records", "credentials": "s3-credentials" } },
      // Health, readiness and measurements, which nobody outside is to see.
      "operations": { "host": "127.0.0.1", "port": 9443 }
    }

    """
  }
}

extension MemberDescription.Kind: ExpressibleByArgument {}
