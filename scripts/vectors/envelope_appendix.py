#!/usr/bin/env python3
"""Makes Tests/ConsortiumTests/Vectors/envelope.json, and of it the values of docs/specification.md, A.8.

    envelope_appendix.py write | check

Everything is a function of this file and of the documents: a seed is the SHA-256 of `BC-EMR envelope ` and
its use. The codes of refusals are those of the second implementation beside this file. `check` makes all of
it again and compares, and opens the messages of RFC 9180's authors.

Exit codes: 0 all as it stands there, 1 not, 2 bad input or environment.
"""

import json
import sys

from appendix_page import Page, printable
from envelope import (
    LIST, ROOT, Ed25519PrivateKey, Recipient, Refusal, Seal, X25519PrivateKey, address_keys,
    address_name, decode, digest, encode, hkdf, info, message, padded, presence_words, read_text,
    read_words, seal, signed, text, ticket_key, verify, visit_keys, words)
from registration import points, prove, secrets

VECTORS = ROOT / "Tests/ConsortiumTests/Vectors/envelope.json"
RFC = ROOT / "Tests/CredentialsTests/Vectors/hpke.json"
NOW, HOSPITAL, DOCTOR = 1790000000, "hospital-1", "hospital-1-doctor-1"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def seed(use):
    return digest(f"BC-EMR envelope {use}".encode())


def signing(use):
    return Ed25519PrivateKey.from_private_bytes(seed(use))


def agreement(use):
    return X25519PrivateKey.from_private_bytes(seed(use))


def public(private):
    return private.public_key().public_bytes_raw()


GENESIS = seed("genesis")
ROOT_SECRET, NONCE, TICKET = seed("root"), seed("visit nonce"), seed("ticket")[:16]
VISIT, ALPHA = seed("visit"), seed("evidence")
VISIT_SECRET, S_V, MAILBOX = visit_keys(ROOT_SECRET, GENESIS, NONCE, HOSPITAL)
HOSPITAL_KEY, DOCTOR_KEY = agreement("hospital-1 agreement"), signing("doctor identity")
EPHEMERAL = agreement("ephemeral")


def context():
    team = points(secrets("envelope doctor"))
    signer = {"doctor": DOCTOR, "a": team["a"], "b": team["b2"], "c": team["c2"]}
    value = {
        "version": 2, "genesis": GENESIS, "suite": "bls12-381", "hospital": HOSPITAL,
        "pseudonym": seed("pseudonym"), "visitID": VISIT, "evidenceDigest": digest(ALPHA),
        "signers": [signer], "openedAt": NOW, "window": 600, "resignatureLimit": 4,
        "baseHeight": 7, "baseHash": seed("base"),
        "visitKey": points((VISIT_SECRET, 1, 1))["a"], "visitSigningKey": public(S_V),
        "keyNonce": NONCE, "mailboxKey": public(MAILBOX), "amends": []}
    return encode("VisitContext", value)


# An exchange, and what is refused of others like it

def authorize(payload=None):
    return payload or message("authorize-visit", "AuthorizeVisit", {
        "contextDigest": digest(context()), "visitKeyProof": bytes(48),
        "signature": S_V.sign(context())})


def patient(visit=VISIT):
    return {"principal": 2, "subject": visit, "hospital": HOSPITAL}


def recipient():
    return Recipient(HOSPITAL, "hospital", GENESIS, HOSPITAL_KEY, {
        (VISIT, HOSPITAL): ("patient", [public(S_V)]),
        DOCTOR: ("doctor", [public(DOCTOR_KEY)])})


def request(author=S_V, to=HOSPITAL_KEY, **changes):
    content = {
        "genesis": GENESIS, "recipient": HOSPITAL, "author": patient(), "name": "authorize-visit",
        "nonce": seed("nonce")[:16], "sentAt": NOW, "payload": authorize()}
    content |= changes.pop("content", {})
    return seal(content, author, public(to), EPHEMERAL, **changes)


