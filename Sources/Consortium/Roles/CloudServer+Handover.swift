package import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
import Ledger
import TransparencyLog

/// The records of a chain that a vote gave to another cloud: handed over by the former, taken by the next
/// (specification 6.13).
extension CloudServer {
  /// How many records are asked for in one step.
  private static let demandLimit = 32

  /// The visits of a hospital whose records this cloud has not got from the clouds before it.
  package func missingRecords(of hospital: String) -> [Digest32] { wanted.visits(of: hospital) }

  /// Gives a piece of a record to the cloud that the members give the hospital's chain.
  func record(forCloud request: TakeOverRecord) async throws -> RecordPiece {
    let (asked, cloud) = (request.asked, request.party)
    try await node.catchUp()
    let members = try await node.members
    guard cloud == members.cloud(ofHospital: asked.hospital) else {
      throw ConsortiumError(.notEntitled, "another cloud keeps the records of that hospital")
    }
    // By its present key alone: whoever has stolen a former one is given nothing.
    guard let key = members.identityKey(of: cloud), request.isSigned(by: key) else {
      throw ConsortiumError(.unauthenticated, "the cloud has not asked for this record")
    }
    let context = try await views.context(of: asked.visit, at: asked.hospital)
    return try await custody.piece(
      request.index, of: context, recordDigest: asked.recordDigest)
  }

  /// A piece of the record, which comes from a cloud before this one if it is not here.
  func record(
    of context: VisitContext, _ recordDigest: Digest32, piece index: Int
  ) async throws -> RecordPiece {
    do {
      return try await custody.piece(index, of: context, recordDigest: recordDigest)
    } catch let error as ConsortiumError where error.code == .recordMissing {
      guard try await fetch(context, recordDigest) == .taken else { throw error }
      return try await custody.piece(index, of: context, recordDigest: recordDigest)
    }
  }

  private enum Fetched { case taken, refused, silent }

  /// Asks the clouds that the hospital has had since the visit for its record, and takes the right one.
  private func fetch(
    _ context: VisitContext, _ recordDigest: Digest32
  ) async throws -> Fetched {
    let genesis = node.genesis
    let members = try await node.members
    var fetched = Fetched.silent
    for cloud in try await node.consortium.clouds(
      ofHospital: context.hospital, sinceEpoch: genesis.epoch(ofHeight: context.baseHeight))
    where cloud != id {
      let query = RecordTakeover(
        node.terms(to: cloud), hospital: context.hospital, visit: context.visitID,
        recordDigest: recordDigest)
      do {
        try await fetchPieces(query, of: context, from: cloud, members)
        try wanted.remove(context.visitID, of: context.hospital)
        return .taken
      } catch let error as StoreError {
        throw error
      } catch let error as ConsortiumError where error.code == .unreachable {
        continue
      } catch {
        // What it gives is another record, or none.
        fetched = .refused
      }
    }
    return fetched
  }

  /// Fetches a record, piece by piece, from where the last attempt at this cloud was cut off. What turns out not
  /// to be the record is dropped, and none goes on with what another cloud has given: each has what it says of
  /// a length alone.
  private func fetchPieces(
    _ query: RecordTakeover, of context: VisitContext, from cloud: String, _ members: ValidMembers
  ) async throws {
    let name = RecordCustody.name(context, query.recordDigest)
    var next = try await halfSent.held(of: name, by: cloud)
    do {
      while true {
        let index = next
        let part = try await keys.signing(in: members) { [requests] key in
          try await requests.ask(
            TakeOverRecord(query: Signed(Message(query), by: key), index: index), of: cloud)
        }
        guard part.piece.index == index else {
          throw ConsortiumError(.recordTampered, "\(cloud) gives another piece")
        }
        let (held, isWhole) = try await halfSent.take(
          part.piece, of: name, by: cloud, at: inbox.clock()
        ) { [custody] in
          try await custody.take(part, context: context, recordDigest: query.recordDigest)
        }
        if isWhole { return }
        guard held > index else {
          throw ConsortiumError(.recordTampered, "\(cloud) gives another record")
        }
        next = held
      }
    } catch {
      let isCutOff = (error as? ConsortiumError)?.code == .unreachable
      if !isCutOff, !(error is StoreError) { try await halfSent.drop(name, by: cloud) }
      throw error
    }
  }

  /// Asks for some of the records that are not here. What is not given is asked for again later.
  ///
  /// - Returns: whether one of them came.
  func fetchWanted(of hospital: String) async throws -> Bool {
    let visits = wanted.visits(of: hospital)
    if visits.isEmpty { return false }
    let time = await node.consortium.time
    let next = nextDemands[hospital] ?? (0, .zero)
    guard time >= next.time else { return false }
    let view = try await confirmer.view(of: hospital)
    var (isNew, asked, last) = (false, 0, next.after)
    // In turn, so that some which are not given keep out no others.
    for visit in visits.filter({ $0 > next.after }) + visits.filter({ $0 <= next.after }) {
      guard let record = try view.visit(visit), record.status == .complete else { continue }
      let completion = try await confirmer.completion(of: record, at: hospital)
      if await custody.holds(completion) {
        try wanted.remove(visit, of: hospital)
        continue
      }
      last = visit
      asked += 1
      let fetched = try await fetch(completion.context, completion.recordDigest)
      if fetched == .taken { isNew = true }
      if fetched == .silent || asked >= Self.demandLimit { break }
    }
    let pause = isNew ? 0 : try await node.members.numbers.maximumLag / 4
    nextDemands[hospital] = (time + pause, last)
    return isNew
  }
}
