import CanonicalEncoding
import Consortium
import Ledger

extension S3RecordStore {
  /// The most objects of a listing.
  static let listingLimit = 1 << 21

  /// All objects under a prefix, page by page.
  ///
  /// - Throws: ``StoreError``; `corrupted` for a listing that has no end, or is none.
  func list(
    _ prefix: String, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> [ObjectListing.Item] {
    var (items, token, pageCount): ([ObjectListing.Item], String?, Int) = ([], nil, 0)
    repeat {
      var query = [("list-type", "2"), ("prefix", prefix)]
      if let token { query.append(("continuation-token", token)) }
      let answer = try await client.ask(
        .init(method: .get, key: nil, query: query, limit: ObjectListing.byteLimit), until: deadline
      )
      guard answer.isDone, let page = try? ObjectListing(answer.body) else {
        throw StoreError(.corrupted, "the listing of \(prefix) is none")
      }
      items += page.items.filter { $0.key.hasPrefix(prefix) }
      pageCount += 1
      guard items.count <= Self.listingLimit, pageCount <= Self.listingLimit / 512,
        page.continuation == nil || page.continuation != token
      else { throw StoreError(.corrupted, "the listing of \(prefix) has no end") }
      token = page.continuation
    } while token != nil
    return items
  }
}
