import TestSupport

/// How the network and the machines are for a while.
struct Weather {
  var lossPerMille: UInt64 = 0
  var copyPerMille: UInt64 = 0
  var delay: ClosedRange<UInt64> = 10...120
  /// How many kinds of messages of a round never reach one receiver, while this weather lasts.
  var blindPerMille: UInt64 = 0
  /// At each moment in which a machine can stop.
  var crashPerMille: UInt64 = 0
  /// Messages pass only between seats of one group.
  var groups: [Int]
  /// How long a block takes to be judged or made.
  var work: ClosedRange<UInt64> = 0...20
  private var salt: UInt64 = 0

  /// When all faults have stopped, but for the dishonest.
  static func fair(seatCount: Int) -> Self {
    Self(groups: [Int](repeating: 0, count: seatCount))
  }

  static func random(seatCount: Int, using random: inout SeededGenerator) -> Self {
    var weather = fair(seatCount: seatCount)
    weather.salt = random.next()
    switch UInt64.random(in: 0..<14, using: &random) {
    case 0...1: break
    case 2:
      weather.lossPerMille = .random(in: 50...500, using: &random)
      weather.copyPerMille = 300
    case 3:
      weather.delay = 0...UInt64.random(in: 500...4000, using: &random)
      weather.copyPerMille = 200
    case 4...5: weather.blindPerMille = .random(in: 100...600, using: &random)
    case 6...8: weather.crashPerMille = .random(in: 10...80, using: &random)
    case 9...10:
      weather.blindPerMille = .random(in: 100...500, using: &random)
      weather.crashPerMille = .random(in: 10...80, using: &random)
    case 11: weather.groups = (0..<seatCount).map { _ in Int.random(in: 0...1, using: &random) }
    case 12:
      weather.work = 0...3000
      weather.crashPerMille = 20
    default:
      weather.lossPerMille = 200
      weather.copyPerMille = 200
      weather.delay = 0...2000
      weather.blindPerMille = 200
      weather.crashPerMille = 30
      weather.work = 0...1000
    }
    return weather
  }

  /// Whether nothing of this kind reaches a seat.
  func isBlind(_ seat: Int, for message: SimulatedMessage) -> Bool {
    guard blindPerMille > 0 else { return false }
    let place = message.height << 24 ^ message.round << 12 ^ message.kind << 8 ^ UInt64(seat)
    var generator = SeededGenerator(seed: salt ^ place)
    return generator.next() % 1000 < blindPerMille
  }
}

extension SeededGenerator {
  mutating func chance(perMille: UInt64) -> Bool { next() % 1000 < perMille }

  mutating func element<Element>(of elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
  }
}
