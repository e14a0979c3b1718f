import Credentials
import Foundation
public import Ledger

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// All that a consortium on one machine keeps: `DIR/{genesis.der, manager/, hospital-N/, cloud/,
/// doctors/<id>/, patients/<id>/, organisations/<id>/}`, for one process at a time.
///
/// The lock is released with this object, and by the operating system when the process ends, however
/// it ends.
public final class DataFolder: Sendable {
  /// Where it is.
  public let path: String
  private let lock: Int32
  private let isReadOnly: Bool

  /// Opens the folder and locks it.
  ///
  /// - Parameter creating: whether what is no data folder yet becomes one; a folder that is not
  ///   there is made, with mode 0700.
  /// - Throws: ``StoreError``; `locked` if another process has it, `unavailable` if it is not there
  ///   or cannot be written.
  public init(path: String, creating: Bool = true) throws(StoreError) {
    if creating { try storing(path) { try DurableFile.createFolder(path) } }
    lock = try Self.lock(path, O_RDWR | (creating ? O_CREAT : 0), LOCK_EX)
    self.path = path
    isReadOnly = false
  }

  /// Opens the folder to read it, together with others who do: nothing in it changes, and no right
  /// to write is needed.
  ///
  /// - Throws: ``StoreError``; `locked` if a process that writes has it.
  public init(reading path: String) throws(StoreError) {
    lock = try Self.lock(path, O_RDONLY, LOCK_SH)
    self.path = path
    isReadOnly = true
  }

  /// Opens the folder to copy it beside the process that writes in it: each store is read by itself, and
  /// nothing in the folder changes.
  package init(beside path: String) throws(StoreError) {
    lock = try Self.lock(path, O_RDONLY, LOCK_UN)
    self.path = path
    isReadOnly = true
  }

