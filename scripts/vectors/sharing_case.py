"""The values of appendix A.10: rotations of keys, and one visit from its signature to the record that another
doctor opens, with certificate, consent and both messages that are kept sealed.

Everything is a function of this file and of the documents: a seed is the SHA-256 of `BC-EMR sharing ` and its
use, a scalar the first 48 bytes of the SHA-512 of that, as an integer modulo p. What A.8 has is taken from
there.
"""

from hashlib import sha512

from envelope import Ed25519PrivateKey, X25519PrivateKey, decode, digest, encode, message, signed
from envelope_appendix import (
    ALPHA, DOCTOR, GENESIS, HOSPITAL, MAILBOX, NOW, ROOT_SECRET, S_V, VISIT, VISIT_SECRET, altered,
    context as former_context, objects, public, signing)
from libraries import ORDER, number
from registration import secrets
from sharing import (
    GRANT, NOTE, commitment, entry, entry_der, head, inverse, member_consent, octets, pad, point,
    record_digest, rotation_statement, seal_kept, seal_record, sealed_info, shares, sign_alone)
from visit import h

MANAGER, CLINIC = "manager", "clinic-1"


def seed(use):
    return digest(f"BC-EMR sharing {use}".encode())


def drawn(use):
    return sha512(f"BC-EMR sharing {use}".encode()).digest()[:48]


def scalar(use):
    return number(drawn(use)) % ORDER


def signing_key(use):
    return Ed25519PrivateKey.from_private_bytes(seed(use))


def agreement(use):
    return X25519PrivateKey.from_private_bytes(seed(use))


DOCTOR_KEY, HOSPITAL_KEY = signing("doctor identity"), signing("hospital identity")
CERTIFIED, GRANT_EPHEMERAL, NOTE_EPHEMERAL = (
    agreement(use) for use in ("certificate agreement", "grant ephemeral", "note ephemeral"))
OPENING = {
    "hospital": HOSPITAL, "visitID": VISIT, "identity": "Zoë Straße, 1980-02-29",
    "lambda": seed("lambda")}


# Rotations (6.3, 6.13)

def doctor_rotation():
    former, new = public(DOCTOR_KEY), signing_key("rotated doctor identity")
    statement = rotation_statement(GENESIS, DOCTOR, former, public(new))
    body = {"version": 2, "party": DOCTOR, "identityKey": public(new), "proof": new.sign(statement)}
    yield "formerKey", former
    yield "identityKey", public(new)
    yield "statement", statement
    yield "statementDigest", digest(statement)
    yield "proof", body["proof"]
    yield "rotation", encode("KeyRotation", body)
    yield "entry", entry_der(entry(
        DOCTOR_KEY, GENESIS, "consortium", DOCTOR, "keyRotation", body))
    # Proofs of another key, ledger, doctor, former key, and of the former key for the new one.
    yield "refusedProofs", [key.sign(rotation_statement(*said)) for key, said in (
        (DOCTOR_KEY, (GENESIS, DOCTOR, former, public(new))),
        (new, (seed("another genesis"), DOCTOR, former, public(new))),
        (new, (GENESIS, "hospital-1-doctor-2", former, public(new))),
        (new, (GENESIS, DOCTOR, public(new), public(new))),
        (new, (GENESIS, DOCTOR, public(new), former)))]


def member_rotation():
    new = signing_key("rotated hospital identity")

    def key(use):
        return {"publicKey": public(signing_key(use))}

    party = {"organisation": [], "manager": [], "supernode": [{
        "id": HOSPITAL, "organisation": CLINIC, "role": 1, "identityKey": public(new),
        "cosigners": [{"chain": "consortium", **key("rotated cosigning")}],
        "logKey": [key("log")], "votingKey": [key("rotated voting")],
        "location": {"addresses": [b"https://hospital-1.example"], "pins": [seed("pin")]}}]}
    body = {"version": 2, "party": party, "proof": bytes(64)}
    consent = member_consent(GENESIS, HOSPITAL, body)
    yield "formerKey", public(HOSPITAL_KEY)
    yield "identityKey", public(new)
    yield "withoutProof", encode("PartyRotation", body)
    yield "consent", consent
    yield "consentDigest", digest(consent)
    body["proof"] = new.sign(consent)
    yield "proof", body["proof"]
    yield "rotation", encode("PartyRotation", body)
    yield "entry", entry_der(entry(
        HOSPITAL_KEY, GENESIS, "consortium", HOSPITAL, "partyRotation", body))
    # Of another key, ledger and party, and over the rotation with the proof in it.
    other = {**body, "party": {**party, "supernode": [
        {**party["supernode"][0], "identityKey": public(HOSPITAL_KEY)}]}}
    yield "refusedProofs", [key.sign(said) for key, said in (
        (HOSPITAL_KEY, consent), (new, member_consent(seed("another genesis"), HOSPITAL, body)),
        (new, member_consent(GENESIS, CLINIC, body)),
        (new, member_consent(GENESIS, HOSPITAL, other)),
        (new, encode("MemberConsent", {"version": 1, "genesis": GENESIS, "signer": HOSPITAL,
                                       "subject": digest(encode("PartyRotation", body))})))]


