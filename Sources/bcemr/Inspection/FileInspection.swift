import CanonicalEncoding
import ClinicalRecords
import Crypto
import Foundation
import Ledger
import SQLiteBackend
import SwiftASN1
import TerminalText
import TransparencyLog

/// What a file is found to be.
struct FileInspection: Encodable {
  let kind: String
  let size: Int
  /// SHA-256 of the file; for a genesis this is the hash that names the ledger.
  let sha256: String
  let outline: [String]

  /// - Throws: ``CommandFailure`` for a file of no known form, and what decoders throw for one that
  ///   only begins like one.
  init(_ bytes: [UInt8]) throws {
    size = bytes.count
    sha256 = "\(Digest32(sha256: bytes))"
    (kind, outline) =
      try Self.isHistory(bytes)
      ? Self.history(bytes) : Self.isText(bytes) ? Self.text(bytes) : Self.object(bytes)
  }

  /// Lists what an export holds, from its beginning to its end.
  init(export file: InputFile) throws {
    var (size, hash) = (0, SHA256())
    var source = UstarSource { count in
      let bytes = try file.read(count)
      size += bytes.count
      hash.update(data: bytes)
      return bytes
    }
    var (kind, lines) = ("export", [String]())
    while let (path, contents) = try source.next(limit: Self.exportedFileLimit) {
      if path == ExportPath.visit { kind = "\(ObjectKind.visitProof)" }
      lines.append("\(printable(path)): \(Quantity.count(contents.count, "byte"))")
      if path == ExportPath.genesis {
        lines.append("  sha256: \(Digest32(sha256: contents))")
      } else if path.hasSuffix("/checkpoint") {
        let note = String(decoding: contents, as: UTF8.self)
        lines += try Self.checkpointLines(SignedNote(encoded: note)).map { "  \($0)" }
      }
    }
    (self.kind, self.size, outline) = (kind, size, lines)
    sha256 = Array(hash.finalize()).hex
  }

  /// Lists what a backup holds, from its beginning to its end, with the digests at its end compared.
  init(backup file: InputFile) throws {
    var reader = try BackupReader { try file.read($0) }
    var lines = [
      "genesis: \(reader.head.genesis)",
      "consortium chain: \(reader.head.leaves) final leaves, until \(printable(reader.head.until))",
      "all private keys are in it, unencrypted",
    ]
    while let next = try reader.next() {
      lines.append("\(printable(next.name)): \(Quantity.count(Int(next.byteCount), "byte"))")
      while try reader.piece() != nil {}
    }
    (kind, outline) = ("backup", lines)
    (size, sha256) = (file.content.bytes, file.content.sha256)
  }

  /// What 'bcemr open' writes.
  private struct OpenedRecord: Decodable {
    struct Finding: Decodable {
      let doctor: String
      let sha256: String
    }

    let visit: String
    let hospital: String
    let findings: [Finding]
  }

  /// - Returns: nil for what is no record that was opened.
  private static func record(_ bytes: [UInt8]) -> (kind: String, outline: [String])? {
    guard let record = try? JSONDecoder().decode(OpenedRecord.self, from: Data(bytes)) else {
      return nil
    }
    let findings = record.findings.map {
      "finding of \(printable($0.doctor)): sha256 \(printable($0.sha256))"
    }
    return (
      "opened-record",
      [
        "visit: \(printable(record.visit)) of \(printable(record.hospital))",
        "a record in the clear, as 'bcemr open' writes it: nothing in the file proves it",
      ] + findings
    )
  }

  /// More than an entry bundle of the largest leaves.
  private static let exportedFileLimit = 1 << 25

  /// Whether this is one of our text forms.
  private static func isText(_ bytes: [UInt8]) -> Bool {
    textBeginnings.contains { bytes.starts(with: $0.utf8) }
  }

  /// Whether this is JSON or XML, also packed by gzip. An object can begin with the same byte, but its
  /// second byte, a length, is then not one of a text.
  private static func isHistory(_ bytes: [UInt8]) -> Bool {
    if bytes.starts(with: [0x1f, 0x8b]) { return true }
    if byteOrderMarks.contains(where: { bytes.starts(with: $0) }) { return true }
    return (bytes.first(where: { !" \t\r\n".utf8.contains($0) }).map("{[<".utf8.contains) ?? false)
      && bytes.prefix(2).allSatisfy { $0 < 0x80 }
  }