  private static func lock(
    _ path: String, _ flags: Int32, _ kind: Int32
  ) throws(StoreError) -> Int32 {
    let descriptor = unsafe open("\(path)/lock", flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else {
      let failure = DurableFile.Failure(path: "\(path)/lock")
      if [EISDIR, ELOOP, ENXIO].contains(failure.code) { throw noLock(path) }
      guard failure.isMissing else {
        throw StoreError(DurableFile.Failure(path: path, code: failure.code), path)
      }
      throw FileManager.default.fileExists(atPath: "\(path)/genesis.der")
        ? StoreError(
          .unavailable,
          "\(path)/lock: the file is missing; an empty one takes its place")
        : StoreError(.unavailable, "\(path): this is no data folder")
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw noLock(path)
    }
    guard flock(descriptor, kind | LOCK_NB) == 0 else {
      let failure = DurableFile.Failure(path: path)
      close(descriptor)
      throw failure.isLocked
        ? StoreError(.locked, "\(path): another process works with this folder")
        : StoreError(failure, path)
    }
    return descriptor
  }

  private static func noLock(_ path: String) -> StoreError {
    StoreError(
      .unavailable, "\(path)/lock: this is no regular file; an empty one takes its place")
  }

  deinit { close(lock) }

  // MARK: Genesis

  /// The genesis, if there is one.
  public func genesis() throws(StoreError) -> [UInt8]? {
    do {
      return try DurableFile.read(genesisPath, limit: 1 << 20).bytes
    } catch {
      if error.isMissing { return nil }
      throw StoreError(error, genesisPath)
    }
  }

  /// Stores the genesis. Returns when it is durable.
  ///
  /// - Throws: ``StoreError``; `conflict` if there is another.
  public func create(genesis: [UInt8]) throws(StoreError) {
    if let stored = try self.genesis(), stored == genesis { return }
    if isReadOnly { throw StoreError(.unavailable, "\(path): the folder was opened to read it") }
    try storing(genesisPath) { try DurableFile.create(genesis, at: genesisPath) }
  }

  /// - Throws: ``StoreError`` `conflict` if stores of a ledger are here whose genesis is gone: another
  ///   ledger among them would be neither.
  public func requireNoStores() throws(StoreError) {
    guard let store = Self.firstStore(in: path) else { return }
    throw StoreError(
      .conflict,
      "\(genesisPath): the file is missing, and \(path)/\(store) of its ledger is here")
  }

  /// A store of an organisation in the folder at `path`, as `cloud/state.sqlite`, if there is one.
  public static func firstStore(in path: String) -> String? {
    func names(_ path: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
    for place in names(path) where isServer(place) {
      if let store = names("\(path)/\(place)").first(where: { $0.hasSuffix(".sqlite") }) {
        return "\(place)/\(store)"
      }
    }
    return nil
  }

  /// Whether this can be the place of a manager, a cloud or a hospital: its identifier.
  private static func isServer(_ place: String) -> Bool {
    !people.contains(place) && ValidGenesis.isIdentifier(place)
  }

  /// The folders of who has no server.
  private static let people = ["doctors", "patients", "organisations"]

  private var genesisPath: String { "\(path)/\(Names.genesis)" }

  // MARK: Stores

  /// The log that a hospital writes: `hospital-N/chain.sqlite`.
  public func chainLog(_ role: String) throws(StoreError) -> SQLiteChainLog {
    let path = "\(try roleFolder(role))/\(Names.chain)"
    return isReadOnly ? try SQLiteChainLog(readingFrom: path) : try SQLiteChainLog(path: path)
  }

  /// What a role's replay of a chain has come to: `ROLE/chains/CHAIN.sqlite`.
  ///
  /// - Parameter chain: `consortium` or a hospital.
  public func stateStore(
    _ role: String, chain: String
  ) throws(StoreError) -> SQLiteStateStore {
    guard Self.isName(chain) else {
      throw StoreError(.invalidName, "\(chain.debugDescription) cannot name a chain's file")
    }
    _ = try roleFolder(role)
    let path = "\(try folder("\(role)/\(Names.chains)"))/\(chain).sqlite"
    return isReadOnly ? try SQLiteStateStore(readingFrom: path) : try SQLiteStateStore(path: path)
  }

  /// Whether a role keeps a replay of a chain.
  public func hasStateStore(_ role: String, chain: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(role)/\(Names.chains)/\(chain).sqlite")
  }

  /// - Parameter role: a cloud.
  public func recordStore(_ role: String) throws(StoreError) -> SQLiteRecordStore {
    let path = "\(try roleFolder(role))/\(Names.records)"
    return isReadOnly
      ? try SQLiteRecordStore(readingFrom: path) : try SQLiteRecordStore(path: path)
  }

  /// - Parameter role: the identifier of a server, as `cloud`, or `doctors/<id>`, `patients/<id>` or
  ///   `organisations/<id>`.
  /// - Throws: ``StoreError``; `invalidName` for another text, `foreignStore` if another role's store lies
  ///   there. One from before stores knew whose they are becomes this role's when it is opened to write.
  public func roleStore(_ role: String) throws(StoreError) -> SQLiteRoleStore {
    let path = "\(try roleFolder(role))/\(Names.state)"
    return isReadOnly
      ? try SQLiteRoleStore(readingFrom: path, owner: role)
      : try SQLiteRoleStore(path: path, owner: role)
  }

  /// What waits in the mailboxes that a server keeps for others: `ROLE/mail.sqlite`.
  ///
  /// - Parameter role: the identifier of a hospital or of the manager.
  public func mailStore(_ role: String) throws(StoreError) -> SQLiteRoleStore {
    let path = "\(try roleFolder(role))/\(Names.mail)"
    let owner = "\(role)/\(Self.mailOwner)"
    return isReadOnly
      ? try SQLiteRoleStore(readingFrom: path, owner: owner)
      : try SQLiteRoleStore(path: path, owner: owner)
  }

  /// Behind the role, whose store the mailboxes are: neither of both stores takes the other's place.
  private static let mailOwner = "mail"

  /// Where the ``KeyFile`` of a role is, or is to be created; its folder is there.
  ///
  /// - Parameter role: as in ``roleStore(_:)``.
  public func keyFile(_ role: String) throws(StoreError) -> String {
    "\(try roleFolder(role))/\(Names.keys)"
  }

  /// Where the ``KeyFile`` of a role is; nothing is created, also no folder.
  ///
  /// - Returns: nil if there is none.
  public func existingKeyFile(_ role: String) throws(StoreError) -> String? {
    try Self.requireRoleName(role)
    let file = keyLocation(role)
    return FileManager.default.fileExists(atPath: file) ? file : nil
  }

  /// The path of a role's ``KeyFile``, whether or not there is one.
  public func keyLocation(_ role: String) -> String { "\(path)/\(role)/\(Names.keys)" }

  enum Names {
    static let genesis = "genesis.der"
    static let chain = "chain.sqlite"
    static let chains = "chains"
    static let records = "records.sqlite"
    static let state = "state.sqlite"
    static let mail = "mail.sqlite"
    static let keys = "keys.pem"
    static let contacts = "contacts.txt"
  }

  private func roleFolder(_ role: String) throws(StoreError) -> String {
    try Self.requireRoleName(role)
    let parts = role.split(separator: "/").map(String.init)
    if parts.count == 2 { _ = try folder(parts[0]) }
    return try folder(role)
  }

  static func requireRoleName(_ role: String) throws(StoreError) {
    guard isRole(role) else {
      throw StoreError(.invalidName, "\(role.debugDescription) cannot name a role's folder")
    }
  }

  /// Whether a role's folder can have this name.
  static func isRole(_ role: String) -> Bool {
    let parts = role.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let isPerson = parts.count == 2 && people.contains(parts[0])
    let isServer = parts.count == 1 && isServer(role)
    return (isPerson || isServer) && parts.allSatisfy(isName)
  }

  /// 1 to 64 letters, digits, `-`, `.` and `_`, not beginning with a dot.
  static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && !text.starts(with: ".")
      && text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private func folder(_ name: String) throws(StoreError) -> String {
    let folder = "\(path)/\(name)"
    if isReadOnly { return folder }
    try storing(folder) { try DurableFile.createFolder(folder) }
    return folder
  }

  // MARK: Check

  /// All that is wrong with the files of this folder; changes none of them.
  public func findings() throws(StoreError) -> [StoreFinding] {
    var findings: [StoreFinding] = []
    if try genesis() == nil {
      findings.append(StoreFinding(code: .missing, file: genesisPath, what: "there is no genesis"))
    }
    let files = try storing(path) { try FileManager.default.subpathsOfDirectory(atPath: path) }
    for name in files.sorted() {
      let file = "\(path)/\(name)"
      if name.hasSuffix(".sqlite") {
        findings += StoreCheck.findings(inFileAt: file) + Self.findings(onOwnerOf: name, at: file)
      }
      if name.hasSuffix("/\(Names.keys)") {
        findings += Self.finding(onKeysAt: file).map { [$0] } ?? []
      }
      if Self.isCompanion(name), DurableFile.isOpenToOthers(file) {
        findings.append(
          StoreFinding(
            code: .insecureFile, file: file,
            what: "others may read or change what was in this store"))
      }
    }
    return findings + changeable(files) + (findingOnContacts().map { [$0] } ?? [])
  }

  /// Folders, and files that are no store, in the place of which others than their owner can put something.
  private func changeable(_ names: [String]) -> [StoreFinding] {
    ([""] + names.sorted()).compactMap { name in
      let place = name.isEmpty ? path : "\(path)/\(name)"
      var status = stat()
      guard unsafe lstat(place, &status) == 0, status.st_mode & 0o022 != 0 else { return nil }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        return StoreFinding(
          code: .insecureFile, file: place,
          what: "others may put files into this folder, or take some away")
      case S_IFREG where !name.contains("/"):
        return StoreFinding(code: .insecureFile, file: place, what: "others may change this file")
      default: return nil
      }
    }
  }

  /// Whether the store is this role's, and nobody else's to read.
  private static func findings(onOwnerOf name: String, at file: String) -> [StoreFinding] {
    var findings: [StoreFinding] = []
    if let what = foreignOwner(of: name, at: file) {
      findings.append(StoreFinding(code: .foreignStore, file: file, what: what))
    }
    if DurableFile.isOpenToOthers(file) {
      findings.append(
        StoreFinding(
          code: .insecureFile, file: file, what: "others may read or change this store"))
    }
    return findings
  }

  /// What is wrong with whose store a file is by its own word, if it is a role's and can be read.
  static func foreignOwner(of name: String, at file: String) -> String? {
    var parts = name.split(separator: "/").map(String.init)
    switch parts.popLast() {
    case Names.state: break
    case Names.mail: parts.append(mailOwner)
    default: return nil
    }
    return SQLiteRoleStore.foreignOwner(ofFileAt: file, owner: parts.joined(separator: "/"))
  }

  private static func finding(onKeysAt file: String) -> StoreFinding? {
    do {
      if try DurableFile.read(file, limit: 1 << 16).isPrivate { return nil }
      return StoreFinding(
        code: .insecureFile, file: file, what: "others may read or change these keys")
    } catch {
      return error.isSymbolicLink
        ? StoreFinding(
          code: .insecureFile, file: file, what: "keys are not read through a symbolic link")
        : StoreFinding(code: .unreadable, file: file, what: error.message)
    }
  }
}
