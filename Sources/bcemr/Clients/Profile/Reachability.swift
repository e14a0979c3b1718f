#if Network
  import Consortium
  import Foundation

  /// Who answers now.
  struct Reachability: Encodable, Sendable {
    let party: String
    let answers: Bool

    /// Asks all of them at once, each for at most some seconds.
    static func of(
      _ parties: [String], _ answers: @escaping @Sendable (String) async -> Bool
    ) async -> [Reachability] {
      await withTaskGroup(of: Reachability.self) { group in
        for party in parties {
          group.addTask {
            let isHeard = await withTaskGroup(of: Bool.self) { one in
              one.addTask { await answers(party) }
              one.addTask {
                try? await Task.sleep(for: .seconds(8))
                return false
              }
              let first = await one.next() ?? false
              one.cancelAll()
              return first
            }
            return Reachability(party: party, answers: isHeard)
          }
        }
        var found: [Reachability] = []
        for await one in group { found.append(one) }
        return found.sorted { $0.party < $1.party }
      }
    }
  }
#endif
