import CanonicalEncoding
import Credentials
import Foundation
import Testing

@Suite("Key files")
final class KeyFileTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "bc-emr-\(UUID().uuidString)").path()
  private var path: String { "\(folder)/keys.pem" }
  private let keys: KeyFile

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    keys = try KeyFile(owner: "cloud", secrets: ["identity": [1, 2, 3], "voting": [4]])
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func expectRefused(
    _ code: CredentialError.Code, owner: String = "cloud",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: sourceLocation) {
      try KeyFile.read(from: path, owner: owner)
    } throws: {
      ($0 as? CredentialError)?.code == code
    }
  }

  private func setMode(_ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  @Test("read(create(keys)) == keys, for the owner alone, with a label that says what it is")
  func roundTrip() throws {
    try keys.create(at: path)
    let read = try KeyFile.read(from: path, owner: "cloud")
    #expect(read.names == ["identity", "voting"])
    #expect(try read.secret("identity") == [1, 2, 3] && read.secret("voting") == [4])
    #expect(throws: CredentialError.self) { try read.secret("registration") }
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.hasPrefix("-----BEGIN BC-EMR DEMONSTRATION KEYS NOT FOR PATIENTS-----\n"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["keys.pem"])
  }

  @Test("keys that are there are kept")
  func exists() throws {
    try keys.create(at: path)
    let before = try Data(contentsOf: URL(filePath: path))
    #expect {
      try KeyFile(owner: "cloud", secrets: ["identity": [9]]).create(at: path)
    } throws: {
      ($0 as? CredentialError)?.code == .fileExists
    }
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["keys.pem"])
  }

  @Test(
    "keys that others may read, change or execute are refused",
    arguments: [0o604, 0o640, 0o620, 0o602, 0o644, 0o666, 0o601])
  func mode(_ mode: Int) throws {
    try keys.create(at: path)
    try setMode(mode)
    expectRefused(.insecureFile)
    try setMode(0o400)
    #expect(try KeyFile.read(from: path, owner: "cloud").names.count == 2)
  }

  @Test("keys are not read through a symbolic link, nor written through one")
  func symbolicLink() throws {
    let target = "\(folder)/target.pem"
    try keys.create(at: target)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    expectRefused(.insecureFile)
    try FileManager.default.removeItem(atPath: target)
    #expect(throws: CredentialError.self) { try keys.create(at: path) }
    #expect(!FileManager.default.fileExists(atPath: target))
  }

  @Test("the keys of one role are not those of another")
  func otherOwner() throws {
    try keys.create(at: path)
    expectRefused(.invalidFile, owner: "manager")
  }

  @Test("a file that is absent, a folder, too long, cut, changed or another text")
  func otherFiles() throws {
    expectRefused(.unavailable)
    try keys.create(at: path)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let lines = text.split(separator: "\n").map(String.init)
    let otherLabel = text.replacingOccurrences(of: "NOT FOR PATIENTS", with: "FOR ALL PATIENTS")
    let changed = [
      "", "no key file", String(text.dropLast(10)), otherLabel, text + text, "\n" + text,
      text.replacingOccurrences(of: lines[1], with: String(lines[1].reversed())),
      String(repeating: "x", count: 3_000_000),
    ]
    for content in changed {
      try Data(content.utf8).write(to: URL(filePath: path))
      try setMode(0o600)
      expectRefused(.invalidFile)
    }
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    expectRefused(.invalidFile)
  }

  @Test("other keys take the place of a file whole, whatever a killed process left beside it")
  func replaced() throws {
    let first = try KeyFile(owner: "cloud", secrets: ["identity": [1], "voting": [2]])
    try first.create(at: path)
    try Data("half of a fi".utf8).write(to: URL(filePath: path + ".new"))
    let second = try first.changed(["identity": nil, "identity#2": [3]])
    try second.replace(at: path)
    let read = try KeyFile.read(from: path, owner: "cloud")
    #expect(read.names == ["identity#2", "voting"])
    #expect(try read.secret("identity#2") == [3])
    #expect(try read.secret("voting") == [2])
    #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    // A folder in the way: the file stays what it was.
    try FileManager.default.createDirectory(
      atPath: path + ".new/x", withIntermediateDirectories: true)
    #expect(throws: CredentialError.self) { try first.replace(at: path) }
    #expect(try KeyFile.read(from: path, owner: "cloud").names == second.names)
    try FileManager.default.removeItem(atPath: path + ".new")
  }

  @Test("bounds of names and keys")
  func bounds() throws {
    let refused: [(String, [String: [UInt8]])] = [
      ("", ["a": [1]]), ("a", ["": [1]]), ("a", ["a": []]),
      ("a", ["a": [UInt8](repeating: 1, count: 129)]),
      (String(repeating: "a", count: 65), ["a": [1]]),
      ("a", [String(repeating: "a", count: 97): [1]]),
      ("a", Dictionary(uniqueKeysWithValues: (0..<4097).map { ("\($0)", [1]) })),
    ]
    for (owner, secrets) in refused {
      #expect(throws: CredentialError.self) { try KeyFile(owner: owner, secrets: secrets) }
    }
    let largest = try KeyFile(
      owner: String(repeating: "o", count: 64),
      secrets: Dictionary(
        uniqueKeysWithValues: (1000..<5096).map {
          (String(repeating: "\($0)", count: 24), [UInt8](repeating: 1, count: 128))
        }))
    try largest.create(at: path)
    #expect(try KeyFile.read(from: path, owner: largest.owner).names == largest.names)
  }

  @Test("no room for it: an error that says so, and no file")
  func unavailable() {
    #expect {
      try keys.create(at: "\(folder)/absent/keys.pem")
    } throws: {
      let error = $0 as? CredentialError
      return error?.code == .unavailable && error?.message.contains("No such file") == true
    }
  }
}
