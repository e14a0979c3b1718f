import CanonicalEncoding
import EMRScheme
import Ledger

/// The records a cloud has taken into custody; nothing is stored there that was not checked.
package struct RecordCustody: Sendable {
  let records: any RecordStore

  package init(records: any RecordStore) { self.records = records }

  /// Checks S and both equations of re-encryption, and stores the record. Returns when it is
  /// durable.
  ///
  /// - Parameters:
  ///   - context: of the visit, as it was opened on the ledger.
  ///   - recordDigest: what the visit's completion names.
  func take(
    _ record: SealedRecord, context: VisitContext, recordDigest: Digest32
  ) async throws {
    let checked = try record.check(for: VerifiedVisitKey<Suite>(alreadyVerified: context))
    guard checked.recordDigest == recordDigest else {
      throw ConsortiumError(.recordTampered, "the completion names another record")
    }
    try await records.put(record.encoded(), visit: context.visitID)
  }

  /// The same for the DER of a record.
  func take(_ bytes: [UInt8], context: VisitContext, recordDigest: Digest32) async throws {
    try await take(SealedRecord(encoded: bytes), context: context, recordDigest: recordDigest)
  }

  /// Whether the record that a completion names has been taken and is still here, unchanged.
  func holds(_ completion: VisitCompletion) async -> Bool {
    let record = try? await record(
      of: completion.context, recordDigest: completion.recordDigest)
    return record != nil
  }

  /// The stored record, compared with its digest on the ledger.
  func record(of context: VisitContext, recordDigest: Digest32) async throws -> [UInt8] {
    guard let bytes = try await records.record(ofVisit: context.visitID) else {
      throw ConsortiumError(.recordMissing, "the cloud has no record of this visit")
    }
    guard let record = try? SealedRecord(encoded: bytes),
      record.recordDigest(visitKey: context.visitKey) == recordDigest
    else { throw ConsortiumError(.recordTampered, "the stored record is not what was stored") }
    return bytes
  }
}
