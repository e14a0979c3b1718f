import HashToCurve
import Pairings
import Testing

@Suite("Cofactors of type A")
struct TypeACofactorAttack {
  private typealias Group = TypeA160x512
  private typealias Edwards = EdwardsPoint<Group.Field>

  /// k·P for the bits of k, most significant first.
  private static func multiple(_ bits: [Bool], _ point: Edwards) -> Edwards {
    bits.reduce(.identity) { $1 ? $0.doubled() + point : $0.doubled() }
  }

  private static func bits(_ bytes: [UInt8]) -> [Bool] {
    bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 == 1 } }
  }

  /// The part of a point whose order is a power of 2: p·h' times it, for h = 2^256·h'.
  private static func powerOfTwoPart(_ point: Edwards) -> Edwards {
    let timesOrder = multiple(bits((-Group.Scalar.one).encoded()), point) + point
    let odd = Group.cofactor.dropFirst(4).reversed().flatMap { word in
      (0..<64).map { word >> UInt64(63 - $0) & 1 == 1 }
    }
    return multiple(odd, timesOrder)
  }

  /// The lowest 160 bits of d, read off W and what claims to be d·W (Pohlig and Hellman).
  private static func readOff(_ product: Edwards, _ base: Edwards) -> [Bool] {
    let base = powerOfTwoPart(base)
    var rest = powerOfTwoPart(product)
    var found: [Bool] = []
    for position in 0..<160 {
      let isSet = !rest.doubled(times: 255 - position).isIdentityMask.declassified
      found.insert(isSet, at: 0)
      if isSet { rest = rest - base.doubled(times: position) }
    }
    return found
  }

  @Test("[attack] item 19: d times an uncleared hash gives d away; here the product has order p")
  func uncleared() throws {
    var generator = SystemRandomNumberGenerator()
    let d = Group.Scalar.random(using: &generator)
    // A hash whose part of order 2^256 is the whole of it.
    let hash = try #require(
      (0..<UInt8.max).lazy.map { Group.hashToG1([$0], domain: "ATTACK") }.first {
        !Self.powerOfTwoPart($0.edwards).doubled(times: 255).isIdentityMask.declassified
      })
    // As printed for a symmetric pairing, with a hash that maps to the curve and no further.
    let printed = Self.multiple(Self.bits(d.encoded()), hash.edwards)
    #expect(Self.readOff(printed, hash.edwards) == Self.bits(d.encoded()))

    let ours = (d * hash).edwards
    #expect(Self.powerOfTwoPart(ours).isIdentityMask.declassified)
    #expect(Self.readOff(ours, hash.edwards).allSatisfy { !$0 })
    // The pairing does not see the difference.
    let q = Group.G2.generatorMultiplied(by: .random(using: &generator))
    #expect(Group.pairing(hash, q).raised(to: d) == Group.pairing(d * hash, q))
  }
}
