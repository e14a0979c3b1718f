import CanonicalEncoding
import Consortium
import Credentials
import EtcdBackend
import Ledger
import SQLiteBackend

/// What a hospital server must not lose, wherever it is kept.
struct HospitalStores {
  let role: any RoleStore
  let mail: any RoleStore
  let log: any ChainLog
  let save: KeyRing.Save

  /// In the folder alone.
  ///
  /// - Throws: ``DaemonFailure`` if the folder is a copy of what machines share: it may be older than that.
  init(_ folder: DataFolder, of id: String) throws {
    let role = try folder.roleStore(id)
    guard try !SharedRoleStore.isCopy(role) else {
      throw DaemonFailure(
        .badInput,
        "\(folder.path): this folder is a copy of what the machines of \(id) share; it may be old",
        code: "copy", hint: "run with the part 'engine' of the configuration, as before")
    }
    self.role = role
    (mail, log) = (try folder.mailStore(id), try folder.chainLog(id))
    save = { try folder.replace(keys: $0, id) }
  }

  /// Shared by the machines of the hospital, with copies in the folder. Takes what others have written.
  init(_ shared: SharedHospital) throws {
    let (engine, id, folder) = (shared.engine, shared.id, shared.folder)
    let tenure = shared.tenure
    role = try SharedRoleStore(
      engine, SharedHospital.roleStore(id), tenure: tenure, copy: folder.roleStore(id))
    mail = try SharedRoleStore(
      engine, SharedHospital.mailStore(id), tenure: tenure, copy: folder.mailStore(id))
    log = SharedChainLog(engine, id, tenure: tenure, copy: try folder.chainLog(id))
    save = {
      try SharedKeys(engine, owner: id).replace($0, tenure)
      try folder.replace(keys: $0, id)
    }
  }
}

/// A hospital whose writer this machine is.
struct SharedHospital {
  let id: String
  let folder: DataFolder
  let engine: SharedEngine
  let tenure: Tenure

  static func roleStore(_ id: String) -> String { "\(id)/state" }
  static func mailStore(_ id: String) -> String { "\(id)/mail" }

  /// Brings the key file of this machine to what is shared.
  ///
  /// - Throws: ``DaemonFailure`` if nothing is shared yet.
  static func takeKeys(
    of id: String, _ engine: SharedEngine, into folder: DataFolder
  ) async throws -> KeyFile {
    guard let keys = try await SharedKeys(engine, owner: id).read() else {
      throw DaemonFailure(
        .badInput, "etcd: there is no hospital \(id) under this prefix", code: "not-adopted",
        hint: "on the machine that has its folder: bcemrd engine adopt --config FILE")
    }
    guard try folder.existingKeyFile(id) != nil else {
      try folder.create(keys: keys, id)
      return keys
    }
    let own = try? folder.keys(id, owner: id)
    if own?.encoded() != keys.encoded() { try folder.replace(keys: keys, id) }
    return keys
  }
}
