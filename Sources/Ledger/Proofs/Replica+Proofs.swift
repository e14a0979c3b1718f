import TransparencyLog

extension Replica {
  /// Proves a consortium block to a client that knows the consortium checkpoint of `knownSize`.
  ///
  /// - Returns: nil if the block is not final yet, or the client knows a newer checkpoint.
  public func proof(ofConsortiumBlock height: Int, knownSize: UInt64) -> FinalityProof? {
    proof(consortiumBlock: height, knownSize, hospitalBlock: nil)
  }

  /// Proves a hospital's block.
  ///
  /// - Parameter anchor: the consortium block with the first anchor that covers it, and the size
  ///   anchored there.
  public func proof(
    ofBlock height: Int, hospital: String, anchor: (height: Int, size: UInt64), knownSize: UInt64
  ) -> FinalityProof? {
    guard let chain = hospitals[hospital], height < anchor.size,
      let block = Self.proof(of: height, in: chain, size: anchor.size)
    else { return nil }
    return proof(consortiumBlock: anchor.height, knownSize, hospitalBlock: block)
  }

  private func proof(
    consortiumBlock height: Int, _ knownSize: UInt64, hospitalBlock: BlockProof?
  ) -> FinalityProof? {
    let size = UInt64(confirmedSize(of: ChainName.consortium))
    guard height < size, knownSize <= size,
      let note = confirmedNote(of: ChainName.consortium),
      let block = Self.proof(of: height, in: consortium, size: size),
      let consistency = try? consortium.tree.consistencyProof(from: knownSize, to: size)
    else { return nil }
    return FinalityProof(
      note: note, consistency: consistency.hashes, consortiumBlock: block,
      hospitalBlock: hospitalBlock)
  }

  private static func proof<State>(
    of height: Int, in chain: Chain<State>, size: UInt64
  ) -> BlockProof? {
    guard height < chain.blocks.count,
      let inclusion = try? chain.tree.inclusionProof(index: UInt64(height), size: size)
    else { return nil }
    return BlockProof(block: chain.blocks[height], inclusion: inclusion.hashes)
  }
}
