import Consortium
import Synchronization
import TestSupport
import Testing

@Suite("The time that each kind of role takes")
struct MeterTests {
  /// A clock that is moved by hand, as it is read by a meter.
  private final class Clock: Sendable {
    private let time = Mutex<UInt64>(100)

    var now: UInt64 { time.withLock { $0 } }

    func pass(_ nanoseconds: UInt64) { time.withLock { $0 += nanoseconds } }
  }

  private let clock = Clock()
  private let meter: Meter

  init() {
    meter = Meter(nanoseconds: { [clock] in clock.now })
    meter.phase = .diagnose
  }

  private func time(_ role: RoleKind) -> UInt64? {
    meter.readings.nanoseconds.first { $0.key.phase == .diagnose && $0.key.role == role }?.value
  }

  @Test("what a role waits for another is the other's")
  func inTurn() async {
    await meter.measure(.hospital) {
      clock.pass(5)
      await meter.measure(.doctor) {
        clock.pass(7)
        await meter.measure(.cloud) { clock.pass(20) }
      }
      clock.pass(3)
    }
    #expect(time(.hospital) == 8 && time(.doctor) == 7 && time(.cloud) == 20)
  }

  @Test("a role that waits for several at once has waited once")
  func atOnce() async {
    await meter.measure(.hospital) {
      clock.pass(2)
      let (begun, beginning) = AsyncStream<Void>.makeStream()
      let gates = (0..<2).map { _ in AsyncStream<Void>.makeStream() }
      let doctors = gates.map { gate in
        Task { [meter] in
          await meter.measure(.doctor) {
            beginning.yield()
            for await _ in gate.stream {}
          }
        }
      }
      var beginnings = begun.makeAsyncIterator()
      for _ in doctors { await beginnings.next() }
      for (index, time) in [(0, UInt64(10)), (1, 5)] {
        clock.pass(time)
        gates[index].continuation.finish()
        await doctors[index].value
      }
      clock.pass(3)
    }
    #expect(time(.hospital) == 5 && time(.doctor) == 25)
  }
}
