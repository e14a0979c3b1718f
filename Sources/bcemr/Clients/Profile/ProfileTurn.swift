#if Network
  import Credentials
  import Foundation
  import Ledger
  import SQLiteBackend

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// Who may work with a profile next. One process does at a time; an agent that goes on for days gives the profile
  /// to whoever waits for it, and takes it again afterwards.
  ///
  /// Who waits has locked the file `turn`; who works has the lock of the ``DataFolder``.
  struct ProfileTurn {
    private let path: String
    private static let pause: UInt32 = 50_000
    /// How long a command waits for others, in seconds.
    static let patience = 60.0

    init(_ profile: String) { path = "\(profile)/turn" }

    /// Opens the folder as soon as nobody else works with it.
    ///
    /// - Throws: ``StoreError`` `locked` if others do for longer than `patience`, in seconds.
    func folder(patience: Double = Self.patience) throws -> DataFolder {
      let end = Date().addingTimeInterval(patience)
      let wish = try lock()
      defer { close(wish) }
      var hasTurn = false
      while true {
        hasTurn = hasTurn || flock(wish, LOCK_EX | LOCK_NB) == 0
        do {
          if hasTurn { return try DataFolder(path: parent, creating: false) }
        } catch let error where error.code != .locked {
          throw error
        } catch {
          // Who works there gives it away soon.
        }
        guard Date() < end else {
          throw StoreError(
            .locked, "\(parent): another command works with this profile")
        }
        usleep(Self.pause)
      }
    }

    /// Whether somebody waits.
    var isWanted: Bool {
      guard let wish = try? lock() else { return false }
      defer { close(wish) }
      return flock(wish, LOCK_EX | LOCK_NB) != 0
    }

    /// Says that an agent runs, until the descriptor is closed.
    ///
    /// - Throws: ``StoreError`` `locked` if one does.
    func beAgent() throws -> Int32 {
      let agent = "\(parent)/agent"
      let descriptor = unsafe open(agent, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else { throw CommandFailure(DurableFile.Failure(path: agent)) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        close(descriptor)
        throw StoreError(.locked, "\(parent): 'run' works for this profile already")
      }
      return descriptor
    }

    private var parent: String { String(path.dropLast("/turn".count)) }

    private func lock() throws -> Int32 {
      let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else { throw CommandFailure(DurableFile.Failure(path: path)) }
      return descriptor
    }
  }
#endif