def open_message():
    return message("fetch-members", "FetchMembers", {"epoch": 1})


def open_request():
    """What is open, in an envelope: by any key, whatever its time."""
    return request(signing("stranger"), content={
        "author": {"principal": 3, "subject": public(signing("stranger"))},
        "name": "fetch-members", "payload": open_message(), "sentAt": 0})[0]


def altered(data, place):
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def long_payload(limit):
    empty = message("authorize-visit", "Octets", {"bytes": bytes(limit - 64)})
    count = 2 * limit - 64 - len(empty)
    return message("authorize-visit", "Octets", {"bytes": bytes(count)})


def refused():
    """(what is wrong, bytes that arrive)."""
    good, _ = request()
    other, stranger = agreement("hospital-2 agreement"), signing("stranger")
    content = {"name": "fetch-note", "payload": message(
        "fetch-note", "FetchNote", {})}
    yield "to another recipient", request(
        to=other, content={"recipient": "hospital-2"})[0]
    yield "to another recipient, whose name was changed outside", encode("Envelope", {
        **decode("Envelope", request(content={"recipient": "hospital-2"})[0]),
        "recipient": HOSPITAL})
    yield "made for another recipient, and sealed anew by it", request(
        inside={"recipient": "hospital-2"})[0]
    yield "made for a former key, and sealed anew by its thief", request(
        inside={"recipientKey": digest(public(agreement("former")))})[0]
    yield "sealed to a key that the recipient does not have", request(to=other)[0]
    yield "another digest of the key outside", request(outside={"keyDigest": seed("x")})[0]
    yield "sealed for another ledger", request(genesis=seed("another genesis"))[0]
    yield "of another ledger inside", request(inside={"genesis": seed("another genesis")})[0]
    yield "a kind that nobody takes", request(content={"name": "give-me-all"})[0]
    yield "a kind that others take", request(content=content)[0]
    yield "what is open, in a member's name", request(content={
        "author": {"principal": 1, "party": "cloud"}, "name": "fetch-members",
        "payload": open_message()})[0]
    yield "a byte too long", request(content={"payload": long_payload(1025)})[0]
    yield "by a doctor", request(
        DOCTOR_KEY, content={"author": {"principal": 1, "party": DOCTOR}})[0]
    yield "by the holder of a key", request(
        content={"author": {"principal": 3, "subject": public(S_V)}})[0]
    yield "by nobody who is known", request(content={"author": patient(seed("unknown"))})[0]
    yield "signed by a stranger", request(stranger)[0]
    signature = decode("SignedRequest", opened(good))["signature"]
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    yield "a signature with S above the group order", request(
        request={"signature": signature[:32] + scalar.to_bytes(32, "little")})[0]
    yield "too old by a second", request(content={"sentAt": NOW - 601})[0]
    yield "too early by a second", request(content={"sentAt": NOW + 601})[0]
    yield "another name in the message", request(content={"payload": message(
        "read-visit", "ReadVisit", {"hospital": HOSPITAL, "visit": VISIT})})[0]
    yield "a byte behind the message", request(content={"payload": authorize() + b"\0"})[0]
    yield "a byte behind the envelope", good + b"\0"
    yield "an envelope that is cut off", good[:-1]
    yield "a ciphertext with a bit changed", altered(good, -1)
    yield "an encapsulated key of small order", request(sealed=bytes(80))[0]
    yield "too short to be sealed", request(sealed=bytes(47))[0]
    yield "without a seal", authorize()
    yield "a bare kind that nobody takes", message("give-me-all", "FetchMembers", {"epoch": 0})
    yield "no message", b"\x30\x00"


def opened(envelope):
    sealed = decode("Envelope", envelope)["sealed"]
    _, _, context = recipient().receive(envelope, NOW)
    return context.open(sealed[32:])


