#!/usr/bin/env python3
"""Makes Tests/EMRSchemeTests/Vectors/group-key.json, and of it the values of docs/specification.md, A.5.

    group_key_appendix.py write | check

The exchange of a group key by a hospital and both doctors of the visit of visit.json, from the document (3.10)
and docs/BCEMR.asn1 alone, with another library's curves. `check` makes all of it again and compares; before that
each side takes what the other sent, and refuses what is to be refused.

Exit codes: 0 all as it stands there, 1 not, 2 bad input or environment.
"""

import hmac
import json
import sys
from hashlib import sha256

from appendix_page import Page, printable
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from envelope import ROOT, Ed25519PrivateKey, Refusal, decode, digest, encode, verify
from libraries import Arkworks as curve
from visit import G1, hkdf, tag

VECTORS = ROOT / "Tests/EMRSchemeTests/Vectors/group-key.json"
[VISIT] = json.loads((ROOT / "Tests/EMRSchemeTests/Vectors/visit.json").read_text(encoding="utf-8"))["cases"]
CONTEXT = bytes.fromhex(VISIT["context"])
HOSPITAL = decode("VisitContext", CONTEXT)["hospital"]
TEAM = [signer["doctor"] for signer in decode("VisitContext", CONTEXT)["signers"]]
HOSPITAL_SECRET, DOCTOR_SECRETS = 2, [3, 5]
NONCE = bytes(12)
IDENTITY = b"\xc0" + bytes(47)
# (0, 2), of order 3.
OUTSIDE = b"\x80" + bytes(47)


def seed(use):
    return digest(f"BC-EMR group key {use}".encode())


def signing(who):
    return Ed25519PrivateKey.from_private_bytes(seed(f"{who} identity"))


def public(who):
    return signing(who).public_key().public_bytes_raw()


def multiple(scalar, point=None):
    return curve.encode(curve.multiply(scalar, curve.decode(point) if point else G1))


def point(data):
    """What comes from outside, but for the subgroup, which the library checks."""
    if len(data) != 48 or data == IDENTITY:
        raise Refusal("point")
    try:
        curve.decode(data)
    except ValueError:
        raise Refusal("point") from None
    return data


class Session:
    """What hospital and one doctor have in common: Eq. 1, and what follows from it."""

    def __init__(self, doctor, u, v, s):
        self.hospital, self.doctor = (encode("GroupKeyTranscript", {
            "version": 1, "role": role, "hospital": HOSPITAL, "doctor": doctor,
            "contextDigest": digest(CONTEXT), "u": u, "v": v}) for role in (1, 2))
        self.keys = {use: hkdf(s, tag(use), self.hospital, 32)
                     for use in ("GROUP-HOSPITAL", "GROUP-DOCTOR", "GROUP-DELIVERY")}
        self.mac_i = hmac.digest(self.keys["GROUP-HOSPITAL"], self.hospital, sha256)
        self.mac_k = hmac.digest(self.keys["GROUP-DOCTOR"], self.doctor, sha256)

    def seal(self, k):
        return AESGCM(self.keys["GROUP-DELIVERY"]).encrypt(NONCE, k, self.hospital)

    def open(self, sealed):
        try:
            return point(AESGCM(self.keys["GROUP-DELIVERY"]).decrypt(NONCE, sealed, self.hospital))
        except InvalidTag:
            raise Refusal("decryption") from None


# What each side takes (3.10): raises for anything else

def takes_offer(der):
    return point(decode("GroupKeyOffer", der)["u"])


def takes_answer(der, doctor, u):
    """The hospital's; the session."""
    fields = decode("GroupKeyAnswer", der)
    session = Session(doctor, u, point(fields["v"]), multiple(HOSPITAL_SECRET, fields["v"]))
    if not verify(public(doctor), fields["signature"], session.doctor):
        raise Refusal("signature")
    return session


def takes_confirmation(der, session):
    fields = decode("GroupKeyConfirmation", der)
    if not verify(public(HOSPITAL), fields["signature"], session.hospital) or (
            fields["code"] != session.mac_i):
        raise Refusal("confirmation")


def takes_acknowledgement(der, session):
    if decode("GroupKeyAcknowledgement", der)["code"] != session.mac_k:
        raise Refusal("acknowledgement")


def takes_delivery(der, session):
    return session.open(decode("GroupKeyDelivery", der)["sealedKey"])


# The values

def confirmation(signature, code):
    return encode("GroupKeyConfirmation", {"version": 1, "signature": signature, "code": code})


