public import CanonicalEncoding
package import Credentials
import EMRScheme
public import Ledger

/// What organisations decide about who takes part (specification 6.13).
extension LocalConsortium {
  /// Who takes part in the epoch of the next block.
  public func members() async throws -> ValidMembers { try await cloud.node.members }

  /// Asks the organisations to decide on changes; the one that asks votes for them.
  ///
  /// - Parameters:
  ///   - agreeing: who has to agree to them, with the keys that they are to have.
  ///   - epochs: for how many epochs after this one the motion stays open.
  /// - Returns: the digest that ballots name.
  /// - Throws: the ``Refusal``; ``CredentialError`` `missing-keys` without the organisation's key.
  @discardableResult
  package func put(
    _ changes: [MemberChange], by organisation: String,
    agreeing keys: [String: IdentityKey] = [:], epochs: UInt64 = 10
  ) async throws -> Digest32 {
    let own = try OrganisationKeys(
      self.keys(at: "organisations/\(organisation)", owner: organisation))
    let consortium = await cloud.node.consortium
    let motion = Motion(
      number: try consortium.nextMotion(of: organisation),
      lastEpoch: genesis.epoch(ofHeight: consortium.height) + epochs, changes: changes)
    return try await submit(
      motion.agreed(genesis: genesis.digest, signer: organisation, by: keys), by: organisation,
      own.identity)
  }

  /// An organisation votes on a motion.
  ///
  /// - Throws: as ``put(_:by:agreeing:epochs:)``.
  public func vote(
    on motion: Digest32, by organisation: String, approves: Bool = true
  ) async throws {
    let own = try OrganisationKeys(
      keys(at: "organisations/\(organisation)", owner: organisation))
    try await submit(
      Ballot(motion: motion, approves: approves), by: organisation, own.identity)
  }

  /// What has become of a motion.
  package func status(ofMotion motion: Digest32) async throws -> MotionStatus? {
    try await cloud.node.consortium.status(ofMotion: motion)
  }

  /// Asks the others to admit a hospital with an organisation of its own, whose chain this consortium's
  /// cloud is to confirm. Hospital and organisation make their keys, and agree.
  ///
  /// - Parameter sponsor: the organisation that asks.
  /// - Returns: the digest that ballots name.
  public func proposeHospital(_ id: String, sponsor: String) async throws -> Digest32 {
    let organisation = "\(id)-trust"
    let keys = try supernodeKeys(id)
    let own = try organisationKeys(organisation)
    var randomness = environment.randomness("keys/\(cloud.id)/\(id)")
    let cosigner = try await cloud.makeCosigner(for: id, using: &randomness)
    let cloudKey = try supernodeKeys(cloud.id).identity
    return try await put(
      [
        .admit(
          .organisation(
            Members.Organisation(id: organisation, identityKey: own.identity.publicKey))),
        .admit(
          .supernode(
            keys.publicPart(
              id: id, organisation: organisation, role: .hospital, isCandidate: true))),
        .assignCloud(
          CloudAssignment(hospital: id, cloud: cloud.id, cosigningKey: cosigner)),
      ], by: sponsor,
      agreeing: [organisation: own.identity, id: keys.identity, cloud.id: cloudKey])
  }

  /// Starts the server of a hospital once the epoch has begun that has it as a member, with doctors of
  /// its own.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-state` before that epoch.
  public func openHospital(_ id: String) async throws {
    guard try await members().supernode(id)?.role == .hospital else {
      throw ConsortiumError(.wrongState, "\(id) is no hospital of this consortium yet")
    }
    if hospitals[id] != nil { return }
    let server = try begin(hospital: id, supernodeKeys(id))
    try await settle()
    try await staff(server)
    try await settle()
  }

  func supernodeKeys(_ id: String) throws -> SupernodeKeys {
    func keys(_ storage: some ConsortiumStorage) throws -> SupernodeKeys {
      try Founder(storage: storage, configuration: configuration, environment: environment)
        .supernodeKeys(id)
    }
    return try keys(storage)
  }

  private func organisationKeys(_ id: String) throws -> OrganisationKeys {
    func keys(_ storage: some ConsortiumStorage) throws -> OrganisationKeys {
      try Founder(storage: storage, configuration: configuration, environment: environment)
        .keys(ofOrganisation: id)
    }
    return try keys(storage)
  }
}
