import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import HTTPTransport
import Ledger
import SQLiteBackend
import SwiftASN1

/// The options of every command of an organisation.
struct OrganisationOptions: ParsableArguments {
  @Option(help: "The keys of the organisation: organisation/keys.pem of 'bcemrd init'.")
  var keys: String

  @Option(help: "The genesis of the ledger.")
  var genesis: String

  @Option(
    help:
      "A folder for this organisation's own copy of the consortium chain; by default 'ledger' beside the keys."
  )
  var copy: String?

  @Flag(help: "Print one JSON value instead of text.")
  var json = false

  /// The genesis.
  ///
  /// - Throws: ``DaemonFailure``.
  func validGenesis() throws -> ValidGenesis { try Machine.genesis(at: genesis) }

  /// Those that every command of this organisation needs, to copy behind one.
  var arguments: String {
    ([("keys", keys), ("genesis", genesis)] + (copy.map { [("copy", $0)] } ?? []))
      .map { "--\($0) \(Self.word($1))" }.joined(separator: " ")
  }

  /// What a member who has nothing but what it was given puts behind a command.
  static let othersArguments = "--keys organisation/keys.pem --genesis genesis.der"

  /// A path as one word of a shell.
  static func word(_ path: String) -> String {
    let isPlain = path.utf8.allSatisfy {
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0
        || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 || Array("/._-+:@".utf8).contains($0)
    }
    return isPlain && !path.isEmpty ? path : "'\(path.replacing("'", with: "'\\''"))'"
  }

  func show(_ report: some OrganisationReport) throws {
    if json { return try Output.json(report) }
    for line in report.lines { Output.line(line) }
  }
}

/// What a command of an organisation has to say.
protocol OrganisationReport: Encodable {
  /// For people.
  var lines: [String] { get }
}

/// An organisation at work: its keys, and a replay of the consortium chain of its own, so that whoever answers is
/// trusted for nothing. More than a third of the delegates have to show how far the chain is.
struct OrganisationSession {
  let id: String
  let genesis: ValidGenesis
  let ring: KeyRing
  let node: LedgerNode

  /// How long ago delegates may have shown how far they are, in seconds.
  private static let shownWithin: UInt64 = 120
  private static let keyByteLimit = 1 << 20

  /// Reads the keys, whoever's they are.
  ///
  /// - Throws: ``CredentialError``, as `invalidFile`.
  static func keys(_ path: String) throws -> KeyFile {
    let bytes: [UInt8]
    do {
      bytes = try DurableFile.read(path, limit: keyByteLimit).bytes
    } catch {
      throw DaemonFailure(error)
    }
    guard let document = try? PEMDocument(pemString: String(decoding: bytes, as: UTF8.self)),
      let file = try? KeyFile(encoded: document.derBytes)
    else { throw CredentialError(.invalidFile, "\(path): this is no intact key file") }
    // By its own rules: whether others may read it, too.
    return try KeyFile.read(from: path, owner: file.owner)
  }

  /// Opens it, brings its copy up to date, and runs `body`.
  ///
  /// - Throws: ``DaemonFailure``.
  static func run<Value>(
    _ options: OrganisationOptions, _ body: (OrganisationSession) async throws -> Value
  ) async throws -> Value {
    let genesis = try options.validGenesis()
    let file = try keys(options.keys)
    let path = options.keys
    let ring = try KeyRing(
      file, network: genesis.content.network, save: { try $0.replace(at: path) })
    let beside = URL(filePath: path).deletingLastPathComponent().appending(path: "ledger").path
    let folder = try DataFolder(path: options.copy ?? beside)
    try folder.create(genesis: genesis.content.encoded())
    let (id, place) = (file.owner, "organisations/\(file.owner)")
    let directory = Directory(genesis.members)
    let courier = HTTPCourier { await directory.location(of: $0) }
    let node = try LedgerNode(
      id: id, genesis: genesis, identity: ring, delegate: nil,
      state: folder.stateStore(place, chain: ChainName.consortium), store: folder.roleStore(place),
      requests: RequestClient(courier: courier, sender: id), clock: Roles.clock)
    directory.add(node)
    let session = OrganisationSession(id: id, genesis: genesis, ring: ring, node: node)
    do {
      try await session.catchUp()
      let value = try await body(session)
      await courier.shutDown()
      return value
    } catch {
      await courier.shutDown()
      throw DaemonFailure(toOrganisation: error)
    }
  }

  private func catchUp() async throws {
    try await node.catchUp()
    guard try await node.standing(shownWithin: Self.shownWithin).newest != nil else {
      throw DaemonFailure(
        .badInput, "too few delegates answer \(id) for anybody to say what holds now",
        code: "unreachable",
        hint:
          "they may be away, as 'bcemrd check' says; or \(id) is no member yet, or not with these keys"
      )
    }
    guard case .organisation(let own)? = try await node.members.party(id) else {
      throw DaemonFailure(
        .badInput, "\(id) is no organisation of this consortium", code: "not-member",
        hint: "once a motion that admits it has passed, it is one from the next epoch on")
    }
    guard ring.signingKey(.identity, own.identityKey) != nil else {
      throw DaemonFailure(
        .badInput, "these are not the keys that \(id) has on the ledger", code: "foreign-keys")
    }
    try await node.eraseFormerKeys(of: ring, basedOn: nil)
  }

  // MARK: Entries

  /// Signs an entry, hands it to the delegates, and waits until a final block holds it.
  ///
  /// - Returns: the digest of the entry, and whether a final block holds it.
  /// - Throws: the ``Refusal``; ``ConsortiumError`` `unreachable`.
  func submit(
    _ body: some CanonicalObject, patience: Duration
  ) async throws -> (entry: Digest32, isFinal: Bool) {
    let entry = try Entry(
      checked: EntryContent(
        genesis: genesis.digest, chain: ChainName.consortium, signer: .party(id), body: body),
      signedBy: ring.identity(in: try await node.members))
    let clock = ContinuousClock()
    let end = clock.now + patience
    try await node.submit(entry)
    while try await node.index(of: entry.digest) == nil {
      guard clock.now < end else { return (entry.digest, false) }
      try await Task.sleep(for: .seconds(1))
      try await node.catchUp()
    }
    return (entry.digest, true)
  }

  /// A motion by its digest, or the first digits of it.
  ///
  /// - Throws: ``DaemonFailure`` `unknown-motion`, `several-motions`.
  func motion(_ text: String) async throws -> MotionHistory {
    let digits = text.lowercased()
    let found =
      digits.utf8.count >= 8
      ? try await node.consortium.motions().filter { "\($0.entry)".hasPrefix(digits) } : []
    guard let first = found.first else {
      throw DaemonFailure(
        .badInput, "there is no motion \(text)", code: "unknown-motion",
        hint: "'bcemrd organisation motions' lists them; the first 8 digits or more name one")
    }
    guard found.count == 1 else {
      throw DaemonFailure(.badInput, "several motions begin so", code: "several-motions")
    }
    return first
  }
}