def exchange():
    envelope, seal_ = request()
    content, inside, other = recipient().receive(envelope, NOW)
    assert (content["payload"], other.key) == (authorize(), seal_.key)
    r, reply = seed("r"), message("reply", "Done", {})
    key, nonce = seal_.answer_key(r)
    answer = other.seal_answer(reply, r)
    assert seal_.open_answer(answer) == reply
    yield "now", NOW
    yield "recipient", HOSPITAL
    yield "genesis", GENESIS
    yield "privateKey", seed("hospital-1 agreement")
    yield "publicKey", public(HOSPITAL_KEY)
    yield "keyDigest", digest(public(HOSPITAL_KEY))
    yield "info", info(GENESIS, HOSPITAL, digest(public(HOSPITAL_KEY)))
    yield "ephemeralKey", seed("ephemeral")
    yield "visit", VISIT
    yield "signingSeed", S_V.private_bytes_raw()
    yield "signingKey", public(S_V)
    yield "doctor", DOCTOR
    yield "doctorKey", public(DOCTOR_KEY)
    yield "nonce", content["nonce"]
    yield "message", authorize()
    yield "content", encode("RequestContent", content)
    yield "signature", decode("SignedRequest", opened(envelope))["signature"]
    yield "envelope", envelope
    yield "envelopeDigest", digest(envelope)
    yield "answerSecret", seal_.answer_secret
    yield "r", r
    yield "answerKey", key
    yield "answerNonce", nonce
    yield "reply", reply
    yield "answer", answer
    yield "openMessage", open_message()
    yield "openEnvelope", open_request()
    assert recipient().receive(open_request(), NOW)[0]["payload"] == open_message()
    yield "taken", [request(content={"sentAt": NOW + offset})[0] for offset in (-600, 600)] + [
        request(content={"payload": authorize(), "nonce": bytes(16)})[0], open_request()]
    sealed = decode("SealedAnswer", answer)["sealed"]
    elsewhere = request(content={"nonce": bytes(16)})[1].seal_answer(reply, r)
    assert elsewhere == answer  # one ephemeral key is one context; an honest author draws another
    yield "refusedAnswers", [
        encode("SealedAnswer", {"version": 1, "sealed": changed}) for changed in (
            altered(sealed, 0), altered(sealed, 40), altered(sealed, -1), sealed[:-1],
            sealed + b"\0", sealed[:47], sealed[32:], seed("another r") + sealed[32:])]
    yield "refused", [outcome(name, data) for name, data in refused()]


def outcome(name, data):
    try:
        recipient().receive(data, NOW)
    except Refusal as refusal:
        return {"name": name, "bytes": data, "code": refusal.code,
                "isSealed": refusal.exchange is not None}
    raise SystemExit(f"envelope_appendix.py: {name} is taken")


# Texts and words

