"""Checks one visit from the documents alone: a second implementation of the scheme, in Python.

    python visit.py ../../Tests/EMRSchemeTests/Vectors/visit.json

Registration proof, visit key proof, Eq. (3), one-time signature, both equations of re-encryption,
opening by the patient and by the receiver, every commitment, trapdoor and record digest.
Needs the packages of requirements.txt and `cryptography`.
"""

import hmac
import json
import sys
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from libraries import ORDER, Arkworks as curve, number

SUITE = "bls12-381"
G1 = curve.decode(bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"))
G2 = curve.decode(bytes.fromhex(
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"))
CONTEXT, CHAIN, POSITION, SIGNED_PART = 22, 25, 24, 26
DIGEST_INPUT, SEALING_INFO, CHALLENGE = 29, 34, 42


def tag(use):
    return f"BCEMR-V01-{SUITE}-{use}".encode()


def h(use, message):
    return curve.hash_to_g1(message, tag(use))


def hkdf(secret, salt, info, count):
    key, block, out = hmac.digest(salt, secret, sha256), b"", b""
    while len(out) < count:
        block = hmac.digest(key, block + info + bytes([len(out) // 32 + 1]), sha256)
        out += block
    return out[:count]


# DER: a value is an int, bytes (OCTET STRING), str, or a list (SEQUENCE).

def header(identifier, content):
    size = len(content)
    if size < 128:
        return identifier + bytes([size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return identifier + bytes([0x80 | len(length)]) + length + content


def der(value):
    if isinstance(value, int):
        return header(b"\x02", value.to_bytes(value.bit_length() // 8 + 1, "big"))
    if isinstance(value, bytes):
        return header(b"\x04", value)
    if isinstance(value, str):
        return header(b"\x0c", value.encode())
    return header(b"\x30", b"".join(map(der, value)))


def top_level(kind, *fields):
    identifier = bytes([0x60 | kind]) if kind < 31 else bytes([0x7F, kind])
    return header(identifier, der([1, *fields]))


def parse(data):
    """All values in `data`, one after another."""
    values = []
    while data:
        first, data = data[0], data[1:]
        if first == 0x7F:
            data = data[1:]
        size, data = data[0], data[1:]
        if size >= 128:
            size, data = number(data[:size - 128]), data[size - 128:]
        content, data = data[:size], data[size:]
        if first == 2:
            values.append(number(content))
        elif first == 4:
            values.append(content)
        elif first == 12:
            values.append(content.decode())
        else:
            values.append(parse(content))
    return values


def fields(data, expected=1):
    """The fields of one top-level object, behind its version."""
    [[[version, *values]]] = parse(data)
    assert version == expected
    return values


def product_is_one(*pairs):
    values = [curve.pairing(p, q) for p, q in pairs]
    result = values[0]
    for value in values[1:]:
        result = curve.gt_multiply(result, value)
    return str(result) == str(curve.pairing(curve.add(G1, curve.negate(G1)), G2))


def check(name, holds):
    print(("ok    " if holds else "FAILS ") + name)
    if not holds:
        sys.exit(1)


def registration(vector):
    statement = bytes.fromhex(vector["statement"])
    _, _, _, _, a, b1, b2, c1, c2, _, replaces, specialties = fields(statement, 4)
    check("the statement takes the place of none", replaces == [])
    check("the specialties ascend", specialties == sorted(specialties) and len(specialties) == 2)
    c = number(bytes.fromhex(vector["registrationChallenge"]))
    z1, z2, z3 = (number(bytes.fromhex(z)) for z in vector["registrationResponses"])

    def first_message(z, base, point):
        return curve.encode(curve.add(
            curve.multiply(z, base), curve.multiply(ORDER - c, curve.decode(point))))

    messages = [
        first_message(z1, G2, a), first_message(z2, G2, b2), first_message(z3, G2, c2),
        first_message(z2, G1, b1), first_message(z3, G1, c1)]
    challenge = top_level(CHALLENGE, sha256(statement).digest(), messages)
    check("registration proof",
          number(hkdf(challenge, tag("REGISTRATION"), b"", 48)) % ORDER == c)


def chain(context_digest, signers, commitments, signature):
    r, q = curve.decode(signature[:48]), curve.decode(signature[48:])
    pairs, keys = [(curve.negate(q), G2)], None
    for k, (_, a, b, c) in enumerate(signers, 1):
        w = h("W", top_level(CHAIN, context_digest, k, commitments[:k]))
        pairs.append((w, curve.decode(a)))
        term = curve.add(curve.decode(b), curve.multiply(k, curve.decode(c)))
        keys = term if keys is None else curve.add(keys, term)
    check("equation (3)", product_is_one(*pairs, (r, keys)))


def open_record(name, y, record, context, context_digest, commitments):
    _, a, b, c, d, _, g, _ = record
    check(f"{name}: e(H2(A), Y) = e(D, g2)",
          product_is_one((h("H2", a), y), (curve.negate(curve.decode(d)), G2)))
    info = top_level(SEALING_INFO, context_digest, context[12], a, commitments, b, d)
    key = hkdf(curve.gt_encode(curve.pairing(h("H1", a), y)), tag("RECORD"), info, 32)
    plaintext = AESGCM(key).decrypt(bytes(12), c, info).rstrip(b"\0")
    assert plaintext[-1] == 0x80
    sealed_context, alpha, findings = fields(plaintext[:-1])
    check(f"{name}: the context is the visit's", sealed_context == context)
    check(f"{name}: α is the visit's", sha256(alpha).digest() == context[5])
    for k, (content, salt, attempt) in enumerate(findings, 1):
        place = sha256(top_level(POSITION, context_digest, k)).digest()
        com = sha256(sha256(b"BCEMR-V01-COMMITMENT").digest() + place + salt
                     + sha256(content).digest()).digest()
        check(f"{name}: com_{k} opens", [com, attempt] == commitments[k - 1])
    f = curve.gt_encode(curve.pairing(h("ALPHA", alpha), y))
    check(f"{name}: G = H3(e(H0(α), Y))", sha256(sha256(tag("H3")).digest() + f).digest() == g)
    return plaintext[:-1]


def main(path):
    [vector] = json.load(open(path))["cases"]

    def octets(name):
        return bytes.fromhex(vector[name])

    registration(vector)
    encoded_context = octets("context")
    context, context_digest = fields(encoded_context, 2), sha256(encoded_context).digest()
    key_nonce, mailbox_key, amends = context[14:]
    check("nonce and mailbox key, and no visit that is amended",
          len(key_nonce) == len(mailbox_key) == 32 and amends == [])
    key = curve.decode(context[12])
    check("visit key proof", product_is_one(
        (curve.decode(octets("visitKeyProof")), G2),
        (curve.negate(h("VISITKEY", encoded_context)), key)))
    commitments = [[bytes.fromhex(c["commitment"]), c["attempt"]] for c in vector["commitments"]]
    chain(context_digest, context[6], commitments, octets("signature"))

    record = fields(octets("record"))
    _, a, b, c, d, e, g, s = record
    signed = top_level(SIGNED_PART, context_digest, sha256(c).digest(), d, e, g)
    Ed25519PublicKey.from_public_bytes(a).verify(s, signed)
    check("one-time signature", True)
    digest = sha256(top_level(
        DIGEST_INPUT, context_digest, context[12], a, b, sha256(c).digest(), d, e, g, s))
    check("record digest", digest.digest() == octets("recordDigest"))

    p, request = number(octets("visitSecret")), number(octets("requestSecret"))
    request_key = curve.multiply(request, G2)
    for name, z, public in [
        ("patient", curve.decode(b), key),
        ("receiver", curve.decode(octets("reencrypted")), request_key),
    ]:
        for hashed, point in [(h("H2", a), d), (h("GBAR", b""), e)]:
            check(f"{name}: an equation of re-encryption", product_is_one(
                (hashed, z), (curve.negate(curve.decode(point)), public)))
        secret = p if name == "patient" else request
        y = curve.multiply(pow(secret, -1, ORDER), z)
        plaintext = open_record(name, y, record, context, context_digest, commitments)
        check(f"{name}: the plaintext", plaintext == octets("plaintext"))
    trapdoor = curve.multiply(pow(p, -1, ORDER), h("ALPHA", octets("alpha")))
    check("trapdoor", curve.encode(trapdoor) == octets("trapdoor"))


if __name__ == "__main__":
    main(sys.argv[1])
