/// Everything that one role may ask of another.
enum AllRequests {
  private static let types: [any RoleRequest.Type] = [
    // Initialization (4.2)
    RegisterDoctor.self, CosignRegistration.self,
    // Group key generation (4.3)
    RequestAdmission.self, AuthorizeVisit.self, AssignVisit.self, ShowPresence.self,
    ExchangeGroupKey.self,
    // Diagnose (4.4)
    HandOverFindings.self, ResendFindings.self,
    // Data storage (4.4, step 3, and 4.5)
    StoreRecord.self, FetchOwnRecord.self, TakeOverRecord.self,
    // Data sharing (4.6)
    SubmitAccessRequest.self, ForwardAccessRequest.self, CertifyRequestKey.self,
    DepositConsent.self, GrantConsent.self, Reencrypt.self, FetchConsentedRecord.self,
    // The consortium chain
    FetchOutbox.self, FetchBlock.self, FetchConsortium.self, OfferEntry.self,
    // Ledger
    SubmitEntry.self, ConfirmLeaves.self, FetchLeaves.self, RequestTail.self, RelayDemand.self,
    Prove.self, ProveDoctor.self, FetchEpochEnds.self, FetchMembers.self, ReadVisit.self,
    ReadConsent.self,
    ReadAccessLog.self,
  ]

  static let byName = Dictionary(uniqueKeysWithValues: types.map { ($0.name, $0) })
}
