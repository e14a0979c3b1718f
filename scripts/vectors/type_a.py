#!/usr/bin/env python3
"""The symmetric suites of the paper's evaluation, from their seed and by the plainest formulas.

    type_a.py parameters             prints p, h and q of every suite, searched from the seed
    type_a.py swift FOLDER           writes the same as the Swift files of Sources/Pairings/TypeA
    type_a.py check FOLDER           compares the Swift files of that folder with the seed, and tests
                                     with sympy that p and q are primes
    type_a.py vectors FILE [SEED]    writes test vectors, by affine coordinates and Python's integers

How parameters are found: p is the first prime of 2^a + s·2^b + t, a one less than its bits, over
b = 1, 2, …, and for each (s, t) = (1, 1), (1, −1), (−1, 1), (−1, −1). For q of n words (64·n is its
nominal size, and one bit less the real one, so that carries fit), h = 2^(32·n)·h' with h' from
SHA-256 of the seed, the sizes and a counter; the first counter for which q = h·p − 1 is a prime.
So q ≡ 7 mod 8, and the lower half of its words are all ones, which makes reduction cheap.
"""

import json
import re
import sys
from hashlib import sha256
from pathlib import Path

SEED = b"BC-EMR type A"
# Nobody knows a logarithm between hashes, and this one has a tag of its own.
GENERATOR_TAG = "BCEMR-V01-{}-GENERATOR"
SUITES = [(160, 512), (160, 1024), (224, 1024), (224, 2048), (256, 1536), (256, 3072)]


# Parameters


def is_prime(number):
    from sympy import isprime

    return isprime(number)


def sparse_prime(bits):
    a = bits - 1
    for b in range(1, a):
        for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            p = (1 << a) + s * (1 << b) + t
            if p.bit_length() == bits and is_prime(p):
                return p, (a, b, s, t)
    raise ValueError(bits)


