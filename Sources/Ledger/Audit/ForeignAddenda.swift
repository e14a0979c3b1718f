import CanonicalEncoding
import EMRScheme

/// The addenda of a chain to visits of other hospitals, which can be judged once those chains were replayed
/// too (specification 7.4). They lie in the chain's store, so that memory does not grow.
struct ForeignAddenda {
  let hospital: String
  let store: any StateStore
  private var count: UInt64 = 0

  init(hospital: String, store: any StateStore) { (self.hospital, self.store) = (hospital, store) }

  private static func key(_ number: UInt64) -> [UInt8] {
    StateKey("export-addendum/", number.stateBytes).bytes
  }

  /// Takes note of a complete visit, at a leaf, if it is such an addendum.
  mutating func note(_ context: VisitContext, at index: UInt64) throws {
    guard let amended = context.amends, amended.hospital != hospital else { return }
    try store.commit([Self.key(count): index.stateBytes + context.encoded()])
    count += 1
  }

  /// Those in the first leaves of the chain, one after another.
  fileprivate func visit(
    before leaves: UInt64, _ body: (VisitContext) throws -> Void
  ) throws {
    for number in 0..<count {
      guard let bytes = try store.value(forKey: Self.key(number)),
        case let index = try UInt64(stateBytes: Array(bytes.prefix(8))), index < leaves
      else { return }
      try body(VisitContext(encoded: Array(bytes.dropFirst(8))))
    }
  }

  /// All chains of an export, by whose valid leaves addenda are judged.
  struct Judge {
    let decider: any ClaimDecider
    private var chains: [String: (addenda: ForeignAddenda, view: HospitalView, leaves: UInt64)] =
      [:]

    init(decider: any ClaimDecider) { self.decider = decider }

    mutating func add(
      _ addenda: ForeignAddenda, _ engine: ChainEngine<HospitalRules>, validLeaves: UInt64
    ) {
      chains[addenda.hospital] = (
        addenda, HospitalView(engine: engine, confirmed: nil), validLeaves
      )
    }

    /// How many addenda of a chain are not shown to be to a complete visit of the same patient.
    func unproven(of hospital: String) throws -> UInt64 {
      guard let chain = chains[hospital] else { return 0 }
      var unproven: UInt64 = 0
      try chain.addenda.visit(before: chain.leaves) { context in
        if try !isProven(context) { unproven += 1 }
      }
      return unproven
    }

    private func isProven(_ context: VisitContext) throws -> Bool {
      guard let amended = context.amends, let amendment = context.amendment,
        let chain = chains[amended.hospital],
        let record = try chain.view.visit(amended.visit),
        let completion = record.completion, completion < chain.leaves
      else { return false }
      return decider.holds(
        .signature(
          amended.patientSignature, of: amendment.encoded(), by: record.signingKey))
    }
  }
}
