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

  /// Stands where a finding's text belongs, which is too long to be held once more as a String, and again by the
  /// encoder: no other field has a control character.
  private static let mark = "\u{1}"

  let visit: String
  let hospital: String
  /// The visit that this one adds to or corrects.
  let amends: Named?
  /// To its patient, the visits that add to this one, or correct it.
  let amendedBy: [Named]?
  /// The ledger time of the consortium block against which the visit opened.
  let openedAt: String?
  let findings: [Finding]
  /// The texts of findings that have a mark, in their order.
  private let texts: [[UInt8]]

  private enum CodingKeys: String, CodingKey {
    case visit, hospital, amends, amendedBy, openedAt, findings
  }
}

extension RecordFile {
  /// - Parameter time: of the block against which the visit opened.
  init(_ record: OpenedRecord, at time: UInt64?, amendedBy: [NamedVisit]?) {
    visit = "\(record.visit)"
    hospital = record.hospital
    amends = record.amends.map(Named.init)
    self.amendedBy = amendedBy.map { $0.map(Named.init) }
    openedAt = time.map(LedgerTime.text)
    var texts: [[UInt8]] = []
    findings = record.findings.map { finding in
      let isText = String(validating: finding.content, as: UTF8.self) != nil
      if isText { texts.append(finding.content) }
      return Finding(
        doctor: finding.doctor, attempt: finding.attempt,
        sha256: "\(Digest32(sha256: finding.content))", commitment: "\(finding.commitment)",
        text: isText ? Self.mark : nil,
        base64: isText ? nil : Data(finding.content).base64EncodedString())
    }
    self.texts = texts
  }

  /// As JSON, in the form of all of this program's.
  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    var frame = try encoder.encode(self)[...]
    let mark = try encoder.encode(Self.mark)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(frame.count + texts.reduce(1) { $0 + $1.count })
    for text in texts {
      guard let place = frame.range(of: mark) else { break }
      bytes += frame[..<place.lowerBound]
      try Self.append(text, to: &bytes, encoder)
      frame = frame[place.upperBound...]
    }
    bytes += frame
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  /// Appends a string of JSON, made of UTF-8, a part at a time.
  private static func append(
    _ text: [UInt8], to bytes: inout [UInt8], _ encoder: JSONEncoder
  ) throws {
    let quote = UInt8(ascii: "\"")
    bytes.append(quote)
    var rest = text[...]
    while !rest.isEmpty {
      var part = rest.prefix(1 << 16)
      // Not within a character: its further bytes begin with 10.
      while let next = rest.dropFirst(part.count).first, next & 0xC0 == 0x80 { part.removeLast() }
      bytes += try encoder.encode(String(decoding: part, as: UTF8.self)).dropFirst().dropLast()
      rest = rest[part.endIndex...]
    }
    bytes.append(quote)
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
