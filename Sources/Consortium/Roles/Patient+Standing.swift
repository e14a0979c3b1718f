import Credentials
import EMRScheme
import Ledger

extension Patient {
  /// How many supernodes are asked in the place of one.
  private static let places = 4

  /// The doctor who asks, as of now, by the doctor's hospital; where that has no time for strangers, by one that
  /// knows this patient.
  ///
  /// - Throws: as ``LedgerClient/activeDoctor(_:by:)``.
  func doctor(of asked: AccessRequest) async throws -> CurrentDoctor {
    do {
      return try await client.activeDoctor(asked.doctor, by: asked.hospital)
    } catch let busy as ConsortiumError where busy.code == .busy {
      let hospitals = Set(
        try store.keys(withPrefix: Self.visitPrefix).compactMap(Self.visitNamed).map(\.hospital))
      let members = await client.currentMembers()
      let known = hospitals.sorted().flatMap { [$0, members.cloud(ofHospital: $0) ?? $0] }
      for supernode in known.prefix(Self.places) {
        do {
          return try await client.activeDoctor(asked.doctor, by: supernode)
        } catch let error as ConsortiumError where [.busy, .unreachable].contains(error.code) {
          continue
        }
      }
      throw busy
    }
  }
}

extension Patient: KnownToSupernodes {
  /// How many visits are shown to a supernode that has no time for strangers: one does, where it knows it.
  private static let shownVisits = 2

  /// Its visits that the supernode has as hospital, or as the present cloud of the hospital, and the ticket
  /// that it has issued: nothing that it does not know already.
  package func standings(at supernode: String) async throws -> [[Author]] {
    let members = await client.currentMembers()
    let known = try store.keys(withPrefix: Self.visitPrefix).reversed().compactMap(Self.visitNamed)
      .filter { $0.hospital == supernode || members.cloud(ofHospital: $0.hospital) == supernode }
    // Whose keys are proven is on the ledger.
    let ordered =
      try known.filter { try provenNonce($0.visit, at: $0.hospital) != nil }
      + known.filter { try provenNonce($0.visit, at: $0.hospital) == nil }
    let visits = try ordered.prefix(Self.shownVisits).map { named in
      try candidates(named.visit, at: named.hospital).map {
        author(named.visit, at: named.hospital, $0.signingKey)
      }
    }
    let tickets = ticketKeys[supernode].map { [[Author(.key($0.publicKey), $0)]] } ?? []
    return visits.filter { !$0.isEmpty } + tickets
  }
}
