import CanonicalEncoding
import Credentials
package import Ledger

/// Where a role finds who takes part, as of the last epoch that it knows.
package protocol MembersSource: Sendable {
  func currentMembers() async throws -> ValidMembers
  /// The same, after asking a supernode for what is newer.
  func currentMembers(shownBy supernode: String) async throws -> ValidMembers
  /// The same, after asking for what is newer whoever answers.
  func newerMembers() async throws -> ValidMembers
  /// Those of the epoch before the last that is known; in the first, the same.
  func precedingMembers(shownBy supernode: String) async throws -> ValidMembers
}

extension MembersSource {
  /// What a party has signed, by the key that it has: in the last epoch that is known here, or by now.
  ///
  /// - Throws: ``CredentialError`` if it has not.
  func verified<Object: CanonicalObject>(
    _ signed: Signed<Object>, by party: String
  ) async throws -> Object {
    let known = try await currentMembers().identityKey(of: party)
    if let known, let object = try? signed.verified(by: known) { return object }
    let newer = try await currentMembers(shownBy: party).identityKey(of: party)
    return try signed.verified(by: newer ?? [])
  }

  /// A hospital or cloud; one that is new is asked itself.
  ///
  /// - Throws: ``ConsortiumError`` `unreachable` if there is none of this name.
  func supernode(_ id: String) async throws -> Members.Supernode {
    if let node = try await currentMembers().supernode(id) { return node }
    guard let node = try await currentMembers(shownBy: id).supernode(id) else {
      throw ConsortiumError(.unreachable, "there is no supernode \(id)")
    }
    return node
  }

  /// Whether there is such a hospital, by the members as they are known here, or as one of them shows them: nobody
  /// is asked whom others alone name.
  func isHospital(_ id: String) async throws -> Bool {
    let known = try await currentMembers()
    if let node = known.supernode(id) { return node.role == .hospital }
    return try await newerMembers().supernode(id)?.role == .hospital
  }

  /// The cloud that keeps a hospital's records and validates its chain.
  ///
  /// - Throws: ``ConsortiumError`` `record-missing` if there is none.
  func cloud(ofHospital hospital: String) async throws -> String {
    if let cloud = try await currentMembers().cloud(ofHospital: hospital) { return cloud }
    guard let cloud = try await currentMembers(shownBy: hospital).cloud(ofHospital: hospital)
    else { throw ConsortiumError(.recordMissing, "no cloud keeps the records of \(hospital)") }
    return cloud
  }

  /// Asks the cloud of a hospital. Where it refuses or does not answer, a vote may have given the chain to
  /// another one since: what is newer is learned from either, and that one is asked.
  func asking<Reply: Sendable>(
    cloudOf hospital: String, _ ask: (_ cloud: String) async throws -> Reply
  ) async throws -> Reply {
    let known = try await cloud(ofHospital: hospital)
    do {
      return try await ask(known)
    } catch let error as ConsortiumError {
      let present = try await currentCloud(ofHospital: hospital)
      guard present != known else { throw error }
      return try await ask(present)
    }
  }

  /// The cloud of a hospital by now: what one before it has ends where the chain was given away.
  func currentCloud(ofHospital hospital: String) async throws -> String {
    let known = try await cloud(ofHospital: hospital)
    for supernode in [known, hospital] {
      if let members = try? await currentMembers(shownBy: supernode),
        let present = members.cloud(ofHospital: hospital)
      {
        return present
      }
    }
    return known
  }

  /// That the cloud of a hospital has signed a receipt: with the key that it has in the last epoch that is known
  /// here, or by now, or had in the epoch before, in which the hospital may be still.
  ///
  /// - Throws: ``ConsortiumError`` `invalid-proof` if nobody shows that it has.
  func require(
    _ signature: [UInt8], of receipt: StorageReceipt, byCloudOf hospital: String
  ) async throws {
    func isSigned(in members: ValidMembers) -> Bool {
      guard let cloud = members.cloud(ofHospital: hospital),
        let key = members.identityKey(of: cloud)
      else { return false }
      return IdentityKey.isValid(signature, of: receipt, by: key)
    }
    let known = try await currentMembers()
    if isSigned(in: known) { return }
    for supernode in [try await cloud(ofHospital: hospital), hospital] {
      do {
        let present = try await currentMembers(shownBy: supernode)
        if isSigned(in: present) { return }
        let preceding = try await precedingMembers(shownBy: supernode)
        if isSigned(in: preceding) { return }
      } catch let error as StoreError {
        throw error
      } catch {
        // The other may answer.
        continue
      }
    }
    throw ConsortiumError(.invalidProof, "the cloud has not signed for the record")
  }
}

extension LedgerNode: MembersSource {
  package func currentMembers() throws -> ValidMembers { try members }

  package func currentMembers(shownBy supernode: String) async throws -> ValidMembers {
    try await newerMembers()
  }

  package func newerMembers() async throws -> ValidMembers {
    try await catchUp()
    return try members
  }

  package func precedingMembers(shownBy supernode: String) throws -> ValidMembers {
    let epoch = genesis.epoch(ofHeight: consortium.height)
    return try consortium.members(inEpoch: epoch == 0 ? 0 : epoch - 1)
  }
}
