#!/usr/bin/env python3
"""Makes Tests/ConsortiumTests/Vectors/sharing.json, and of it the values of docs/specification.md, A.10.

    sharing_appendix.py write | check

The values are those of sharing_case.py. `check` makes all of them again and compares; before that it has the
second implementation beside this file check every equation, signature and seal, and every refusal.

Exit codes: 0 all as it stands there, 1 not, 2 bad input or environment.
"""

import json
import sys

from appendix_page import Page, printable
from cryptography.exceptions import InvalidTag
from envelope import ROOT, Refusal, X25519PrivateKey, decode, digest, encode, verify
from envelope_appendix import DOCTOR_KEY, GENESIS, HOSPITAL, MAILBOX, S_V, VISIT, public
from libraries import number
from sharing import (
    GRANT, are_shares, inverse, is_found, is_record, is_signed_alone, open_kept, open_note, open_record,
    point, sealed_info)
from sharing_case import (
    CONTEXT_DIGEST, DOCUMENT, FINDING, OWN, RECORD, context, doctor_rotation, member_rotation, note, sharing,
    visit)
from visit import G2

VECTORS = ROOT / "Tests/ConsortiumTests/Vectors/sharing.json"
VISIT_OF_TWO = ROOT / "Tests/EMRSchemeTests/Vectors/visit.json"


def values():
    return {"doctor": dict(doctor_rotation()), "member": dict(member_rotation()),
            "visit": dict(visit()), "sharing": dict(sharing()), "note": dict(note())}


def vectors():
    return json.dumps({
        "about": "rotations of a doctor's and a supernode's keys, a visit of one doctor, what another "
                 "doctor is given of it with all shares, the sealed grant and the note of the visit",
        "sources": ["cryptography 50.0.2", "py-arkworks-bls12381 0.5.0"],
        "cases": [printable(values())]}, indent=1) + "\n"


# What the appendix prints, in its words; of what is long the digest alone.
ROWS = {
    "doctor": {
        "formerKey": "identity key of the doctor, as in A.8", "identityKey": "the new one",
        "statement": "`RotationStatement`", "statementDigest": "its digest",
        "proof": "`proof`, by the new key over the DER of the statement",
        "rotation": "`KeyRotation`",
        "entry": "`Entry` with it on the consortium chain, signed by the former key"},
    "member": {
        "formerKey": "identity key of `hospital-1`, as in A.8", "identityKey": "the new one",
        "withoutProof": "`PartyRotation` with 64 zero bytes as `proof`",
        "consent": "`MemberConsent` of its digest", "consentDigest": "digest of the `MemberConsent`",
        "proof": "`proof`, by the new key over the DER of the `MemberConsent`",
        "rotation": "`PartyRotation`",
        "entry": "`Entry` with it on the consortium chain, signed by the former key"},
    "visit": {
        "opening": "`PseudonymOpening`", "context": "`VisitContext`: that of A.8, with this pseudonym",
        "contextDigest": "context digest", "visitSecret": "p_v", "visitKeyProof": "π",
        "commitment": "com_1", "signature": "R_1 ‖ Q_1", "head": "`RecordHead`",
        "recordDigest": "record digest", "trapdoor": "T_α"},
    "sharing": {
        "accessRequestDigest": "digest of the `AccessRequest` of A.8",
        "accessRequestSignature": "its signature",
        "submission": "`Message` \"submit-access-request\"",
        "certification": "`Message` \"certify-request-key\", `replaced` empty",
        "requestSecret": "d'", "requestKey": "A' = d'·g2",
        "recertification": "`Message` \"certify-request-key\" once a consent under this A' has ended", "agreementSecret": "private agreement key",
        "certificate": "`RequestKeyCertificate`", "certificateDigest": "its digest",
        "certificateSignature": "its signature, by the doctor's identity key", "t": "t",
        "theta": "Θ = t·g2", "x": "x = t·p_v⁻¹", "y": "y = d'·t⁻¹", "rk": "rk = x·y = d'·p_v⁻¹",
        "consent": "`Consent`", "document": "its digest", "consentSignature": "its signature, by S_v",
        "consentNotice": "`Entry` with the `ConsentNotice`, signed by S_v",
        "deposit": "`Message` \"deposit-consent\"", "managerKey": "identity key of `manager`",
        "requestNotice": "`Entry` with the `AccessRequestNotice`, signed by the manager",
        "accessNotice": "`Entry` with the `AccessNotice`, signed by the manager",
        "grant": "`Message` \"doctor-grant\"", "grantInfo": "its `info`",
        "grantEphemeral": "private ephemeral key", "sealedGrant": "`sealedGrant`",
        "granted": "`Message` \"grant-consent\"", "reencryption": "`Message` \"reencrypt\"",
        "bI": "B_I = rk·B", "openingKey": "Y = d'⁻¹·B_I", "openingEvidence": "`OpeningEvidence`"},
    "note": {
        "mailboxSecret": "private mailbox key", "revocation": "`Entry` with the `Revocation` in the note",
        "message": "`Message` \"visit-note\"", "signature": "its signature, by S_v",
        "paddedDigest": "SHA-256 of the SEQUENCE of both, padded", "info": "its `info`",
        "ephemeral": "private ephemeral key", "sealedDigest": "SHA-256 of `sealed`"},
}


