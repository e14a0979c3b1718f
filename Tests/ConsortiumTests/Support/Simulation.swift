/// Parties under a scheduler that does to them what a network, their machines and some of themselves may
/// do; the same in each run with one seed.
protocol Simulation: SendableMetatype {
  associatedtype Happening: SimulationHappening

  init(seed: UInt64) throws

  /// - Throws: ``Violation`` of what must hold, whatever happens.
  mutating func run() throws

  var figures: SimulationFigures<Happening> { get }
}

/// What is counted in a simulation, by the words that a report says for it.
protocol SimulationHappening: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
  /// What may be absent in fewer than ``seedsForRare`` seeds.
  static var rare: Set<Self> { get }
  static var seedsForRare: Int { get }
}

/// How often each thing happened.
struct SimulationFigures<Happening: SimulationHappening>: Sendable, CustomStringConvertible {
  private var counts: [Happening: Int] = [:]

  subscript(happening: Happening) -> Int {
    get { counts[happening] ?? 0 }
    set { counts[happening] = newValue }
  }

  mutating func add(_ other: Self) { counts.merge(other.counts) { $0 + $1 } }

  /// What has never happened.
  var absent: Set<Happening> { Set(Happening.allCases.filter { self[$0] == 0 }) }

  var description: String {
    Happening.allCases.map { "\(self[$0]) \($0.rawValue)" }.joined(separator: ", ")
  }
}

/// What must hold, and did not.
struct Violation: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
