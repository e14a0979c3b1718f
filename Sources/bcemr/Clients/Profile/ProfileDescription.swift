#if Network
  import CanonicalEncoding
  import Credentials
  import Foundation

  /// Whose profile a folder is: `profile.json`, which holds no secret of the protocol.
  struct ProfileDescription: Codable, Sendable {
    enum Kind: String, Codable, Sendable, CustomStringConvertible {
      case doctor, patient

      var description: String { rawValue }
    }

    var kind: Kind
    /// A doctor's identifier in the consortium; what a patient calls the profile.
    var id: String
    /// Of a doctor.
    var hospital: String?
    /// What a doctor's first registration asserts, as `system|code`.
    var specialties: [String]?
    /// ID_j of a patient, as `system|value`.
    var identity: String?
    /// Of which ledger, in hexadecimal digits.
    var genesis: String
    /// SHA-256 of the file; the keys of the profile have it too, so that nobody changes the file without the
    /// passphrase: whose hospital and which ledger it names decides whom the program believes.
    private(set) var digest = Digest32.zero

    private enum CodingKeys: String, CodingKey {
      case kind, id, hospital, specialties, identity, genesis
    }

    static let fileName = "profile.json"
    private static let limit = 1 << 16

    /// - Throws: ``CommandFailure`` `no-profile` for a folder that is none, `invalid-profile`.
    static func read(in folder: String) throws -> ProfileDescription {
      let path = "\(folder)/\(fileName)"
      let contents: DurableFile.Contents
      do {
        contents = try DurableFile.read(path, limit: limit)
      } catch {
        guard error.isMissing else { throw CommandFailure(error) }
        throw CommandFailure(
          .badInput, code: "no-profile", "\(folder): this is no profile of a doctor or a patient",
          hint: "'bcemr doctor init' and 'bcemr patient init' make one")
      }
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      guard var description = try? decoder.decode(Self.self, from: Data(contents.bytes)),
        Digest32(hex: description.genesis) != nil,
        description.kind == .doctor ? description.hospital != nil : description.identity != nil
      else {
        throw CommandFailure(
          .badInput, code: "invalid-profile", "\(path): this does not say whose profile it is")
      }
      description.digest = Digest32(sha256: contents.bytes)
      return description
    }

    /// As it stands in the file.
    func encoded() throws -> [UInt8] {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// Writes it into a new file. Returns when it is durable.
    func create(in folder: String) throws {
      let bytes = try encoded()
      do {
        try DurableFile.create(bytes, at: "\(folder)/\(Self.fileName)")
      } catch {
        throw CommandFailure(error)
      }
    }

    /// The place of the role in the folder.
    var role: String { kind == .doctor ? "doctors/\(id)" : "patients/\(id)" }
  }
#endif
