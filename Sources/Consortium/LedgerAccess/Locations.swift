import CanonicalEncoding
import EMRScheme
public import Ledger

/// Where somebody is reached: a member at its own location, a doctor at that of the hospital, where the
/// mailbox is, and a patient's address at the manager's (specification 8.7).
extension ValidMembers {
  package func location(of id: String) -> Members.Location? {
    switch party(id) {
    case .manager(let manager): manager.location
    case .supernode(let supernode): supernode.location
    case .organisation, nil: nil
    }
  }

  /// Of an address of a patient, which no member is called; nil of any other name.
  fileprivate func location(ofAddress id: String) -> Members.Location? {
    id.utf8.count == 64 && Digest32(hex: id) != nil ? manager.location : nil
  }
}

extension LedgerNode {
  /// Where somebody is, by this node's own replay; nil for who is not known.
  package func location(of id: String) -> Members.Location? {
    guard let members = try? members else { return nil }
    if let location = members.location(of: id) ?? members.location(ofAddress: id) {
      return location
    }
    guard let doctor = try? consortium.finalDoctor(id) else { return nil }
    return members.location(of: doctor.statement.hospital)
  }
}

extension LedgerClient {
  /// Where somebody is, by the members as they are known here, or are by now; a doctor's hospital by the
  /// registration as it was proven last, or as a supernode proves it now. Nil for who is not known.
  package func location(of id: String) async -> Members.Location? {
    let members = currentMembers()
    if members.party(id) != nil { return members.location(of: id) }
    if let location = members.location(ofAddress: id) { return location }
    guard ValidGenesis.isIdentifier(id) else { return nil }
    // The own hospital may have joined since: it is found by those that are known.
    if id == anySupernode { return await locationOfNew(id) }
    var doctor = knownDoctor(id)
    if doctor == nil { doctor = try? await askAny { try await self.doctor(id, by: $0) } }
    if let hospital = doctor?.statement.hospital {
      return currentMembers().location(of: hospital)
    }
    // One that has joined since.
    return await locationOfNew(id)
  }

  /// How many are asked for a member that is not known here.
  private static let askedForNew = 4

  /// - Returns: nil if nobody who is asked shows such a member.
  private func locationOfNew(_ id: String) async -> Members.Location? {
    for supernode in currentMembers().supernodes.map(\.id).prefix(Self.askedForNew) {
      if let location = try? await currentMembers(shownBy: supernode).location(of: id) {
        return location
      }
    }
    return nil
  }
}

extension Doctor {
  /// Where somebody is reached, by what is proven to this program: for a courier that goes over a network.
  ///
  /// - Parameter id: of a member or a doctor, or a ``PatientAddress/id``.
  /// - Returns: nil for who is not known, or has no location on the ledger.
  public nonisolated func location(of id: String) async -> Members.Location? {
    await client.location(of: id)
  }
}

extension Patient {
  /// Where somebody is reached, by what is proven to this program: for a courier that goes over a network.
  ///
  /// - Parameter id: of a member or a doctor.
  /// - Returns: nil for who is not known, or has no location on the ledger.
  public nonisolated func location(of id: String) async -> Members.Location? {
    await client.location(of: id)
  }
}
