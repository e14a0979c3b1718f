import Credentials

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension SystemFile {
  /// Gives a file or a folder that is whole the name that is meant for it, unless something has that.
  ///
  /// - Throws: ``DurableFile/Failure``; `isExisting` if something of this name is there, which stays as it is.
  static func name(_ draft: String, _ path: String) throws(DurableFile.Failure) {
    if isFolder(draft) {
      // A folder takes the place of an empty one at most.
      guard unsafe rename(draft, path) != 0 else { return }
      let failure = DurableFile.Failure(path: path)
      let isTaken = [ENOTEMPTY, EEXIST, ENOTDIR].contains(failure.code)
      throw isTaken ? DurableFile.Failure(path: path, code: EEXIST) : failure
    }
    // A link, unlike a rename, never replaces what is there.
    if unsafe link(draft, path) == 0 {
      unsafe unlink(draft)
      return
    }
    let failure = DurableFile.Failure(path: path)
    guard [EPERM, ENOTSUP, ENOSYS, EMLINK, EXDEV].contains(failure.code) else { throw failure }
    // On a file system without links: who makes a file where there was none has its name, and puts the draft
    // in its place.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw DurableFile.Failure(path: path) }
    close(descriptor)
    guard unsafe rename(draft, path) == 0 else {
      let failure = DurableFile.Failure(path: path)
      unsafe unlink(path)
      throw failure
    }
  }
}
