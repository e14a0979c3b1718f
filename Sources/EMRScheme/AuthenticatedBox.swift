internal import Crypto

/// AES-256-GCM under a key that seals one message only, in segments of 1 MiB (STREAM: Hoang,
/// Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
/// Misuse-Resistance", CRYPTO 2015, section 7), so that nobody has to hold a message twice to seal or
/// open it.
///
/// The nonce of a segment says its place and whether others come behind it, so none can be left out,
/// moved, or put behind the last one. A message of one segment has 12 zero bytes.
enum AuthenticatedBox {
  static let overhead = 16
  /// Of a segment with its tag, in bytes; only the last one is shorter.
  static let segmentByteCount = Limits.pieceByteCount

  /// Segments behind each other, each with its tag behind it.
  static func seal(
    _ plaintext: consuming [UInt8], under key: SymmetricKey, authenticating header: [UInt8]
  ) throws(SchemeError) -> [UInt8] {
    var sealed: [UInt8] = []
    sealed.reserveCapacity(byteCount(of: plaintext.count))
    var segments = SealedSegments(plaintext, under: key, authenticating: header)
    while let segment = try segments.next() { sealed += segment }
    return sealed
  }

  /// How long so many bytes are when they are sealed.
  static func byteCount(of plaintextByteCount: Int) -> Int {
    let room = segmentByteCount - overhead
    let count = max(1, (plaintextByteCount + room - 1) / room)
    return plaintextByteCount + count * overhead
  }

  /// Opens all segments where they stand: with the only copy of `sealed`, nothing of its length is made.
  static func open(
    _ sealed: consuming [UInt8], under key: SymmetricKey, authenticating header: [UInt8]
  ) throws(SchemeError) -> [UInt8] {
    var (position, end, index) = (0, 0, 0)
    repeat {
      let next = min(position + segmentByteCount, sealed.count)
      guard index == 0 || next - position > overhead else {
        throw SchemeError(.decryption, "the last segment is empty")
      }
      let opened = try open(
        sealed[position..<next], nonce(index, isLast: next == sealed.count), key, header)
      sealed.replaceSubrange(end..<end + opened.count, with: opened)
      (position, end, index) = (next, end + opened.count, index + 1)
    } while position < sealed.count
    sealed.removeSubrange(end...)
    return sealed
  }

  private static func open(
    _ segment: ArraySlice<UInt8>, _ nonce: [UInt8], _ key: SymmetricKey, _ header: [UInt8]
  ) throws(SchemeError) -> [UInt8] {
    guard segment.count >= overhead else {
      throw SchemeError(.decryption, "the ciphertext is shorter than its tag")
    }
    do {
      let box = try AES.GCM.SealedBox(
        nonce: AES.GCM.Nonce(data: nonce), ciphertext: segment.dropLast(overhead),
        tag: segment.suffix(overhead))
      return Array(try AES.GCM.open(box, using: key, authenticating: header))
    } catch {
      throw SchemeError(.decryption, "authenticated decryption fails")
    }
  }

  /// 7 zero bytes, the number of the segment in 4 bytes, and whether another one follows.
  static func nonce(_ index: Int, isLast: Bool) -> [UInt8] {
    let number = UInt32(truncatingIfNeeded: index)
    return [UInt8](repeating: 0, count: 7)
      + (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
      + [isLast ? 0 : 1]
  }
}

/// A message that is sealed one segment after another.
struct SealedSegments {
  private let plaintext: [UInt8]
  private let key: SymmetricKey
  private let header: [UInt8]
  private var (position, index) = (0, 0)

  init(
    _ plaintext: consuming [UInt8], under key: SymmetricKey, authenticating header: [UInt8]
  ) {
    (self.plaintext, self.key, self.header) = (plaintext, key, header)
  }

  /// The next segment with its tag; nil behind the last.
  mutating func next() throws(SchemeError) -> [UInt8]? {
    if index > 0, position == plaintext.count { return nil }
    let end = min(
      position + AuthenticatedBox.segmentByteCount - AuthenticatedBox.overhead, plaintext.count)
    let nonce = AuthenticatedBox.nonce(index, isLast: end == plaintext.count)
    do {
      let box = try AES.GCM.seal(
        plaintext[position..<end], using: key, nonce: AES.GCM.Nonce(data: nonce),
        authenticating: header)
      (position, index) = (end, index + 1)
      return Array(box.combined?.dropFirst(12) ?? box.ciphertext + box.tag)
    } catch {
      throw SchemeError(.decryption, "the message cannot be encrypted")
    }
  }
}