def texts():
    address = address_keys(ROOT_SECRET, GENESIS, seed("address nonce"))
    keys = [public(key) for key in address]
    yield "root", ROOT_SECRET
    yield "phrase", words(ROOT_SECRET)
    assert read_words(words(ROOT_SECRET), 24) == ROOT_SECRET
    yield "addressNonce", seed("address nonce")
    yield "addressSigningKey", keys[0]
    yield "addressAgreementKey", keys[1]
    yield "addressName", address_name(*keys)
    yield "addressText", text("ADDRESS", b"".join(keys))
    yield "ticket", TICKET
    yield "ticketText", text("TICKET", TICKET)
    yield "ticketWords", words(TICKET)
    yield "ticketKey", public(ticket_key(TICKET, GENESIS, HOSPITAL))
    presence = signed(S_V, "Message", decode("Message", message("presence", "Presence", {
        "contextDigest": digest(context()), "doctor": DOCTOR, "minute": NOW // 60})))
    code = message("presence-code", "PresenceCode", {
        "visit": VISIT, "evidence": ALPHA, "presence": presence})
    yield "context", context()
    yield "presence", code
    yield "presenceText", text("PRESENCE", code)
    yield "presenceWords", presence_words(presence)
    written = text("TICKET", TICKET)
    yield "sameTicketTexts", [written.lower(), f"\u2003{written}\r\n", written.swapcase()]
    yield "refusedTicketTexts", bad_texts(written)
    listed = words(TICKET).split()
    another = next(word for word in LIST if not is_phrase([*listed[:11], word]))
    yield "sameTicketWords", [" ".join(listed).upper(), "\n".join(listed), "  ".join(listed) + "\t"]
    yield "refusedTicketWords", [
        " ".join(changed) for changed in (
            listed[:11], [*listed, listed[0]], [*listed[:11], another], [*listed[:11], "bcemr"],
            ["-".join(listed)], words(ROOT_SECRET).split(), [])]


def bad_texts(written):
    last = written[:-1] + chr(ord(written[-1]) + 1)
    found = [written + "=", written + "A", written[:-1], last, written[:20] + " " + written[20:],
             written.replace("TICKET", "PRESENCE"), "X" + written, written[:-1] + "1",
             written.replace("TICKET", "T\u0131CKET"), written.removeprefix("BCEMR:"),
             text("TICKET", TICKET[:15]), text("TICKET", TICKET + b"\0"), ""]
    for each in found:
        try:
            assert len(read_text("TICKET", each)) != 16, each
        except ValueError:
            pass
    return found


def is_phrase(listed):
    try:
        read_words(" ".join(listed), len(listed))
        return True
    except ValueError:
        return False


# Objects, and the padding of an answer

def objects():
    keys = [public(key) for key in address_keys(ROOT_SECRET, GENESIS, seed("address nonce"))]
    access = {
        "version": 2, "genesis": GENESIS, "doctor": DOCTOR, "hospital": HOSPITAL,
        "address": {"signingKey": keys[0], "agreementKey": keys[1]}, "purpose": "treatment",
        "madeAt": NOW, "nonce": seed("access request")}
    yield "accessRequest", encode("AccessRequest", access)
    yield "accessRequestDigest", digest(encode("AccessRequest", access))
    yield "accessRequestSignature", signed(DOCTOR_KEY, "AccessRequest", access)["signature"]
    yield "accessRequestVersion1", encode("AccessRequest", access).replace(
        b"\2\1\2", b"\2\1\1", 1)
    hospital = signing("hospital identity")
    yield "hospitalIdentityKey", public(hospital)
    yield "envelopeKey", encode("SignedEnvelopeKey", signed(hospital, "EnvelopeKey", {
        "version": 1, "genesis": GENESIS, "owner": HOSPITAL, "key": public(HOSPITAL_KEY),
        "first": NOW, "last": NOW + 604800}))
    manager = signing("registration key")
    statement = {
        "version": 4, "genesis": GENESIS, "suite": "bls12-381", "doctor": DOCTOR,
        "hospital": HOSPITAL, **points(secrets("envelope doctor")),
        "identityKey": public(DOCTOR_KEY),
        "replaces": [seed("former statement")],
        "specialties": [{"system": "http://snomed.info/sct", "code": code}
                        for code in ("394579002", "394814009")]}
    der = encode("RegistrationStatement", statement)
    yield "statement", der
    yield "statementVersion3", der.replace(b"\2\1\4", b"\2\1\3", 1)
    yield "fingerprint", digest(der)
    yield "registrationKey", public(manager)
    yield "registration", encode("DoctorRegistration", {
        "version": 1, "statement": statement, "proof": prove("envelope doctor", der),
        "doctorSignature": DOCTOR_KEY.sign(der), "managerSignature": manager.sign(der)})
    specialties = statement["specialties"]
    yield "refusedStatements", [
        encode("RegistrationStatement", {**statement, "specialties": list(changed)})
        for changed in (reversed(specialties), [specialties[0]] * 2, [
            {"system": "a!", "code": "x"}, {"system": "a", "code": "x"}])]
    no_team = message("reply", "NoTeamOffer", {
        "answer": 3, "refusal": {"reason": 1, "specialty": [specialties[0]]}})
    yield "noTeam", no_team
    yield "noTeamPadded", digest(padded(no_team, "request-admission"))


def values():
    return {"exchange": dict(exchange()), "texts": dict(texts()), "objects": dict(objects())}


def vectors():
    return json.dumps({
        "about": "one exchange in an envelope with what is refused of others, what people carry as "
                 "text or words, and objects of requests",
        "sources": ["cryptography 50.0.2", "mnemonic 0.21", "py-arkworks-bls12381 0.5.0"],
        "cases": [printable(values())]}, indent=1) + "\n"


# What the appendix prints, in its words.
ROWS = {
    "exchange": {
        "genesis": "digest of the genesis", "privateKey": "private envelope key of `hospital-1`",
        "publicKey": "its public key", "keyDigest": "SHA-256 of these 32 bytes",
        "info": "`info`, the `Message` \"envelope\"", "ephemeralKey": "private ephemeral key",
        "visit": "visit; its patient is the author", "signingSeed": "seed of S_v",
        "signingKey": "S_v", "nonce": "`nonce`", "content": "`RequestContent`, sent at 1790000000",
        "signature": "its signature", "envelope": "`Envelope`", "envelopeDigest": "its SHA-256",
        "answerSecret": "secret of the exporter", "r": "*r*", "answerKey": "key of the answer",
        "answerNonce": "nonce of the answer", "reply": "`Message` \"reply\"",
        "answer": "`SealedAnswer`",
        "openMessage": "`Message` \"fetch-members\", which is open",
        "openEnvelope": "`Envelope` with it, by the key of `stranger`, sent at 0: it is taken"},
    "texts": {
        "root": "root of a patient", "phrase": "its recovery phrase",
        "addressNonce": "nonce of an address", "addressSigningKey": "its Ed25519 key",
        "addressAgreementKey": "its X25519 key", "addressName": "what couriers call it",
        "addressText": "its text", "ticket": "ticket", "ticketText": "its text",
        "ticketWords": "its words", "ticketKey": "its public key, at `hospital-1`",
        "context": "`VisitContext` of a presence", "presence": "`Message` \"presence-code\"",
        "presenceText": "its text", "presenceWords": "the six words"},
    "objects": {
        "accessRequest": "`AccessRequest`", "accessRequestDigest": "its digest",
        "hospitalIdentityKey": "identity key of `hospital-1`",
        "envelopeKey": "its `EnvelopeKey`, signed, the SEQUENCE `SignedEnvelopeKey`",
        "fingerprint": "digest of the `RegistrationStatement` of the file",
        "noTeam": "`Message` \"reply\" to `request-admission`: no specialist",
        "noTeamPadded": "SHA-256 of what is sealed of it, 16,385 bytes"},
}


def appendix():
    found = printable(values())
    lines = ["| value | |", "|---|---|"]
    for part, rows in ROWS.items():
        lines += [f"| {name} | `{found[part][key]}` |" for key, name in rows.items()]
    lines += ["", "| what arrives instead of this envelope | is answered with | sealed |",
              "|---|---|---|"]
    lines += [f"| {case['name']} | `{case['code']}` | {'yes' if case['isSealed'] else ''} |"
              for case in found["exchange"]["refused"]]
    return "\n".join(lines) + "\n"


def checks():
    for case in json.loads(RFC.read_text(encoding="utf-8"))["cases"]:
        each = {name: bytes.fromhex(value) for name, value in case.items()}
        context_ = Seal.by(X25519PrivateKey.from_private_bytes(each["privateKey"]),
                           each["sealed"][:32], each["info"])
        yield "HPKE", context_.open(each["sealed"][32:], each["aad"]) == each["plaintext"]
    yield "HKDF", hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xf0, 0xfa)), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    yield "signatures", verify(public(S_V), S_V.sign(b"x"), b"x")


if __name__ == "__main__":
    page = Page("envelope_appendix.py", "A.8", VECTORS, vectors, appendix)
    sys.exit(page.main(sys.argv[1:], __doc__, "envelopes, texts and words", checks()))
