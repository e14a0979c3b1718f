#!/usr/bin/env python3
"""Makes Tests/ConsortiumTests/Vectors/pieces.json, and of it the values of docs/specification.md, A.9.

    pieces_appendix.py write | check

Findings of several segments, the pieces and heads that they travel in, the one written form of names, and a
request for the proof of a visit: from the documents (3.11 to 3.13, 8.1, 8.2) and docs/BCEMR.asn1 alone, with
AES-256-GCM of another library and the Unicode database of Python. `check` makes all of it again and compares.

Exit codes: 0 all as it stands there, 1 not, 2 bad input or environment.
"""

import json
import sys
import unicodedata

from appendix_page import Page, printable
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from envelope import ROOT, decode, digest, encode, message
from envelope_appendix import HOSPITAL, VISIT, context, seed
from libraries import Arkworks as curve
from visit import G1, hkdf, tag

VECTORS = ROOT / "Tests/ConsortiumTests/Vectors/pieces.json"
RECORD = ROOT / "Tests/EMRSchemeTests/Vectors/visit.json"
PIECE, TAG, LONGEST = 1048576, 16, 69207088
GROUP_KEY, SALT = curve.encode(curve.multiply(6, G1)), seed("salt")


# Findings in segments (3.11)

def padme(count):
    count = max(count, 4096)
    e = count.bit_length() - 1
    step = 1 << (e - e.bit_length())
    return -(-count // step) * step


def pad(data):
    return data + b"\x80" + bytes(padme(len(data) + 1) - len(data) - 1)


def segments(key, data, text):
    parts = [text[at:at + PIECE - TAG] for at in range(0, len(text), PIECE - TAG)] or [b""]
    nonces = (bytes(7) + number.to_bytes(4, "big") + bytes([number + 1 < len(parts)])
              for number in range(len(parts)))
    return b"".join(AESGCM(key).encrypt(nonce, part, data)
                    for nonce, part in zip(nonces, parts))


def content(count):
    return (bytes(range(251)) * (count // 251 + 1))[:count]


def findings(count):
    """c_1 of a finding of so many bytes."""
    visit = digest(context())
    position = digest(encode("FindingPosition", {
        "version": 1, "contextDigest": visit, "position": 1}))
    commitment = digest(digest(b"BCEMR-V01-COMMITMENT") + position + SALT + digest(content(count)))
    chain = encode("FindingChain", {
        "version": 1, "contextDigest": visit, "position": 1,
        "commitments": [{"commitment": commitment, "attempt": 1}]})
    listed = encode("FindingList", {"version": 1, "findings": [
        {"content": content(count), "salt": SALT, "attempt": 1}]})
    key = hkdf(GROUP_KEY, tag("FINDINGS"), chain, 32)
    sealed = segments(key, chain, pad(listed))
    pieces = [sealed[at:at + PIECE] for at in range(0, len(sealed), PIECE)]
    head = {"contextDigest": visit, "position": 1, "attempt": 1, "ciphertextDigest": digest(sealed)}
    return {
        "contentByteCount": count, "commitment": commitment, "key": key,
        "byteCount": len(sealed), "pieceCount": len(pieces), "ciphertextDigest": digest(sealed),
        "firstTag": pieces[0][-TAG:], "lastPieceDigest": digest(pieces[-1]),
        "head": encode("FindingsHead", head)}


# Pieces and heads (8.1)

def count(length):
    return -(-length // PIECE)


def pieces():
    last = {"byteCount": PIECE + 1, "index": 1, "bytes": b"\xaa"}
    yield "piece", encode("Piece", last)
    whole = {"byteCount": 3, "index": 0, "bytes": b"abc"}
    refused = [
        {**last, "index": 0}, {**last, "index": 2}, {**last, "bytes": b"\xaa\xbb"},
        {**last, "byteCount": PIECE}, {**last, "byteCount": PIECE + 2}, {**whole, "byteCount": 2},
        {**whole, "byteCount": 4}, {**whole, "index": 1}]
    yield "refusedPieces", [encode("Piece", each) for each in refused]
    lengths = [1, PIECE, PIECE + 1, 10 * PIECE, LONGEST]
    yield "counts", [{"byteCount": length, "count": count(length)} for length in lengths]


def record():
    [visit] = json.loads(RECORD.read_text(encoding="utf-8"))["cases"]
    sealed = bytes.fromhex(visit["record"])
    fields = decode("SealedRecord", sealed)
    c = fields.pop("c")
    fields.pop("version")
    head = {**fields, "ciphertextDigest": digest(c)}
    key = decode("VisitContext", bytes.fromhex(visit["context"]))["visitKey"]
    yield "head", encode("RecordHead", head)
    yield "visitKey", key
    yield "recordDigest", digest(encode("RecordDigestInput", {
        "version": 1, **head, "visitKey": key}))
    yield "part", encode("RecordPiece", {"head": head, "piece": {
        "byteCount": len(c), "index": 0, "bytes": c}})


# The one written form (8.2)

def canonical(text):
    spaces = {chr(code) for code in (*range(9, 14), 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b),
                                     0x2028, 0x2029, 0x202f, 0x205f, 0x3000)}
    words = "".join("\n" if each in spaces else each for each in text).split("\n")
    return unicodedata.normalize("NFC", " ".join(word for word in words if word))


def comparable(text):
    # Those Default_Ignorable_Code_Points that are among the cases.
    ignored = {0xad, 0x34f, 0x61c, *range(0x200b, 0x2010), *range(0x202a, 0x202f),
               *range(0x2060, 0x2070), *range(0xfe00, 0xfe10), 0xfeff}

    def each(method, text):
        # By itself: Python's lower() makes a final sigma of its own.
        return "".join(method(letter) for letter in text)

    found = canonical("".join(letter for letter in text if ord(letter) not in ignored))
    for method in (str.lower, str.upper, str.lower):
        found = each(method, found)
    return canonical(found)


def forms():
    texts = [
        "Zoe\u0308  Stra\u00dfe, 1980-02-29", " ZO\u00cb STRASSE,\u00a01980-02-29\n",
        "zo\u00eb stra\u017f\u017fe,\t1980-02-29", "Zo\u200b\u00eb Stra\u1e9ee, 1980-02-29",
        "\u0130pek \u0131\u015f\u0131k", "\u0391\u03a3\u03a3 \u03bf\u03c3\u03c2",
        "\u01c5ordje \ufb03n", "\uac00 \u1100\u1161", "\u212bngstr\u00f6m", "\u2003\u3000",
        "Zo\u00eb Stra\u00ade", "\u0149a \u01f0"]
    for text in texts:
        yield {"text": text, "canonical": canonical(text), "comparable": comparable(text)}


# The proof of a visit

def requests():
    for subject in (1, 2):
        yield message("prove-visit", "ProveVisit", {
            "subject": subject, "hospital": HOSPITAL, "visit": VISIT, "consent": [],
            "knownSize": 1000 * subject})


COUNTS = [0, 10, 1_000_000, 1_048_500, 3_500_000]


def values():
    return {
        "context": context(), "groupKey": GROUP_KEY, "salt": SALT,
        "findings": [findings(each) for each in COUNTS], "pieces": dict(pieces()),
        "record": dict(record()), "forms": list(forms()),
        "requests": [*requests()],
        "lengths": [{"count": each, "padded": padme(each)}
                    for each in (0, 4096, 4097, 10001, 1000001, 2**26 + 1, 2**26 + 2**17)]}


def vectors():
    return json.dumps({
        "about": "findings of several segments, pieces and heads, written forms, requests for the proof of "
                 "a visit",
        "sources": ["cryptography 50.0.2", "py-arkworks-bls12381 0.5.0", "Python's unicodedata"],
        "cases": [printable(values())]}, indent=1) + "\n"


def appendix():
    found = printable(values())
    lines = ["| value | |", "|---|---|",
             f"| `VisitContext`, as in A.8 | `{found['context']}` |",
             f"| K = 6·g1 | `{found['groupKey']}` |", f"| salt_1 | `{found['salt']}` |"]
    for each in found["findings"]:
        of = f"m_1 of {each['contentByteCount']} bytes: "
        lines += [
            f"| {of}com_1 | `{each['commitment']}` |", f"| its key FINDINGS | `{each['key']}` |",
            f"| c_1: {each['byteCount']} bytes, {each['pieceCount']} pieces; its SHA-256 | "
            f"`{each['ciphertextDigest']}` |",
            f"| SHA-256 of the last piece | `{each['lastPieceDigest']}` |",
            f"| `FindingsHead` | `{each['head']}` |"]
    lines += [
        f"| `Piece`, the second of {PIECE + 1} bytes, `aa` | `{found['pieces']['piece']}` |",
        f"| `RecordHead` of the record of A.4 | `{found['record']['head']}` |",
        "| `Message` \"prove-visit\" of the visit of A.8, subject 1, known size 1000 | "
        f"`{found['requests'][0]}` |",
        "| subject 2, known size 2000 | " f"`{found['requests'][1]}` |",
        "", "| identity, in UTF-8 | as it is sent | as it is compared |", "|---|---|---|"]
    lines += [" ".join(["|", *(f"`{each[name].encode().hex()}` |" if each[name] else "nothing |"
                               for name in ("text", "canonical", "comparable"))])
              for each in found["forms"]]
    return "\n".join(lines) + "\n"


def checks():
    yield "segments of one part are AES-256-GCM", segments(SALT, b"a", b"b") == AESGCM(
        SALT).encrypt(bytes(12), b"b", b"a")


if __name__ == "__main__":
    page = Page("pieces_appendix.py", "A.9", VECTORS, vectors, appendix)
    sys.exit(page.main(sys.argv[1:], __doc__, "segments, pieces and written forms", checks()))
