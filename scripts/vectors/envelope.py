#!/usr/bin/env python3
"""Envelopes and their answers, and what people carry as text or words: a second implementation, from
docs/specification.md (3.5, 4.2, 4.3, 8.1, 8.2) and docs/BCEMR.asn1 alone.

    envelope.py open FILE

Opens what another program has sealed. FILE is JSON: genesis, recipient, privateKey, and for each of
`exchanges` an envelope, its author's public key, the `Message` that is in it, the answer and the `Message`
in that; all in hexadecimal digits. Needs the packages of requirements.txt.

Exit codes: 0 all open, and have the same inside, 1 not, 2 bad input or environment.
"""

import hmac
import json
import re
import sys
from base64 import b32decode, b32encode
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from asn1_module import check_structure, decode, encode  # noqa: E402
from cryptography.exceptions import InvalidSignature, InvalidTag  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: E402
    Ed25519PrivateKey, Ed25519PublicKey)
from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: E402
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from libraries import ORDER, number  # noqa: E402
from mnemonic import Mnemonic  # noqa: E402

AHEAD, OVERHEAD = 600, 2048
DECODING = "malformed"


def digest(data):
    return sha256(data).digest()


def extract(salt, secret):
    return hmac.digest(salt or bytes(32), secret, sha256)


def expand(key, info, count):
    block = output = b""
    while len(output) < count:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), sha256)
        output += block
    return output[:count]


def hkdf(secret, salt, info, count):
    return expand(extract(salt, secret), info, count)


class Refusal(Exception):
    def __init__(self, code, exchange=None):
        super().__init__(code)
        self.code, self.exchange = code, exchange


# HPKE, base mode: 0x0020, 0x0001, 0x0002 (4.2; RFC 9180)

KEM, SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
# The u-coordinates of small order (RFC 7748, 7), and their second encodings.
SMALL = {value.to_bytes(32, "little") for value in (
    0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823)}


def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, key, label, info, count):
    return expand(key, count.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, count)


class Seal:
    """One context, for one message: what author and recipient of a request have in common."""

    def __init__(self, private, other, info, encapsulated, recipient):
        if other[:31] + bytes([other[31] & 0x7f]) in SMALL:
            raise Refusal("decryption")
        self.encapsulated = encapsulated
        shared = private.exchange(X25519PublicKey.from_public_bytes(other))
        shared = labeled_expand(
            KEM, labeled_extract(KEM, b"", b"eae_prk", shared), b"shared_secret",
            encapsulated + recipient, 32)
        context = (b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"")
                   + labeled_extract(SUITE, b"", b"info_hash", info))
        secret = labeled_extract(SUITE, shared, b"secret", b"")
        self.key = labeled_expand(SUITE, secret, b"key", context, 32)
        self.nonce = labeled_expand(SUITE, secret, b"base_nonce", context, 12)
        exporter = labeled_expand(SUITE, secret, b"exp", context, 32)
        self.answer_secret = labeled_expand(SUITE, exporter, b"sec", b"BCEMR-V01-ANSWER", 32)

    @classmethod
    def to(cls, recipient, info, ephemeral):
        encapsulated = ephemeral.public_key().public_bytes_raw()
        return cls(ephemeral, recipient, info, encapsulated, recipient)

    @classmethod
    def by(cls, private, encapsulated, info):
        return cls(private, encapsulated, info, encapsulated,
                   private.public_key().public_bytes_raw())

    def seal(self, message, data=b""):
        return self.encapsulated + AESGCM(self.key).encrypt(self.nonce, message, data)

    def open(self, ciphertext, data=b""):
        try:
            return AESGCM(self.key).decrypt(self.nonce, ciphertext, data)
        except InvalidTag:
            raise Refusal("decryption") from None

    # Answers (8.1; RFC 9458, 4.4)

    def answer_key(self, r):
        key = extract(self.encapsulated + r, self.answer_secret)
        return expand(key, b"key", 32), expand(key, b"nonce", 12)

    def seal_answer(self, message, r):
        key, nonce = self.answer_key(r)
        return encode("SealedAnswer", {
            "version": 1, "sealed": r + AESGCM(key).encrypt(nonce, message, b"")})

    def open_answer(self, der):
        sealed = decode("SealedAnswer", der)["sealed"]
        key, nonce = self.answer_key(sealed[:32])
        try:
            return AESGCM(key).decrypt(nonce, sealed[32:], b"")
        except (InvalidTag, ValueError):
            raise Refusal("decryption") from None


# Requests (8.1)

def message(name, kind, value):
    return encode("Message", {"version": 1, "name": name, "payload": encode(kind, value)})


def signed(private, kind, value):
    return {"object": value, "signature": private.sign(encode(kind, value))}


