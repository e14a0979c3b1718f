import CPowerCut
import Foundation

/// A folder in which the power fails, for everything that reaches it through SQLite in this process.
///
/// SQLite's default layer stands in between until ``end()``, so the stores need not know
/// of it. Connections are opened after this object is made and closed before ``end()``; then the
/// folder holds what a disk would, and can be opened as after a new start. What does not go through SQLite,
/// as a key file, is taken for durable at once.
package final class PowerCut: Sendable {
  private let folder: String

  /// - Parameters:
  ///   - operation: the power is cut in the operation of this number, counted from 1: creating,
  ///     writing, truncating, synchronizing or deleting a file. nil: not before ``cut()``.
  ///   - seed: chooses what of the rest reaches the disk: nothing, everything, the operations up to
  ///     one, which may be torn between sectors of 512 bytes, or any sectors and names.
  package init(in folder: String, at operation: Int? = nil, seed: UInt64) {
    self.folder = URL(filePath: folder).resolvingSymlinksInPath().path(percentEncoded: false)
    let result = unsafe powercut_begin(self.folder, UInt64(operation ?? 0), seed)
    precondition(result == 0, "SQLite takes no layer")
  }

  /// How many operations there were.
  package var operations: Int { Int(unsafe powercut_operations(folder)) }

  package var isCut: Bool { unsafe powercut_is_cut(folder) != 0 }

  /// Cuts the power now; all that uses the files fails from here on.
  package func cut() { unsafe powercut_now(folder) }

  /// The power is back: files are what they are, and the figures above are gone.
  package func end() { unsafe powercut_end(folder) }
}
