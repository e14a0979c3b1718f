import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TransparencyLog

extension ConsortiumError {
  /// What leaves a role of what went wrong: a code, with a text that is the same each time. Whatever else the
  /// error says may name keys and places of a store, and stays here.
  init(telling error: any Error) {
    let code: String
    switch error {
    case let error as ConsortiumError: code = "\(error.code)"
    case let error as SignedRefusal: code = "\(error.error.code)"
    case let error as Refusal: code = error.code
    case let error as DecodingFailure: code = error.codeText
    case let error as CredentialError: code = error.codeText
    case let error as SchemeError: code = error.codeText
    case let error as LedgerError: code = error.codeText
    case let error as TransparencyLogError: code = "\(error.code)"
    // To make the same change again is safe, for whoever asks, too.
    case let error as StoreError where error.code == .outcomeUnknown: code = error.codeText
    // What else a store says, and what nobody has thought of.
    default: code = "\(Code.unavailable)"
    }
    // A code of another role's answer may be anything.
    let isCode =
      (1...64).contains(code.utf8.count)
      && code.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
      }
    let told = isCode ? Code(code) : .unavailable
    self.init(told, told == .unavailable ? "the role cannot answer now" : "the role refuses")
  }

  /// Whether an error is of this role itself, and nothing that who asks could change.
  package static func isOwn(_ error: any Error) -> Bool {
    error is StoreError || Self(telling: error).code == .unavailable
  }
}

/// What failed in a role itself while it answered, for who runs it: the last ones.
package final class FailureLog: Sendable {
  private static let limit = 64
  /// How many failures the roles of this process have noted.
  private static let count = Atomic<UInt64>(0)
  private let failures = Mutex<[(number: UInt64, error: any Error)]>([])

  /// As they came, with all that the errors say.
  package var recent: [any Error] { failures.withLock { $0.map(\.error) } }

  /// What failed last in a store, with its number among the failures of all roles of this process.
  package var newestOfStore: (number: UInt64, error: any Error)? {
    failures.withLock { $0.last { $0.error is StoreError } }
  }

  func note(_ error: any Error) {
    failures.withLock { failures in
      if failures.count >= Self.limit { failures.removeFirst() }
      let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
      failures.append((number, error))
    }
  }
}
