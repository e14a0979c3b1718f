import Consortium
import Ledger
import SQLiteBackend
import TestSupport
import Testing

@Suite("Laws of the stores")
struct LawTests {
  @Test(
    arguments: RecordStoreLaws.all,
    [
      StoreBackend<any RecordStore>("memory") {
        let store = MemoryRecordStore()
        return { store }
      },
      StoreBackend<any RecordStore>("SQLite") {
        let folder = try TemporaryFolder()
        return { try SQLiteRecordStore(path: folder("records.sqlite")) }
      },
    ])
  func recordStore(
    _ law: StoreLaw<any RecordStore>, _ backend: StoreBackend<any RecordStore>
  ) async throws {
    #expect(try await law.counterexample(in: backend) == nil)
  }

  @Test(
    arguments: RoleStoreLaws.all,
    [
      StoreBackend<any RoleStore>("memory") {
        let store = MemoryRoleStore()
        return { store }
      },
      StoreBackend<any RoleStore>("SQLite") {
        let folder = try TemporaryFolder()
        return { try SQLiteRoleStore(path: folder("state.sqlite")) }
      },
    ])
  func roleStore(
    _ law: StoreLaw<any RoleStore>, _ backend: StoreBackend<any RoleStore>
  ) async throws {
    #expect(try await law.counterexample(in: backend) == nil)
  }

  @Test(
    arguments: ChainLogLaws.all,
    [
      StoreBackend<any ChainLog>("memory") {
        let log = MemoryChainLog()
        return { log }
      },
      StoreBackend<any ChainLog>("SQLite") {
        let folder = try TemporaryFolder()
        return { try SQLiteChainLog(path: folder("chain.sqlite")) }
      },
    ])
  func chainLog(_ law: StoreLaw<any ChainLog>, _ backend: StoreBackend<any ChainLog>) async throws {
    #expect(try await law.counterexample(in: backend) == nil)
  }

  @Test(
    arguments: StateStoreLaws.all,
    [
      StoreBackend<any StateStore>("memory") {
        let store = MemoryStateStore()
        return { store }
      },
      StoreBackend<any StateStore>("SQLite") {
        let folder = try TemporaryFolder()
        return { try SQLiteStateStore(path: folder("state.sqlite")) }
      },
      StoreBackend<any StateStore>("owned") {
        let store = MemoryStateStore()
        return { CachedStateStore(owning: store) }
      },
    ])
  func stateStore(
    _ law: StoreLaw<any StateStore>, _ backend: StoreBackend<any StateStore>
  ) async throws {
    #expect(try await law.counterexample(in: backend) == nil)
  }

  @Test(
    arguments: StateStoreLaws.passing,
    [
      StoreBackend<any StateStore>("SQLite, passing") {
        let folder = try TemporaryFolder()
        return { try SQLiteStateStore.temporary(in: folder.path) }
      },
      StoreBackend<any StateStore>("cached") { { CachedStateStore(empty: MemoryStateStore()) } },
    ])
  func passingStateStore(
    _ law: StoreLaw<any StateStore>, _ backend: StoreBackend<any StateStore>
  ) async throws {
    #expect(try await law.counterexample(in: backend) == nil)
  }
}
