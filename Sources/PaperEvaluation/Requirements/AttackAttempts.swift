internal import CanonicalEncoding
internal import EMRScheme
internal import PrintedScheme

/// Runs the attempts of one attack, and keeps what became of them.
struct AttackAttempts {
  private var succeeded = false
  private var refusals: [String] = []

  /// Runs one attempt.
  ///
  /// - Parameter reachesGoal: whether the attacker has reached the goal. A refusal by the scheme is
  ///   recorded; any other error is one of this program, and no failure of the attack.
  mutating func attempt(_ reachesGoal: () throws -> Bool) throws {
    do {
      if try reachesGoal() { succeeded = true }
    } catch let error as SchemeError {
      note(error.code.description)
    } catch let error as PrintedRefusal {
      note(error.check)
    }
  }

  /// The same steps with what the attacker lacks, or done by an honest role: they must succeed, or the
  /// attack would fail for a wrong reason.
  func control(_ what: String, _ succeeds: () throws -> Bool) throws {
    let result: Bool
    do { result = try succeeds() } catch { throw InvalidCheck(description: "\(what): \(error)") }
    guard result else { throw InvalidCheck(description: "\(what): does not succeed") }
  }

  func outcome(ifReached reached: String, else missed: String) -> Outcome {
    Outcome(
      verdict: succeeded ? .attackSucceeds : .attackFails, refusals: refusals,
      detail: succeeded ? reached : missed)
  }

  private mutating func note(_ refusal: String) {
    if !refusals.contains(refusal) { refusals.append(refusal) }
  }
}

extension Outcome {
  static func property(_ holds: Bool, ifHolds yes: String, else no: String) -> Outcome {
    Outcome(verdict: holds ? .holds : .doesNotHold, refusals: [], detail: holds ? yes : no)
  }
}