def appendix():
    found = values()
    lines = ["| value | |", "|---|---|"]
    for part, rows in ROWS.items():
        lines += [f"| {name} | `{found[part][key].hex()}` |" for key, name in rows.items()]
    sizes = {name: found["note"][name] for name in (
        "signedByteCount", "paddedByteCount", "sealedByteCount")}
    lines += [
        f"| SHA-256 of the `ReencryptedRecord` | `{digest(found['sharing']['reencrypted']).hex()}` |",
        "", "The SEQUENCE of the note and its signature has {signedByteCount} bytes, padded "
        "{paddedByteCount}, sealed {sealedByteCount}.".format(**sizes)]
    return "\n".join(lines) + "\n"


# What the second implementation says of them

def refuses(act):
    try:
        act()
        return False
    except (Refusal, ValueError, InvalidTag):
        return True


def rotations(found):
    for part, kind, statement in (("doctor", "keyRotation", "statement"),
                                  ("member", "partyRotation", "consent")):
        each = found[part]
        fields = decode("Entry", each["entry"])
        yield f"{kind}: entry", fields["content"]["body"][0] == kind and verify(
            each["formerKey"], fields["signature"], encode("EntryContent", fields["content"]))
        proofs = [each["proof"], *each["refusedProofs"]]
        yield f"{kind}: proofs", [
            verify(each["identityKey"], proof, each[statement]) for proof in proofs] == (
                [True] + [False] * 5)


def visits(found):
    signer = context()["signers"][0]
    yield "Eq. 3", is_signed_alone(found["signature"], signer, CONTEXT_DIGEST, OWN)
    yield "record", is_record(RECORD, RECORD["b"], context()["visitKey"])
    yield "trapdoor", is_found(RECORD, found["trapdoor"])


def shared(found):
    yield "x and y", are_shares(found, context()["visitKey"]) == (True, True)
    yield "wrong shares", are_shares(
        {**found, "x": found["y"]}, context()["visitKey"]) == (False, True) and are_shares(
        {**found, "y": found["x"]}, context()["visitKey"]) == (True, False)
    yield "record under B_I and A'", is_record(RECORD, found["bI"], found["requestKey"])
    yield "not under the patient's key", not is_record(RECORD, found["bI"], context()["visitKey"])
    for name, y in (("receiver", found["openingKey"]),
                    ("evidence", decode("OpeningEvidence", found["openingEvidence"])["y"])):
        opened = open_record(RECORD, context(), [OWN], y)
        yield f"{name}: the findings", opened["findings"] == [FINDING]
    for name, kind, key in (("certificate", "RequestKeyCertificate", public(DOCTOR_KEY)),
                            ("consent", "Consent", public(S_V)),
                            ("accessRequest", "AccessRequest", public(DOCTOR_KEY))):
        yield name, bool(decode(kind, found[name])) and verify(
            key, found[f"{name}Signature"], found[name])
    private = X25519PrivateKey.from_private_bytes(found["agreementSecret"])

    def open_grant(sealed):
        return open_kept(sealed, sealed_info(GRANT, GENESIS, CONTEXT_DIGEST), DOCUMENT, private)

    grant = decode("DoctorGrant", decode("Message", open_grant(found["sealedGrant"]))["payload"])
    yield "grant", (grant["share"], is_found(RECORD, grant["trapdoor"])) == (found["t"], True)
    yield "grants that are none", len(found["refusedGrants"]) == 9 and all(
        refuses(lambda: open_grant(sealed)) for sealed in found["refusedGrants"])


def notes(found):
    def read(kept):
        return open_note(kept, VISIT, HOSPITAL, GENESIS, public(S_V), MAILBOX)

    opened = read({"counter": found["counter"], "sealed": found["sealed"]})
    yield "note", opened == decode("VisitNote", decode("Message", found["message"])["payload"])
    for each in found["refused"]:
        yield f"a note: {each['name']}", refuses(lambda: read(decode("KeptNote", each["kept"])))


def of_another_program():
    """The record of A.4, which the code has sealed and re-encrypted."""
    [found] = json.loads(VISIT_OF_TWO.read_text(encoding="utf-8"))["cases"]
    record = decode("SealedRecord", bytes.fromhex(found["record"]))
    commitments = [{**each, "commitment": bytes.fromhex(each["commitment"])}
                   for each in found["commitments"]]
    secret, b_i = number(bytes.fromhex(found["requestSecret"])), bytes.fromhex(found["reencrypted"])
    yield "the record of A.4", is_record(record, b_i, point(G2, secret)) and encode(
        "RecordPlaintext", open_record(
            record, decode("VisitContext", bytes.fromhex(found["context"])), commitments,
            point(b_i, inverse(secret)))).hex() == found["plaintext"]


def checks():
    found = values()
    yield from of_another_program()
    for part, check in (("visit", visits), ("sharing", shared), ("note", notes)):
        yield from check(found[part])
    yield from rotations(found)
    yield "scalars", all(number(found["sharing"][name]) for name in ("t", "x", "y", "rk"))


if __name__ == "__main__":
    page = Page("sharing_appendix.py", "A.10", VECTORS, vectors, appendix)
    sys.exit(page.main(sys.argv[1:], __doc__, "rotations, a visit that is shared and its note", checks()))
