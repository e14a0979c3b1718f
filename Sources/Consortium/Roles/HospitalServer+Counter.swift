package import CanonicalEncoding
package import EMRScheme
package import Ledger

/// What whoever works at the counter of a hospital is shown.
extension HospitalServer {
  /// A visit that is under way.
  package struct OpenVisit: Sendable {
    package let visit: Digest32
    /// T, in seconds since 1970, of counted time, as what follows.
    package let openedAt: UInt64
    /// Ledger time of the block at which it began.
    package let beganAt: UInt64
    /// Until when the next doctor of the team may sign, and until when the last may sign and complete the visit.
    package let nextDeadline: UInt64
    package let lastDeadline: UInt64
    /// In the order s.
    package let team: [String]
    /// How many of the team have signed.
    package let signatureCount: Int

    /// Whether it is never complete any more: who is next is late (specification 6.4). It stays open until it is
    /// abandoned, which the hospital does when the patient comes with another ticket for its Encounter (8.2).
    ///
    /// - Parameter time: counted time.
    package func isOver(at time: UInt64) -> Bool { time > nextDeadline }
  }

  /// Counted time of the last final block, by which an admission judges deadlines.
  package func countedTime() async throws -> UInt64 { try await times().counted }

  /// Ledger time and counted time of the last final block: the one is behind the other by all halts that there were.
  package func times() async throws -> (ledger: UInt64, counted: UInt64) {
    let consortium = await node.consortium
    guard let block = try consortium.finalBlock() else {
      return (consortium.time, consortium.countedTime)
    }
    return (block.time, block.countedTime)
  }

  /// The visits that are open on the chain as it stands, those first that end first; but what a disk has
  /// damaged, which ``damagedRows()`` names.
  package func openVisits() async throws -> [OpenVisit] {
    let chain = try await views.chains.view(of: id)
    let consortium = await node.consortium
    var found: [Digest32: OpenVisit] = [:]
    // Of an opening that was not noted yet the offer is there still.
    for prefix in [Self.visitPrefix, Self.offerPrefix] {
      for (_, visit) in try store.readable(withPrefix: prefix, as: HospitalVisit.self) {
        guard case let visitID = visit.context.visitID, found[visitID] == nil,
          let context = try chain.openContext(of: visitID)
        else { continue }
        let count = try chain.signatures(of: visitID, count: context.signers.count).count
        found[visitID] = OpenVisit(
          visit: visitID, openedAt: context.openedAt,
          beganAt: try consortium.block(context.baseHeight)?.time ?? context.openedAt,
          nextDeadline: context.deadline(ofPosition: min(count + 1, context.signers.count)),
          lastDeadline: context.deadline(ofPosition: context.signers.count),
          team: context.signers.map(\.doctor), signatureCount: count)
      }
    }
    return found.values.sorted { ($0.lastDeadline, $0.visit) < ($1.lastDeadline, $1.visit) }
  }

  /// A doctor whom this hospital has taken on.
  package struct Employee: Sendable {
    package let doctor: String
    /// Of the statement that the hospital expects, or has seen.
    package let fingerprint: Digest32
    /// What is in force; before the registration, what the hospital has seen diplomas of.
    package let specialties: [Specialty]
    /// Nil before a registration here is final.
    package let status: DoctorStatus?
    /// The final registration in this name, here or elsewhere; nil where there is none.
    package let registration: Registration?

    package struct Registration: Sendable {
      /// The only one that can ever register this identifier.
      package let hospital: String
      /// Of the statement: another than ``Employee/fingerprint`` where other keys are expected.
      package let fingerprint: Digest32
    }
  }

  /// The doctors whom this hospital has taken on, by their identifiers; but what a disk has damaged, which
  /// ``damagedRows()`` names: who is taken on again is among them again.
  package func employeeList() async throws -> [Employee] {
    let consortium = await node.consortium
    return try employees().compactMap { doctor in
      guard let employment = try readableEmployment(of: doctor) else { return nil }
      let record = try consortium.finalDoctor(doctor)
      let own = record.flatMap { $0.statement.hospital == id ? $0 : nil }
      return Employee(
        doctor: doctor, fingerprint: employment.fingerprint,
        specialties: own?.specialties ?? employment.specialties, status: own?.status,
        registration: record.map {
          .init(hospital: $0.statement.hospital, fingerprint: $0.statement.digest)
        })
    }
  }

  /// What is kept of a ticket, by its public key; nil of one that was not issued here, is forgotten, or cannot
  /// be read.
  package func issued(_ ticket: [UInt8]) throws -> IssuedTicket? {
    try store.readable(Self.ticketKey(ticket))
  }

  /// The keys of rows that cannot be read: a disk has damaged them, or an earlier program wrote otherwise. What is
  /// kept of visits that are over, for years, is not looked through.
  package func damagedRows() throws -> [String] {
    try store.damaged(withPrefix: Self.visitPrefix, as: HospitalVisit.self)
      + store.damaged(withPrefix: Self.offerPrefix, as: HospitalVisit.self)
      + store.damaged(withPrefix: Self.ticketKey([]), as: IssuedTicket.self)
      + damagedTeams()
  }
}
