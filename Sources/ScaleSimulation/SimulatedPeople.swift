import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Pairings

/// What else stands on the consortium chain: doctors and their keys, entries that hospitals did not take,
/// elections and votes.
struct SimulatedPeople {
  private let members: CountryMembers
  private var doctors: [(id: String, key: IdentityKey)] = []
  private var registered = 0
  private var demanded = 0
  /// Organisations that have not approved candidates yet, and that have not voted yet.
  private var approving: ArraySlice<String>
  private var voting: ArraySlice<String> = []
  private var motion: Digest32?

  init(_ members: CountryMembers, votes: Bool) {
    self.members = members
    approving = votes ? members.hospitals.map { "operator-of-\($0)" }[...] : []
  }

  /// A doctor with genuine keys and proof.
  mutating func registration(
    using random: inout SimulationGenerator
  ) throws -> (entry: Entry, party: String)? {
    let hospital = members.hospitals[registered % members.hospitals.count]
    registered += 1
    let id = "\(hospital)-doctor-\(registered)"
    let identity = try IdentityKey(seed: random.bytes(32))
    let key = DoctorSigningKey<BLS12381>(using: &random)
    let statement = key.statement(
      genesis: members.genesis.digest, doctor: id, hospital: hospital,
      identityKey: identity.publicKey)
    let registration = DoctorRegistration(
      statement: statement, proof: try key.prove(statement, using: &random), doctor: identity,
      manager: members.manager.registration)
    doctors.append((id, identity))
    return members.entry(registration, by: hospital).map { ($0, hospital) }
  }

  /// A doctor takes another identity key.
  mutating func rotation(
    using random: inout SimulationGenerator
  ) throws -> (entry: Entry, party: String)? {
    guard !doctors.isEmpty else { return nil }
    // The one that has waited longest, so that no quota is spent.
    let doctor = doctors.removeFirst()
    let key = try IdentityKey(seed: random.bytes(32))
    let rotation = KeyRotation(
      genesis: members.genesis.digest, party: doctor.id, former: doctor.key.publicKey, to: key)
    doctors.append((doctor.id, key))
    return members.entry(rotation, by: doctor.id, key: doctor.key).map { ($0, doctor.id) }
  }

  /// The manager's notice of an access that a hospital did not take, through another hospital.
  mutating func demand() -> (entry: Entry, hospital: String, party: String)? {
    demanded += 1
    let hospital = members.hospitals[demanded % members.hospitals.count]
    let party = members.hospitals[(demanded + 1) % members.hospitals.count]
    let name = Digest32(sha256: Array("access \(demanded)".utf8))
    let notice = Entry(
      EntryContent(
        genesis: members.genesis.digest, chain: hospital, signer: .party("manager"),
        body: AccessNotice(visit: name, document: name)),
      signedBy: members.manager.identity)
    return members.entry(Demand(entry: notice, completion: nil), by: party).map {
      ($0, hospital, party)
    }
  }

  /// What organisations approve, and vote on one motion: a part of them at each call.
  mutating func votes(
    _ count: Int, inEpoch epoch: UInt64, using random: inout SimulationGenerator
  ) -> [(entry: Entry, party: String)] {
    var entries: [(Entry, String)] = []
    func add(_ body: some CanonicalObject, by organisation: String) {
      if let entry = members.entry(body, by: organisation) { entries.append((entry, organisation)) }
    }
    for organisation in approving.prefix(count) {
      // All delegates, so that they are elected again, and others that few approve.
      let others = (0..<13).compactMap { _ in members.hospitals.randomElement(using: &random) }
      add(
        Approval(candidates: Set(members.delegates.map(\.id) + others), number: 1),
        by: organisation)
    }
    approving = approving.dropFirst(count)
    if approving.isEmpty, motion == nil, count > 0 {
      var numbers = members.genesis.members.numbers
      numbers.answerWithin += 1
      let proposer = "operator-of-\(members.hospitals[0])"
      let motion = Motion(number: 1, lastEpoch: epoch + 100, changes: [.setNumbers(numbers)])
      if let entry = members.entry(motion, by: proposer) {
        entries.append((entry, proposer))
        self.motion = entry.digest
        // As many as it takes: who comes later finds the motion passed.
        voting =
          members.hospitals.dropFirst().prefix(2 * members.hospitals.count / 3)
          .map { "operator-of-\($0)" }[...]
      }
    } else if let motion {
      for organisation in voting.prefix(count) {
        add(Ballot(motion: motion, approves: true), by: organisation)
      }
      voting = voting.dropFirst(count)
    }
    return entries
  }
}
