import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import TestSupport
import Testing

/// Whatever is asked of whomever at every step of an honest visit and its sharing.
///
/// `BCEMR_HOSTILE_COMPANY=all` sends every kind in every form, made of every template, to every recipient
/// at every step: some hundred thousand messages in about a minute, with figures of what is kept.
@Suite("A visit in hostile company", .serialized)
struct HostileCompanyTests {
  private static let recorded = Task { try await RequestTemplates.record() }

  @Test("every kind of request was asked by somebody honest, so that it can be forged")
  func templates() async throws {
    let templates = try await Self.recorded.value.templates
    for rule in RequestTable.rules {
      #expect(templates[rule.name] != nil, "there is no template of \(rule.name)")
    }
  }

  private struct Run {
    let outcome: HonestStory.Outcome
    let figures: Crowd.Figures
    let stores: [String: StoreSize]
    let seconds: Double
  }

  private func run(_ effort: Crowd.Effort?) async throws -> Run {
    let start = Date()
    let test = HonestStory.consortium()
    let crowd = try Crowd(test, try await Self.recorded.value, effort)
    let story = HonestStory(test) { _ in await crowd.attack() }
    let outcome = try await story.run { _ in crowd.gather() }
    return Run(
      outcome: outcome, figures: crowd.figures, stores: try await test.storage.sizes(),
      seconds: Date().timeIntervalSince(start))
  }

  /// Where two runs keep different amounts.
  private func difference(_ one: Run, _ other: Run) -> [String: StoreSize] {
    var difference: [String: StoreSize] = [:]
    for place in Set(one.stores.keys).union(other.stores.keys) {
      let change = (other.stores[place] ?? StoreSize()) - (one.stores[place] ?? StoreSize())
      if change != StoreSize() { difference[place] = change }
    }
    return difference
  }

  private func description(_ difference: [String: StoreSize]) -> String {
    difference.sorted { $0.key < $1.key }.map {
      "\($0.key) \($0.value.rows) rows \($0.value.bytes) bytes"
    }.joined(separator: ", ")
  }

  /// Of this process, with all tests that run in it: so it is told, and nothing is asked of it.
  private func residentKiB() -> String {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line.map { $0.filter(\.isNumber) } ?? "unknown"
  }

  private func requireOutcome(_ run: Run) {
    let plan = HonestStory.consortium().plan()
    #expect(run.outcome.findings == plan.findings)
    // That somebody has asked is the manager's word, and this one is dishonest.
    let events = run.outcome.events
    #expect(events.contains(.requested))
    #expect(events.filter { $0 != .requested } == [.consented, .accessed, .revoked])
  }

  @Test(
    "[attack] strangers, a colleague, another hospital and the manager send everything at every step"
  )
  func everything() async throws {
    let quiet = try await run(nil)
    requireOutcome(quiet)
    #expect(quiet.outcome.events == [.consented, .requested, .accessed, .revoked])
    let entries = quiet.outcome.entries.filter { $0 != .accessRequestNotice }
    let isAll = ProcessInfo.processInfo.environment["BCEMR_HOSTILE_COMPANY"] == "all"
    let efforts: [Crowd.Effort] = isAll ? [.some(8), .all] : [.some(1), .some(4)]
    var runs: [Run] = []
    for effort in efforts {
      let run = try await run(effort)
      requireOutcome(run)
      #expect(run.outcome.entries.filter { $0 != .accessRequestNotice } == entries)
      let figures = run.figures
      for attacker in Crowd.Attacker.allCases {
        #expect(figures.kinds[attacker]?.count == RequestTable.rules.count, "\(attacker)")
      }
      #expect(figures.forms == Set(Crowd.Form.allCases))
      // A stranger is answered nothing that has an author, but what any key may ask.
      let strangers = figures.answered.keys.filter { $0.hasPrefix("stranger") }
      let open = RequestTable.rules.filter(\.carriage.isOpen).map(\.name) + [FindVisits.name]
      #expect(Set(strangers).isSubset(of: open.map { "stranger: \($0)" }), "\(strangers)")
      // What members sign is answered to members alone.
      for rule in RequestTable.rules where rule.carriage == .signed {
        #expect(
          figures.answered["\(Crowd.Attacker.colleague): \(rule.name)"] == nil, "\(rule.name)")
      }
      runs.append(run)
      guard isAll else { continue }
      print(
        "\(figures.messages) messages, \(figures.bytes) bytes at \(figures.bursts) steps in"
          + " \(run.seconds) s; the process now has \(residentKiB()) KiB; more than without: \(description(difference(quiet, run)));"
          + " answered: \(figures.answered.sorted { $0.key < $1.key })")
    }
    // However many messages there were, what is kept of them is the same. But the manager may say that
    // somebody has asked, as often as it likes.
    let notices = runs.map { $0.outcome.entries.count { $0 == .accessRequestNotice } }
    let growth = difference(runs[0], runs[1])
    let figures = """
      \(runs[0].figures.messages) and \(runs[1].figures.messages) messages, of which \(notices) \
      have told of a request: \(description(growth))
      """
    for (place, size) in growth {
      let isChain = place.hasPrefix("chain") || place.hasPrefix("state")
      // A block more or less; what a doctor has found of somebody, or has begun anew, once.
      let rows = isChain ? Self.blockRows + Self.noticeRows * abs(notices[1] - notices[0]) : 4
      #expect(size.rows <= rows && size.bytes <= 1024 * (rows + 1), "\(place) in \(figures)")
    }
  }

  /// Rows of a chain, or of a replay of it, that come with one block, and with one notice in a block of its
  /// own.
  private static let (blockRows, noticeRows) = (16, 8)
}
