"""Transcribes the vectors of RFC 9380, appendices J.9.1 and K.1, into Tests/PairingsTests/Vectors.

    python transcribe.py CHECKOUT DIRECTORY

CHECKOUT is a working copy of github.com/cfrg/draft-irtf-cfrg-hash-to-curve, whose poc/vectors
became the RFC's appendices. Every value is computed again by other libraries before it is written.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

import py_ecc
from py_ecc.bls import hash_to_curve
from py_ecc.optimized_bls12_381 import normalize

from generate import write
from libraries import WITH_HASH, PyEcc, agreed


def affine(point):
    return [f"{int(c):096x}" for c in normalize(point)]


def transcribed(point):
    return [point["x"][2:], point["y"][2:]]


def hash_to_g1(checkout, directory):
    suite = "BLS12381G1_XMD:SHA-256_SSWU_RO_"
    source = json.loads((checkout / "poc/vectors" / f"{suite}.json").read_text())
    domain = source["dst"]
    cases = []
    for vector in source["vectors"]:
        message = vector["msg"].encode()
        u = hash_to_curve.hash_to_field_FQ(message, 2, domain.encode(), sha256)
        q = [hash_to_curve.map_to_curve_G1(v) for v in u]
        point = agreed(WITH_HASH, lambda l: l.encode(l.hash_to_g1(message, domain.encode())))
        assert vector["u"] == [f"0x{int(v):096x}" for v in u]
        assert [transcribed(vector["Q0"]), transcribed(vector["Q1"])] == [affine(v) for v in q]
        assert transcribed(vector["P"]) == affine(PyEcc.decode(bytes.fromhex(point)))
        cases.append({
            "message": message.hex(), "domain": domain, "u0": vector["u"][0][2:],
            "u1": vector["u"][1][2:], "q0": transcribed(vector["Q0"]),
            "q1": transcribed(vector["Q1"]), "p": transcribed(vector["P"]), "point": point,
        })
    write(directory, "hash-to-g1", f"RFC 9380, appendix J.9.1: {suite}",
          ("RFC 9380", *WITH_HASH), cases)


def expand_message(checkout, directory):
    cases = []
    for name in ("expand_message_xmd_SHA256_38", "expand_message_xmd_SHA256_256"):
        source = json.loads((checkout / "poc/vectors" / f"{name}.json").read_text())
        domain = source["DST"].encode()
        # py-ecc leaves long tags to its caller (RFC 9380, section 5.3.3).
        short = domain if len(domain) < 256 else sha256(b"H2C-OVERSIZE-DST-" + domain).digest()
        for vector in source["tests"]:
            message, length = vector["msg"].encode(), int(vector["len_in_bytes"], 16)
            expanded = py_ecc.bls.hash.expand_message_xmd(message, short, length, sha256)
            assert expanded.hex() == vector["uniform_bytes"]
            cases.append({"message": message.hex(), "domain": domain.decode(),
                          "length": length, "expanded": expanded.hex()})
    write(directory, "expand-message-xmd", "RFC 9380, appendix K.1: expand_message_xmd, SHA-256",
          ("RFC 9380", PyEcc), cases)


def main():
    checkout, directory = map(Path, sys.argv[1:3])
    hash_to_g1(checkout, directory)
    expand_message(checkout, directory)


if __name__ == "__main__":
    main()
