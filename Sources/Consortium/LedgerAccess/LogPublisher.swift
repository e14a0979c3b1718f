package import Ledger

/// A role that shows logs to everybody.
package protocol LogPublisher: Sendable {
  /// - Parameter chain: `consortium` or a hospital.
  /// - Returns: nil for a chain that this role does not keep.
  func publishedLog(of chain: String) async throws -> PublishedLog?
}

/// Every role follows the consortium chain; a hospital has its own chain beside it.
extension HospitalServer: LogPublisher {
  package nonisolated func publishedLog(of chain: String) async throws -> PublishedLog? {
    chain == id
      ? PublishedLog(await ledger.writer.view) : await node.publishedLog(of: chain)
  }
}

/// A cloud shows the chains that it confirms.
extension CloudServer: LogPublisher {
  package nonisolated func publishedLog(of chain: String) async throws -> PublishedLog? {
    guard confirmer.hospitals.contains(chain) else { return await node.publishedLog(of: chain) }
    return PublishedLog(try await confirmer.view(of: chain))
  }
}

/// The manager keeps no hospital's chain for others.
extension SystemManager: LogPublisher {
  package nonisolated func publishedLog(of chain: String) async throws -> PublishedLog? {
    await node.publishedLog(of: chain)
  }
}

extension LedgerNode {
  fileprivate func publishedLog(of chain: String) -> PublishedLog? {
    chain == ChainName.consortium ? PublishedLog(consortium) : nil
  }
}
