public import Credentials
public import Ledger

/// Where a consortium in one process keeps what its roles keep; every role has its own place.
///
/// Places are named `manager`, `cloud`, `cloud-2`…, `hospital-1`…, `doctors/<id>` and `patients/<id>`.
public protocol ConsortiumStorage: Sendable {
  /// The type of a hospital's log.
  associatedtype Chain: ChainLog
  /// The type of what a replay has come to.
  associatedtype State: StateStore
  /// The type of a cloud's records.
  associatedtype Records: RecordStore
  /// The type of all else that a role remembers.
  associatedtype Role: RoleStore

  /// The DER of the genesis, if the consortium was founded.
  func genesis() throws -> [UInt8]?
  /// Stores the genesis. Returns when it is durable.
  func create(genesis: [UInt8]) throws
  /// Called before a consortium is founded.
  ///
  /// - Throws: if there are stores of another, whose genesis is gone.
  func requireNoStores() throws

  /// The log that a hospital writes.
  func chainLog(_ place: String) throws -> Chain
  /// What a role's replay of a chain has come to.
  ///
  /// - Parameter chain: `consortium` or a hospital.
  func stateStore(_ place: String, chain: String) throws -> State
  /// Where a cloud keeps sealed records.
  func recordStore(_ place: String) throws -> Records
  /// What a role remembers besides chains and records.
  func roleStore(_ place: String) throws -> Role

  /// The keys of a role, if it has some.
  func keys(_ place: String, owner: String) throws -> KeyFile?
  /// Stores the keys of a role. Returns when they are durable.
  func create(keys: KeyFile, _ place: String) throws
  /// Puts other keys of a role in the place of those that are there. Returns when they are durable.
  func replace(keys: KeyFile, _ place: String) throws
  /// Where the keys of a role are, for people who look for them.
  func keyLocation(_ place: String) -> String
}

extension ConsortiumStorage {
  public func requireNoStores() {}
  public func keyLocation(_ place: String) -> String { place }
}
