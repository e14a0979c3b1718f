import Credentials

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension SystemFile {
  /// Which file has a name, and as of which change of what is in it.
  struct Identity: Equatable {
    private let numbers: [Int]

    /// - Returns: nil if nothing has the name; links are not followed.
    init?(_ path: String) {
      var status = stat()
      guard unsafe lstat(path, &status) == 0 else { return nil }
      #if canImport(Glibc)
        let changed = status.st_mtim
      #else
        let changed = status.st_mtimespec
      #endif
      numbers = [
        Int(truncatingIfNeeded: status.st_dev), Int(truncatingIfNeeded: status.st_ino),
        Int(status.st_mode), Int(status.st_size), changed.tv_sec, changed.tv_nsec,
      ]
    }
  }

  /// Puts a draft in the place of the file that was looked at, and removes that.
  ///
  /// The two change their names in one step, and then what was taken away is looked at: if it is not what it was,
  /// they change again. So nothing is lost that somebody else has put there meanwhile.
  /// - Throws: ``DurableFile/Failure``; `isExisting` if something else is there, which stays.
  static func replace(
    _ known: Identity, at path: String, by draft: String
  ) throws(DurableFile.Failure) {
    let own = Identity(draft)
    guard exchange(draft, path) else {
      let failure = DurableFile.Failure(path: path)
      if failure.isMissing { return try name(draft, path) }
      guard [EINVAL, ENOSYS, ENOTSUP].contains(failure.code) else { throw failure }
      return try replaceInTwoSteps(known, at: path, by: draft)
    }
    if Identity(draft) == known {
      unsafe unlink(draft)
      return
    }
    let isBack = exchange(draft, path)
    // What comes back under the draft's name is removed only if it is the draft.
    if !isBack || Identity(draft) != own {
      try name(draft, "\(path).\(UInt64.random(in: .min ... .max)).kept")
    }
    throw DurableFile.Failure(path: path, code: EEXIST)
  }

  /// On a file system that exchanges no names: for a moment nothing has the name.
  private static func replaceInTwoSteps(
    _ known: Identity, at path: String, by draft: String
  ) throws(DurableFile.Failure) {
    let aside = "\(path).\(UInt64.random(in: .min ... .max)).kept"
    guard unsafe rename(path, aside) == 0 else {
      let failure = DurableFile.Failure(path: path)
      if failure.isMissing { return try name(draft, path) }
      throw failure
    }
    do throws(DurableFile.Failure) {
      guard Identity(aside) == known else { throw DurableFile.Failure(path: path, code: EEXIST) }
      try name(draft, path)
    } catch {
      try name(aside, path)
      throw error
    }
    unsafe unlink(aside)
  }

  /// Whether two names were exchanged; if not, `errno` says why.
  private static func exchange(_ one: String, _ other: String) -> Bool {
    #if canImport(Glibc)
      // Glibc has it, and its module for Swift does not.
      guard let symbol = unsafe dlsym(nil, "renameat2") else {
        errno = ENOSYS
        return false
      }
      typealias Rename =
        @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
      let exchanging: UInt32 = 2
      let rename = unsafe unsafeBitCast(symbol, to: Rename.self)
      return unsafe rename(AT_FDCWD, one, AT_FDCWD, other, exchanging) == 0
    #else
      return unsafe renamex_np(one, other, UInt32(RENAME_SWAP)) == 0
    #endif
  }
}
