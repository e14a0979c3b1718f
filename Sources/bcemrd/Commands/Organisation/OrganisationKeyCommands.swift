import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger

struct RotateOrganisationKey: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate-key",
    abstract: "Take a new key of the organisation, which counts from the next epoch on.",
    discussion:
      "It is in the key file before anybody hears of it; the former goes when it is needed no more."
  )

  @OptionGroup var options: OrganisationOptions

  func run() async throws {
    try await OrganisationSession.run(options) { session in
      var randomness: Randomness = SystemRandomNumberGenerator()
      try await session.node.rotateKeys(of: session.ring, [.identity], using: &randomness)
      try options.show(RotationReport(organisation: session.id))
    }
  }
}

private struct RotationReport: OrganisationReport {
  let organisation: String
  var lines: [String] {
    [
      "\(organisation): a new key from the next epoch on; keep the key file, which holds both until then"
    ]
  }
}

struct NewOrganisationKey: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new-key",
    abstract:
      "Make a key for an organisation that has lost its own, and a description for who proposes it."
  )

  @Argument(help: "A folder that is not there.")
  var folder: String

  @Option(help: "The organisation's identifier.")
  var id: String

  func run() throws {
    try Identifiers.check(id, "--id")
    guard !FileManager.default.fileExists(atPath: folder) else {
      throw DaemonFailure(.badInput, "\(folder): there is something of this name already")
    }
    try DurableFile.createFolder(folder)
    var randomness: Randomness = SystemRandomNumberGenerator()
    let keys = try OrganisationKeys.generate(owner: id, using: &randomness)
    try keys.create(at: "\(folder)/keys.pem")
    let ring = try KeyRing(keys, network: "", save: { _ in })
    let description = try OrganisationDescription(id, ring)
    let file = "\(folder)/\(id).organisation.json"
    try DurableFile.create(try description.encoded(), at: file)
    let party = Party.organisation(try description.organisation)
    Output.line(
      "made a key of \(id); a member proposes it: bcemrd organisation propose --replace "
        + "\(OrganisationOptions.word(file)) -o \(id).motion.json \(OrganisationOptions.othersArguments)"
    )
    Output.line("fingerprint of \(id): \(Fingerprint(party).text)")
  }
}

/// What an organisation tells the others that has lost its key.
struct OrganisationDescription: Codable {
  var id: String
  /// Ed25519, 64 hexadecimal digits.
  var organisationKey: String
  /// A signature over both, by this key.
  var proof: String

  /// - Throws: ``DaemonFailure`` if the key is not there.
  init(_ id: String, _ ring: KeyRing) throws {
    let key = ring.publicKey(.identity) ?? []
    (self.id, organisationKey, proof) = (id, key.hex, "")
    proof = ring.signingKey(.identity, key)?.sign(try statement).hex ?? ""
  }

  /// - Returns: nil for what is something else.
  /// - Throws: ``DaemonFailure`` `wrong-proof`.
  static func read(_ path: String) throws -> Members.Organisation? {
    guard path.hasSuffix(".organisation.json") else { return nil }
    let bytes = try DurableFile.read(path, limit: 1 << 16).bytes
    guard let description = try? JSONDecoder().decode(Self.self, from: Data(bytes)),
      ValidGenesis.isIdentifier(description.id)
    else { throw DaemonFailure(.badInput, "\(path): this is no description of an organisation") }
    let organisation = try description.organisation
    guard let proof = [UInt8](hex: description.proof),
      IdentityKey.isValid(proof, of: try description.statement, by: organisation.identityKey)
    else {
      throw DaemonFailure(
        .badInput, "\(path): it is not signed by the key in it", code: "wrong-proof",
        hint: "ask for the file again, as 'bcemrd organisation new-key' has made it")
    }
    return organisation
  }

  var organisation: Members.Organisation {
    get throws {
      guard let key = Digest32(hex: organisationKey)?.bytes else {
        throw DaemonFailure(.badInput, "the description of \(id) lacks a key")
      }
      return Members.Organisation(id: id, identityKey: key)
    }
  }

  private var statement: [UInt8] {
    get throws {
      Array("BC-EMR organisation description 1\n".utf8)
        + (try organisation).encodedSequence()
    }
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return Array(try encoder.encode(self)) + Array("\n".utf8)
  }
}
