import CanonicalEncoding
import EMRScheme
import Ledger

extension LedgerNode {
  /// A visit as the rules have it now.
  func visit(_ visit: Digest32, at hospital: String) async throws -> HospitalState.VisitState {
    try await catchUp()
    guard let state = replica.hospitals[hospital]?.state.visits[visit] else {
      throw ConsortiumError(.unknownVisit, "the ledger holds no such visit")
    }
    return state
  }

  /// How a consent stands. Revocations count from when they are ordered, final or not.
  func consent(_ query: ReadConsent) async throws -> ConsentView {
    try await follow(query.hospital)
    let final = replica.finalSize(of: query.hospital)
    var view = ConsentView(
      context: nil, recordDigest: .zero, standing: .unknown, time: replica.consortium.state.time,
      doctorIsRegistered: replica.finalBase?.state.doctors[query.doctor] != nil)
    guard let state = replica.hospitals[query.hospital]?.state else { return view }
    if let visit = state.visits[query.visit], case .complete(let digest) = visit.status,
      let height = index.visits[query.visit], height < final
    {
      view.context = visit.context
      view.recordDigest = digest
    }
    if let consent = state.consents[query.consent], consent.visit == query.visit {
      let isFinal = index.sharing[query.visit]?.contains { place in
        place.height < final && place.entry.sharingNotice is ConsentNotice
          && place.entry.sharingNotice?.document == query.consent
      }
      view.standing = consent.isRevoked ? .revoked : isFinal == true ? .final : .pending
    }
    return view
  }

  /// The entries about sharing a visit, for its patient.
  func accessLog(
    _ query: Signed<Message<PatientQuery>>
  ) async throws -> AccessLogReply {
    let visit = try await verifiedQuery(query, .accessLog)
    return AccessLogReply(
      entries: (index.sharing[visit.context.visitID] ?? []).map(\.entry))
  }

  /// The visit that a patient's query is about, after its signature was checked.
  func verifiedQuery(
    _ query: Signed<Message<PatientQuery>>, _ subject: PatientQuery.Subject
  ) async throws -> HospitalState.VisitState {
    let asked = query.object.payload
    let visit = try await visit(asked.visit, at: asked.hospital)
    _ = try query.verified(by: visit.context.visitSigningKey)
    guard asked.genesis == genesis.digest, asked.subject == subject else {
      throw ConsortiumError(.notEntitled, "the query is for something else")
    }
    return visit
  }

  /// Proves that something is final.
  func prove(_ request: Prove) async throws -> FinalityProof {
    try await catchUp()
    let proof: FinalityProof? =
      switch request.subject {
      case .registration(let doctor):
        index.registrations[doctor].flatMap {
          replica.proof(ofConsortiumBlock: $0, knownSize: request.knownSize)
        }
      case .consortiumBlock(let height):
        replica.proof(ofConsortiumBlock: Int(clamping: height), knownSize: request.knownSize)
      case .visit(let visit, let hospital): proof(ofVisit: visit, hospital, request.knownSize)
      }
    guard let proof else {
      throw ConsortiumError(.notFinal, "the ledger does not hold this in a final block")
    }
    return proof
  }

  private func proof(
    ofVisit visit: Digest32, _ hospital: String, _ knownSize: UInt64
  ) -> FinalityProof? {
    guard let height = index.visits[visit],
      let anchor = index.anchors[hospital]?.first(where: { $0.size > height })
    else { return nil }
    return replica.proof(
      ofBlock: height, hospital: hospital, anchor: (anchor.height, anchor.size),
      knownSize: knownSize)
  }
}
