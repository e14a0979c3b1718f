#!/usr/bin/env python3
"""Computes the values of docs/specification.md, appendix A.2 to A.4, from the visit of visit.json.

    visit_appendix.py write | check

With the second implementation beside this file and another library's curves. `write` puts the values into
the rows of the appendix, by their names; `check` compares.

Exit codes: 0 the appendix has these values, 1 it has others.
"""

import json
import re
import sys
from hashlib import sha256
from pathlib import Path

from libraries import ORDER, Arkworks as curve, number
from visit import G1, G2, h, hkdf, parse, tag, top_level

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT / "docs/specification.md"
VECTOR = ROOT / "Tests/EMRSchemeTests/Vectors/visit.json"


def fields(data):
    """The fields of one top-level object, whatever its version."""
    [[[_, *values]]] = parse(data)
    return values


def hashed(use, message):
    return sha256(sha256(tag(use)).digest() + message).digest()


def values():
    [vector] = json.loads(VECTOR.read_text(encoding="utf-8"))["cases"]

    def octets(name):
        return bytes.fromhex(vector[name])

    def sha(data):
        return sha256(data).digest()

    # A.2
    statement = octets("statement")
    _, _, _, _, a, b1, b2, c1, c2, _, _, _ = fields(statement)
    c = number(octets("registrationChallenge"))
    z1, z2, z3 = (number(bytes.fromhex(z)) for z in vector["registrationResponses"])

    def first_message(z, base, point):
        return curve.encode(curve.add(
            curve.multiply(z, base), curve.multiply(ORDER - c, curve.decode(point))))

    messages = [first_message(z1, G2, a), first_message(z2, G2, b2), first_message(z3, G2, c2),
                first_message(z2, G1, b1), first_message(z3, G1, c1)]
    yield "A.2", "`RegistrationStatement`, SHA-256", sha(statement)
    yield "A.2", "first message for A, `z1·g2 − c·A`", messages[0]
    yield "A.2", "first message for B in G1", messages[3]
    yield "A.2", "`RegistrationChallenge`, SHA-256", sha(top_level(42, sha(statement), messages))
    yield "A.2", "c", octets("registrationChallenge")

    # A.3
    encoded = octets("context")
    context, digest = fields(encoded), sha(encoded)
    commitments = [[bytes.fromhex(each["commitment"]), each["attempt"]]
                   for each in vector["commitments"]]
    _, _, findings = fields(octets("plaintext"))
    position = top_level(24, digest, 1)
    chains = [top_level(25, digest, k, commitments[:k]) for k in (1, 2)]
    yield "A.3", "context digest", digest
    yield "A.3", "H_VISITKEY(`VisitContext`)", curve.encode(h("VISITKEY", encoded))
    yield "A.3", "`FindingPosition`, k = 1", position
    yield "A.3", "its digest", sha(position)
    yield "A.3", "salt_1", findings[0][1]
    yield "A.3", "SHA-256(m_1)", sha(findings[0][0])
    yield "A.3", "com_1", sha(sha(b"BCEMR-V01-COMMITMENT") + sha(position) + findings[0][1]
                              + sha(findings[0][0]))
    yield "A.3", "`FindingChain`, k = 1", chains[0]
    yield "A.3", "W_1", curve.encode(h("W", chains[0]))
    yield "A.3", "`FindingChain`, k = 2, SHA-256", sha(chains[1])
    yield "A.3", "W_2", curve.encode(h("W", chains[1]))

    # A.4
    _, one_time, b, ciphertext, d, e, _, _ = fields(octets("record"))
    p = number(octets("visitSecret"))
    y = curve.multiply(pow(p, -1, ORDER), curve.decode(b))
    mask = curve.gt_encode(curve.pairing(h("H1", one_time), y))
    info = top_level(34, digest, context[12], one_time, commitments, b, d)
    evidence = curve.gt_encode(curve.pairing(h("ALPHA", octets("alpha")), y))
    yield "A.4", "ḡ", curve.encode(h("GBAR", b""))
    yield "A.4", "H1(A)", curve.encode(h("H1", one_time))
    yield "A.4", "H2(A)", curve.encode(h("H2", one_time))
    yield "A.4", "Y = B/p_v", curve.encode(y)
    yield "A.4", "e(H1(A), Y), the first 48 of 576 bytes", mask[:48]
    yield "A.4", "e(H1(A), Y), SHA-256", sha(mask)
    yield "A.4", "`SealingInfo`, SHA-256", sha(info)
    yield "A.4", "key of C", hkdf(mask, tag("RECORD"), info, 32)
    yield "A.4", "SHA-256(C)", sha(ciphertext)
    yield "A.4", "`SealedRecordSignedPart`, SHA-256", sha(
        top_level(26, digest, sha(ciphertext), d, e, hashed("H3", evidence)))
    yield "A.4", "H0(α)", curve.encode(h("ALPHA", octets("alpha")))
    yield "A.4", "F = e(H0(α), Y), SHA-256", sha(evidence)
    yield "A.4", "G", hashed("H3", evidence)
    yield "A.4", "T_α", curve.encode(curve.multiply(pow(p, -1, ORDER), h("ALPHA", octets("alpha"))))
    yield "A.4", "record digest", octets("recordDigest")
    yield "A.4", "δ of (B, PK_v)", hashed("COMBINER", octets("recordDigest") + b + context[12])[:16]
    length = len(octets("plaintext"))
    yield "A.4", None, f"The plaintext has {length} bytes, padded {len(ciphertext) - 16}, C " \
                       f"{len(ciphertext)}."


def main(arguments):
    if arguments not in (["write"], ["check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text, failures = SPECIFICATION.read_text(encoding="utf-8"), 0
    for section, name, value in values():
        start = text.index(f"### {section} ")
        end = text.index("\n### A.", start)
        row = re.compile(rf"(?<=\| {re.escape(name)} \| `)[0-9a-f]+(?=` \|)" if name
                         else r"The plaintext has \d+ bytes, padded \d+, C \d+\.")
        value = value.hex() if name else value
        found = row.search(text, start, end)
        if not found or found[0] != value:
            failures += 1
            if arguments == ["check"] or not found:
                print(f"FAIL  {section}: {name or value}")
        if found:
            text = text[:found.start()] + value + text[found.end():]
    if arguments == ["write"]:
        SPECIFICATION.write_text(text, encoding="utf-8")
        return 0
    if not failures:
        print("ok    appendix A.2 to A.4")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
