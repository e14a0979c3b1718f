"""Four independent implementations of BLS12-381 behind one interface.

Points cross between them as compressed encodings, target group values as the 576 bytes that the
protocol hashes. A value enters a vector only through `agreed`, which wants two libraries or more.
"""

from hashlib import sha256

import py_arkworks_bls12381 as arkworks
import pyblst
import pymcl
from py_ecc.bls import point_compression
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc import optimized_bls12_381 as py_ecc

MODULUS = int(py_ecc.field_modulus)
ORDER = int(py_ecc.curve_order)
PARAMETER = -0xD201000000010000  # x of the curve family


def number(data):
    return int.from_bytes(data, "big")


class PyEcc:
    name = "py-ecc"

    @staticmethod
    def decode(data):
        if len(data) == 48:
            return point_compression.decompress_G1(number(data))
        return point_compression.decompress_G2((number(data[:48]), number(data[48:])))

    @staticmethod
    def decode_checked(data):
        point = PyEcc.decode(data)
        if not py_ecc.is_inf(py_ecc.multiply(point, ORDER)):
            raise ValueError("not in the subgroup")
        return point

    @staticmethod
    def encode(point):
        if isinstance(point[0], py_ecc.FQ):
            return point_compression.compress_G1(point).to_bytes(48, "big")
        return b"".join(z.to_bytes(48, "big") for z in point_compression.compress_G2(point))

    @staticmethod
    def add(p, q):
        return py_ecc.add(p, q)

    @staticmethod
    def negate(p):
        return py_ecc.neg(p)

    @staticmethod
    def multiply(scalar, p):
        return py_ecc.multiply(p, scalar)

    @staticmethod
    def pairing(p, q):
        # Its final exponentiation is minus one third of the exponent of the other libraries.
        return py_ecc.pairing(q, p) ** (ORDER - 3)

    @staticmethod
    def gt_multiply(a, b):
        return a * b

    @staticmethod
    def gt_raise(a, scalar):
        return a**scalar

    @staticmethod
    def gt_encode(value):
        # A polynomial in w with w^2 = v and w^6 = 1 + u, so a0 + a1 u = (a0 - a1) + a1 w^6.
        c = [int(x) for x in value.coeffs]
        pairs = [(c[k] + c[k + 6], c[k + 6]) for k in (0, 2, 4, 1, 3, 5)]
        return b"".join((x % MODULUS).to_bytes(48, "big") for pair in pairs for x in pair)

    @staticmethod
    def hash_to_g1(message, domain):
        return hash_to_G1(message, domain, sha256)


class Arkworks:
    name = "py-arkworks-bls12381"

    @staticmethod
    def decode(data):
        return (arkworks.G1Point if len(data) == 48 else arkworks.G2Point).from_compressed_bytes(data)

    decode_checked = decode

    @staticmethod
    def encode(point):
        return bytes(point.to_compressed_bytes())

    @staticmethod
    def add(p, q):
        return p + q

    @staticmethod
    def negate(p):
        return -p

    @staticmethod
    def multiply(scalar, p):
        return p * arkworks.Scalar.from_be_bytes_mod_order(scalar.to_bytes(32, "big"))

    @staticmethod
    def pairing(p, q):
        return arkworks.GT.pairing(p, q)

    @staticmethod
    def pairing_product(ps, qs):
        return arkworks.GT.multi_pairing(ps, qs)

    @staticmethod
    def gt_multiply(a, b):
        return a * b

    @staticmethod
    def gt_raise(a, scalar):
        power = arkworks.GT.one()
        for bit in bin(scalar)[2:]:
            power = power * power
            if bit == "1":
                power = power * a
        return power

    @staticmethod
    def gt_encode(value):
        return flip_coefficients(bytes.fromhex(str(value)))

    @staticmethod
    def hash_to_g1(message, domain):
        return arkworks.G1Point.hash_to_curve(message, domain)


class Mcl:
    name = "pymcl"

    @staticmethod
    def decode(data):
        group = pymcl.G1 if len(data) == 48 else pymcl.G2
        if data[0] & 0x40:
            return group()
        x, y, _ = PyEcc.decode(data)
        coordinates = [x, y] if len(data) == 48 else [*x.coeffs, *y.coeffs]
        return group("1 " + " ".join(str(int(c)) for c in coordinates), 10)

    @staticmethod
    def encode(point):
        length = 48 if isinstance(point, pymcl.G1) else 96
        if point.is_zero():
            return b"\xc0" + bytes(length - 1)
        c = [int(s) for s in str(point).split()[1:]]
        x, y = (c[:1], c[1:]) if length == 48 else (c[1::-1], c[:1:-1])
        larger = y > [(-v) % MODULUS for v in y]
        data = bytearray(b"".join(v.to_bytes(48, "big") for v in x))
        data[0] |= 0xA0 if larger else 0x80
        return bytes(data)

    @staticmethod
    def add(p, q):
        return p + q

    @staticmethod
    def negate(p):
        return -p

    @staticmethod
    def multiply(scalar, p):
        return p * pymcl.Fr(str(scalar % ORDER), 10)

    @staticmethod
    def pairing(p, q):
        return pymcl.pairing(p, q)

    @staticmethod
    def gt_multiply(a, b):
        return a * b

    @staticmethod
    def gt_raise(a, scalar):
        return a ** pymcl.Fr(str(scalar % ORDER), 10)

    @staticmethod
    def gt_encode(value):
        return flip_coefficients(value.serialize())


class Blst:
    """Has no bytes of the target group and no product, so it joins only for points."""

    name = "pyblst"

    @staticmethod
    def decode(data):
        return (pyblst.BlstP1Element() if len(data) == 48 else pyblst.BlstP2Element()).uncompress(data)

    decode_checked = decode

    @staticmethod
    def encode(point):
        return bytes(point.compress())

    @staticmethod
    def add(p, q):
        return p + q

    @staticmethod
    def negate(p):
        return -p

    @staticmethod
    def multiply(scalar, p):
        return p.scalar_mul(scalar)

    @staticmethod
    def hash_to_g1(message, domain):
        return pyblst.BlstP1Element.hash_to_group(message, domain)


ALL = (Arkworks, Mcl, PyEcc, Blst)
WITH_TARGET_GROUP = (Arkworks, Mcl, PyEcc)
WITH_HASH = (Arkworks, PyEcc, Blst)


def flip_coefficients(data):
    return b"".join(data[i : i + 48][::-1] for i in range(0, len(data), 48))


def agreed(libraries, compute):
    """The bytes compute(library) gives for every one of the libraries, in hexadecimal."""
    values = {library.name: compute(library) for library in libraries}
    if len(values) < 2 or len(set(values.values())) != 1:
        raise SystemExit(f"the libraries disagree: { {n: v.hex() for n, v in values.items()} }")
    return next(iter(values.values())).hex()
