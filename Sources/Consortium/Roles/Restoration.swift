public import CanonicalEncoding
import EMRScheme
import Ledger

/// What ``Patient/restore(anew:)`` found so far.
public struct Restoration: Sendable, Equatable {
  /// A hospital or a cloud that was asked for the openings of a chain.
  public struct Source: Sendable, Equatable {
    /// Whose chain.
    public let hospital: String
    /// Who was asked.
    public let supernode: String
    /// How many leaves of the chain it has let this patient look at.
    public internal(set) var leaves: UInt64 = 0
    /// Whether that is all of them.
    public internal(set) var isComplete = false
    /// Why it was not asked any further, in this call.
    public internal(set) var failure: ConsortiumError.Code?
  }

  /// A visit with keys of this root.
  public struct Visit: Sendable, Equatable {
    /// How far the visit is.
    public enum State: Sendable, Equatable {
      /// Complete and final; `record` is whether it was opened.
      case complete(record: Bool)
      case underWay
      case abandoned
    }

    /// What came of the note.
    public enum Note: UInt8, Sendable, Equatable {
      case taken = 1
      /// Nobody who was asked has one.
      case none
      /// What came is none of this patient's.
      case junk
      /// The present cloud does not answer.
      case unreachable
    }

    /// Its identifier on the ledger.
    public let visit: Digest32
    /// Whose chain has it.
    public let hospital: String
    /// How far it is.
    public internal(set) var state: State
    /// What came of the note.
    public internal(set) var note: Note
    /// Consents of which the ledger has a notice, and no note the document: they can be taken back, and each
    /// further call looks for the documents.
    public internal(set) var undocumented: [Digest32] = []
    /// Why something of it is still missing, as where hospital or cloud was not heard about consents;
    /// another call goes on.
    public internal(set) var failure: ConsortiumError.Code?
  }

  /// Who was asked.
  public internal(set) var sources: [Source] = []
  /// What was found.
  public internal(set) var visits: [Visit] = []

  /// Whether everybody was asked for everything, and nothing is missing that is not under way.
  public var isComplete: Bool {
    sources.allSatisfy(\.isComplete) && visits.allSatisfy { $0.failure == nil }
  }
}

/// How far a patient has looked at a chain.
struct SearchState: NamedValue {
  static let name = "search-state"

  var next: UInt64 = 0
  var isComplete = false

  init() {}

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("next", next)
    fields.integer("isComplete", isComplete ? 1 : 0)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    next = try fields.integer("next", in: 0...LedgerLimits.size)
    isComplete = try fields.integer("isComplete", in: 0...1) == 1
  }
}