# A visit of one doctor (3.5 to 3.13)

def context():
    """That of A.8, with a pseudonym that opens."""
    return {**decode("VisitContext", former_context()),
            "pseudonym": digest(encode("PseudonymOpening", {"version": 1, **OPENING}))}


FINDING = {"content": b'{"resourceType":"Bundle","type":"collection"}',
           "salt": seed("salt"), "attempt": 1}
CONTEXT_DIGEST = digest(encode("VisitContext", context()))
OWN = commitment(CONTEXT_DIGEST, FINDING)
RECORD = seal_record(context(), ALPHA, [FINDING], signing_key("one-time"), scalar("r"))
RECORD_DIGEST = record_digest(RECORD, context()["visitKey"])


def visit():
    der = encode("VisitContext", context())
    doctor = secrets("envelope doctor")
    yield "opening", encode("PseudonymOpening", {"version": 1, **OPENING})
    yield "context", der
    yield "contextDigest", CONTEXT_DIGEST
    yield "root", ROOT_SECRET
    yield "visitSecret", octets(VISIT_SECRET)
    yield "visitKeyProof", point(h("VISITKEY", der), VISIT_SECRET)
    yield "doctorSecret", b"".join(octets(each) for each in doctor)
    yield "statement", dict(objects())["statement"]
    yield "alpha", ALPHA
    yield "content", FINDING["content"]
    yield "salt", FINDING["salt"]
    yield "commitment", OWN["commitment"]
    yield "drawnForSignature", drawn("signature")
    yield "signature", sign_alone(doctor, CONTEXT_DIGEST, OWN, scalar("signature"))
    yield "oneTimeSeed", seed("one-time")
    yield "drawnForRecord", drawn("r")
    yield "record", encode("SealedRecord", {"version": 1, **RECORD})
    yield "head", encode("RecordHead", head(RECORD))
    yield "recordDigest", RECORD_DIGEST
    yield "trapdoor", point(h("ALPHA", ALPHA), inverse(VISIT_SECRET))


# Sharing (3.14, 8.3, 8.4)

ACCESS = {name: dict(objects())[name] for name in (
    "accessRequest", "accessRequestDigest", "accessRequestSignature")}
SHARES = shares(VISIT_SECRET, scalar("d'"), scalar("t"))
CERTIFICATE = {
    "version": 2, "genesis": GENESIS, "request": ACCESS["accessRequestDigest"], "hospital": HOSPITAL,
    "visit": VISIT, "doctor": DOCTOR, "requestKey": SHARES["requestKey"],
    "agreementKey": public(CERTIFIED), "salt": seed("certificate salt")}
CONSENT = {
    "version": 1, "genesis": GENESIS, "hospital": HOSPITAL, "visit": VISIT,
    "recordDigest": RECORD_DIGEST, "doctor": DOCTOR, "purpose": "treatment",
    "expiresAt": NOW + 86400, "theta": SHARES["theta"], "requestKey": SHARES["requestKey"],
    "agreementKey": public(CERTIFIED), "proxy": MANAGER, "salt": seed("consent salt")}
DOCUMENT = digest(encode("Consent", CONSENT))


def notice(private, signer, kind, document):
    return entry(private, GENESIS, HOSPITAL, signer, kind, {
        "version": 1, "visit": VISIT, "document": document})


