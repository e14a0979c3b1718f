/// Where the desk of a daemon is.
package enum DeskSocket {
  /// Longer ones no operating system takes; `sun_path` of `sockaddr_un`.
  private static let pathLimit = 103

  /// - Throws: ``ReportedFailure`` `path-too-long`.
  package static func check(_ path: String) throws(ReportedFailure) {
    guard path.utf8.count <= pathLimit else {
      throw ReportedFailure(
        code: "path-too-long", "\(path): a socket cannot have so long a path",
        hint: "give a path of at most \(pathLimit) bytes as desk.socket in the configuration")
    }
  }
}
