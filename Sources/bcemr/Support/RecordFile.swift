import CanonicalEncoding
import Consortium
import Foundation

/// A record in the clear, as it is written into a file.
struct RecordFile: Encodable {
  struct Named: Encodable {
    let hospital: String
    let visit: String

    init(_ visit: NamedVisit) { (hospital, self.visit) = (visit.hospital, "\(visit.visit)") }
  }

  struct Finding: Encodable {
    let doctor: String
    let attempt: UInt64
    /// SHA-256 of the finding.
    let sha256: String
    /// What was signed in its place, and stands on the ledger: 'bcemr inspect --visit' shows it.
    let commitment: String
    /// Byte for byte, if it is UTF-8; else it is in `base64`.
    let text: String?
    let base64: String?
  }

  let visit: String
  let hospital: String
  /// The visit that this one adds to or corrects.
  let amends: Named?
  /// To its patient, the visits that add to this one, or correct it.
  let amendedBy: [Named]?
  /// The ledger time of the consortium block against which the visit opened.
  let openedAt: String?
  let findings: [Finding]
}

extension RecordFile {
  /// - Parameter time: of the block against which the visit opened.
  init(_ record: OpenedRecord, at time: UInt64?, amendedBy: [NamedVisit]?) {
    visit = "\(record.visit)"
    hospital = record.hospital
    amends = record.amends.map(Named.init)
    self.amendedBy = amendedBy.map { $0.map(Named.init) }
    openedAt = time.map(LedgerTime.text)
    findings = record.findings.map { finding in
      let text = String(validating: finding.content, as: UTF8.self)
      return Finding(
        doctor: finding.doctor, attempt: finding.attempt,
        sha256: "\(Digest32(sha256: finding.content))", commitment: "\(finding.commitment)",
        text: text,
        base64: text == nil ? Data(finding.content).base64EncodedString() : nil)
    }
  }

  /// As JSON, in the form of all of this program's.
  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// Writes it into a new file that its owner alone can read, or to standard output.
  func write(to path: String?) throws {
    let bytes = try encoded()
    if let path {
      try SystemFile.create(bytes, at: path, isPrivate: true)
    } else if let problem = SystemFile.put(Console.forOutput(bytes), into: .output) {
      // A doctor's keys are kept then.
      throw CommandFailure(.badInput, code: "unavailable", problem)
    }
  }
}