def sharing():
    certificate = signed(DOCTOR_KEY, "RequestKeyCertificate", CERTIFICATE)
    consent = signed(S_V, "Consent", CONSENT)
    manager = signing_key("manager identity")
    yield from ACCESS.items()
    yield "submission", message("submit-access-request", "SubmitAccessRequest", {"request": {
        "object": decode("AccessRequest", ACCESS["accessRequest"]),
        "signature": ACCESS["accessRequestSignature"]}})
    asked = {"request": ACCESS["accessRequestDigest"], "hospital": HOSPITAL, "visit": VISIT}
    yield "certification", message(
        "certify-request-key", "CertifyRequestKey", {**asked, "replaced": b""})
    # Once the consent under A' has ended.
    yield "recertification", message(
        "certify-request-key", "CertifyRequestKey", {**asked, "replaced": SHARES["requestKey"]})
    yield "drawnForRequestKey", drawn("d'")
    yield "requestSecret", octets(scalar("d'"))
    yield "agreementSecret", seed("certificate agreement")
    yield "certificate", encode("RequestKeyCertificate", CERTIFICATE)
    yield "certificateDigest", digest(encode("RequestKeyCertificate", CERTIFICATE))
    yield "certificateSignature", certificate["signature"]
    yield "drawnForBlinding", drawn("t")
    yield "t", octets(scalar("t"))
    yield from SHARES.items()
    yield "consent", encode("Consent", CONSENT)
    yield "document", DOCUMENT
    yield "consentSignature", consent["signature"]
    yield "consentNotice", entry_der(notice(S_V, VISIT, "consentNotice", DOCUMENT))
    yield "deposit", message("deposit-consent", "DepositConsent", {
        "consent": consent, "certificate": certificate, "share": SHARES["x"]})
    yield "managerKey", public(manager)
    yield "requestNotice", entry_der(notice(
        manager, MANAGER, "accessRequestNotice", digest(encode("RequestKeyCertificate", CERTIFICATE))))
    yield "accessNotice", entry_der(notice(manager, MANAGER, "accessNotice", DOCUMENT))
    grant = grant_content()
    sealed = seal_kept(
        grant, sealed_info(GRANT, GENESIS, CONTEXT_DIGEST), DOCUMENT, public(CERTIFIED), GRANT_EPHEMERAL)
    yield "grant", grant
    yield "grantInfo", sealed_info(GRANT, GENESIS, CONTEXT_DIGEST)
    yield "grantEphemeral", seed("grant ephemeral")
    yield "sealedGrant", sealed
    yield "granted", message("grant-consent", "GrantConsent", {
        "consent": consent, "sealedGrant": sealed})
    yield "refusedGrants", [each for _, each in refused_grants()]
    yield "reencryption", message("reencrypt", "Reencrypt", {
        "consent": DOCUMENT, "share": SHARES["y"], "index": 0})
    b_i = point(RECORD["b"], number(SHARES["rk"]))
    yield "bI", b_i
    yield "piece", encode("ReencryptedPiece", {"bI": b_i, "part": {
        "head": head(RECORD), "piece": {
            "byteCount": len(RECORD["c"]), "index": 0, "bytes": RECORD["c"]}}})
    yield "reencrypted", encode("ReencryptedRecord", {"version": 1, "bI": b_i, "record": RECORD})
    yield "openingKey", point(b_i, inverse(scalar("d'")))
    yield "openingEvidence", encode("OpeningEvidence", {
        "version": 1, "recordDigest": RECORD_DIGEST,
        "y": point(RECORD["b"], inverse(VISIT_SECRET))})


def grant_content():
    return message("doctor-grant", "DoctorGrant", {
        "share": octets(scalar("t")), "trapdoor": point(h("ALPHA", ALPHA), inverse(VISIT_SECRET))})


def refused_grants():
    """(what is wrong, what is sealed): another purpose, ledger, subject, associated data or key."""
    right = (GRANT, GENESIS, CONTEXT_DIGEST, DOCUMENT, public(CERTIFIED))
    for place, wrong in (
            (0, NOTE), (1, seed("another genesis")), (2, VISIT), (3, bytes(32)),
            (3, digest(encode("RequestKeyCertificate", CERTIFICATE))),
            (4, public(agreement("another agreement")))):
        purpose, genesis, subject, data, to = (*right[:place], wrong, *right[place + 1:])
        yield place, seal_kept(
            grant_content(), sealed_info(purpose, genesis, subject), data, to, GRANT_EPHEMERAL)
    bare = encode("SealedMessage", {"purpose": GRANT, "genesis": GENESIS, "subject": CONTEXT_DIGEST})
    yield "no Message around info", seal_kept(
        grant_content(), bare, DOCUMENT, public(CERTIFIED), GRANT_EPHEMERAL)
    sealed = seal_kept(grant_content(), sealed_info(GRANT, GENESIS, CONTEXT_DIGEST), DOCUMENT,
                       public(CERTIFIED), GRANT_EPHEMERAL)
    yield "a bit", altered(sealed, -1)
    yield "a key of small order", bytes(32) + sealed[32:]


