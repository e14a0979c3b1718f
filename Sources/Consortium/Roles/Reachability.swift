import CanonicalEncoding
import Credentials
import Ledger

extension LedgerClient {
  /// Whether a member answers now, and as itself by what is known here.
  func answers(_ party: String) async -> Bool {
    guard let signer = currentMembers().identityKey(of: party),
      let key = try? await requests.ask(FetchEnvelopeKey(), of: party)
    else { return false }
    return (try? key.verified(by: signer)) != nil
  }
}

extension Doctor {
  /// Whom this doctor's program needs: the own hospital, its cloud, and the system manager.
  public func neededParties() async -> [String] {
    let members = await client.currentMembers()
    return [hospital, members.cloud(ofHospital: hospital), members.manager.id].compactMap(\.self)
  }

  /// Whether a member answers now.
  public nonisolated func answers(_ party: String) async -> Bool { await client.answers(party) }
}

extension Patient {
  /// Whom this patient's program needs: the system manager, and the hospitals of the visits with their clouds; all
  /// hospitals if there is no visit yet.
  public func neededParties() async -> [String] {
    let members = await client.currentMembers()
    let known = Set((try? visits().map(\.hospital)) ?? [])
    let hospitals = members.hospitals.filter { known.isEmpty || known.contains($0) }
    return Set(
      [members.manager.id] + hospitals + hospitals.compactMap { members.cloud(ofHospital: $0) }
    ).sorted()
  }

  /// Whether a member answers now.
  public nonisolated func answers(_ party: String) async -> Bool { await client.answers(party) }
}
