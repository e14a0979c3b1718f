import CMemcheck
import Foundation
import HashToCurve
import Pairings

// Runs one operation on operands that memcheck takes for uninitialized memory, so that it reports
// every jump and every address that depends on them. `scripts/constant-time-check` runs it.

/// A copy of a value, marked secret. Only for values without references.
func secret<Value>(_ value: Value) -> Value {
  var copy = value
  unsafe withUnsafeMutableBytes(of: &copy) { bytes in
    unsafe memcheck_make_secret(bytes.baseAddress, bytes.count)
  }
  return copy
}

func secret(_ bytes: [UInt8]) -> [UInt8] {
  var copy = bytes
  unsafe copy.withUnsafeMutableBytes { bytes in
    unsafe memcheck_make_secret(bytes.baseAddress, bytes.count)
  }
  return copy
}

/// Keeps a result from being optimized away, and ends the process if it does not depend on a
/// secret, for then nothing was checked.
func consume<Value>(_ value: Value) {
  var copy = value
  unsafe withUnsafeBytes(of: &copy) { bytes in consumeBytes(unsafe Array(bytes)) }
}

func consumeBytes(_ bytes: [UInt8]) {
  var folded = bytes.reduce(0, ^)
  let wasSecret = unsafe memcheck_make_public(&folded, 1) != 0
  FileHandle.standardOutput.write(Data([folded]))
  if !wasSecret { fail(3, "the result does not depend on the secret") }
}

func fail(_ status: Int32, _ message: String) -> Never {
  FileHandle.standardError.write(Data("constant-time-probe: \(message)\n".utf8))
  exit(status)
}

/// What the suite promises to be constant time, called through its interface, as the scheme does;
/// so this must not be specialized.
@_semantics("optimize.sil.specialize.generic.never")
func operations<S: PairingSuite>(
  of _: S.Type, prefix: String = ""
) -> [(name: String, run: () throws -> Void)] {
  let scalar = S.Scalar(reducing: [UInt8](repeating: 0xb7, count: 48))
  // Made of a secret, and not marked as one: what a point says of itself may be public.
  func p() -> S.G1 { S.G1.generatorMultiplied(by: secret(scalar)) }
  func q() -> S.G2 { S.G2.generatorMultiplied(by: secret(scalar)) }
  let f = S.pairing(.generatorMultiplied(by: scalar), .generator)
  let message = [UInt8](repeating: 0x5a, count: 32)
  let all: [(name: String, run: () throws -> Void)] = [
    ("scalar_mul", { consume(secret(scalar) * secret(scalar)) }),
    ("scalar_inv", { consume(secret(scalar).inverted()) }),
    (
      "scalar_reduce",
      {
        consume(
          S.Scalar(reducing: secret([UInt8](repeating: 0x5a, count: 2 * S.Scalar.encodedByteCount)))
        )
      }
    ),
    ("scalar_encode", { consumeBytes(secret(scalar).encoded()) }),
    ("g1_add", { consume(p() + p()) }),
    ("g1_mul", { consume(secret(scalar) * p()) }),
    ("g1_multi_scalar", { consume(S.G1.multiScalar([scalar, scalar].map(secret), [p(), p()])) }),
    ("g1_generator_mul", { consume(S.G1.generatorMultiplied(by: secret(scalar))) }),
    ("g1_encode", { consumeBytes(p().encoded()) }),
    ("g2_add", { consume(q() + q()) }),
    ("g2_mul", { consume(secret(scalar) * q()) }),
    ("g2_generator_mul", { consume(S.G2.generatorMultiplied(by: secret(scalar))) }),
    ("g2_encode", { consumeBytes(q().encoded()) }),
    ("gt_exp", { consume(secret(f).raised(to: secret(scalar))) }),
    ("gt_encode", { consumeBytes(secret(f).encoded()) }),
    ("hash_to_g1", { consume(S.hashToG1(secret(message), domain: "CONSTANT-TIME")) }),
    ("pairing", { consume(S.pairing(p(), q())) }),
  ]
  return all.map { (prefix + $0.name, $0.run) }
}

/// The fields beneath, whose inversion and multiplication everything else is made of.
func fieldOperations() -> [(name: String, run: () throws -> Void)] {
  let a = Fp(reducing: [UInt8](repeating: 0xb7, count: 48))
  return [
    ("fp_mul", { consume(secret(a) * secret(a)) }),
    ("fp_inv", { consume(secret(a).inverted()) }),
    ("fp_sqrt", { consume(secret(a).squareRoot().root) }),
    (
      "long_words_mul",
      {
        unsafe longWordsProduct {
          unsafe LongWords.portableMontgomeryProduct($0, $1, $2, modulus: $3, count: longCount)
        }
      }
    ),
    (
      "long_words_square",
      {
        unsafe longWordsProduct { r, a, _, p in
          unsafe LongWords.portableMontgomerySquare(r, a, modulus: p, count: longCount)
        }
      }
    ),
  ]
}

/// Words of the longest field, whose products are Karatsuba's.
let longCount = 48

func longWordsProduct(
  _ product: (
    LongWords.MutableWords, LongWords.Words, LongWords.Words, LongWords.Words
  ) -> Void
) {
  var (r, a) = ([UInt64](repeating: 0, count: longCount), [UInt64](repeating: 7, count: longCount))
  unsafe a.withUnsafeMutableBytes { bytes in
    unsafe memcheck_make_secret(bytes.baseAddress, bytes.count)
  }
  let p = (0..<longCount).map { $0 < longCount / 2 ? UInt64.max : .max >> 1 }
  unsafe product(&r, a, a, p)
  consumeBytes(r.map { UInt8(truncatingIfNeeded: $0) })
}

/// The positive control: one secret-dependent jump and one secret-dependent address, that must be
/// found.
func plantedLeaks() -> [(name: String, run: () throws -> Void)] {
  let table = (0..<256).map { UInt8($0 ^ 0x33) }
  return [
    ("planted_jump", { if secret(UInt64(5)) % 2 == 1 { consume(secret(table[1])) } }),
    ("planted_address", { consume(secret(table[Int(secret(UInt8(5)))])) }),
  ]
}

let all =
  fieldOperations() + operations(of: BLS12381.self)
  + operations(of: TypeA160x1024.self, prefix: "type_a_") + plantedLeaks()
switch CommandLine.arguments.dropFirst().first {
case "--list":
  print(all.map(\.name).joined(separator: "\n"))
case let name?:
  guard let operation = all.first(where: { $0.name == name }) else {
    fail(64, "no operation is called \(name)")
  }
  if memcheck_is_running() == 0 { fail(2, "this is not running under valgrind") }
  try operation.run()
case nil:
  fail(64, "name an operation, or --list")
}
