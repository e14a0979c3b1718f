import CZlib

/// Files that gzip (RFC 1952) wrote, by the system's zlib, which checks their sums.
enum Gzip {
  static func isBeginning(of bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1f, 0x8b]) }

  /// What comes out of one or more members, one behind the other.
  ///
  /// - Parameter limit: of what comes out, in bytes; nothing is made beyond it.
  /// - Throws: ``ClinicalRecordError`` with `malformedGzip` or `tooLarge`.
  static func inflated(_ file: [UInt8], limit: Int) throws(ClinicalRecordError) -> [UInt8] {
    var stream = unsafe z_stream()
    // 15 + 16: the largest window, and gzip's header and no other.
    guard
      unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        == Z_OK
    else { throw ClinicalRecordError(.malformedGzip, "zlib has no memory") }
    defer { unsafe inflateEnd(&stream) }
    // The last four bytes say how much comes out, if it is one member; they may lie.
    let told = file.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    var output = [UInt8](repeating: 0, count: min(max(told, 1 << 12), limit))
    var (read, written) = (0, 0)
    while true {
      if written == output.count {
        // One more byte than allowed, which tells a text of the limit from a larger one.
        guard output.count <= limit else { throw tooLarge(limit) }
        let larger = min(max(2 * output.count, 1 << 12), limit + 1)
        output.append(contentsOf: repeatElement(0, count: larger - output.count))
      }
      let (status, taken, made) = unsafe step(&stream, file, read, &output, written)
      (read, written) = (read + taken, written + made)
      guard written <= limit else { throw tooLarge(limit) }
      switch status {
      case Z_STREAM_END:
        if read == file.count {
          output.removeLast(output.count - written)
          return output
        }
        guard unsafe inflateReset(&stream) == Z_OK else { throw malformed(read) }
      case Z_OK, Z_BUF_ERROR:
        // No output, and no room missing for it: the file ends too early.
        if read == file.count, written < output.count { throw malformed(read) }
      default: throw malformed(read)
      }
    }
  }

  /// As far as input and room for output reach.
  private static func step(
    _ stream: inout z_stream, _ file: [UInt8], _ read: Int, _ output: inout [UInt8], _ written: Int
  ) -> (status: Int32, taken: Int, made: Int) {
    unsafe file.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { room in
        // zlib does not write to its input.
        unsafe stream.next_in = UnsafeMutablePointer(
          mutating: input.baseAddress.map { unsafe $0 + read })
        unsafe stream.avail_in = UInt32(clamping: input.count - read)
        unsafe stream.next_out = room.baseAddress.map { unsafe $0 + written }
        unsafe stream.avail_out = UInt32(clamping: room.count - written)
        let (before, space) = unsafe (stream.avail_in, stream.avail_out)
        let status = unsafe inflate(&stream, Z_NO_FLUSH)
        return unsafe (status, Int(before - stream.avail_in), Int(space - stream.avail_out))
      }
    }
  }

  private static func tooLarge(_ limit: Int) -> ClinicalRecordError {
    ClinicalRecordError(.tooLarge, "what is in the gzip file is larger than \(limit >> 20) MiB")
  }

  private static func malformed(_ offset: Int) -> ClinicalRecordError {
    ClinicalRecordError(
      .malformedGzip, "the gzip file is damaged, or cut off, before byte \(offset)")
  }
}