def acknowledgement(code):
    return encode("GroupKeyAcknowledgement", {"version": 1, "code": code})


def delivery(sealed):
    return encode("GroupKeyDelivery", {"version": 1, "sealedKey": sealed})


def offer(u):
    return encode("GroupKeyOffer", {"version": 1, "u": u})


def answer(v, signature):
    return encode("GroupKeyAnswer", {"version": 1, "v": v, "signature": signature})


def values():
    u = multiple(HOSPITAL_SECRET)
    total = curve.encode(curve.add(*(curve.multiply(secret, G1) for secret in DOCTOR_SECRETS)))
    k = multiple(HOSPITAL_SECRET, total)
    exchanges, sessions = [], []
    for doctor, secret in zip(TEAM, DOCTOR_SECRETS):
        v, s = multiple(secret), multiple(secret, u)
        session = Session(doctor, u, v, s)
        sessions.append(session)
        exchanges.append({
            "doctor": doctor, "identitySeed": seed(f"{doctor} identity"), "identityKey": public(doctor),
            "secret": secret.to_bytes(32, "big"), "v": v, "s": s,
            "hospitalTranscript": session.hospital, "doctorTranscript": session.doctor,
            "hospitalKey": session.keys["GROUP-HOSPITAL"], "doctorKey": session.keys["GROUP-DOCTOR"],
            "deliveryKey": session.keys["GROUP-DELIVERY"], "macI": session.mac_i, "macK": session.mac_k,
            "answer": answer(v, signing(doctor).sign(session.doctor)),
            "confirmation": confirmation(signing(HOSPITAL).sign(session.hospital), session.mac_i),
            "acknowledgement": acknowledgement(session.mac_k),
            "delivery": delivery(session.seal(k))})
    first = VISIT["commitments"][0]
    chain = encode("FindingChain", {
        "version": 1, "contextDigest": digest(CONTEXT), "position": 1, "commitments": [
            {"commitment": bytes.fromhex(first["commitment"]), "attempt": first["attempt"]}]})
    return {
        "context": CONTEXT, "hospitalIdentitySeed": seed(f"{HOSPITAL} identity"),
        "hospitalIdentityKey": public(HOSPITAL), "hospitalSecret": HOSPITAL_SECRET.to_bytes(32, "big"),
        "u": u, "offer": offer(u), "exchanges": exchanges, "groupKey": k,
        "findingsKey": hkdf(k, tag("FINDINGS"), chain, 32),
        "refused": list(refused(u, k, exchanges, sessions))}


def refused(u, k, exchanges, sessions):
    """What the first doctor, and the hospital of it, takes in the place of no right message."""
    mine, (session, other) = exchanges[0], sessions
    own, hospital = signing(TEAM[0]), signing(HOSPITAL)

    def case(message, name, der):
        return {"message": message, "name": name, "der": der}

    def altered(der, at, by=1):
        return der[:at] + bytes([der[at] ^ by]) + der[at + 1:]

    right = {**{name: mine[name] for name in (
        "answer", "confirmation", "acknowledgement", "delivery")}, "offer": offer(u)}
    for message, der in right.items():
        yield case(message, "a byte behind it", der + b"\0")
        yield case(message, "version 2", altered(der, der.index(b"\x02\x01\x01") + 2, 3))
        yield case(message, "its tag is that of another", altered(der, 1))
    # 7f 2c 81 …: the length takes a byte more than it needs.
    yield case("offer", "a length that is not minimal", offer(u)[:2] + b"\x81" + offer(u)[2:])
    yield case("offer", "U is the identity", offer(IDENTITY))
    yield case("offer", "U is of order 3", offer(OUTSIDE))
    yield case("offer", "U lacks a byte", offer(u[:-1]))
    yield case("answer", "V is the identity", answer(IDENTITY, own.sign(
        Session(TEAM[0], u, IDENTITY, IDENTITY).doctor)))
    yield case("answer", "signed by the other doctor", answer(
        mine["v"], signing(TEAM[1]).sign(session.doctor)))
    yield case("answer", "signed over the hospital's transcript", answer(
        mine["v"], own.sign(session.hospital)))
    yield case("answer", "the other doctor's", exchanges[1]["answer"])
    yield case("confirmation", "signed by the doctor", confirmation(
        own.sign(session.hospital), session.mac_i))
    yield case("confirmation", "signed over the doctor's transcript", confirmation(
        hospital.sign(session.doctor), session.mac_i))
    yield case("confirmation", "with MAC_k† in it", confirmation(
        hospital.sign(session.hospital), session.mac_k))
    yield case("confirmation", "the other doctor's", exchanges[1]["confirmation"])
    yield case("acknowledgement", "with MAC_i in it", acknowledgement(session.mac_i))
    yield case("acknowledgement", "the other doctor's", exchanges[1]["acknowledgement"])
    yield case("delivery", "K is the identity", delivery(session.seal(IDENTITY)))
    yield case("delivery", "K is of order 3", delivery(session.seal(OUTSIDE)))
    yield case("delivery", "sealed under the doctor's key of codes", delivery(AESGCM(
        session.keys["GROUP-DOCTOR"]).encrypt(NONCE, k, session.hospital)))
    yield case("delivery", "sealed with the doctor's transcript as data", delivery(AESGCM(
        session.keys["GROUP-DELIVERY"]).encrypt(NONCE, k, session.doctor)))
    yield case("delivery", "the other doctor's", delivery(other.seal(k)))


