"""Writes patient-root.json: the keys that belong to a root and a visit, from the specification.

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


def case(root, genesis, hospital, nonce):
    def derive(use, length):
        salt = f"BCEMR-V01-{SUITE}-{use}".encode()
        return hkdf(root, salt, genesis + nonce + hospital.encode(), length)

    p_v = int.from_bytes(derive("ROOT-VISIT-KEY", 48), "big") % curve_order
    signing = Ed25519PrivateKey.from_private_bytes(derive("ROOT-SIGNING-KEY", 32))
    mailbox = X25519PrivateKey.from_private_bytes(derive("ROOT-MAILBOX-KEY", 32))
    return {
        "root": root.hex(),
        "genesis": genesis.hex(),
        "hospital": hospital,
        "nonce": nonce.hex(),
        "visitKey": G2_to_signature(multiply(G2, p_v)).hex(),
        "signingKey": signing.public_key().public_bytes_raw().hex(),
        "mailboxKey": mailbox.public_key().public_bytes_raw().hex(),
    }


def digest(text):
    return hashlib.sha256(text.encode()).digest()


roots = [bytes(32), bytes(range(32)), digest("root")]
visits = [
    (bytes(32), "h", bytes(32)),
    (digest("ledger"), "hospital-1", digest("nonce")),
    (digest("ledger"), "h" * 64, digest("another nonce")),
]
vectors = {
    "about": "the keys of a visit, derived from a patient's root, ledger, hospital and nonce",
    "sources": ["py-ecc 8.0.0", "cryptography 50.0.2"],
    "cases": [case(root, *visit) for root in roots for visit in visits],
}
path = pathlib.Path(__file__).with_name("patient-root.json")
path.write_text(json.dumps(vectors, indent=2) + "\n")
