import HashToCurve
import Pairings
import TestSupport
import Testing

/// A case of `type-a.json`, from `scripts/vectors/type_a.py`: the plainest formulas in Python.
struct TypeACase: VectorCase {
  let id: Int
  let suite, domain: String
  let generator, scalar, point, message, hashed, product, value, power: Hex

  var testDescription: String { suite }
}

@Suite("Type A against affine formulas in another language")
struct TypeAVectorTests {
  @Test(
    "points, hash, pairing and powers of every suite", arguments: try cases("type-a") as [TypeACase]
  )
  func suite(_ vector: TypeACase) throws {
    switch vector.suite {
    case TypeA160x512.name: try check(TypeA160x512.self, vector)
    case TypeA160x1024.name: try check(TypeA160x1024.self, vector)
    case TypeA224x1024.name: try check(TypeA224x1024.self, vector)
    case TypeA224x2048.name: try check(TypeA224x2048.self, vector)
    case TypeA256x1536.name: try check(TypeA256x1536.self, vector)
    case TypeA256x3072.name: try check(TypeA256x3072.self, vector)
    default: Issue.record("there is no suite \(vector.suite)")
    }
  }

  private func check<Suite: PairingSuite>(_ suite: Suite.Type, _ vector: TypeACase) throws {
    #expect(Suite.G1.generator.encoded() == vector.generator.bytes)
    let scalar = try Suite.Scalar(encoded: vector.scalar.bytes)
    let point = Suite.G2.generatorMultiplied(by: scalar)
    #expect(point.encoded() == vector.point.bytes)
    #expect(try Suite.G2(encoded: vector.point.bytes) == point)
    let hashed = Suite.hashToG1(vector.message.bytes, domain: vector.domain)
    #expect(hashed.encoded() == vector.hashed.bytes)
    #expect((scalar * hashed).encoded() == vector.product.bytes)
    // The hash as it is made, uncleared, and as it is decoded.
    let value = Suite.pairing(hashed, point)
    #expect(value.encoded() == vector.value.bytes)
    #expect(try Suite.pairing(Suite.G1(encoded: vector.hashed.bytes), point) == value)
    #expect(value.raised(to: scalar).encoded() == vector.power.bytes)
  }

  @Test("the first suite was compared, and so were the others")
  func complete() throws {
    let vectors: [TypeACase] = try cases("type-a")
    #expect(Set(vectors.map(\.suite)).count == 6)
  }
}

@Suite("What type A refuses")
struct TypeARefusalTests {
  typealias Point = TypeA160x512.Point

  private func code(_ bytes: [UInt8]) -> PairingError.Code? {
    do {
      _ = try Point(encoded: bytes)
      return nil
    } catch {
      return error.code
    }
  }

  @Test("bytes that are no point of the subgroup")
  func decoding() throws {
    let count = Point.encodedByteCount
    var bytes = Point.generator.encoded()
    bytes[0] = 4
    #expect(code(bytes) == .encoding)
    #expect(code([2] + [UInt8](repeating: 0xff, count: count - 1)) == .notCanonical)
    #expect(code([0] + [UInt8](repeating: 1, count: count - 1)) == .encoding)
    // (0, 0) has order 2.
    #expect(code([2] + [UInt8](repeating: 0, count: count - 1)) == .notInSubgroup)
    // Small x: of each pair x and −x one is on the curve, and hardly any in the subgroup.
    var refused: Set<PairingError.Code> = []
    for x in 1...16 {
      let encoding = [2] + [UInt8](repeating: 0, count: count - 2) + [UInt8(x)]
      refused.insert(try #require(code(encoding)))
    }
    #expect(refused == [.notOnCurve, .notInSubgroup])
  }
}
