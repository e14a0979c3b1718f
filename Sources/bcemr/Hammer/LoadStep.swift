#if Network
  /// What is timed of a visit, and of a sharing, in the order in which it comes.
  enum LoadStep: String, CaseIterable, Encodable, CodingKeyRepresentable {
    /// The visit is open, agreed to by the patient; with the ticket from the counter.
    case admission
    /// The team has its group key.
    case groupKey = "group_key"
    /// All of the team have signed.
    case signed
    /// The record is at the cloud, and the completion confirmed by it.
    case confirmed
    /// The patient has seen the proof that the visit is final, opened the record and given the receipt.
    case final
    /// A doctor has asked and the patient consented: confirmed, and with the doctor and the proxy.
    case consent
    /// The doctor has opened the record.
    case opening

    /// Whether it belongs to a visit, and not to a sharing.
    var isOfVisit: Bool { self != .consent && self != .opening }
  }
#endif
