"""How a visit is signed, sealed, shared and noted: a second implementation, from docs/specification.md (3.8,
3.12 to 3.15, 6.13, 8.3) and docs/BCEMR.asn1 alone. Nothing is drawn here: whoever calls says which scalars,
seeds and ephemeral keys are used."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from envelope import Refusal, Seal, decode, digest, encode, message, verify
from libraries import ORDER, Arkworks as curve, number
from pieces_appendix import pad, padme, segments
from visit import G1, G2, h, hkdf, product_is_one, tag

GRANT, NOTE = 1, 2


def point(base, *scalars):
    """The compressed multiple of a base, or of a compressed point, by all of these scalars."""
    result = curve.decode(base) if isinstance(base, bytes) else base
    for scalar in scalars:
        result = curve.multiply(scalar, result)
    return curve.encode(result)


def inverse(scalar):
    return pow(scalar, -1, ORDER)


def octets(scalar):
    return scalar.to_bytes(32, "big")


def hashed(use, data):
    return digest(digest(tag(use)) + data)


# The visit of a team of one (3.7, 3.8)

def commitment(context_digest, finding):
    position = digest(encode("FindingPosition", {
        "version": 1, "contextDigest": context_digest, "position": 1}))
    com = digest(digest(b"BCEMR-V01-COMMITMENT") + position + finding["salt"]
                 + digest(finding["content"]))
    return {"commitment": com, "attempt": finding["attempt"]}


def chain(context_digest, commitments):
    return encode("FindingChain", {
        "version": 1, "contextDigest": context_digest, "position": len(commitments),
        "commitments": commitments})


def sign_alone(secrets, context_digest, own, r):
    """R_1 ‖ Q_1."""
    d1, d2, d3 = secrets
    w = h("W", chain(context_digest, [own]))
    first = curve.multiply(r, G1)
    q = curve.add(curve.multiply(d1, w), curve.multiply((d2 + d3) % ORDER, first))
    return curve.encode(first) + curve.encode(q)


def is_signed_alone(signature, signer, context_digest, own):
    """Eq. 3 for n = 1."""
    r, q = curve.decode(signature[:48]), curve.decode(signature[48:])
    keys = curve.add(curve.decode(signer["b"]), curve.decode(signer["c"]))
    return product_is_one(
        (h("W", chain(context_digest, [own])), curve.decode(signer["a"])), (r, keys),
        (curve.negate(q), G2))


# The record (3.12, 3.13)

def sealing(visit, context, commitments, record):
    """`SealingInfo`."""
    return encode("SealingInfo", {
        "version": 1, "contextDigest": visit, "visitKey": context["visitKey"], "a": record["a"],
        "commitments": commitments, "b": record["b"], "d": record["d"]})


def record_key(a, y, info):
    mask = curve.gt_encode(curve.pairing(h("H1", a), y))
    return hkdf(mask, tag("RECORD"), info, 32)


def trapdoor_digest(alpha, y):
    return hashed("H3", curve.gt_encode(curve.pairing(h("ALPHA", alpha), y)))


def seal_record(context, alpha, findings, one_time, r):
    """The fields of a `SealedRecord`; `one_time` is the private key of A."""
    der = encode("VisitContext", context)
    visit, fields = digest(der), {name: context[name] for name in context if name != "version"}
    record = {"contextDigest": visit, "a": one_time.public_key().public_bytes_raw()}
    record |= {"b": point(context["visitKey"], r), "d": point(h("H2", record["a"]), r),
               "e": point(h("GBAR", b""), r)}
    y = curve.multiply(r, G2)
    info = sealing(visit, context, [commitment(visit, each) for each in findings], record)
    plaintext = encode("RecordPlaintext", {
        "version": 1, "context": fields, "alpha": alpha, "findings": findings})
    record["c"] = segments(record_key(record["a"], y, info), info, pad(plaintext))
    record["g"] = trapdoor_digest(alpha, y)
    return {**record, "s": one_time.sign(signed_part(record))}


def signed_part(record):
    return encode("SealedRecordSignedPart", {
        "version": 1, "contextDigest": record["contextDigest"],
        "ciphertextDigest": digest(record["c"]), "d": record["d"], "e": record["e"],
        "g": record["g"]})


def head(record):
    """The fields of its `RecordHead`."""
    return {**{name: record[name] for name in record if name != "c"},
            "ciphertextDigest": digest(record["c"])}


def record_digest(record, visit_key):
    return digest(encode("RecordDigestInput", {
        "version": 1, **head(record), "visitKey": visit_key}))


def is_record(record, z, p):
    """The check of a record under (Z, P), each equation by itself."""
    z, p = curve.decode(z), curve.decode(p)
    return verify(record["a"], record["s"], signed_part(record)) and all(
        product_is_one((base, z), (curve.negate(curve.decode(multiple)), p))
        for base, multiple in ((h("H2", record["a"]), record["d"]), (h("GBAR", b""), record["e"])))


def open_record(record, context, commitments, y):
    """The `RecordPlaintext`, if G is that of the α in it."""
    y = curve.decode(y)
    info = sealing(record["contextDigest"], context, commitments, record)
    padded = AESGCM(record_key(record["a"], y, info)).decrypt(bytes(12), record["c"], info)
    plaintext = decode("RecordPlaintext", unpad(padded))
    if trapdoor_digest(plaintext["alpha"], y) != record["g"]:
        raise ValueError("G is of another α")
    return plaintext


def is_found(record, trapdoor):
    f = curve.pairing(curve.decode(trapdoor), curve.decode(record["b"]))
    return hashed("H3", curve.gt_encode(f)) == record["g"]


# Sharing (3.14)

def shares(p_v, d, t):
    """What the patient, the doctor and the proxy compute, of p_v, d' and t."""
    x, y = t * inverse(p_v) % ORDER, d * inverse(t) % ORDER
    return {"theta": point(G2, t), "requestKey": point(G2, d), "x": octets(x), "y": octets(y),
            "rk": octets(x * y % ORDER)}


