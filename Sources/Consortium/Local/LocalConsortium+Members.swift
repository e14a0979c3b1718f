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
    let own = try await organisationKeys(organisation)
    let consortium = await cloud.node.consortium
    let motion = Motion(
      number: try consortium.nextMotion(of: organisation),
      lastEpoch: genesis.epoch(ofHeight: consortium.height) + epochs, changes: changes)
    return try await submit(
      motion.agreed(genesis: genesis.digest, signer: organisation, by: keys), by: organisation,
      own.identity(in: try consortium.members))
  }

  /// An organisation votes on a motion.
  ///
  /// - Throws: as ``put(_:by:agreeing:epochs:)``.
  public func vote(
    on motion: Digest32, by organisation: String, approves: Bool = true
  ) async throws {
    let own = try await organisationKeys(organisation)
    try await submit(
      Ballot(motion: motion, approves: approves), by: organisation,
      own.identity(in: try await members()))
  }

  /// A hospital, a cloud, the manager or an organisation takes new keys from the next epoch on; the
  /// former are erased when nothing needs them any more.
  ///
  /// - Throws: the ``Refusal``, as `not-entitled` if the identity key changes already.
  public func rotateKeys(of party: String) async throws {
    var randomness = environment.randomness("rotation/\(party)")
    let uses = KeyUse.all(of: try await members().party(party))
    if let hospital = hospitals[party] {
      try await hospital.rotateKeys(uses)
    } else if let cloud = clouds[party] {
      try await cloud.rotateKeys(uses, using: &randomness)
    } else if party == manager.id {
      try await manager.rotateKeys(uses, using: &randomness)
    } else {
      try await cloud.node.rotateKeys(
        of: try await organisationKeys(party), uses, using: &randomness)
    }
    try await settle()
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
    let admission = try await admission(of: id, .hospital, by: "\(id)-trust")
    var randomness = environment.randomness("keys/\(cloud.id)/\(id)")
    let cosigner = try await cloud.makeCosigner(for: id, using: &randomness)
    let cloudKey = try supernodeKeys(cloud.id).ring.identity(in: try await members())
    return try await put(
      admission.changes + [
        .assignCloud(
          CloudAssignment(hospital: id, cloud: cloud.id, cosigningKey: cosigner))
      ], by: sponsor, agreeing: admission.keys.merging([cloud.id: cloudKey]) { first, _ in first })
  }

  /// What admits a supernode with an organisation of its own, and the keys of both, with which they agree.
  private func admission(
    of id: String, _ role: Members.Supernode.Role, by organisation: String
  ) async throws -> (changes: [MemberChange], keys: [String: IdentityKey]) {
    let keys = try supernodeKeys(id)
    let own = try newKeys(ofOrganisation: organisation)
    let members = try await members()
    let (ownKey, serverKey) = (own.identity(in: members), keys.ring.identity(in: members))
    return (
      [
        .admit(
          .organisation(
            Members.Organisation(id: organisation, identityKey: ownKey.publicKey))),
        .admit(
          .supernode(
            try keys.publicPart(
              id: id, organisation: organisation, role: role, isCandidate: true))),
      ], [organisation: ownKey, id: serverKey]
    )
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

  /// Asks the others to admit a cloud with an organisation of its own. Both make their keys, and agree.
  ///
  /// - Parameters:
  ///   - id: `cloud-2` and so on.
  ///   - sponsor: the organisation that asks.
  /// - Returns: the digest that ballots name.
  public func proposeCloud(_ id: String, sponsor: String) async throws -> Digest32 {
    let admission = try await admission(of: id, .cloud, by: "\(id)-operator")
    return try await put(admission.changes, by: sponsor, agreeing: admission.keys)
  }

  /// Starts the server of a cloud once the epoch has begun that has it as a member.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-state` before that epoch.
  public func openCloud(_ id: String) async throws {
    guard try await members().supernode(id)?.role == .cloud else {
      throw ConsortiumError(.wrongState, "\(id) is no cloud of this consortium yet")
    }
    if clouds[id] != nil { return }
    try begin(cloud: id, supernodeKeys(id))
    try await settle()
  }

  /// Asks the others to have a hospital's chain confirmed by another cloud, or by the same with another
  /// key. The cloud makes the key, and agrees.
  ///
  /// - Parameter sponsor: the organisation that asks.
  /// - Returns: the digest that ballots name.
  public func proposeCloud(
    _ id: String, forHospital hospital: String, sponsor: String
  ) async throws -> Digest32 {
    guard let server = clouds[id] else {
      throw ConsortiumError(.unreachable, "there is no cloud \(id)")
    }
    var randomness = environment.randomness("keys/\(id)/\(hospital)")
    let cosigner = try await server.makeCosigner(for: hospital, using: &randomness)
    let cloudKey = try supernodeKeys(id).ring.identity(in: try await members())
    return try await put(
      [.assignCloud(CloudAssignment(hospital: hospital, cloud: id, cosigningKey: cosigner))],
      by: sponsor, agreeing: [id: cloudKey])
  }

  func supernodeKeys(_ id: String) throws -> SupernodeKeys {
    func keys(_ storage: some ConsortiumStorage) throws -> SupernodeKeys {
      try Founder(storage: storage, configuration: configuration, environment: environment)
        .supernodeKeys(id)
    }
    return try keys(storage)
  }

  /// The keys of an organisation. It has no server of its own, so former ones are erased when it is to sign
  /// the next time.
  func organisationKeys(_ id: String) async throws -> KeyRing {
    func keys(_ storage: some ConsortiumStorage) throws -> KeyRing {
      try Founder(storage: storage, configuration: configuration, environment: environment)
        .existingKeys(ofOrganisation: id)
    }
    let ring = try keys(storage)
    try await cloud.node.eraseFormerKeys(of: ring, basedOn: nil)
    return ring
  }

  private func newKeys(ofOrganisation id: String) throws -> KeyRing {
    func keys(_ storage: some ConsortiumStorage) throws -> KeyRing {
      try Founder(storage: storage, configuration: configuration, environment: environment)
        .keys(ofOrganisation: id)
    }
    return try keys(storage)
  }
}