def vectors():
    return json.dumps({
        "about": "the group key of the visit of visit.json, by its hospital and both doctors: all five messages, "
                 "and such as are refused in their place by the first doctor, or by the hospital of it",
        "sources": ["cryptography 50.0.2", "py-arkworks-bls12381 0.5.0"],
        "cases": [printable(values())]}, indent=1, ensure_ascii=False) + "\n"


def appendix():
    found = values()
    first, second = found["exchanges"]
    rows = {
        "U_i": found["u"], "V_1": first["v"], "V_2": second["v"], "s_1": first["s"], "s_2": second["s"],
        "K = l_i·(V_1 + V_2)": found["groupKey"],
        "identity key of the hospital": found["hospitalIdentityKey"],
        "of the first doctor": first["identityKey"], "of the second": second["identityKey"],
        "first doctor: transcript of the hospital, SHA-256": digest(first["hospitalTranscript"]),
        "transcript of the doctor": first["doctorTranscript"],
        "key GROUP-HOSPITAL": first["hospitalKey"], "key GROUP-DOCTOR": first["doctorKey"],
        "key GROUP-DELIVERY": first["deliveryKey"], "MAC_i": first["macI"], "MAC_1†": first["macK"],
        "`GroupKeyOffer`, to both": found["offer"], "`GroupKeyAnswer`": first["answer"],
        "`GroupKeyConfirmation`": first["confirmation"],
        "`GroupKeyAcknowledgement`": first["acknowledgement"], "`GroupKeyDelivery`": first["delivery"],
        "second doctor: `GroupKeyAnswer`": second["answer"],
        "`GroupKeyConfirmation` to the second": second["confirmation"],
        "`GroupKeyAcknowledgement` of the second": second["acknowledgement"],
        "`GroupKeyDelivery` to the second": second["delivery"],
        "key FINDINGS of K and the `FindingChain` of k = 1": found["findingsKey"]}
    lines = ["| value | bytes |", "|---|---|", *(
        f"| {name} | `{value.hex()}` |" for name, value in rows.items())]
    return "\n".join(lines) + "\n"


# What either side says of them

def refuses(act, *arguments):
    try:
        act(*arguments)
        return False
    except (Refusal, ValueError):
        return True


def checks():
    found = values()
    u = takes_offer(found["offer"])
    sessions = []
    for doctor, each in zip(TEAM, found["exchanges"]):
        session = takes_answer(each["answer"], doctor, u)
        takes_confirmation(each["confirmation"], session)
        takes_acknowledgement(each["acknowledgement"], session)
        sessions.append(session)
        yield f"K of {doctor}", takes_delivery(each["delivery"], session) == found["groupKey"]
    yield "two doctors", len(sessions) == 2
    takes = {
        "offer": (takes_offer,), "answer": (takes_answer, TEAM[0], u),
        "confirmation": (takes_confirmation, sessions[0]),
        "acknowledgement": (takes_acknowledgement, sessions[0]), "delivery": (takes_delivery, sessions[0])}
    for each in found["refused"]:
        take, *more = takes[each["message"]]
        yield f"{each['message']}: {each['name']}", refuses(take, each["der"], *more)


if __name__ == "__main__":
    page = Page("group_key_appendix.py", "A.5", VECTORS, vectors, appendix)
    sys.exit(page.main(sys.argv[1:], __doc__, "group key", checks()))
