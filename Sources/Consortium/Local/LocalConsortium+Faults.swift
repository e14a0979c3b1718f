import CanonicalEncoding
import Consensus
import Credentials
import Ledger

/// What goes wrong in a consortium, for a demonstration of what follows from it.
extension LocalConsortium {
  /// Why a role could not answer: others are told no more than that, but here one person runs them all.
  ///
  /// - Returns: what failed last in a store, of all roles; the error itself if nothing has, or it says more.
  package func cause(of error: any Error) -> any Error {
    guard let code = (error as? ConsortiumError)?.code, Self.isOfNobody(code) else { return error }
    let roles: [any RoleEndpoint] =
      Array(clouds.values) + Array(hospitals.values) + [manager] + Array(doctors.values)
      + Array(patients.values)
    let newest = roles.compactMap { role in role.inbox.failures.newestOfStore }
    return newest.max { $0.number < $1.number }?.error ?? error
  }

  /// Whether a code says neither who could not do something nor why.
  private static func isOfNobody(_ code: ConsortiumError.Code) -> Bool {
    code == .unavailable || code == .notFinal
      || "\(code)" == "\(StoreError.Code.outcomeUnknown)"
  }

  /// From now on the operator of a hospital has it take no revocation, and answer nothing to who brings
  /// one.
  ///
  /// - Throws: ``ConsortiumError`` `unreachable` if there is no such hospital.
  public func swallowRevocations(at id: String) throws {
    delivery.register(SwallowingHospital(server: try hospital(id)), .hospital, id: id)
  }

  /// The hospital is as it was.
  public func endSwallowing(at id: String) throws {
    delivery.register(try hospital(id), .hospital, id: id)
  }

  /// A doctor retires for good.
  public func retire(doctor id: String) async throws {
    try await doctor(id).retire()
    try await settle()
  }

  /// Signs two votes of which an honest delegate signs one, with the delegate's own key, and has the
  /// cloud report both.
  ///
  /// - Throws: ``ConsortiumError`` `not-entitled` if it is no delegate of the last block; the
  ///   ``Refusal``.
  public func voteTwice(as delegate: String) async throws {
    let consortium = await cloud.node.consortium
    let height = max(consortium.height, 1) - 1
    let seats = try consortium.delegates(forHeight: height)
    guard let seat = seats.seats.first(where: { $0.delegate == delegate }),
      let key = try supernodeKeys(delegate).ring.votingKey(seat.votingKey)
    else { throw ConsortiumError(.notEntitled, "\(delegate) is no delegate of the last block") }
    let votes = [1, 2].map { (number: UInt8) in
      let vote = ConsensusVote(
        genesis: genesis.digest, epoch: seats.epoch, height: height, round: 0, phase: .commit,
        root: Digest32(sha256: [number]))
      return VoteEquivocationReport.Statement(object: vote.encoded(), signature: key.sign(vote))
    }
    try await submit(
      VoteEquivocationReport(first: votes[0], second: votes[1]), by: cloud.id,
      supernodeKeys(cloud.id).ring.identity(in: try consortium.members))
  }
}

/// Stands before a hospital, opens with its keys what comes, and lets all pass but revocations.
private struct SwallowingHospital: Endpoint {
  let server: HospitalServer

  func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8] {
    if await isRevocation(bytes) {
      return ReplyMessage<Done>(.failure(ConsortiumError(.unreachable, "no answer"))).encoded()
    }
    return await server.receive(bytes, from: sender)
  }

  private func isRevocation(_ bytes: [UInt8]) async -> Bool {
    guard let envelope = try? Envelope(encoded: bytes),
      let content = try? await server.open(envelope).request.object,
      let submitted = try? Message<SubmitEntry>(encoded: content.payload)
    else { return false }
    return submitted.payload.entry.content.body.kind == .revocation
  }
}
