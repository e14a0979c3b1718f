import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TransparencyLog

/// What an entry says, in a sentence without keys and signatures.
enum LeafWords {
  static func says(_ body: EntryBody) -> String {
    switch body {
    case .doctorRegistration, .doctorStatusChange, .doctorSpecialties, .keyRotation,
      .partyRotation:
      directory(body)
    case .blockOpening(let body):
      "opens block \(body.height), round \(body.round), at \(LedgerTime.text(body.time))"
    case .anchor(let body):
      "anchors \(anchored(body)) of \(body.hospital), up to its block \(body.header.height)"
    case .demand(let body):
      "demands of \(body.entry.content.chain) the \(body.entry.content.body.kind) of "
        + signer(body.entry.content.signer)
    case .equivocationReport(let body): "shows two trees of \(body.chain)"
    case .faultReport(let body): "shows a fault in \(body.chain) at leaf \(body.index)"
    case .withholdingReport(let body):
      "shows that the cloud of \(body.hospital) has withheld what it confirmed"
    case .voteEquivocationReport: "shows two votes of one delegate"
    case .continuation(let body):
      "\(body.tail.hospital) goes on as generation \(body.tail.generation + 1) behind "
        + Quantity.count(Int(clamping: body.tail.size), "leaf")
    case .candidacy(let body): body.stands ? "stands for election" : "does not stand for election"
    case .approval(let body): "approves \(list(body.candidates))"
    case .motion(let body):
      "puts a motion of \(Quantity.count(body.changes.count, "change")), until epoch \(body.lastEpoch)"
    case .ballot(let body): "votes \(body.approves ? "for" : "against") motion \(body.motion)"
    case .baseAdvance(let body):
      "goes by consortium block \(body.base.height) from here on"
    case .refused(let body): "refuses demanded entry \(body.entry): \(body.code)"
    case .visitOpening, .partialSignature, .visitCompletion, .visitAbandonment, .visitReceipt:
      visit(body)
    case .accessRequestNotice(let body): "notes a request to read, document \(body.document)"
    case .consentNotice(let body): "consents that the record is read, document \(body.document)"
    case .revocation(let body): "takes consent \(body.document) back"
    case .accessNotice(let body): "notes that the record was given out, by consent \(body.document)"
    }
  }

  private static func directory(_ body: EntryBody) -> String {
    switch body {
    case .doctorRegistration(let body):
      "registers \(body.statement.doctor) at \(body.statement.hospital)"
        + (body.statement.replaces == nil ? "" : ", with other keys")
    case .doctorStatusChange(let body): "\(body.doctor) is \(body.status) from here on"
    case .doctorSpecialties(let body):
      "\(body.doctor) has \(Quantity.count(body.specialties.count, "specialty"))"
    case .keyRotation(let body): "\(body.party) takes another identity key"
    case .partyRotation(let body): "\(body.party.id) takes other keys with the next epoch"
    default: "\(body.kind)"
    }
  }

  private static func visit(_ body: EntryBody) -> String {
    switch body {
    case .visitOpening(let body):
      "opens the visit; the team is \(list(body.context.signers.map(\.doctor)))"
        + (body.context.amends.map { "; it amends \($0.visit) of \($0.hospital)" } ?? "")
    case .partialSignature(let body):
      "signs at place \(body.commitments.count)"
        + (body.commitments.last.map {
          $0.attempt > 1 ? ", attempt \($0.attempt), in the place of the one before" : ""
        } ?? "")
    case .visitCompletion(let body):
      "completes the visit, signed by \(body.commitments.count); record \(body.recordDigest)"
    case .visitAbandonment(let body):
      switch body.reason {
      case .interrupted: "abandons the visit: it was interrupted"
      case .deadlinePassed: "abandons the visit: a deadline has passed"
      case .doctorWithdrew: "abandons the visit: a doctor withdrew"
      case .patientLeft: "abandons the visit: the patient left"
      }
    case .visitReceipt(let body):
      body.verdict == .acknowledged
        ? "acknowledges record \(body.recordDigest)" : "disputes record \(body.recordDigest)"
    default: "\(body.kind)"
    }
  }

  /// Whose key signed an entry.
  static func signer(_ signer: EntrySigner) -> String {
    switch signer {
    case .party(let id): id
    case .patient: "the patient"
    }
  }

  private static func anchored(_ anchor: Anchor) -> String {
    let note = try? SignedNote(encoded: anchor.note)
    guard let size = note.flatMap({ try? Checkpoint(body: $0.body) })?.size else {
      return "a checkpoint"
    }
    return Quantity.count(Int(clamping: size), "leaf")
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "nobody" : names.joined(separator: ", ")
  }
}

extension EntryBody {
  /// The visit that an entry is about.
  var visit: Digest32? {
    switch self {
    case .visitOpening(let body): body.context.visitID
    case .partialSignature(let body): body.visit
    case .visitCompletion(let body): body.context.visitID
    case .visitAbandonment(let body): body.visit
    case .visitReceipt(let body): body.visit
    case .accessRequestNotice(let body): body.visit
    case .consentNotice(let body): body.visit
    case .revocation(let body): body.visit
    case .accessNotice(let body): body.visit
    default: nil
    }
  }
}
