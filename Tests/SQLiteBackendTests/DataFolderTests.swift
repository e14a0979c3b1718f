import Consortium
import Credentials
import Foundation
import Ledger
import SQLiteBackend
import Testing

@Suite("A data folder")
struct DataFolderTests {
  private let temporary: TemporaryFolder
  private var path: String { temporary("data") }

  init() throws { temporary = try TemporaryFolder() }

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test("holds everything where it is expected, for its owner alone")
  func layout() async throws {
    let folder = try DataFolder(path: path)
    try folder.create(genesis: [1, 2, 3])
    _ = try folder.recordStore("cloud")
    _ = try folder.chainLog("hospital-1")
    for role in ["manager", "hospital-1", "cloud"] {
      #expect(!folder.hasStateStore(role, chain: "consortium"))
      _ = try folder.stateStore(role, chain: "consortium")
      #expect(folder.hasStateStore(role, chain: "consortium"))
    }
    for role in ["manager", "hospital-1", "cloud", "doctors/ada", "patients/p.1_2"] {
      try folder.roleStore(role).write(["role": Array(role.utf8)])
      try KeyFile(owner: role, secrets: ["identity": [1]]).create(at: folder.keyFile(role))
    }
    let names = try Set(FileManager.default.subpathsOfDirectory(atPath: path))
    #expect(
      names.isSuperset(of: [
        "genesis.der", "cloud/records.sqlite", "cloud/state.sqlite",
        "cloud/chains/consortium.sqlite", "manager/keys.pem", "manager/chains/consortium.sqlite",
        "hospital-1/state.sqlite", "hospital-1/chain.sqlite",
        "hospital-1/chains/consortium.sqlite", "doctors/ada/keys.pem",
        "patients/p.1_2/state.sqlite",
      ]))
    for name in names {
      var isFolder: ObjCBool = false
      #expect(
        unsafe FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder))
      #expect(try mode("\(path)/\(name)") == (isFolder.boolValue ? 0o700 : 0o600), "\(name)")
    }
    #expect(try mode(path) == 0o700)
    #expect(try folder.findings() == [])
  }

  @Test("is there again when it is opened again")
  func reopened() throws {
    try DataFolder(path: path).roleStore("manager").write(["a": [1]])
    #expect(
      try DataFolder(path: path, creating: false).roleStore("manager").value(forKey: "a") == [1])
  }

  @Test("is not made when it is only to be read")
  func absent() async throws {
    await expectRefusal(.unavailable) { _ = try DataFolder(path: path, creating: false) }
    #expect(!FileManager.default.fileExists(atPath: path))
    await expectRefusal(.unavailable) { _ = try DataFolder(path: temporary.path, creating: false) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path) == [])
  }

  @Test("belongs to one process, until that ends, even by a kill")
  func lock() async throws {
    let probe = try Probe("hold", path)
    #expect(probe.lines { $0 >= 1 } == ["locked \(path)"])
    await expectRefusal(.locked) { _ = try DataFolder(path: path) }
    await expectRefusal(.locked) { _ = try DataFolder(path: path, creating: false) }
    probe.kill()
    let folder = try DataFolder(path: path)
    await expectRefusal(.locked) { _ = try DataFolder(path: folder.path) }
  }

  @Test(
    "takes no name that leads elsewhere",
    arguments: [
      "", ".", "..", "/", "../x", "doctors", "doctors/", "doctors/..", "doctors/.", "doctors/a/b",
      "doctors/../manager", "patients/.x", "patients/a\0b", "patients/ä", "patients/a b",
      "Hospital",
      "/etc", "hospital-1/x", "hospital-/..", "doctors//a",
      "patients/" + String(repeating: "a", count: 65),
    ])
  func names(_ name: String) async throws {
    let folder = try DataFolder(path: path)
    await expectRefusal(.invalidName) { _ = try folder.roleStore(name) }
    await expectRefusal(.invalidName) { _ = try folder.keyFile(name) }
    #expect(try FileManager.default.subpathsOfDirectory(atPath: path) == ["lock"])
  }

  @Test("keeps the genesis that it has")
  func genesis() async throws {
    let folder = try DataFolder(path: path)
    #expect(try folder.genesis() == nil)
    try folder.create(genesis: [1, 2, 3])
    try folder.create(genesis: [1, 2, 3])
    await expectRefusal(.conflict) { try folder.create(genesis: [4]) }
    #expect(try folder.genesis() == [1, 2, 3])
    #expect(
      try Set(FileManager.default.contentsOfDirectory(atPath: path)) == ["genesis.der", "lock"])
  }

  @Test("that is read-only is refused with a clear error")
  func readOnly() throws {
    try DataFolder(path: path).create(genesis: [1])
    try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: path)
    defer {
      try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: temporary.path)
    // The probe gives up the rights of the superuser, whom no mode stops.
    let (lines, status) = try Probe("use", path).finish()
    #expect(status == 3)
    #expect(lines.count == 1)
    #expect(try #require(lines.first).hasPrefix("unavailable: \(path)"))
  }

  @Test("is not a file, nor inside one")
  func notAFolder() async throws {
    try Data("text".utf8).write(to: URL(filePath: path))
    await expectRefusal(.unavailable) { _ = try DataFolder(path: path) }
    await expectRefusal(.unavailable) { _ = try DataFolder(path: "\(path)/inside") }
    #expect(try Data(contentsOf: URL(filePath: path)) == Data("text".utf8))
  }

  @Test("takes no store of mailboxes for a role's, nor the other way, and backs both up")
  func mailStores() async throws {
    let folder = try DataFolder(path: path)
    let (state, mail) = ("\(path)/hospital-1/state.sqlite", "\(path)/hospital-1/mail.sqlite")
    try folder.roleStore("hospital-1").write(["a": [1]])
    try folder.mailStore("hospital-1").write(["mail/a": [2]])
    #expect(try folder.findings().filter { $0.code != .missing }.isEmpty)
    #expect(
      try folder.inventory().files == ["hospital-1/mail.sqlite", "hospital-1/state.sqlite"])
    let files = FileManager.default
    try files.moveItem(atPath: state, toPath: "\(path)/kept")
    try files.moveItem(atPath: mail, toPath: state)
    try files.moveItem(atPath: "\(path)/kept", toPath: mail)
    await expectRefusal(.foreignStore) { _ = try folder.roleStore("hospital-1") }
    await expectRefusal(.foreignStore) { _ = try folder.mailStore("hospital-1") }
    #expect(
      try folder.findings().filter { $0.code == .foreignStore }.map(\.file) == [mail, state])
  }

  @Test("takes no role's store for another's, wherever it was put")
  func swappedStores() async throws {
    let folder = try DataFolder(path: path)
    let (ada, eve) = ("\(path)/doctors/ada/state.sqlite", "\(path)/doctors/eve/state.sqlite")
    for doctor in ["ada", "eve"] {
      try folder.roleStore("doctors/\(doctor)").write(["a": Array(doctor.utf8)])
    }
    let files = FileManager.default
    try files.moveItem(atPath: ada, toPath: "\(path)/kept")
    try files.moveItem(atPath: eve, toPath: ada)
    try files.moveItem(atPath: "\(path)/kept", toPath: eve)
    for doctor in ["ada", "eve"] {
      await expectRefusal(.foreignStore) { _ = try folder.roleStore("doctors/\(doctor)") }
    }
    let found = try folder.findings().filter { $0.code != .missing }
    #expect(
      found.map(\.description) == [
        "\(ada): foreign-store: this is the store of doctors/eve, not of doctors/ada",
        "\(eve): foreign-store: this is the store of doctors/ada, not of doctors/eve",
      ])
    await expectRefusal(.foreignStore) {
      try folder.copyStore("doctors/ada/state.sqlite", to: temporary("copy"))
    }
    // Nothing of them has changed, and back in their places they are what they were.
    try files.moveItem(atPath: ada, toPath: "\(path)/kept")
    try files.moveItem(atPath: eve, toPath: ada)
    try files.moveItem(atPath: "\(path)/kept", toPath: eve)
    let store = try folder.roleStore("doctors/ada")
    #expect(try store.value(forKey: "a") == Array("ada".utf8))
    #expect(try store.keys(withPrefix: "") == ["a"])
  }

  @Test("has a store from before stores said whose they are say it once it is written")
  func unnamedStore() async throws {
    let folder = try DataFolder(path: path)
    let place = "\(path)/cloud/state.sqlite"
    _ = try folder.keyFile("cloud")
    try SQLiteRoleStore(path: place).write(["a": [1]])
    #expect(try folder.findings().map(\.code) == [.missing])
    _ = try SQLiteRoleStore(readingFrom: place, owner: "manager")
    #expect(try folder.roleStore("cloud").value(forKey: "a") == [1])
    await expectRefusal(.foreignStore) {
      _ = try SQLiteRoleStore(readingFrom: place, owner: "manager")
    }
  }

  @Test("is checked for stores that others may read")
  func modes() throws {
    let folder = try DataFolder(path: path)
    _ = try (folder.roleStore("cloud"), folder.chainLog("hospital-1"))
    let stores = ["\(path)/cloud/state.sqlite", "\(path)/hospital-1/chain.sqlite"]
    for (store, mode) in zip(stores, [0o640, 0o604]) {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: store)
    }
    #expect(
      try folder.findings().dropFirst().map(\.description)
        == stores.map { "\($0): insecure-file: others may read or change this store" })
  }

  @Test("is checked as a whole")
  func findings() throws {
    let folder = try DataFolder(path: path)
    try folder.roleStore("cloud").write(["a": Array("visit".utf8)])
    try KeyFile(owner: "cloud", secrets: ["identity": [1]]).create(at: folder.keyFile("cloud"))
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: folder.keyFile("cloud"))
    try overwrite("\(path)/cloud/state.sqlite", "visit", with: "Visit")
    #expect(try folder.findings().map(\.code) == [.missing, .insecureFile, .wrongDigest])
  }
}
