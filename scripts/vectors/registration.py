"""A doctor's scheme keys and the proof that they are the doctor's own, made from section 3.4 of the
specification with another library's curve: every secret is a function of a text."""

from hashlib import sha256, sha512

from libraries import ORDER, Arkworks as curve, number
from visit import CHALLENGE, G1, G2, hkdf, tag, top_level


def secrets(use):
    return [number(sha512(f"BC-EMR {use} {place}".encode()).digest()) % ORDER
            for place in (1, 2, 3)]


def points(scalars):
    """(A; B in both groups; C in both groups) of three scalars."""
    d1, d2, d3 = scalars
    return {name: curve.encode(curve.multiply(scalar, base)) for name, scalar, base in (
        ("a", d1, G2), ("b1", d2, G1), ("b2", d2, G2), ("c1", d3, G1), ("c2", d3, G2))}


def prove(use, statement):
    """The proof for the DER of a statement with the points of this use."""
    nonces = secrets(f"{use} nonce")
    first = points(nonces)
    challenge = top_level(CHALLENGE, sha256(statement).digest(), [
        first[name] for name in ("a", "b2", "c2", "b1", "c1")])
    c = number(hkdf(challenge, tag("REGISTRATION"), b"", 48)) % ORDER
    responses = [(nonce + c * secret) % ORDER for nonce, secret in zip(nonces, secrets(use))]
    return dict(zip(("challenge", "z1", "z2", "z3"), (
        value.to_bytes(32, "big") for value in (c, *responses))))
