import CanonicalEncoding
import Consensus
import Credentials
import EMRScheme
import Ledger
import SwiftASN1

/// Outlines objects of which nothing is known but their bytes.
enum ObjectOutline {
  /// The objects whose fields have published names. Private keys are not among them.
  private static let types: [ObjectKind: any CanonicalObject.Type] = {
    let all: [any CanonicalObject.Type] = [
      Genesis.self, Entry.self, EntryContent.self, BlockHeader.self, BaseAdvance.self,
      Refused.self, Demand.self, EquivocationReport.self, VoteEquivocationReport.self,
      FaultReport.self, Continuation.self, TailStatement.self, WithholdingReport.self,
      SubmissionAnswer.self, BlockOpening.self, ConsensusVote.self, ConsensusProposal.self,
      DoctorRegistration.self, DoctorStatusChange.self, DoctorSpecialties.self,
      KeyRotation.self, RotationStatement.self,
      Anchor.self, Candidacy.self, Approval.self, Motion.self, Ballot.self, PartyRotation.self,
      MemberConsent.self, Members.self,
      VisitOpening.self, PartialSignature.self, VisitCompletion.self, StorageReceipt.self,
      VisitAbandonment.self, VisitReceipt.self,
      AccessRequestNotice.self, ConsentNotice.self, Revocation.self, AccessNotice.self,
      VisitContext.self, Amendment.self, SealedRecord.self, RegistrationStatement.self,
      GroupSealedFindings.self, PseudonymOpening.self, VisitIDInput.self, OpeningEvidence.self,
      ReencryptedRecord.self, VisitProof.self,
    ]
    return Dictionary(uniqueKeysWithValues: all.map { ($0.kind, $0) })
  }()

  /// - Throws: `DecodingFailure` for bytes that are not an object of this kind.
  static func lines(_ bytes: [UInt8], kind: ObjectKind) throws -> [String] {
    if kind == .demoKeys { return lines(try KeyFile(encoded: bytes)) }
    guard let type = types[kind] else { return try outline(bytes, kind) }
    return lines(try type.init(encoded: bytes))
  }

  private static func lines(_ object: some CanonicalObject) -> [String] {
    ObjectDescription(object) { inner -> [String]? in
      // Without the line that names the kind again.
      ObjectKind(of: inner).flatMap { try? lines(inner, kind: $0) }.map { Array($0.dropFirst()) }
    }.lines
  }

  /// Who holds which keys, and no key.
  private static func lines(_ keys: KeyFile) -> [String] {
    ["\(ObjectKind.demoKeys) of \(keys.owner), private and not shown"]
      + keys.names.map { "  \($0)" }
  }

  /// The types and values of an object that roles use only among themselves.
  private static func outline(_ bytes: [UInt8], _ kind: ObjectKind) throws -> [String] {
    do {
      return ["\(kind)"] + lines(of: try DER.parse(bytes), depth: 1)
    } catch {
      throw DecodingFailure(.malformed, "\(kind) is not DER")
    }
  }

  private static func lines(of node: ASN1Node, depth: Int) -> [String] {
    let indent = String(repeating: "  ", count: depth)
    switch node.content {
    case .constructed(let children):
      return ["\(indent)\(node.identifier)"] + children.flatMap { lines(of: $0, depth: depth + 1) }
    case .primitive(let content):
      let value =
        node.identifier == .utf8String
        ? String(decoding: content, as: UTF8.self).debugDescription
        : Array(content.prefix(96)).hex + (content.count > 96 ? "…" : "")
      return ["\(indent)\(node.identifier): \(value) (\(content.count) bytes)"]
    }
  }
}
