/// What a clerk or an operator asks of a daemon that runs; in JSON, as its answer.
package protocol DeskRequest: Codable, Sendable {
  /// By default that it was done.
  associatedtype Answer: DeskAnswer = DeskDone

  /// Its path below `/v1/`.
  static var name: String { get }
}

/// What a desk answers.
package protocol DeskAnswer: Codable, Sendable {
  /// For people.
  var lines: [String] { get }
}

/// Nothing but that it was done.
package struct DeskDone: DeskAnswer {
  /// Whether anything has changed by it.
  package var changed: Bool

  package init(changed: Bool) { self.changed = changed }

  package var lines: [String] { [changed ? "done" : "nothing to do: it is so already"] }
}

/// Why a desk, or a daemon's command, has no answer; in JSON.
package struct ReportedFailure: Codable, Error {
  /// Stays the same from version to version, for programs.
  package var code: String
  /// Begins in lower case.
  package var message: String
  /// What can be done about it.
  package var hint: String?

  package init(code: String, _ message: String, hint: String? = nil) {
    (self.code, self.message, self.hint) = (code, message, hint)
  }
}
