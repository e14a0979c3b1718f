import EMRScheme
import Ledger

/// How a visit has come to its end.
enum VisitEnding: UInt64 {
  case complete = 1
  case abandoned
  /// Long after the last doctor could sign, by the clock of who looks.
  case outlasted
}

extension LedgerClient {
  /// How a visit has ended, where that is proven to be final, by its hospital or the cloud.
  ///
  /// - Throws: ``ConsortiumError``, as `not-final`; ``LedgerError`` for a proof that fails.
  func ending(of context: VisitContext, for reader: VisitReader) async throws -> VisitEnding {
    try await byHospitalOrCloud(context.hospital) {
      try await ending(of: context, by: $0, for: reader)
    }
  }

  private func ending(
    of context: VisitContext, by supernode: String, for reader: VisitReader
  ) async throws -> VisitEnding {
    let leaf = try await prove(
      .ending, of: context.visitID, at: context.hospital, by: supernode, for: reader)
    guard leaf.chain == context.hospital, let ending = leaf.entry?.ending(of: context) else {
      throw ConsortiumError(.invalidProof, "the leaf does not end the visit")
    }
    return ending
  }
}

extension Entry {
  /// What this item makes of a visit; its cloud has judged whether it may.
  func ending(of context: VisitContext) -> VisitEnding? {
    guard let last = context.signers.last?.doctor else { return nil }
    switch content.body {
    case .visitCompletion(let completion)
    where completion.context == context && content.signer == .party(last):
      return .complete
    case .visitAbandonment(let abandonment)
    where abandonment.visit == context.visitID && content.signer == .party(context.hospital):
      return .abandoned
    default: return nil
    }
  }
}
