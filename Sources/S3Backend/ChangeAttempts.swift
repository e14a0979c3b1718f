import Consortium
import Ledger

/// How often a change was tried, and whether one of the attempts may still be under way.
struct ChangeAttempts {
  private let client: S3Client
  private let deadline: ContinuousClock.Instant
  private var count = 0
  private var unknown: String?

  init(_ client: S3Client, deadline: ContinuousClock.Instant) {
    (self.client, self.deadline) = (client, deadline)
  }

  /// Notes why the outcome of an attempt is not known.
  mutating func note(_ reason: String) { unknown = reason }

  /// An error that ended the change: nobody knows its outcome if that of an attempt is not known.
  func judge(_ error: StoreError) -> StoreError {
    guard let unknown, error.code == .unavailable else { return error }
    return StoreError(.outcomeUnknown, "\(unknown); then \(error.message)")
  }

  /// Waits before the next attempt.
  ///
  /// - Throws: ``StoreError`` if there is no time for one; `outcomeUnknown` if one may have been carried out.
  mutating func again(_ record: RecordName) async throws(StoreError) {
    count += 1
    guard await client.pause(after: count, until: deadline) else {
      if let unknown { throw StoreError(.outcomeUnknown, "\(record): \(unknown)") }
      throw StoreError(.unavailable, "\(record): others change it, \(count) times")
    }
  }
}

/// What this process has seen last of each record, of as many as fit.
struct SeenGenerations {
  struct Latest {
    var generation: UInt64
    var isRemoved: Bool
  }

  static let limit = 1 << 14
  private var latest: [RecordName: Latest] = [:]

  func latest(of record: RecordName) -> Latest? { latest[record] }

  mutating func note(_ manifest: RecordManifest, of record: RecordName) {
    guard manifest.generation >= latest[record]?.generation ?? 0 else { return }
    if latest.count >= Self.limit, latest[record] == nil { latest.remove(at: latest.startIndex) }
    latest[record] = Latest(
      generation: manifest.generation,
      isRemoved: manifest.rows == .none(mayHavePieces: false))
  }
}