  private static let byteOrderMarks: [[UInt8]] = [
    [0xef, 0xbb, 0xbf], [0xff, 0xfe], [0xfe, 0xff],
  ]

  private static let textBeginnings = ["-----BEGIN ", proofBeginning, "bcemr/"]
  private static let proofBeginning = "c2sp.org/tlog-proof@v1\n"

  private static func object(_ bytes: [UInt8]) throws -> (kind: String, outline: [String]) {
    if bytes.starts(with: "SQLite format 3\0".utf8) {
      throw CommandFailure(
        .badInput, code: "unknown-format", "this is a database of a store",
        hint: "'bcemr fsck' checks the folder that it belongs to")
    }
    if let leaf = try leaf(bytes) { return leaf }
    // Some letters are tags too, but no object is all letters.
    guard let kind = ObjectKind(of: bytes), !bytes.allSatisfy({ 0x09...0x7e ~= $0 }) else {
      throw unknown
    }
    return ("\(kind)", try ObjectOutline.lines(bytes, kind: kind))
  }

  /// A leaf of a chain: a tag and an object.
  private static func leaf(_ bytes: [UInt8]) throws -> (kind: String, outline: [String])? {
    guard let tag = bytes.first, (1...2).contains(tag) else { return nil }
    let object = Array(bytes.dropFirst())
    guard let kind = ObjectKind(of: object), [.entry, .blockHeader].contains(kind) else {
      return nil
    }
    _ = try Leaf(encoded: bytes)
    return ("leaf", try ObjectOutline.lines(object, kind: kind))
  }

  private static func text(_ bytes: [UInt8]) throws -> (kind: String, outline: [String]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if text.hasPrefix("-----BEGIN ") {
      guard let document = try? PEMDocument(pemString: text) else { throw unknown }
      return try object(document.derBytes)
    }
    if text.hasPrefix(proofBeginning) {
      let proof = try LogProof(encoded: text)
      let lines = ["index: \(proof.index)", "hashes: \(proof.inclusion.hashes.count)"]
      return ("proof", try lines + checkpointLines(proof.note))
    }
    if text.hasPrefix("bcemr/") {
      return ("checkpoint", try checkpointLines(SignedNote(encoded: text)))
    }
    throw unknown
  }

  private static func history(_ bytes: [UInt8]) throws -> (kind: String, outline: [String]) {
    if let record = Self.record(bytes) { return record }
    let file = try HistoryFile(bytes)
    var outline: [String] = []
    if file.isGzip { outline.append("gzip: \(Quantity.count(file.byteCount, "byte")) unpacked") }
    if file.hasByteOrderMark { outline.append("begins with a byte order mark") }
    let counts = try file.countsByType()
    if file.form == .lines {
      let count = counts.reduce(0) { $0 + $1.count }
      outline.append("NDJSON: \(Quantity.count(count, "resource"))")
    }
    // One file of bulk data is seldom a history by itself.
    guard file.form == .bundle || counts.contains(where: { $0.type == "Encounter" }) else {
      let types = counts.map { "  \(printable($0.type)): \($0.count)" }
      return ("resources", outline + types)
    }
    return ("history", outline + lines(of: try FHIRHistory([file])))
  }

  private static var unknown: CommandFailure {
    CommandFailure(
      .badInput, code: "unknown-format", "this is neither an object of BC-EMR nor a FHIR history")
  }

  private static func checkpointLines(_ note: SignedNote) throws -> [String] {
    let checkpoint = try Checkpoint(body: note.body)
    let signers = note.signatures.map { "  signed, not verified: \(printable($0.name))" }
    return [
      "log: \(printable(checkpoint.origin))", "size: \(checkpoint.size)",
      "root: \(checkpoint.root.hex)",
    ] + signers
  }

  private static func lines(of history: FHIRHistory) -> [String] {
    let patient = history.patient
    return [
      "patient: \(patient.introduction)",
      "visits: \(history.visits.count)" + (history.supplement == nil ? "" : ", and a supplement"),
    ]
      + history.parts.enumerated().map { index, visit in
        let bytes = visit.resources.reduce(0) { $0 + $1.bytes.count }
        let about = [visit.start, visit.type ?? visit.encounterClass, visit.reason]
        let kind = visit.kind == .supplement ? ["what belongs to no visit"] : []
        return "  \(index + 1): \((about.compactMap(\.self) + kind).joined(separator: ", ")), "
          + "\(Quantity.count(visit.resources.count, "resource")), \(Quantity.bytes(bytes))"
      }
  }
}
