extension PrimeField {
  /// The bytes of the canonical form.
  package static var encodedByteCount: Int { (modulusBitCount + 7) / 8 }

  /// Decodes the canonical big-endian form.
  package init(encoded bytes: some Collection<UInt8>) throws(PairingError) {
    guard bytes.count == Self.encodedByteCount else {
      throw PairingError(
        .length, "a field element takes \(Self.encodedByteCount) bytes, not \(bytes.count)")
    }
    let limbs = Self.limbs(bytes)
    let isReduced = Mask(bit: Self.subtracted(limbs, P.modulus).borrow)
    guard isReduced.declassified else {
      throw PairingError(.notCanonical, "the value is not below the modulus")
    }
    self.init(integer: limbs)
  }

  /// Reduces a big-endian integer below R² modulo p.
  package init(reducing bytes: some Collection<UInt8>) {
    let (low, high) = (bytes.suffix(8 * limbCount), bytes.dropLast(8 * limbCount))
    precondition(high.count <= 8 * limbCount, "too many bytes to reduce")
    let r = Self(montgomery: P.rSquared)
    self = Self(integer: Self.limbs(low)) + Self(integer: Self.limbs(high)) * r
  }

  /// The canonical big-endian form.
  package func encoded() -> [UInt8] {
    let integer = self.integer
    return (0..<Self.encodedByteCount).reversed().map { position in
      UInt8(truncatingIfNeeded: integer[position / 8] &>> UInt64(position % 8 * 8))
    }
  }

  /// The parity of the canonical form: sgn0 of RFC 9380, section 4.1.
  package var sign0: Mask { Mask(bit: integer[0] & 1) }

  /// Whether the canonical form is above (p−1)/2.
  package var isLexicographicallyLarger: Mask {
    let half = Self.shiftedRight(P.modulus, by: 1)
    return Mask(bit: Self.subtracted(half, integer).borrow)
  }

  /// The integer of up to n words that big-endian bytes show.
  private static func limbs(_ bytes: some Collection<UInt8>) -> Limbs {
    var limbs = Limbs(repeating: 0)
    var position = bytes.count
    for byte in bytes {
      position -= 1
      limbs[position / 8] |= UInt64(byte) &<< UInt64(position % 8 * 8)
    }
    return limbs
  }
}