def verify(public, signature, data):
    """RFC 8032 without the factor 8, as OpenSSL has it; keys of small order are not among the cases."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        return True
    except (InvalidSignature, ValueError):
        return False


def info(genesis, recipient, key_digest):
    return message("envelope", "EnvelopeInfo", {
        "genesis": genesis, "recipient": recipient, "keyDigest": key_digest})


def seal(content, author, public, ephemeral, **changes):
    """An envelope, and its seal. `changes` are what a liar puts in the place of what belongs there."""
    inside = {"version": 1, "recipientKey": digest(public), **content,
              **changes.get("inside", {})}
    request = signed(author, "RequestContent", inside)
    request |= changes.get("request", {})
    outside = {"version": 1, "recipient": content["recipient"], "keyDigest": digest(public),
               **changes.get("outside", {})}
    context = Seal.to(public, info(
        changes.get("genesis", content["genesis"]), outside["recipient"], outside["keyDigest"]),
        ephemeral)
    sealed = context.seal(encode("SignedRequest", request))
    return encode("Envelope", {**outside, "sealed": changes.get("sealed", sealed)}), context


def table():
    """The second table of 8.1."""
    text = (ROOT / "docs/specification.md").read_text(encoding="utf-8")
    row = r"^\| `([a-z-]+)` \| (sealed|signed|open(?:, or sealed)?) \| (.+) \| (.+) \| (\d+) \| (\d+) \| \d+ \| (\d+|–) \|$"
    return {name: {"carriage": carriage, "authors": set(authors.split(", ")),
                   "recipients": set(recipients.split(", ")), "bytes": int(size),
                   "answer": int(answer), "seconds": 0 if seconds == "–" else int(seconds)}
            for name, carriage, authors, recipients, size, answer, seconds
            in re.findall(row, text, re.M)}


TABLE = table()


class Recipient:
    """What is judged before a request is answered, in the order of 8.1."""

    def __init__(self, name, role, genesis, private, authors):
        """`authors`: (kind, public keys) of a principal without its keys' order; see `known`."""
        self.name, self.role, self.genesis = name, role, genesis
        self.keys = {digest(private.public_key().public_bytes_raw()): private}
        self.authors, self.taken = authors, set()

    def known(self, author):
        if author["principal"] == 3:
            return "key", [author["subject"]]
        subject = author.get("party") or (author["subject"], author["hospital"])
        return self.authors.get(subject, (None, []))

    def kind(self, name):
        kind = TABLE.get(name)
        if not kind or self.role not in kind["recipients"]:
            raise Refusal("unsupported-request")
        return kind

    def receive(self, der, now):
        """The content of a request, its `Message` and its seal."""
        longest = max(kind["bytes"] for kind in TABLE.values() if self.role in kind["recipients"])
        if len(der) > longest + OVERHEAD:
            raise Refusal("too-large")
        if der[:2] != b"\x7f\x50":
            return self.bare(der)
        if digest(der) in self.taken:
            raise Refusal("repeated")
        envelope = decoded("Envelope", der)
        private = self.keys.get(envelope["keyDigest"])
        if envelope["recipient"] != self.name or not private or len(envelope["sealed"]) < 48:
            raise Refusal("decryption")
        sealed = envelope["sealed"]
        context = Seal.by(private, sealed[:32], info(
            self.genesis, self.name, envelope["keyDigest"]))
        request = decoded("SignedRequest", context.open(sealed[32:]))
        content = request["object"]
        if (content["recipient"], content["recipientKey"]) != (self.name, envelope["keyDigest"]):
            raise Refusal("unauthenticated")
        kind = self.kind(content["name"])
        if len(content["payload"]) > kind["bytes"]:
            raise Refusal("too-large")
        author, keys = self.known(content["author"])
        data = encode("RequestContent", content)
        # Of what is "open, or sealed" the author is anybody, in an envelope a key, a doctor or a patient.
        allowed = kind["authors"] if kind["carriage"] == "sealed" else {"key", "doctor", "patient"}
        if ("sealed" not in kind["carriage"] or content["genesis"] != self.genesis
                or author not in allowed
                or not any(verify(key, request["signature"], data) for key in keys)):
            raise Refusal("unauthenticated")
        self.taken.add(digest(der))
        if kind["carriage"] == "sealed" and not (
                content["sentAt"] - AHEAD <= now <= content["sentAt"] + kind["seconds"]):
            raise Refusal("out-of-time", context)
        try:
            inside = decode("Message", content["payload"])
        except ValueError:
            raise Refusal(DECODING, context) from None
        if inside["name"] != content["name"]:
            raise Refusal("wrong-kind", context)
        return content, inside, context

    def bare(self, der):
        inside = decoded("Message", der)
        kind = self.kind(inside["name"])
        if kind["carriage"] == "sealed":
            raise Refusal("unauthenticated")
        if len(der) > kind["bytes"]:
            raise Refusal("too-large")
        return None, inside, None


