/// Of some requests the length of the answer would tell what it says, as which specialist a hospital lacks:
/// the answer, 0x80 and zeros have one length then, whatever is answered (specification 8.1).
extension RequestRule {
  /// A byte more than the longest answer.
  private var paddedCount: Int { answerLimit + 1 }

  /// What is sealed of an answer.
  ///
  /// - Throws: ``ConsortiumError`` `too-large` for an answer that no author takes.
  package func padded(_ answer: [UInt8]) throws(ConsortiumError) -> [UInt8] {
    guard hidesAnswer else { return answer }
    guard answer.count < paddedCount else {
      throw ConsortiumError(.tooLarge, "an answer of \(answer.count) bytes, limit \(answerLimit)")
    }
    let zeros = [UInt8](repeating: 0, count: paddedCount - answer.count - 1)
    return answer + [0x80] + zeros
  }

  /// The answer of what was sealed.
  ///
  /// - Throws: ``ConsortiumError`` `malformed` for what ``padded(_:)`` does not make.
  package func unpadded(_ opened: [UInt8]) throws(ConsortiumError) -> [UInt8] {
    guard hidesAnswer else { return opened }
    guard opened.count == paddedCount, let end = opened.lastIndex(where: { $0 != 0 }),
      opened[end] == 0x80
    else { throw ConsortiumError(.malformed, "the padding of an answer is wrong") }
    return Array(opened[..<end])
  }
}