# The note of a visit (8.3, 8.5)

def note_fields():
    own = {name: CONSENT[name] for name in CONSENT if name != "version"}
    return {
        "genesis": GENESIS, "hospital": HOSPITAL, "visit": VISIT, "counter": 2, "encounter": "E-1",
        "evidence": ALPHA, "opening": [OPENING], "consents": [
            {"visit": VISIT, "document": seed("former consent"), "consent": [], "revocation": []},
            {"visit": VISIT, "document": DOCUMENT, "consent": [own], "revocation": [
                notice(S_V, VISIT, "revocation", DOCUMENT)]}]}


def signed_note(key=S_V, **changes):
    value = message("visit-note", "VisitNote", {**note_fields(), **changes})
    return encode("SignedMessage", signed(key, "Message", decode("Message", value)))


def seal_note(padded, subject=VISIT, data=bytes(32), genesis=GENESIS, to=MAILBOX, counter=2):
    sealed = seal_kept(
        padded, sealed_info(NOTE, genesis, subject), data, public(to), NOTE_EPHEMERAL)
    return {"counter": counter, "sealed": sealed}


def note():
    plain = signed_note()
    kept = seal_note(pad(plain))
    yield "counter", 2
    yield "mailboxSecret", MAILBOX.private_bytes_raw()
    yield "message", message("visit-note", "VisitNote", note_fields())
    yield "signature", decode("SignedMessage", plain)["signature"]
    yield "signed", plain
    yield "signedByteCount", len(plain)
    yield "paddedByteCount", len(pad(plain))
    yield "paddedDigest", digest(pad(plain))
    yield "info", sealed_info(NOTE, GENESIS, VISIT)
    yield "ephemeral", seed("note ephemeral")
    yield "sealed", kept["sealed"]
    yield "sealedByteCount", len(kept["sealed"])
    yield "sealedDigest", digest(kept["sealed"])
    yield "keeping", message("keep-note", "KeepNote", {"note": kept})
    yield "revocation", entry_der(note_fields()["consents"][1]["revocation"][0])
    yield "refused", [
        {"name": name, "kept": encode("KeptNote", each)} for name, each in refused_notes()]


def refused_notes():
    plain, (bare, given) = signed_note(), note_fields()["consents"]
    yield "another subject", seal_note(pad(plain), subject=CONTEXT_DIGEST)
    yield "other associated data", seal_note(pad(plain), data=VISIT)
    yield "another ledger outside", seal_note(pad(plain), genesis=seed("another genesis"))
    yield "another key", seal_note(pad(plain), to=agreement("another agreement"))
    yield "another counter than beside it", seal_note(pad(plain), counter=3)
    yield "no padding", seal_note(plain)
    yield "a byte of padding too many", seal_note(pad(plain) + b"\0")
    yield "a byte of padding too few", seal_note(pad(plain)[:-1])
    yield "padding to the next length", seal_note(plain + b"\x80" + bytes(4352 - len(plain) - 1))
    yield "another mark of padding", seal_note(plain + b"\x81" + pad(plain)[len(plain) + 1:])
    yield "signed by another", seal_note(pad(signed_note(signing_key("stranger"))))
    for what, changes in (
            ("ledger", {"genesis": seed("another genesis")}), ("hospital", {"hospital": "hospital-2"}),
            ("visit", {"visit": seed("another visit")}), ("counter", {"counter": 3})):
        yield f"another {what} inside", seal_note(pad(signed_note(**changes)))
    yield "31 bytes of evidence", seal_note(pad(signed_note(evidence=ALPHA[:31])))
    for what, wrong in (
            ("a consent of another visit", {**bare, "visit": seed("another visit")}),
            ("a consent of another digest", {**given, "document": seed("x"), "revocation": []}),
            ("a revocation of another consent", {**bare, "revocation": given["revocation"]}),
            ("no revocation", {**given, "revocation": [
                notice(S_V, VISIT, "consentNotice", DOCUMENT)]})):
        yield what, seal_note(pad(signed_note(consents=[wrong])))
