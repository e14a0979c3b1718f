import Foundation

/// What one block of the consortium chain holds by the account on paper.
///
/// A hospital anchors at most once for each consortium block: what it has closed since is under the newest
/// checkpoint. So anchors do not grow with visits without end, but to one for each hospital and block; and
/// they do not fall below one for each hospital and half of maxLag, since a base may not become stale.
package struct PredictedLoad: Sendable, Encodable {
  /// Of all hospitals together.
  package let anchorsPerBlock: Double
  /// Registrations, rotations and demands.
  package let otherEntriesPerBlock: Double
  /// With the opening, and without the header.
  package let entriesPerBlock: Double
  /// Of all leaves of a block.
  package let bytesPerBlock: Double
  /// Keys and values that a follower of the chain stores for a block, in bytes and without what the store
  /// itself needs for them.
  package let storedBytesPerBlock: Double

  /// - Parameter sizes: of real objects, in bytes.
  package init(_ country: Country, _ sizes: ObjectSizes) {
    let interval = Double(country.blockInterval)
    anchorsPerBlock = Double(country.hospitals) * Self.anchorsPerBlock(country)
    let part = interval / Country.day
    let (registrations, rotations, demands) = (
      part * country.registrationsPerDay, part * country.rotationsPerDay,
      part * country.demandsPerDay
    )
    otherEntriesPerBlock = registrations + rotations + demands
    entriesPerBlock = 1 + anchorsPerBlock + otherEntriesPerBlock
    var bytes = sizes.opening + sizes.header + anchorsPerBlock * sizes.anchor
    bytes += registrations * sizes.registration + rotations * sizes.rotation
    bytes += demands * sizes.demand
    bytesPerBlock = bytes
    storedBytesPerBlock =
      bytes + entriesPerBlock * Self.entryKeys + anchorsPerBlock * sizes.anchorRecord
      + sizes.blockRecords
  }

  /// What is stored beside the leaf of an entry, in bytes: its index as the leaf's key, its digest and its
  /// index again, and a hash in a tile.
  private static let entryKeys: Double = 13 + 45 + 32

  /// How often one hospital anchors for each consortium block: with p the chance that it closes a block
  /// within an interval, and n intervals after which it closes one in any case, p / (1 − (1 − p)ⁿ).
  package static func anchorsPerBlock(_ country: Country) -> Double {
    let p = -expm1(-country.blocksPerSecond * Double(country.blockInterval))
    guard p > 0 else { return 1 / Double(country.patience) }
    return p / (1 - pow(1 - p, Double(country.patience)))
  }

  /// Entries of the consortium chain in a day, at this interval.
  package func entriesPerDay(_ country: Country) -> Double {
    entriesPerBlock * Country.day / Double(country.blockInterval)
  }
}

/// How long objects of the consortium chain are as leaves, in bytes.
package struct ObjectSizes: Sendable, Encodable {
  package var opening = 0.0
  package var header = 0.0
  package var anchor = 0.0
  package var registration = 0.0
  package var rotation = 0.0
  package var demand = 0.0
  /// What a follower keeps of an anchor beside its leaf, with the key.
  package var anchorRecord = 0.0
  /// What it keeps of a block beside the leaves: where it ends, and its time.
  package var blockRecords = 0.0

  package init() {}
}
