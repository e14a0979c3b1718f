/// Where a value stands in a text, in bytes from 0. Texts have less than 4 GiB.
struct JSONRange: Sendable {
  private let first: UInt32
  private let behind: UInt32

  var start: Int { Int(first) }
  var end: Int { Int(behind) }
  var range: Range<Int> { start..<end }

  init(_ start: Int, _ end: Int) { (first, behind) = (UInt32(start), UInt32(end)) }
}

/// A text whose JSON has been checked as a whole: UTF-8, grammar, depth, and that no object has a key
/// twice, since readers differ in which one they take.
final class JSONText: Sendable {
  let bytes: [UInt8]
  /// What people call the file; nil where it is the only one.
  let name: String?
  /// The outermost values: one, or one on each line.
  let ranges: [JSONRange]
  /// Every string that is the value of a key `reference`, at whatever depth, in the order of the text.
  let references: [JSONRange]
  /// Every object with a string as `resourceType`, at whatever depth, in the order of their ends.
  private let resources: [JSONRange]
  /// Those of them that hold others, by their beginnings: what is around one skips it, so that each byte is
  /// read by as many as hold it directly, however deep it lies.
  private let nests: [JSONRange]

  /// - Parameters:
  ///   - start: where the first value, or white space before it, begins.
  ///   - allowsLines: whether the text may be NDJSON: values that each stand on one line of their own.
  /// - Throws: ``ClinicalRecordError`` with `malformedJSON`, `tooDeep` or `duplicateKey`.
  init(
    checking bytes: [UInt8], from start: Int = 0, name: String? = nil, allowsLines: Bool = false
  ) throws(ClinicalRecordError) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw ClinicalRecordError(
        .malformedJSON, "the text is not UTF-8",
        at: .init(of: error.byteOffsets.lowerBound, in: bytes, name))
    }
    var scanner = JSONScanner(bytes, from: start, name: name)
    var ranges: [JSONRange] = []
    scanner.skipWhitespace()
    repeat {
      let first = scanner.position
      try scanner.scanValue()
      ranges.append(JSONRange(first, scanner.position))
      let last = scanner.position
      scanner.skipWhitespace()
      if scanner.isAtEnd { break }
      let newline = UInt8(ascii: "\n")
      guard allowsLines, bytes[last..<scanner.position].contains(newline),
        !bytes[first..<last].contains(newline)
      else { throw scanner.malformed("there is more than one JSON value") }
    } while true
    (self.bytes, self.name, self.ranges) = (bytes, name, ranges)
    (references, resources) = (scanner.references, scanner.resources)
    nests = scanner.nests.sorted { $0.start < $1.start }
  }

  /// Behind a string whose opening quote is at `start`.
  func endOfString(_ start: Int) -> Int {
    var position = start + 1
    while bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return position + 1
  }

  /// Behind the value that begins at `start`.
  func endOfValue(_ start: Int) -> Int {
    let bytes = bytes
    var position = start
    switch bytes[start] {
    case UInt8(ascii: "\""): return endOfString(start)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      var depth = 0
      var nest = nests.partitionIndex { $0.start < start }
      var skipped = nest < nests.count ? nests[nest].start : .max
      repeat {
        if position == skipped {
          position = nests[nest].end
          let behind = position
          nest += nests[nest...].partitionIndex { $0.start < behind }
          skipped = nest < nests.count ? nests[nest].start : .max
          continue
        }
        switch bytes[position] {
        case UInt8(ascii: "\""):
          position += 1
          while bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
          }
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        default: break
        }
        position += 1
      } while depth > 0
      return position
    default:
      while position < bytes.count, bytes[position] > 0x20, bytes[position] != UInt8(ascii: ","),
        bytes[position] != UInt8(ascii: "]"), bytes[position] != UInt8(ascii: "}")
      {
        position += 1
      }
      return position
    }
  }

  /// The references that stand in a value of this text, in order.
  func references(in range: JSONRange) -> ArraySlice<JSONRange> {
    let first = references.partitionIndex { $0.start < range.start }
    return references[first..<references.partitionIndex { $0.start < range.end }]
  }

  /// The resources that stand in a value of this text, itself included, what is within before what holds it.
  func resources(in range: JSONRange) -> ArraySlice<JSONRange> {
    let first = resources.partitionIndex { $0.end <= range.start }
    return resources[first..<resources.partitionIndex { $0.end <= range.end }]
  }
}

extension RandomAccessCollection where Index == Int {
  /// How many elements at the beginning hold, where those that hold come before all that do not.
  func partitionIndex(_ holds: (Element) -> Bool) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if holds(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low - startIndex
  }
}
