import CanonicalEncoding
import Ledger

/// Consents that have ended: what the proxy has under them is erased, whether anybody asks or not.
extension SystemManager {
  /// How often what has ended is looked for, in seconds.
  static let sweepInterval: UInt64 = 60
  /// How long after a consent's last second x goes by this proxy's own clock, in seconds: ledger time may
  /// stand still, or be out of reach.
  private static let expiredLifetime: UInt64 = 7 * 86_400

  /// Erases x and B_I of all consents that have ended: taken back by what is confirmed, or by a final demand;
  /// expired in ledger time, or long ago by the own clock; used, days ago; of a hospital that takes part no
  /// more, since nobody opens anything of it again.
  ///
  /// Nobody whose silence would keep them is asked before what needs no answer is done: first goes what the
  /// own clock ends, then what the consortium chain does, then what the hospitals' chains do.
  func eraseEndedDeposits() async throws {
    let now = inbox.clock()
    guard sweep.isOver(at: now) else { return }
    sweep.begin(at: now)
    if try endDeposits(where: { hasEnded($0, at: now) }).isEmpty { return }
    try await node.catchUp()
    let consortium = await node.consortium
    let members = try consortium.members
    let standing = try endDeposits { deposit in
      let consent = deposit.consent.object
      return try consortium.time > consent.expiresAt
        || members.supernode(consent.hospital) == nil
        || consortium.isRevokedByDemand(
          consent.digest, of: consent.visit, at: consent.hospital)
    }
    for (hospital, consents) in Dictionary(grouping: standing, by: \.hospital) {
      do {
        let chain = try await chains.view(of: hospital)
        for consent in consents
        where try chain.isRevoked(consent.digest, of: consent.visit) {
          try end(consent.digest)
        }
      } catch let error as StoreError {
        throw error
      } catch {
        // The cloud does not answer, or withholds something: it is asked again.
        inbox.failures.note(error)
      }
    }
  }

  /// - Returns: the consents under which something is kept that has not ended.
  private func endDeposits(where hasEnded: (Deposit) throws -> Bool) throws -> [Consent] {
    var standing: [Consent] = []
    for digest in try knownDeposits() {
      let stored: Deposit?
      do {
        stored = try store.load(Self.key(digest)).map(setRight)
      } catch let error as StoreError {
        throw error
      } catch {
        // One that cannot be read keeps no other from ending.
        inbox.failures.note(error)
        continue
      }
      guard let deposit = stored, deposit.state != .over else {
        liveDeposits?.remove(digest)
        continue
      }
      if try hasEnded(deposit) {
        try end(digest)
      } else {
        standing.append(deposit.consent.object)
      }
    }
    return standing
  }

  private func knownDeposits() throws -> Set<Digest32> {
    if let liveDeposits { return liveDeposits }
    let found = Set(
      try store.keys(withPrefix: Self.depositPrefix).compactMap {
        [UInt8](hex: String($0.dropFirst(Self.depositPrefix.count))).flatMap { Digest32($0) }
      })
    liveDeposits = found
    return found
  }

  private func hasEnded(_ deposit: Deposit, at now: UInt64) -> Bool {
    now > deposit.consent.object.expiresAt &+ Self.expiredLifetime || hasResultEnded(deposit)
  }

  func end(_ consent: Digest32) throws {
    let key = Self.key(consent)
    if var deposit: Deposit = try store.load(key), deposit.state != .over {
      deposit.state = .over
      try store.save(deposit, key)
    }
    liveDeposits?.remove(consent)
  }
}