def stream(seed, count):
    blocks = (sha256(seed + i.to_bytes(4, "big")).digest() for i in range(count // 32 + 1))
    return b"".join(blocks)[:count]


def cofactor(p, order_bits, field_bits, counter):
    """h for one counter, so that h·p − 1 has one bit less than its nominal size."""
    bits, shift = field_bits - 1, field_bits // 2
    low, high = (1 << (bits - 1)) // (p << shift) + 1, (1 << bits) // (p << shift)
    seed = SEED + b" %d/%d " % (order_bits, field_bits) + counter.to_bytes(4, "big")
    count = (bits - order_bits - shift + 128 + 7) // 8
    return (low + int.from_bytes(stream(seed, count), "big") % (high - low)) << shift


def search(order_bits, field_bits):
    p, form = sparse_prime(order_bits)
    counter = 0
    while True:
        h = cofactor(p, order_bits, field_bits, counter)
        q = h * p - 1
        if q.bit_length() == field_bits - 1 and h % p and is_prime(q):
            return Suite(order_bits, field_bits, p, form, h, q, counter)
        counter += 1


class Suite:
    def __init__(self, order_bits, field_bits, p, form, h, q, counter):
        self.order_bits, self.field_bits = order_bits, field_bits
        self.p, self.form, self.h, self.q, self.counter = p, form, h, q, counter

    @property
    def name(self):
        return f"type-a-{self.order_bits}-{self.field_bits}"

    @property
    def swift_name(self):
        return f"TypeA{self.order_bits}x{self.field_bits}"


# Swift


def words(number, count, indent):
    values = ["0x%016x" % (number >> (64 * i) & (1 << 64) - 1) for i in range(count)]
    rows = [", ".join(values[i : i + 3]) + "," for i in range(0, count, 3)]
    return "\n".join(" " * indent + row for row in rows)


def montgomery(modulus, count, letter, what, indent):
    radix = 1 << 64 * count
    pad = " " * indent
    parts = [
        (what, "modulus", modulus),
        (f"2^{64 * count} mod {letter}", "r", radix % modulus),
        (f"2^{128 * count} mod {letter}", "rSquared", radix * radix % modulus),
    ]
    return "\n\n".join(
        f"{pad}/// {comment}\n{pad}@inline(__always)\n{pad}package static var {name}: Limbs {{\n"
        f"{pad}  [\n{words(value, count, indent + 4)}\n{pad}  ]\n{pad}}}"
        for comment, name, value in parts
    )


def swift_suite(suite):
    count = suite.field_bits // 64
    scalar = f"TypeA{suite.order_bits}Scalar"
    name = suite.swift_name
    base = generator(suite)
    return f"""/// Type A with p of {suite.order_bits} bits and q of {suite.field_bits - 1}: number {suite.counter} from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum {name}: TypeASuite {{
  public static var name: String {{ "{suite.name}" }}
  public typealias Scalar = {scalar}

  public struct Point: TypeAPoint {{
    public typealias Scalar = {scalar}
    typealias Suite = {name}
    package var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {{
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }}
  }}

  public struct Target: TypeATarget {{
    public typealias Scalar = {scalar}
    typealias Suite = {name}
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) {{ self.value = value }}
  }}

  public struct Lines: TypeALines {{
    typealias Suite = {name}
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) {{ self.lines = lines }}
  }}

  package typealias Field = PrimeField<{count}, BaseField>
  static var order: SparsePrime {{ {scalar}.order }}
  static let constants = TypeAConstants<{name}>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
{words(suite.h, (suite.h.bit_length() + 63) // 64, 4)}
  ]

  /// h times the point of the empty message and the tag "{GENERATOR_TAG.format(suite.name)}".
  static let generator = CompressedPoint(
    x: [
{words(base[0], count, 6)}
    ], isYOdd: {"true" if base[1] & 1 else "false"})

  package enum BaseField: MontgomeryParameters {{
    package typealias Limbs = InlineArray<{count}, UInt64>

{montgomery(suite.q, count, "q", "q = h·p − 1", 4)}
  }}
}}
"""


def swift_scalar(bits, p, form):
    a, b, s, t = form
    count = bits // 64 + 1
    sign = lambda factor: "−" if factor < 0 else "+"
    truth = lambda factor: "true" if factor < 0 else "false"
    return f"""/// An integer modulo p = 2^{a} {sign(s)} 2^{b} {sign(t)} 1, a prime of {bits} bits.
public struct TypeA{bits}Scalar: TypeAScalar {{
  var value: PrimeField<{count}, Order>
  init(_ value: PrimeField<{count}, Order>) {{ self.value = value }}

  static var order: SparsePrime {{
    SparsePrime(a: {a}, b: {b}, middleIsNegative: {truth(s)}, lastIsNegative: {truth(t)})
  }}

  enum Order: MontgomeryParameters {{
    package typealias Limbs = InlineArray<{count}, UInt64>

{montgomery(p, count, "p", "p", 4)}
  }}
}}
"""


def write_swift(folder):
    for suite in (search(*sizes) for sizes in SUITES):
        (folder / f"{suite.swift_name}.swift").write_text(swift_suite(suite), "utf-8")
        (folder / f"TypeA{suite.order_bits}Scalar.swift").write_text(
            swift_scalar(suite.order_bits, suite.p, suite.form), "utf-8"
        )


def read_suite(folder, order_bits, field_bits):
    """A suite as its Swift file has it."""
    p, form = sparse_prime(order_bits)
    text = (folder / f"TypeA{order_bits}x{field_bits}.swift").read_text("utf-8")
    counter = int(re.search(r"number (\d+) from the seed", text)[1])
    h = cofactor(p, order_bits, field_bits, counter)
    return Suite(order_bits, field_bits, p, form, h, h * p - 1, counter)


def check(folder):
    """The seed gives every file, byte for byte, and its numbers are primes."""
    failed = False
    for sizes in SUITES:
        suite = read_suite(folder, *sizes)
        files = [
            (f"{suite.swift_name}.swift", swift_suite(suite)),
            (f"TypeA{sizes[0]}Scalar.swift", swift_scalar(sizes[0], suite.p, suite.form)),
        ]
        same = all((folder / name).read_text("utf-8") == text for name, text in files)
        proper = (
            is_prime(suite.p)
            and is_prime(suite.q)
            and suite.q.bit_length() == sizes[1] - 1
            and suite.q % 8 == 7
            and (suite.q + 1) // suite.p % suite.p != 0
        )
        failed |= not (same and proper)
        print(f"{'ok  ' if same and proper else 'FAIL'}  {suite.name}: number {suite.counter}")
    return 1 if failed else 0


# The curve y² = x³ + x in affine coordinates; None is the identity


def add(q, a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % q == 0:
            return None
        slope = (3 * a[0] ** 2 + 1) * pow(2 * a[1], -1, q) % q
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, q) % q
    x = (slope * slope - a[0] - b[0]) % q
    return x, (slope * (a[0] - x) - a[1]) % q


def multiply(q, k, point):
    result = None
    for bit in bin(k)[2:]:
        result = add(q, result, result)
        if bit == "1":
            result = add(q, result, point)
    return result


def expand_message_xmd(message, domain, count):
    """RFC 9380, section 5.3.1, with SHA-256."""
    tag = domain + bytes([len(domain)])
    seed = sha256(bytes(64) + message + count.to_bytes(2, "big") + b"\0" + tag).digest()
    block = sha256(seed + b"\1" + tag).digest()
    out = block
    for index in range(2, (count + 31) // 32 + 1):
        block = sha256(bytes(x ^ y for x, y in zip(seed, block)) + bytes([index]) + tag).digest()
        out += block
    return out[:count]


def curve_point(suite, message, domain):
    q = suite.q
    count = (q.bit_length() + 128 + 7) // 8
    uniform = expand_message_xmd(message, domain, count + 1)
    u = int.from_bytes(uniform[:count], "big") % q
    square = (u**3 + u) % q
    root = pow(square, (q + 1) // 4, q)
    x = u if root * root % q == square else -u % q
    return x, root if root % 2 == uniform[count] % 2 else -root % q


def hash_to_g1(suite, message, domain):
    """π of the point of the curve: h·(h⁻¹ mod p) times it."""
    factor = suite.h * pow(suite.h, -1, suite.p)
    return multiply(suite.q, factor, curve_point(suite, message, domain))


def generator(suite):
    point = curve_point(suite, b"", GENERATOR_TAG.format(suite.name).encode())
    return multiply(suite.q, suite.h, point)


def encode(suite, point):
    size = (suite.q.bit_length() + 7) // 8
    if point is None:
        return bytes(size + 1)
    return bytes([2 | point[1] & 1]) + point[0].to_bytes(size, "big")


# F_q(i), and the Tate pairing with the distortion (x, y) → (−x, i·y), with all its lines


def complex_multiply(q, a, b):
    return (a[0] * b[0] - a[1] * b[1]) % q, (a[0] * b[1] + a[1] * b[0]) % q


def complex_power(q, a, k):
    result = (1, 0)
    for bit in bin(k)[2:]:
        result = complex_multiply(q, result, result)
        if bit == "1":
            result = complex_multiply(q, result, a)
    return result


def line(q, a, b, point):
    """The line through a and b, divided by the vertical through their sum, at the distorted point."""
    x, y = -point[0] % q, point[1]
    total = add(q, a, b)
    if total is None:
        return (x - a[0]) % q, 0
    if a == b:
        slope = (3 * a[0] ** 2 + 1) * pow(2 * a[1], -1, q) % q
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, q) % q
    vertical = pow(x - total[0], -1, q)
    return (-a[1] - slope * (x - a[0])) * vertical % q, y * vertical % q


def pairing(suite, point, base):
    """f_{p, base}(φ(point))^((q² − 1)/p)"""
    q = suite.q
    if point is None or base is None:
        return 1, 0
    f, running = (1, 0), base
    for bit in bin(suite.p)[3:]:
        f = complex_multiply(q, complex_multiply(q, f, f), line(q, running, running, point))
        running = add(q, running, running)
        if bit == "1":
            f = complex_multiply(q, f, line(q, running, base, point))
            running = add(q, running, base)
    assert running is None
    return complex_power(q, f, (q * q - 1) // suite.p)


def vectors(folder, seed):
    cases = []
    for sizes in SUITES:
        suite = read_suite(folder, *sizes)
        q = suite.q
        message = sha256(seed + suite.name.encode()).digest()
        domain = f"BCEMR-V01-{suite.name}-TEST"
        a = int.from_bytes(stream(message, 64), "big") % suite.p
        g = generator(suite)
        point, hashed = multiply(q, a, g), hash_to_g1(suite, message, domain.encode())
        value = pairing(suite, hashed, point)
        size = (q.bit_length() + 7) // 8
        cases.append(
            {
                "id": len(cases) + 1,
                "suite": suite.name,
                "generator": encode(suite, g).hex(),
                "scalar": a.to_bytes((suite.p.bit_length() + 7) // 8, "big").hex(),
                "point": encode(suite, point).hex(),
                "message": message.hex(),
                "domain": domain,
                "hashed": encode(suite, hashed).hex(),
                "product": encode(suite, multiply(q, a, hashed)).hex(),
                "value": b"".join(x.to_bytes(size, "big") for x in value).hex(),
                "power": b"".join(
                    x.to_bytes(size, "big") for x in complex_power(q, value, a)
                ).hex(),
            }
        )
    return {
        "about": "type A: a·g, H(m), a·H(m), e(H(m), a·g) and its power by a",
        "sources": ["scripts/vectors/type_a.py"],
        "cases": cases,
    }


SWIFT = Path(__file__).resolve().parents[2] / "Sources/Pairings/TypeA/Suites"


def main(arguments):
    match arguments:
        case ["parameters"]:
            for suite in (search(*sizes) for sizes in SUITES):
                values = {"p": hex(suite.p), "h": hex(suite.h), "q": hex(suite.q)}
                print(json.dumps({"suite": suite.name, "number": suite.counter, **values}))
        case ["swift", folder]:
            write_swift(Path(folder))
        case ["check", folder]:
            return check(Path(folder))
        case ["vectors", path, *seed]:
            content = vectors(SWIFT, (seed or ["committed"])[0].encode())
            Path(path).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        case _:
            print(__doc__, file=sys.stderr)
            return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
