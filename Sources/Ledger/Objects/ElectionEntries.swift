public import CanonicalEncoding
import EMRScheme

/// A supernode with a voting key stands for election from the beginning; with this it withdraws, or
/// stands again (specification 6.12). It counts from the next election on.
public struct Candidacy: CanonicalObject, Equatable {
  public static let kind = ObjectKind.candidacy

  public var stands: Bool
  /// Which candidacy of the supernode it is, from 1: an old one counts no more.
  public var number: UInt64

  public init(stands: Bool, number: UInt64) { (self.stands, self.number) = (stands, number) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("stands", stands ? 1 : 0)
    fields.integer("number", number)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    stands = try fields.integer("stands", in: 0...1) == 1
    number = try fields.integer("number", in: 1...LedgerLimits.size)
  }
}

/// The candidates that an organisation approves, signed with its key, instead of those that it
/// approved before. Elections ask what was approved at the end of the epoch before last.
public struct Approval: CanonicalObject, Equatable {
  public static let kind = ObjectKind.approval
  /// So that what is remembered of two approvals has room in one value of the state.
  public static let candidateLimit = 400

  /// Identifiers of supernodes, by ascending bytes, each once.
  public var candidates: [String]
  /// Which approval of the organisation it is, from 1: an old one counts no more.
  public var number: UInt64

  public init(candidates: Set<String>, number: UInt64) {
    self.number = number
    self.candidates = candidates.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.list("candidates", candidates.map(CandidateName.init))
    fields.integer("number", number)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    candidates = try CandidateName.decode("candidates", &fields)
    number = try fields.integer("number", in: 1...LedgerLimits.size)
    guard
      zip(candidates, candidates.dropFirst()).allSatisfy({
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      })
    else { throw DecodingFailure(.invalidField, "candidates are not in ascending order") }
  }
}

/// An identifier in a list.
struct CandidateName: CanonicalValue {
  var id: String

  init(_ id: String) { self.id = id }

  static func decode(
    _ name: String, _ fields: inout FieldDecoder
  ) throws(DecodingFailure) -> [String] {
    try fields.list(name, maximum: Approval.candidateLimit, of: Self.self).map(\.id)
  }

  func encode(into fields: inout some FieldEncoder) { fields.text("id", id) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    id = try fields.identifier("id")
  }
}
