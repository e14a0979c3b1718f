import Foundation
import TestSupport
import Testing

/// A case of a file in Vectors; scripts/vectors says how they were made.
protocol VectorCase: Decodable, Sendable, CustomTestStringConvertible {
  /// Counts from 1 in its file.
  var id: Int { get }
}

extension VectorCase {
  var testDescription: String { "case \(id)" }
}

struct PrimeFieldCase: VectorCase {
  let id: Int
  let a, b, sum, difference, product, inverse: Hex
  let isSquare: Bool?
}

struct ReductionCase: VectorCase {
  let id: Int
  let bytes, value: Hex
}

struct GroupCase: VectorCase {
  let id: Int
  let comment: String
  let p, q, sum, difference, double, negative: Hex
}

struct MultiplicationCase: VectorCase {
  let id: Int
  let comment: String
  let scalar, point, product: Hex
}

struct MultiScalarCase: VectorCase {
  let id: Int
  let comment: String
  let scalars, points: [Hex]
  let sum: Hex
}

struct DecodingCase: VectorCase {
  let id: Int
  let comment: String
  let encoding: Hex
  /// [x, y], or nothing for the identity.
  let coordinates: [Hex]
}

struct InvalidEncodingCase: VectorCase {
  let id: Int
  let comment: String
  let encoding: Hex
  let code: String
}

struct PairingCase: VectorCase {
  let id: Int
  let comment: String
  let p, q, value: Hex
}

struct PairingProductCase: VectorCase {
  let id: Int
  let comment: String
  let ps, qs: [Hex]
  let value: Hex
}

struct PowerCase: VectorCase {
  let id: Int
  let comment: String
  let p, q, scalar, value: Hex
}

struct ExpansionCase: VectorCase {
  let id: Int
  let message, expanded: Hex
  let domain: String
  let length: Int
}

struct HashToCurveCase: VectorCase {
  let id: Int
  let message, point: Hex
  let domain: String
}

/// With the intermediate values that RFC 9380 prints; points are [x, y].
struct HashToCurveStepsCase: VectorCase {
  let id: Int
  let message: Hex
  let domain: String
  let u0, u1: Hex
  let q0, q1, p: [Hex]
}

func cases<Case: VectorCase>(_ file: String) throws -> [Case] {
  try VectorFile<Case>(file, in: .module).cases
}
