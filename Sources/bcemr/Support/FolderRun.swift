import Credentials
import Foundation
import SQLiteBackend
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A run that signs in a folder that is to stay: what it signs is noted outside of it (``LedgerWitness``).
final class FolderRun: Sendable {
  /// The ledger as it was before; nil where there was none.
  let ledger: FolderLedger?
  private let folder: DataFolder
  private let tell: @Sendable (String) -> Void
  private let state = Mutex(State())

  private struct State {
    /// Whether anything may be signed.
    var hasBegun = false
    var remark: DemoReport.Remark?
  }

  private init(_ folder: DataFolder, tell: @escaping @Sendable (String) -> Void) throws {
    (self.folder, self.tell) = (folder, tell)
    ledger = try folder.ledger()
  }

  /// What whoever started it has to know; nil if there is nothing.
  var remarks: [DemoReport.Remark]? { state.withLock { $0.remark }.map { [$0] } }

  /// Continues the ledger of a folder, or founds one.
  ///
  /// - Parameters:
  ///   - tell: is given what has to be known before anything is signed.
  ///   - require: throws if the ledger, as it is before, is not to be continued. Nothing is noted then.
  ///   - body: calls ``begin()`` before anything is signed.
  /// - Throws: as ``LedgerWitness/check()`` and ``begin()``; what `require` and `body` throw.
  static func run<Value>(
    in folder: DataFolder, telling tell: @escaping @Sendable (String) -> Void,
    require: (FolderLedger?) throws -> Void = { _ in },
    _ body: (FolderRun) async throws -> Value
  ) async throws -> Value {
    let run = try FolderRun(folder, tell: tell)
    if let ledger = run.ledger { try LedgerWitness(ledger, in: folder).check() }
    try require(run.ledger)
    do {
      let value = try await body(run)
      try run.end(failed: false)
      return value
    } catch {
      try? run.end(failed: true)
      throw error
    }
  }

  /// Notes, before anything is signed, that a run has begun. Where nothing is noted of the ledger and nothing can
  /// be, it says so.
  ///
  /// - Throws: ``CommandFailure`` `not-noted` if there is a note, and it cannot be renewed.
  func begin() throws {
    guard let ledger = try folder.ledger() else { return }
    let failure = try LedgerWitness(ledger, in: folder).begin()
    let remark = failure.map { failure in
      DemoReport.Remark(
        code: "not-noted",
        message:
          "\(folder.path): how far the ledger is cannot be noted elsewhere (\(failure.message)): a copy "
          + "of the folder will not be noticed")
    }
    state.withLock { ($0.hasBegun, $0.remark) = (true, remark) }
    if let remark { tell(remark.message) }
  }

  /// Notes how far the ledger is. After a run that failed the folder stays the only one that goes on: what was
  /// signed and is not final is known there alone.
  private func end(failed: Bool) throws {
    let (hasBegun, remark) = state.withLock { ($0.hasBegun, $0.remark) }
    guard hasBegun, let ledger = try folder.ledger() else { return }
    let witness = LedgerWitness(ledger, in: folder)
    do {
      try witness.note(unfinished: failed ? witness.mark : nil)
    } catch {
      // It was said at the beginning.
      if remark != nil || failed { return }
      Console.diagnostic(
        "\(folder.path): that the run came to its end could not be noted elsewhere "
          + "(\(CommandFailure(error).message)): a folder that is moved to another disk, or restored, will be "
          + "taken for an older copy")
    }
  }
}

extension LedgerWitness {
  /// Draws another text for the lock of the folder, and notes it: no copy from before has it, wherever it is put.
  ///
  /// In two steps, since a process may be killed between any two: until the lock has the text, nothing is signed,
  /// and the folder may have the one or the other; from then on only this one.
  /// - Returns: why there is no note; nil if there is one.
  /// - Throws: ``CommandFailure`` `not-noted` if there is a note, and it cannot be renewed.
  fileprivate func begin() throws -> CommandFailure? {
    let text = "\(UUID())"
    do {
      let before = mark
      let new = mark(drawing: text)
      try note(unfinished: new, before: before)
      try draw(text)
      // Another folder of the ledger may have begun at the same time.
      guard try seen()?.unfinished == new, mark == new else {
        throw CommandFailure(
          .checkFailed, code: Self.copied,
          "\(folder.path): another folder of this ledger has begun to go on at the same time")
      }
      try note(unfinished: new)
      return nil
    } catch {
      let failure = CommandFailure(error)
      guard try seen() != nil, let file else { return failure }
      if failure.code == Self.copied { throw failure }
      throw CommandFailure(
        failure.exitCode, code: "not-noted",
        "\(folder.path): that the ledger goes on here could not be noted in \(file) (\(failure.message)); nothing "
          + "was signed",
        hint:
          "make that place, and \(folder.path)/lock, such that they can be written: a copy of the folder "
          + "would not be noticed, and sign another history")
    }
  }

  /// Writes the text where the lock stands: the file is locked by who works with the folder.
  private func draw(_ text: String) throws(DurableFile.Failure) {
    let descriptor = unsafe open(lock, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw DurableFile.Failure(path: lock) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    let count = unsafe bytes.withUnsafeBytes {
      unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
    }
    guard count >= 0 else { throw DurableFile.Failure(path: lock) }
    guard count == bytes.count, ftruncate(descriptor, off_t(count)) == 0, fsync(descriptor) == 0
    else {
      throw DurableFile.Failure(path: lock, code: count == bytes.count ? errno : ENOSPC)
    }
  }
}
