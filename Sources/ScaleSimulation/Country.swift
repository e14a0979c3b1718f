/// A country that keeps its records in one consortium: what the account on paper and the simulation are of.
package struct Country: Sendable, Equatable {
  /// Each is run by an organisation of its own, which has a vote.
  package var hospitals: Int
  /// Each confirms the chains of as many hospitals as the others.
  package var clouds: Int
  /// M, 3f + 1.
  package var delegates: Int
  package var visitsPerHospitalAndDay: Double
  /// Blocks of a hospital's chain for each visit: behind the last signature, the completion, the receipt.
  package var blocksPerVisit: Double
  /// Leaves of a hospital's chain for each visit, headers too.
  package var leavesPerVisit: Double
  /// Leaves of each hospital's chain before the first simulated block: proofs grow with its logarithm.
  package var chainLength: UInt64
  /// Seconds between two consortium blocks.
  package var blockInterval: UInt64
  /// maxLag, in seconds: after half of it a hospital closes a block even if there are no visits.
  package var maximumLag: UInt64
  /// E: blocks of an epoch.
  package var epochLength: UInt64
  /// In the whole country: registrations of new doctors.
  package var registrationsPerDay: Double
  /// In the whole country: doctors' new identity keys.
  package var rotationsPerDay: Double
  /// In the whole country: entries that hospitals did not take.
  package var demandsPerDay: Double
  /// Whether all voting organisations approve candidates, and vote on a motion, within the simulated time.
  package var votes: Bool

  package init(
    hospitals: Int = 1000, clouds: Int = 10, delegates: Int = 7,
    visitsPerHospitalAndDay: Double = 1000, blocksPerVisit: Double = 3, leavesPerVisit: Double = 12,
    chainLength: UInt64 = 1_000_000, blockInterval: UInt64 = 10, maximumLag: UInt64 = 120,
    epochLength: UInt64 = 1000, registrationsPerDay: Double = 100, rotationsPerDay: Double = 500,
    demandsPerDay: Double = 50, votes: Bool = true
  ) {
    self.hospitals = hospitals
    self.clouds = clouds
    self.delegates = delegates
    self.visitsPerHospitalAndDay = visitsPerHospitalAndDay
    self.blocksPerVisit = blocksPerVisit
    self.leavesPerVisit = leavesPerVisit
    self.chainLength = chainLength
    self.blockInterval = blockInterval
    self.maximumLag = maximumLag
    self.epochLength = epochLength
    self.registrationsPerDay = registrationsPerDay
    self.rotationsPerDay = rotationsPerDay
    self.demandsPerDay = demandsPerDay
    self.votes = votes
  }

  package static let day = 86_400.0

  /// Blocks that one hospital closes because of its visits, in a second.
  package var blocksPerSecond: Double { visitsPerHospitalAndDay * blocksPerVisit / Self.day }

  /// The longest a hospital lets its base and its open block wait, in intervals between consortium blocks.
  package var patience: UInt64 { max(1, (maximumLag / 2 + blockInterval - 1) / blockInterval) }
}
