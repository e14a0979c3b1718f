import Pairings
import TestSupport
import Testing

@Suite("G1 and G2 of BLS12-381 agree with other libraries")
struct GroupVectorTests {
  typealias Scalar = BLS12381.Scalar

  @Test("G1: P + Q, P − Q, 2P, −P", arguments: try cases("g1-group") as [GroupCase])
  func addG1(_ vector: GroupCase) throws { try add(BLS12381.G1.self, vector) }

  @Test("G2: P + Q, P − Q, 2P, −P", arguments: try cases("g2-group") as [GroupCase])
  func addG2(_ vector: GroupCase) throws { try add(BLS12381.G2.self, vector) }

  private func add<G: PairingSourceGroup>(_: G.Type, _ vector: GroupCase) throws {
    let (p, q) = try (G(encoded: vector.p.bytes), G(encoded: vector.q.bytes))
    #expect((p + q).encoded() == vector.sum.bytes)
    #expect((p - q).encoded() == vector.difference.bytes)
    #expect((p + p).encoded() == vector.double.bytes)
    #expect((-p).encoded() == vector.negative.bytes)
  }

  @Test("G1: sP", arguments: try cases("g1-multiply") as [MultiplicationCase])
  func multiplyG1(_ vector: MultiplicationCase) throws { try multiply(BLS12381.G1.self, vector) }

  @Test("G2: sP", arguments: try cases("g2-multiply") as [MultiplicationCase])
  func multiplyG2(_ vector: MultiplicationCase) throws { try multiply(BLS12381.G2.self, vector) }

  private func multiply<G: PairingSourceGroup>(
    _: G.Type, _ vector: MultiplicationCase
  ) throws where G.Scalar == Scalar {
    let scalar = try Scalar(encoded: vector.scalar.bytes)
    let point = try G(encoded: vector.point.bytes)
    #expect((scalar * point).encoded() == vector.product.bytes)
    #expect(G.multipliedVariableTime(scalar, point).encoded() == vector.product.bytes)
    if point == .generator {
      #expect(G.generatorMultiplied(by: scalar).encoded() == vector.product.bytes)
    }
    if let factor = UInt64(exactly: vector.scalar.bytes) {
      #expect(G.multipliedVariableTime(factor, point).encoded() == vector.product.bytes)
    }
  }

  @Test("G1: Σ sᵢPᵢ", arguments: try cases("g1-multi-scalar") as [MultiScalarCase])
  func sumG1(_ vector: MultiScalarCase) throws { try sum(BLS12381.G1.self, vector) }

  @Test("G2: Σ sᵢPᵢ", arguments: try cases("g2-multi-scalar") as [MultiScalarCase])
  func sumG2(_ vector: MultiScalarCase) throws { try sum(BLS12381.G2.self, vector) }

  private func sum<G: PairingSourceGroup>(
    _: G.Type, _ vector: MultiScalarCase
  ) throws where G.Scalar == Scalar {
    let scalars = try vector.scalars.map { try Scalar(encoded: $0.bytes) }
    let points = try vector.points.map { try G(encoded: $0.bytes) }
    #expect(G.multiScalarVariableTime(scalars, points).encoded() == vector.sum.bytes)
    #expect(G.encoded(points) == vector.points.map(\.bytes))
  }
}

@Suite("Point encodings of BLS12-381 agree with other libraries")
struct EncodingVectorTests {
  @Test("G1 decodes", arguments: try cases("g1-decode") as [DecodingCase])
  func decodeG1(_ vector: DecodingCase) throws {
    try decode(BLS12381.G1.self, vector) { element in
      let point = element.point.normalized()
      return [point.x.encoded(), point.y.encoded()]
    }
  }

  @Test("G2 decodes", arguments: try cases("g2-decode") as [DecodingCase])
  func decodeG2(_ vector: DecodingCase) throws {
    try decode(BLS12381.G2.self, vector) { element in
      let point = element.point.normalized()
      return [point.x, point.y].map { $0.c1.encoded() + $0.c0.encoded() }
    }
  }

  private func decode<G: PairingSourceGroup>(
    _: G.Type, _ vector: DecodingCase, coordinates: (G) -> [[UInt8]]
  ) throws {
    let element = try G(encoded: vector.encoding.bytes)
    #expect(element.encoded() == vector.encoding.bytes)
    #expect(element.isIdentity == vector.coordinates.isEmpty)
    #expect((element == .generator) == (vector.comment == "the generator"))
    if !element.isIdentity {
      #expect(coordinates(element) == vector.coordinates.map(\.bytes))
    }
  }

  @Test("G1 refuses", arguments: try cases("g1-decode-invalid") as [InvalidEncodingCase])
  func refuseG1(_ vector: InvalidEncodingCase) { refuse(BLS12381.G1.self, vector) }

  @Test("G2 refuses", arguments: try cases("g2-decode-invalid") as [InvalidEncodingCase])
  func refuseG2(_ vector: InvalidEncodingCase) { refuse(BLS12381.G2.self, vector) }

  private func refuse<G: PairingSourceGroup>(_: G.Type, _ vector: InvalidEncodingCase) {
    let error = #expect(throws: PairingError.self) { try G(encoded: vector.encoding.bytes) }
    #expect(error?.code == .init(vector.code))
  }
}

extension UInt64 {
  /// The value of big-endian bytes that fit.
  fileprivate init?(exactly bytes: [UInt8]) {
    guard bytes.dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
    self = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
