/// A file of a history, in whatever form it came: a FHIR Bundle in JSON, or resources in NDJSON, as bulk
/// data has them; each also with a byte order mark, and packed by gzip.
public struct HistoryFile: Sendable {
  /// What a file is.
  public enum Form: String, Sendable {
    /// One Bundle.
    case bundle
    /// One resource on each line; a file of a single resource that is no Bundle too.
    case lines
  }

  public let form: Form
  /// Whether it was packed.
  public let isGzip: Bool
  /// Whether it began with a byte order mark.
  public let hasByteOrderMark: Bool
  /// Of what came out, in bytes.
  public let byteCount: Int
  /// What people call the file.
  public var name: String? { text.name }

  let text: JSONText

  /// Checks all of a file.
  ///
  /// - Parameters:
  ///   - bytes: as they were read.
  ///   - name: for errors, where there are several files.
  /// - Throws: ``ClinicalRecordError``, for more than ``FHIRHistory/maximumByteCount`` bytes before
  ///   anything else is done; packed and unpacked.
  public init(_ bytes: [UInt8], name: String? = nil) throws(ClinicalRecordError) {
    var bytes = bytes
    let limit = FHIRHistory.maximumByteCount
    guard bytes.count <= limit else {
      throw ClinicalRecordError(.tooLarge, "the text is larger than \(limit >> 20) MiB")
    }
    isGzip = Gzip.isBeginning(of: bytes)
    if isGzip { bytes = try Gzip.inflated(bytes, limit: limit) }
    byteCount = bytes.count
    hasByteOrderMark = bytes.starts(with: [0xef, 0xbb, 0xbf])
    let start = hasByteOrderMark ? 3 : 0
    try Self.requireJSON(bytes, from: start)
    text = try JSONText(checking: bytes, from: start, name: name, allowsLines: true)
    let type = JSONValue(text, text.ranges[0])["resourceType"]?.string
    guard text.ranges.count > 1 || type != nil else {
      throw ClinicalRecordError(.notFHIR, "this is JSON, but not a FHIR resource")
    }
    form = text.ranges.count == 1 && type == "Bundle" ? .bundle : .lines
  }

  /// Says what to do with forms that are known and not read.
  private static func requireJSON(
    _ bytes: [UInt8], from start: Int
  ) throws(ClinicalRecordError) {
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
      throw ClinicalRecordError(
        .unreadableForm, "this is UTF-16", hint: "FHIR is UTF-8: 'iconv -f UTF-16 -t UTF-8'")
    }
    let first = bytes[start...].first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
    if first == UInt8(ascii: "<") {
      throw ClinicalRecordError(
        .unreadableForm, "this is XML, and only FHIR in JSON is read",
        hint: "ask its source for JSON (_format=json), or convert it, as HL7's FHIR validator does")
    }
    if bytes.starts(with: Array("PK\u{3}\u{4}".utf8)) {
      throw ClinicalRecordError(
        .unreadableForm, "this is a zip archive", hint: "unpack it; gzip is read as it is")
    }
  }
}