def are_shares(found, visit_key):
    """What the proxy checks of x and y: the first not, the patient is to blame, else the doctor."""
    x, y = number(found["x"]), number(found["y"])
    return (point(visit_key, x) == found["theta"], point(found["theta"], y) == found["requestKey"])


# What is kept sealed (8.3)

def unpad(padded):
    text = padded.rstrip(b"\0")
    if text[-1:] != b"\x80" or padme(len(text)) != len(padded):
        raise ValueError("the padding")
    return text[:-1]


def sealed_info(purpose, genesis, subject):
    return message("sealed-message", "SealedMessage", {
        "purpose": purpose, "genesis": genesis, "subject": subject})


def seal_kept(content, info, data, public, ephemeral):
    return Seal.to(public, info, ephemeral).seal(content, data)


def open_kept(sealed, info, data, private):
    return Seal.by(private, sealed[:32], info).open(sealed[32:], data)


def open_note(kept, visit, hospital, genesis, signing_key, mailbox):
    """The `VisitNote` in the fields of a `KeptNote`, if the patient made it for this visit, and of this
    counter.

    Raises Refusal or ValueError.
    """
    padded = open_kept(kept["sealed"], sealed_info(NOTE, genesis, visit), bytes(32), mailbox)
    signed = decode("SignedMessage", unpad(padded))
    der = encode("Message", signed["object"])
    if not verify(signing_key, signed["signature"], der):
        raise Refusal("unauthenticated")
    note = decode("VisitNote", signed["object"]["payload"])
    if (signed["object"]["name"] != "visit-note" or len(note["evidence"]) not in (0, 32)
            or (note["genesis"], note["hospital"], note["visit"], note["counter"]) != (
                genesis, hospital, visit, kept["counter"])
            or not all(is_given(each, visit) for each in note["consents"])):
        raise ValueError("the note is of another visit")
    return note


def is_given(given, visit):
    """Whether a `GivenConsent` is of this visit, and its parts are about one consent."""
    documents = {digest(encode("Consent", {"version": 1, **each})) for each in given["consent"]}
    visits = {given["visit"], *(each["visit"] for each in given["consent"])}
    for entry in given["revocation"]:
        kind, body = entry["content"]["body"]
        if kind != "revocation":
            return False
        documents.add(body["document"])
        visits.add(body["visit"])
    return documents <= {given["document"]} and visits == {visit}


# Entries (6.1, 6.3, 6.13)

def entry(private, genesis, chain_, signer, kind, body):
    """The fields of an `Entry`. `signer`: the name of a party, or the 32 bytes of a visit."""
    who = {"role": 2, "visit": signer} if isinstance(signer, bytes) else {
        "role": 1, "party": signer}
    content = {
        "version": 2, "genesis": genesis, "chain": chain_, "signer": who, "body": (kind, body)}
    return {"content": content, "signature": private.sign(encode("EntryContent", content))}


def entry_der(fields):
    return encode("Entry", {"version": 2, **fields})


def rotation_statement(genesis, party, former, key):
    return encode("RotationStatement", {
        "version": 2, "genesis": genesis, "party": party, "formerKey": former, "identityKey": key})


def member_consent(genesis, signer, rotation):
    """What the proof of a `PartyRotation`, given by its fields, is over."""
    subject = digest(encode("PartyRotation", {**rotation, "proof": bytes(64)}))
    return encode("MemberConsent", {
        "version": 1, "genesis": genesis, "signer": signer, "subject": subject})
