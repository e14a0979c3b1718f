"""Writes patient-root.json: the keys that belong to a root and a counter, from the specification.

Needs py-ecc 8.0.0 and cryptography; shares no code with the Swift sources.
"""

import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from py_ecc.bls.g2_primitives import G2_to_signature
from py_ecc.optimized_bls12_381 import G2, curve_order, multiply

SUITE = "bls12-381"


def hkdf(secret, salt, info, length):
    """RFC 5869 with SHA-256."""
    key = hmac.digest(salt, secret, "sha256")
    output, block, number = b"", b"", 1
    while len(output) < length:
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        output, number = output + block, number + 1
    return output[:length]


def case(root, counter):
    def derive(use, length):
        salt = f"BCEMR-V01-{SUITE}-{use}".encode()
        return hkdf(root, salt, counter.to_bytes(8, "big"), length)

    p_v = int.from_bytes(derive("ROOT-VISIT-KEY", 48), "big") % curve_order
    signing = Ed25519PrivateKey.from_private_bytes(derive("ROOT-SIGNING-KEY", 32))
    admission = X25519PrivateKey.from_private_bytes(derive("ROOT-ADMISSION-KEY", 32))
    return {
        "root": root.hex(),
        "counter": counter,
        "visitKey": G2_to_signature(multiply(G2, p_v)).hex(),
        "signingKey": signing.public_key().public_bytes_raw().hex(),
        "admissionKey": admission.public_key().public_bytes_raw().hex(),
    }


roots = [bytes(32), bytes(range(32)), hashlib.sha256(b"root").digest()]
vectors = {
    "about": "the keys of a visit, derived from a patient's root and the number of the visit",
    "sources": ["py-ecc 8.0.0", "cryptography 48.0.0"],
    "cases": [case(root, counter) for root in roots for counter in (0, 1, 2**63)],
}
path = pathlib.Path(__file__).with_name("patient-root.json")
path.write_text(json.dumps(vectors, indent=2) + "\n")
