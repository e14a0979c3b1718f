"""Writes keystore.json in this folder; needs the package `cryptography`.

Written from section 4.4 of the specification and RFC 7914 alone, in another language than the code that it tests.
"""
import base64, hashlib, json, pathlib, textwrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = pathlib.Path(__file__).parent


def der(tag, *contents):
    body = b"".join(contents)
    size = len(body)
    length = bytes([size]) if size < 128 else (
        bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return tag + length + body


def integer(value): return der(b"\x02", value.to_bytes(value.bit_length() // 8 + 1, "big"))
def octets(value): return der(b"\x04", value)
def text(value): return der(b"\x0c", value.encode())
def sequence(*parts): return der(b"\x30", *parts)


def demo_keys(owner, secrets):
    entries = [sequence(text(name), octets(secret)) for name, secret in sorted(secrets.items())]
    return der(b"\x7f\x28", sequence(
        integer(1), text("BC-EMR DEMONSTRATION KEYS - NOT FOR PATIENTS"), text(owner), sequence(*entries)))


def sealed_keys(log2n, p, salt, nonce, sealed):
    return der(b"\x7f\x4e", sequence(
        integer(1), integer(log2n), integer(8), integer(p), octets(salt), octets(nonce), octets(sealed)))


def case(what, passphrase, normal, log2n, p, salt, nonce):
    keys = demo_keys("doctor-1", {"identity": bytes(range(32)), "store": bytes(range(32, 64))})
    # OpenSSL counts a little more than 128 N r bytes.
    key = hashlib.scrypt(normal.encode(), salt=salt, n=1 << log2n, r=8, p=p, dklen=32, maxmem=1 << 30)
    header = sealed_keys(log2n, p, salt, nonce, b"")
    encoded = sealed_keys(log2n, p, salt, nonce, AESGCM(key).encrypt(nonce, keys, header))
    lines = textwrap.wrap(base64.b64encode(encoded).decode(), 64)
    return {
        "what": what, "passphrase": passphrase, "owner": "doctor-1", "identity": bytes(range(32)).hex(),
        "text": "\n".join(["-----BEGIN BC-EMR SEALED KEYS-----", *lines, "-----END BC-EMR SEALED KEYS-----", ""]),
    }


def main():
    salts = [hashlib.sha256(b"salt %d" % i).digest() for i in range(3)]
    nonces = [hashlib.sha256(b"nonce %d" % i).digest()[:12] for i in range(3)]
    cases = [
        case("N = 2^17, p = 1", "correct horse battery staple", "correct horse battery staple", 17, 1,
             salts[0], nonces[0]),
        case("N = 2^18, p = 2", "correct horse battery staple", "correct horse battery staple", 18, 2,
             salts[1], nonces[1]),
        # A ring above by itself, and letters of double width.
        case("letters in other forms of Unicode", "A\u030angstro\u0308m \uff10\uff11", "\u00c5ngstr\u00f6m 01", 17,
             1, salts[2], nonces[2]),
    ]
    file = {
        "about": "files of section 4.4, which open with their passphrases",
        "sources": ["specification 4.4", "RFC 7914 (hashlib)", "AES-256-GCM (cryptography)"],
        "cases": cases,
    }
    (HERE / "keystore.json").write_text(json.dumps(file, indent=1) + "\n")


main()