def decoded(kind, der):
    try:
        check_structure(der)
        return decode(kind, der)
    except (ValueError, IndexError):
        raise Refusal(DECODING) from None


def padded(answer, kind):
    """An answer to `request-admission`: all have one length."""
    return answer + b"\x80" + bytes(TABLE[kind]["answer"] - len(answer))


# Texts and words (3.5, 4.3, 8.1, 8.2)

# What Unicode calls White_Space.
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200b)))
LIST = Mnemonic("english").wordlist


def text(label, data):
    return f"BCEMR:{label}:" + b32encode(data).decode().rstrip("=")


def read_text(label, written):
    stripped = written.strip(WHITE)
    upper = "".join(c.upper() if c.isascii() else c for c in stripped)
    prefix = f"BCEMR:{label}:"
    digits = upper.removeprefix(prefix)
    if not upper.startswith(prefix) or not re.fullmatch("[A-Z2-7]*", digits):
        raise ValueError("no such text")
    data = b32decode(digits + "=" * (-len(digits) % 8))
    if text(label, data) != upper:
        raise ValueError("a text has one form")
    return data


def words(data):
    return Mnemonic("english").to_mnemonic(data)


def read_words(written, count):
    """The bytes of 12 or 24 words, with their checksum."""
    listed = [word for word in re.split(f"[{WHITE}]+", written.lower()) if word]
    if len(listed) != count:
        raise ValueError("another number of words")
    data = bytes(Mnemonic("english").to_entropy(listed))
    if words(data) != " ".join(listed):
        raise ValueError("the checksum")
    return data


def presence_words(presence):
    bits = int.from_bytes(digest(encode("SignedMessage", presence)), "big") >> (256 - 66)
    return " ".join(LIST[bits >> 11 * (5 - place) & 2047] for place in range(6))


# Keys that are derived

def ticket_key(ticket, genesis, hospital):
    return Ed25519PrivateKey.from_private_bytes(
        hkdf(ticket, b"BCEMR-V01-TICKET", genesis + hospital.encode(), 32))


def address_keys(root, genesis, nonce):
    def derive(use):
        return hkdf(root, f"BCEMR-V01-ROOT-ADDRESS-{use}-KEY".encode(), genesis + nonce, 32)

    return (Ed25519PrivateKey.from_private_bytes(derive("SIGNING")),
            X25519PrivateKey.from_private_bytes(derive("AGREEMENT")))


def visit_keys(root, genesis, nonce, hospital):
    def derive(use, count):
        salt = f"BCEMR-V01-bls12-381-ROOT-{use}-KEY".encode()
        return hkdf(root, salt, genesis + nonce + hospital.encode(), count)

    return (number(derive("VISIT", 48)) % ORDER,
            Ed25519PrivateKey.from_private_bytes(derive("SIGNING", 32)),
            X25519PrivateKey.from_private_bytes(derive("MAILBOX", 32)))


def address_name(signing_key, agreement_key):
    return digest(signing_key + agreement_key).hex()


def open_all(path):
    """Opens what FILE has; see above."""
    case = json.loads(Path(path).read_text(encoding="utf-8"))
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["privateKey"]))
    genesis, failures = bytes.fromhex(case["genesis"]), 0
    for place, exchange in enumerate(case["exchanges"]):
        values = {name: bytes.fromhex(value) for name, value in exchange.items()}
        try:
            envelope = decode("Envelope", values["envelope"])
            sealed = envelope["sealed"]
            key_digest = digest(private.public_key().public_bytes_raw())
            context = Seal.by(private, sealed[:32], info(genesis, case["recipient"], key_digest))
            request = decode("SignedRequest", context.open(sealed[32:]))
            content = request["object"]
            holds = {
                "recipient": (envelope["recipient"], envelope["keyDigest"]) == (
                    content["recipient"], content["recipientKey"]) == (
                    case["recipient"], key_digest),
                "genesis": content["genesis"] == genesis,
                "signature": verify(values["author"], request["signature"],
                                    encode("RequestContent", content)),
                "message": content["payload"] == values["message"]
                and decode("Message", content["payload"])["name"] == content["name"],
                "reply": context.open_answer(values["answer"]) == values["reply"],
            }
        except (Refusal, ValueError) as failure:
            holds = {str(failure): False}
        for name in (name for name, is_held in holds.items() if not is_held):
            print(f"FAIL  exchange {place}: {name}")
            failures += 1
    if not failures:
        print(f"ok    {len(case['exchanges'])} exchanges")
    return 1 if failures or not case["exchanges"] else 0


def main(arguments):
    if len(arguments) != 2 or arguments[0] != "open":
        print(__doc__, file=sys.stderr)
        return 2
    return open_all(arguments[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
