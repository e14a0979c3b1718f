#!/usr/bin/env python3
"""Makes the small export of docs/specification.md, appendix A.7, and the ways in which it can fail.

    export_appendix.py write
    export_appendix.py check BCEMR

The export is a function of this file: all keys come from fixed seeds, and Ed25519 as RFC 8032 has it
signs one text in one way. It is made from the specification alone; nothing of it comes from a program of
BC-EMR. `write` puts it into docs/example/export.tar and its figures into the appendix. `check` makes both
again and compares, then has `bcemr verify` and scripts/replay-export judge the export and every variant:
both have to name the check that stands in the appendix.

Exit codes: 0 all as it stands there, 1 not, 2 bad input or environment.
"""

import json
import subprocess
import sys
import tempfile
from base64 import b64encode
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import export_file as files  # noqa: E402
from asn1_module import encode  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402

EXPORT, SPECIFICATION = ROOT / "docs/example/export.tar", ROOT / "docs/specification.md"
BEGIN, END = "<!-- export_appendix.py: begin -->\n", "<!-- export_appendix.py: end -->\n"
CREATED = 1790000000
ZERO = bytes(32)
DELEGATES = ["hospital-1", "cloud-1", "cloud-2", "cloud-3"]
NUMBERS = {
    "window": 600, "resignatureLimit": 4, "maximumLag": 120, "answerWithin": 3600,
    "epochLength": 1000, "blockItemLimit": 256, "blockByteLimit": 1 << 20, "signerQuota": 16,
    "supernodeQuota": 256, "takeoverInterval": 30,
}


def key(use):
    return Ed25519PrivateKey.from_private_bytes(sha256(f"BC-EMR appendix {use}".encode()).digest())


def public(use):
    return key(use).public_key().public_bytes_raw()


def number(value):
    return value.to_bytes(8, "big")


def digest(kind, value):
    return sha256(encode(kind, value)).digest()


def genesis(**numbers):
    location = {"addresses": [], "pins": []}

    def supernode(name, chains, log_keys):
        return {
            "id": name, "organisation": f"the operator of {name}",
            "role": 1 if log_keys else 2, "identityKey": public(f"{name} identity"),
            "agreementKey": public(f"{name} agreement"),
            "cosigners": [{"chain": chain, "publicKey": public(f"{name} cosigns {chain}")}
                          for chain in chains],
            "logKey": log_keys, "location": location}

    return {
        "version": 2, "network": "example", "suite": "bls12-381", "rulesVersion": 2,
        "createdAt": CREATED, "numbers": NUMBERS | numbers,
        "manager": {
            "id": "manager", "organisation": "the ministry",
            "registrationKey": public("manager registration"),
            "identityKey": public("manager identity"),
            "agreementKey": public("manager agreement"), "location": location},
        "supernodes": [
            supernode("hospital-1", ["consortium"], [{"publicKey": public("hospital-1 log")}]),
            supernode("cloud-1", ["consortium", "hospital-1"], []),
            supernode("cloud-2", ["consortium"], []),
            supernode("cloud-3", ["consortium"], [])],
        "delegates": [{"id": name} for name in DELEGATES]}


def signature_line(name, kind, use, body, time=None):
    key_id = files.key_id(name, kind, public(use))
    if time is None:
        signature = key(use).sign(body.encode())
    else:
        signature = number(time) + key(use).sign(
            f"cosignature/v1\ntime {time}\n{body}".encode())
    return f"\u2014 {name} {b64encode(key_id + signature).decode()}\n"


class Log:
    """One chain as it grows; `edit` may change a leaf, by its name, before it is appended."""

    def __init__(self, ledger, chain, edit):
        self.ledger, self.chain, self.edit = ledger, chain, edit
        self.leaves, self.names, self.headers, self.changes = [], [], [], []
        self.pairs, self.first = [], 0
        self.begin(0)

    def begin(self, generation):
        self.generation, self.log = generation, f"{self.chain} log" + " 1" * generation
        self.origin = f"bcemr/{self.ledger.hex()}/{self.chain}"
        if self.chain != "consortium":
            self.origin += f"/{generation}"

    def append(self, name, leaf):
        edited = self.edit.get(name, lambda leaf: leaf)(leaf)
        for each in edited if isinstance(edited, list) else [edited]:
            self.leaves.append(each)
            self.names.append(name)

    def entry(self, signer, kind, body):
        content = {"version": 2, "genesis": self.ledger, "chain": self.chain,
                   "signer": {"role": 1, "party": signer},
                   "body": (kind, {"version": 2 if kind == "anchor" else 1} | body)}
        return {"version": 2, "content": content, "signature": key(f"{signer} identity").sign(
            encode("EntryContent", content))}

    def item(self, name, signer, kind, body, *pairs):
        self.append(name, b"\1" + encode("Entry", self.entry(signer, kind, body)))
        self.pairs += pairs

    def close(self, time, counted, base=None, answered=0):
        before = self.headers[-1] if self.headers else None
        change = {
            "version": 2, "previous": before["stateDigest"] if before else ZERO,
            "changes": [{"key": place, "value": value} for place, value in self.pairs]}
        header = {
            "version": 2, "genesis": self.ledger, "chain": self.chain,
            "generation": self.generation, "height": len(self.headers), "firstIndex": self.first,
            "previous": digest("BlockHeader", before) if before else ZERO,
            "itemCount": len(self.leaves) - self.first,
            "stateDigest": digest("StateChange", change),
            "base": base or {"height": 0, "digest": ZERO}, "time": time, "countedTime": counted,
            "answeredThrough": answered}
        self.changes.append(change)
        self.headers.append(header)
        self.append(f"{self.chain} header {header['height']}", b"\2" + encode("BlockHeader", header))
        self.pairs, self.first = [], len(self.leaves)

    def reference(self, height=-1):
        return {"height": self.headers[height]["height"],
                "digest": digest("BlockHeader", self.headers[height])}

    def hashes(self):
        return [files.leaf_hash(leaf) for leaf in self.leaves]

    def note(self, hashes=None, cosigners=None, extension=""):
        hashes = self.hashes() if hashes is None else hashes
        body = f"{self.origin}\n{len(hashes)}\n{b64encode(files.root(hashes)).decode()}\n{extension}"
        lines = ""
        if self.chain != "consortium":
            lines = signature_line(self.origin, 1, self.log, body)
        for name in cosigners or (DELEGATES if self.chain == "consortium" else ["cloud-1"]):
            lines += signature_line(f"example/{name}/{self.chain}", 4,
                                    f"{name} cosigns {self.chain}", body, CREATED + 200)
        return body + "\n" + lines


class Example:
    """The export; `edit` changes leaves by their names, and checkpoints as `note consortium` …"""

    def __init__(self, edit=None, **numbers):
        self.edit = edit or {}
        self.genesis = encode("Genesis", genesis(**numbers))
        ledger = sha256(self.genesis).digest()
        self.consortium = consortium = Log(ledger, "consortium", self.edit)
        self.hospital = hospital = Log(ledger, "hospital-1", self.edit)

        # Block 0: three of four delegates state the time.
        for name, seconds in (("hospital-1", 10), ("cloud-1", 11), ("cloud-2", 12)):
            self.tick(name, seconds)
        consortium.item("cut 0", "hospital-1", "blockCut", {"height": 0})
        consortium.close(CREATED + 11, CREATED + 11)

        # The hospital's chain begins with a base.
        self.advance(0)
        hospital.close(CREATED + 11, CREATED + 11, consortium.reference())

        # Block 1: the first anchor; a demand; and nobody cut a block for 189 seconds, which count
        # as 60.
        self.anchor()
        self.demand()
        for name, seconds in (("hospital-1", 200), ("cloud-1", 200), ("cloud-3", 205)):
            self.tick(name, seconds)
        consortium.item("cut 1", "cloud-1", "blockCut", {"height": 1})
        consortium.close(CREATED + 200, CREATED + 71)

        # The hospital answers the demand, which it may not take: nobody has consented.
        self.advance(1)
        hospital.item("refused", "hospital-1", "refused",
                      {"entry": self.demanded, "code": "unknown-consent"})
        hospital.close(CREATED + 200, CREATED + 71, consortium.reference(), answered=1)

        # Block 2: the second anchor.
        self.anchor()
        consortium.item("cut 2", "cloud-2", "blockCut", {"height": 2})
        consortium.close(CREATED + 200, CREATED + 71)

    def tick(self, name, seconds):
        time = CREATED + seconds
        self.consortium.item(f"tick {name} {seconds}", name, "tick", {"time": time},
                             (b"tick/" + name.encode(), number(time)))

    def advance(self, height):
        self.hospital.item(f"base {height}", "hospital-1", "baseAdvance",
                           {"base": self.consortium.reference(height)})

    def anchor(self):
        hashes = self.hospital.hashes()
        header, size = self.hospital.headers[-1], len(hashes)
        before = getattr(self, "anchored", 0)
        self.anchored = size
        record = {
            "generation": 0, "size": size, "root": files.root(hashes),
            "header": self.hospital.reference(), "answeredThrough": header["answeredThrough"],
            "height": len(self.consortium.headers), "index": len(self.consortium.leaves)}
        self.consortium.item(
            f"anchor {size}", "hospital-1", "anchor", {
                "hospital": "hospital-1", "note": self.hospital.note(), "header": header,
                "inclusion": files.inclusion(size - 1, hashes),
                "consistency": files.consistency(before, hashes) if before else []},
            (b"anchor/hospital-1", encode("AnchorRecord", record)))

    def demand(self):
        entry = self.hospital.entry("manager", "accessNotice", {
            "visit": sha256(b"a visit").digest(), "document": sha256(b"a consent").digest()})
        self.demanded = digest("Entry", entry)
        used = encode("QuotaRecord", {"epoch": 0, "used": 1})
        record = {"entry": self.demanded, "height": 1, "index": len(self.consortium.leaves)}
        self.consortium.item(
            "demand", "cloud-2", "demand", {"entry": entry, "completion": []},
            (b"quota-supernode/\1cloud-2", used), (b"quota-party/manager\0cloud-2", used),
            (b"demand/hospital-1\0" + number(0), encode("DemandRecord", record)),
            (b"demands/hospital-1", number(1)))

    def cut(self, height):
        self.consortium.item(f"cut {height}", DELEGATES[height % 4], "blockCut", {"height": height})
        self.consortium.close(CREATED + 200, CREATED + 71)

    def report(self, first, second, *keys):
        """A block with the report that two claims contradict each other, which convicts these keys."""
        height, pairs = len(self.consortium.headers), []
        for use, counted in keys:
            pairs.append((b"barred/" + sha256(public(use)).digest(), number(height)))
            chain = (b"barred-chain/hospital-1", number(height))
            if counted:
                pairs.append((f"convicted/the operator of {counted}".encode(), number(1)))
            elif chain not in pairs:
                pairs.append(chain)
        self.consortium.item(
            "report", "cloud-2", "equivocationReport",
            {"chain": "hospital-1", "first": first, "second": second},
            (b"quota-supernode/\3cloud-2", encode("QuotaRecord", {"epoch": 0, "used": 1})), *pairs)
        self.cut(height)

    def equivocate(self, is_confirmed=True):
        """Block 3: hospital and cloud have signed two roots of one size: the cloud is convicted, and
        the log key with it."""
        note = self.hospital.note(self.hospital.hashes()[:-1] + [ZERO])
        if not is_confirmed:
            note = without_lines(note, "example/")
        self.report({"note": self.hospital.note(), "leaf": []}, {"note": note, "leaf": []},
                    ("cloud-1 cosigns hospital-1", "cloud-1"), ("hospital-1 log", None))
        return self

    def state_tail(self, generation, size, root):
        """A continuation: the hospital goes on behind so many leaves with another log key."""
        tail = {"version": 1, "genesis": self.consortium.ledger, "hospital": "hospital-1",
                "generation": generation, "size": size, "root": root}
        fresh = public("hospital-1 log" + " 1" * (generation + 1))
        self.consortium.item(
            "continuation", "hospital-1", "continuation", {
                "tail": tail, "logKey": fresh, "cloudSignature": key("cloud-1 identity").sign(
                    encode("TailStatement", tail))},
            (b"quota-supernode/\3hospital-1", encode("QuotaRecord", {
                "epoch": 0, "used": generation + 1})),
            (b"chain/hospital-1", encode("GenerationRecord", {
                "generation": generation + 1, "start": size, "root": root, "height": 3,
                "logKey": fresh})),
            (b"key/" + sha256(fresh).digest(), b"hospital-1"))

    def continue_chain(self, root=None, more=(), begins=True):
        """Block 3: the hospital goes on behind its 5 leaves, and begins generation 1."""
        self.state_tail(0, 5, root or files.root(self.hospital.hashes()[:5]))
        for generation, size in more:
            self.state_tail(generation, size, ZERO)
        self.cut(3)
        if begins:
            self.hospital.begin(1 + len(more))
            self.advance(3)
            self.hospital.close(
                CREATED + 200, CREATED + 71, self.consortium.reference(), answered=1)
        return self

    def write_on(self):
        """The hospital writes another block of generation 0, on consortium block 2."""
        self.advance(2)
        self.hospital.close(CREATED + 200, CREATED + 71, self.consortium.reference(2), answered=1)
        return self

    def contradict_generations(self):
        """Block 4: leaf 3 was another one in generation 0, as hospital and cloud have confirmed."""
        hashes = self.hospital.hashes()
        former = hashes[:3] + [ZERO] + hashes[4:5]
        second = self.hospital.note(hashes), {
            "index": 3, "hash": hashes[3], "inclusion": files.inclusion(3, hashes)}
        self.hospital.begin(0)
        first = self.hospital.note(former), {
            "index": 3, "hash": ZERO, "inclusion": files.inclusion(3, former)}
        self.hospital.begin(1)
        self.report(
            *({"note": note, "leaf": [leaf]} for note, leaf in (first, second)),
            ("cloud-1 cosigns hospital-1", "cloud-1"),
            *sorted((("hospital-1 log", None), ("hospital-1 log 1", None)),
                    key=lambda pair: public(pair[0])))
        return self

    def withhold(self, is_other=True):
        """Block 3: the cloud has confirmed another root than it then states, of the same size."""
        hashes = self.hospital.hashes()
        note = self.hospital.note(hashes[:-1] + [ZERO] if is_other else hashes)
        self.state_tail(0, 5, files.root(hashes))
        culprit = "cloud-1 cosigns hospital-1"
        self.consortium.item(
            "withholding", "cloud-2", "withholdingReport",
            {"hospital": "hospital-1", "generation": 0, "note": note},
            (b"quota-supernode/\3cloud-2", encode("QuotaRecord", {"epoch": 0, "used": 1})),
            (b"barred/" + sha256(public(culprit)).digest(), number(3)),
            (b"convicted/the operator of cloud-1", number(1)))
        self.cut(3)
        return self

    def demand_what_is_the_hospitals(self):
        """Block 3: a demand of an entry that only the hospital signs."""
        entry = self.hospital.entry("hospital-1", "visitAbandonment", {
            "visit": ZERO, "reason": 1})
        used = encode("QuotaRecord", {"epoch": 0, "used": 1})
        self.consortium.item(
            "demand", "cloud-3", "demand", {"entry": entry, "completion": []},
            (b"quota-supernode/\1cloud-3", used),
            (b"quota-party/hospital-1\0cloud-3", used))
        self.cut(3)
        return self

    def former_log(self):
        self.hospital.begin(0)
        return self

    def files(self):
        yield "genesis.der", self.genesis
        for folder, log in (("consortium", self.consortium),
                            (f"hospital-1/{self.hospital.generation}", self.hospital)):
            note = self.edit.get(f"note {log.chain}", lambda log: log.note())(log)
            leaves = log.leaves
            if f"leaves {log.chain}" in self.edit:
                leaves = self.edit[f"leaves {log.chain}"](leaves)
            yield from files.write_log(folder, note, leaves)

    def tar(self):
        return files.write_tar(self.files())


# Variants


def swap(old, new):
    """Puts bytes in the place of others that stand in a leaf once."""
    def edit(leaf):
        assert leaf.count(old) == 1 and len(old) == len(new)
        return leaf.replace(old, new)
    return edit


def der(tag, contents):
    count = len(contents)
    if count < 128:
        return bytes([tag, count]) + contents
    length = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + contents


def tlv(data):
    """The first element of DER: its contents, and what follows."""
    if data[1] < 128:
        return data[2:2 + data[1]], data[2 + data[1]:]
    start = 2 + (data[1] & 0x7f)
    count = int.from_bytes(data[2:start], "big")
    return data[start:start + count], data[start + count:]


def item(body, signer="cloud-2", chain="consortium", genesis_digest=None, role=None):
    """A leaf with any bytes as body, signed by whoever signs it."""
    def edit(leaf):
        fields, _ = tlv(tlv(leaf[1:])[0])
        _, rest = tlv(fields)  # the version
        content, _ = tlv(rest)
        inner, _ = tlv(content)
        version, after = inner[:3], tlv(inner)[1]
        ledger, after = der(4, tlv(after)[0]), tlv(after)[1]
        named, after = der(12, tlv(after)[0]), tlv(after)[1]
        party = role or der(0x30, der(2, b"\1") + der(12, signer.encode()))
        content = der(0x62, der(0x30, version + ledger + named + party + body))
        signature = key(f"{signer} identity").sign(content)
        return b"\1" + der(0x61, der(0x30, b"\2\1\2" + content + der(4, signature)))
    return edit


def nested(levels):
    value = der(2, b"\5")
    for _ in range(levels):
        value = der(0x30, value)
    return der(0x69, der(0x30, b"\2\1\1" + value))


TICK = der(0x69, der(0x30, b"\2\1\1" + der(2, (CREATED + 12).to_bytes(4, "big"))))
PLACE = "tick cloud-2 12"  # the leaf that is exchanged for what is no entry


def exported(example=None, change=None):
    return lambda: (change or (lambda data: data))((example or Example()).tar())


def edited(edit, **numbers):
    return exported(Example(edit, **numbers))


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


def reordered():
    parts = list(Example().files())
    parts[1], parts[2] = parts[2], parts[1]
    return files.write_tar(parts)


def other_tile():
    parts = dict(Example().files())
    path = next(path for path in parts if path.startswith("hospital-1/0/tile/0/"))
    parts[path] = flip(parts[path], 0)
    return files.write_tar(parts.items())


def without(path):
    def make():
        return files.write_tar(
            (name, data) for name, data in Example().files() if not name.startswith(path))
    return make


def without_lines(note, name):
    return "".join(line for line in note.splitlines(True) if not line.startswith(f"\u2014 {name}"))


def uncut():
    """The last block of the consortium, closed where no delegate has cut it."""
    example = Example()
    log = example.consortium
    log.pairs = [(each["key"], each["value"]) for each in log.changes.pop()["changes"]]
    del log.leaves[-2:], log.names[-2:], log.headers[-1:]
    log.first = len(log.leaves) - 1
    log.close(CREATED + 200, CREATED + 71)
    return example.tar()


def longer_tile():
    parts = dict(Example().files())
    path = next(path for path in parts if path.startswith("hospital-1/0/tile/0/"))
    parts[path] += ZERO
    return files.write_tar(parts.items())


def shorter(log):
    log.leaves, log.names = log.leaves[:2], log.names[:2]
    return log.note()


def second_header(name):
    return lambda leaf: [leaf, leaf]


# (what is changed, who signs it again, the check, words of the reason, the export, options)
def variants():
    example = Example()
    honest = example.consortium.note()
    other = example.consortium.hashes()[:-1] + [ZERO]
    cases = [
        ("nothing", None, None, "", exported(), {}),
        ("a line of an unknown key stands in a checkpoint", None, None, "", edited({
            "note consortium": lambda log: log.note() + signature_line(
                "example/stranger/consortium", 4, "stranger", "no text", CREATED)}), {}),
        ("one delegate's line is missing", None, None, "", edited({
            "note consortium": lambda log: log.note(cosigners=DELEGATES[1:])}), {}),
        ("a report convicts a cloud and bars the log key, in block 3", None, None, "",
         exported(Example().equivocate()), {}),
        ("the hospital goes on in generation 1, after block 3", None, None, "",
         exported(Example().continue_chain()), {}),
        ("nothing of generation 1 is confirmed yet", None, None, "",
         exported(Example().continue_chain(begins=False)), {}),
        ("a report shows another leaf 3 in generation 0, in block 4", None, None, "",
         exported(Example().continue_chain().contradict_generations()), {}),
        ("a cloud has confirmed another root than it states, in block 3", None, None, "",
         exported(Example().withhold()), {}),
        ("the hospital is in generation 1, and the known checkpoint is of generation 0", None, None,
         "", exported(Example().continue_chain()), {"--checkpoint": example.hospital.note()}),
        ("a byte follows the archive", None, "V1", "", exported(change=lambda data: data + b"\0"),
         {}),
        ("a file has mode 0644", None, "V1", "", exported(
            change=lambda data: data.replace(b"0000444\0", b"0000644\0", 1)), {}),
        ("two files change places", None, "V1", "", reordered, {}),
        ("the hashes of a log are left out", None, "V1", "missing",
         without("hospital-1/0/tile/0/"), {}),
        ("a checkpoint has an extension line", "all", "V1", "no checkpoint", edited({
            "note hospital-1": lambda log: log.note(extension="more\n")}), {}),
        ("a checkpoint is that of another generation", "all", "V1", "no checkpoint", edited({
            "note hospital-1": lambda log: log.note().replace("hospital-1/0\n", "hospital-1/1\n", 1)
        }), {}),
        ("the consortium's log is left out", None, "V1", "consortium/checkpoint", without("consortium/"),
         {}),
        ("the header of the last tile is left out", None, "V1", "", exported(
            change=lambda data: data[:-2048] + data[-1536:]), {}),
        ("another ledger is asked for", None, "V2", "", exported(), {"--genesis": "00" * 32}),
        ("maxLag is 151, and w is 600", "all", "V3", "", edited({}, maximumLag=151), {}),
        ("two delegates' lines are missing", None, "V4", "", edited({
            "note consortium": lambda log: log.note(cosigners=DELEGATES[2:])}), {}),
        ("a hospital's checkpoint lacks its own signature", None, "V4", "", edited({
            "note hospital-1": lambda log: without_lines(log.note(), "bcemr/")}), {}),
        ("one of four cosignatures is of another text", None, "V4", "", edited({
            "note consortium": lambda log: log.note(cosigners=DELEGATES[:3]) + signature_line(
                "example/cloud-3/consortium", 4, "cloud-3 cosigns consortium", "x", CREATED)}), {}),
        ("a byte of a leaf changes, and the hashes with it", None, "V5", "leaves", edited({
            "leaves hospital-1": lambda leaves: leaves[:2] + [flip(leaves[2], 60)] + leaves[3:]}),
         {}),
        ("a hash in a tile changes", None, "V5", "hashes", other_tile, {}),
        ("a tile has a hash more", None, "V5", "hashes", longer_tile, {}),
        ("the known checkpoint has another root of this size", "all", "V6", "contradicts",
         exported(), {"--checkpoint": example.consortium.note(other)}),
        ("the known checkpoint is larger", "all", "V6", "older", exported(),
         {"--checkpoint": example.consortium.note(other + [ZERO])}),
        ("the known checkpoint has two cosignatures", None, "V6", "signed", exported(),
         {"--checkpoint": example.consortium.note(cosigners=DELEGATES[:2])}),
        ("the hospital is in generation 1, and the known checkpoint is another one of generation 0",
         "all", "V6", "contradicts", exported(Example().continue_chain()),
         {"--checkpoint": example.hospital.note(example.hospital.hashes()[:-1] + [ZERO])}),
        ("the known checkpoint is of another ledger", "all", "V6", "no chain", exported(),
         {"--checkpoint": honest.replace("bcemr/", "bcemr/0", 1)}),
    ]

    def bad(title, body, **options):
        cases.append((title, "all", "V7", "leaf 2", edited({PLACE: item(body, **options)}), {}))

    bad("the body is `49 00`, a primitive tag", b"\x49\x00")
    bad("the body is `69 03 ff ff ff`: no DER inside", b"\x69\x03\xff\xff\xff")
    bad("the body is `69 03 00 01 01`: the end of contents inside", b"\x69\x03\x00\x01\x01")
    bad("the body is a `Tick` with one more field", TICK[:1] + bytes([TICK[1] + 3, 0x30, TICK[3] + 3])
        + TICK[4:] + b"\2\1\1")
    bad("the body is a `Tick` of 37 levels", nested(37))
    bad("the body is a `Tick` of version 2", TICK.replace(b"\2\1\1", b"\2\1\2", 1))
    bad("the body has the tag 99, which no object has", der(0x7f, b"")[:1] + b"\x63\x05"
        + der(0x30, b"\2\1\1"))
    bad("the body is a `StorageReceipt`, which is no body", b"\x7f\x33\x6b" + der(
        0x30, b"\2\1\1" + der(4, ZERO) * 3))
    bad("the signer's name is not UTF-8", TICK, role=der(0x30, der(2, b"\1") + der(12, b"\xff")))
    bad("the signer's name is `Cloud-2`", TICK, role=der(0x30, der(2, b"\1") + der(12, b"Cloud-2")))
    bad("a patient is named by 31 bytes", TICK, role=der(0x30, der(2, b"\2") + der(4, bytes(31))))
    cases += [
        ("a leaf begins with the byte 3", "all", "V7", "leaf 2", edited({
            PLACE: lambda leaf: b"\3" + leaf[1:]}), {}),
        ("a leaf is empty", "all", "V7", "leaf 2", edited({PLACE: lambda leaf: b""}), {}),
        ("a leaf goes on behind its entry", "all", "V7", "leaf 2", edited({
            PLACE: lambda leaf: leaf + b"\0"}), {}),
        ("a `Cosignature` is an item", "all", "V7", "wrong-kind", edited({PLACE: item(
            encode("Cosignature", {"version": 1, "note": honest}))}), {}),
        ("a tick is signed by another delegate", "all", "V7", "wrong-signature", edited({
            PLACE: swap(b"\x0c\x07cloud-2", b"\x0c\x07cloud-1")}), {}),
        ("an entry stands twice", "all", "V7", "entry-known", edited({
            PLACE: second_header(PLACE)}), {}),
        ("a delegate cuts out of turn", "all", "V7", "not-in-turn", edited({"cut 0": item(
            encode("BlockCut", {"version": 1, "height": 0}), signer="cloud-1")}), {}),
        ("an anchor's proof of inclusion is that of no leaf", "all", "V7", "wrong-header", edited({
            "anchor 5": lambda leaf: item(encode("Anchor", anchor_of(leaf, inclusion=[ZERO])),
                                          signer="hospital-1")(leaf)}), {}),
        ("a header has another state digest", "all", "V7", "header", edited({
            "consortium header 1": lambda leaf: swap(
                example.consortium.headers[1]["stateDigest"], ZERO)(leaf)}), {}),
        ("a demand is of an entry that only the hospital signs", "all", "V7", "leaf 15",
         exported(Example().demand_what_is_the_hospitals()), {}),
        ("a report shows what the cloud has stated", "all", "V7", "no-contradiction",
         exported(Example().withhold(is_other=False)), {}),
        ("a consortium block ends without a cut", "all", "V7", "header", uncut, {}),
        ("a report has a second checkpoint that the cloud has not cosigned", "all", "V7",
         "no-contradiction", exported(Example().equivocate(is_confirmed=False)), {}),
        ("generation 1 begins on another root than the cloud has stated", "all", "V7",
         "wrong-generation", exported(Example().continue_chain(root=ZERO)), {}),
        ("a base passes over generation 2, which starts at 7", "all", "V7", "wrong-generation",
         exported(Example().continue_chain(more=[(1, 7)])), {}),
        ("a hospital's log does not end with a header", "all", "V7", "", edited({
            "leaves hospital-1": lambda leaves: leaves[:4],
            "note hospital-1": lambda log: log.note(log.hashes()[:4])}), {}),
        ("a block begins without a base", "all", "V7", "no-base", edited({
            "base 0": lambda leaf: item(encode("Refused", {
                "version": 1, "entry": ZERO, "code": "late"}), signer="hospital-1")(leaf)}), {}),
        ("a base is that of a block which does not exist", "all", "V7", "unknown-base", edited({
            "base 1": lambda leaf: item(encode("BaseAdvance", {
                "version": 1, "base": {"height": 7, "digest": ZERO}}), signer="hospital-1")(leaf)}),
         {}),
        ("a demand is passed over", "all", "V7", "demand-open", edited({
            "refused": lambda leaf: item(encode("VisitAbandonment", {
                "version": 1, "visit": ZERO, "reason": 1}), signer="hospital-1")(leaf)}), {}),
        ("a demand is refused with another code", "all", "V7", "wrong-refusal", edited({
            "refused": lambda leaf: item(encode("Refused", {
                "version": 1, "entry": example.demanded, "code": "consent-used"}),
                signer="hospital-1")(leaf)}), {}),
        ("a hospital's chain ends before what is anchored", "all", "V8", "ends before", edited({
            "note hospital-1": shorter}), {}),
        ("a hospital's log is left out", None, "V8", "ends before", without("hospital-1/"), {}),
        ("a hospital's chain is another than the anchored one", "all", "V8", "another chain",
         forked, {}),
        ("the log is of generation 0, and goes on where generation 1 starts", "all", "V8",
         "other leaves", exported(Example().write_on().continue_chain(begins=False)), {}),
        ("the log is of generation 0, and has a block of generation 1", "all", "V8",
         "later generation", exported(Example().continue_chain().former_log()), {}),
    ]
    return cases


def anchor_of(leaf, **fields):
    from asn1_module import decode
    return decode("Entry", leaf[1:])["content"]["body"][1] | fields


def forked():
    """A second chain of the hospital, as valid as the anchored one: it never took the second base."""
    example = Example()
    log = example.hospital
    log.leaves, log.names, log.headers = log.leaves[:2], log.names[:2], log.headers[:1]
    log.pairs, log.first = [], 2
    reference = {"height": 2, "digest": digest("BlockHeader", example.consortium.headers[2])}
    log.item("base 2", "hospital-1", "baseAdvance", {"base": reference})
    log.item("refused", "hospital-1", "refused",
             {"entry": example.demanded, "code": "unknown-consent"})
    log.close(CREATED + 200, CREATED + 71, reference, answered=1)
    return example.tar()


# The appendix


def appendix():
    example = Example()
    lines = ["| file | bytes | SHA-256 |", "|---|---|---|",
             f"| [export.tar](example/export.tar) | {len(example.tar())} | "
             f"`{sha256(example.tar()).hexdigest()}` |"]
    lines += [f"| `{path}` | {len(data)} | `{sha256(data).hexdigest()}` |"
              for path, data in example.files()]
    lines += ["", "The leaves, with their hashes in the tree:", "",
              "| log | index | leaf | bytes | SHA-256(`00` ‖ leaf) |", "|---|---|---|---|---|"]
    for log in (example.consortium, example.hospital):
        for index, (name, leaf) in enumerate(zip(log.names, log.leaves)):
            kind = name.removeprefix(f"{log.chain} ")
            lines.append(f"| `{log.chain}` | {index} | {kind} | {len(leaf)} | "
                         f"`{files.leaf_hash(leaf).hex()}` |")
    lines += ["", "Each block's `StateChange`, whose SHA-256 is the `stateDigest` of its header, and "
              "its `BlockHeader`:", "", "| block | object | bytes |", "|---|---|---|"]
    for log in (example.consortium, example.hospital):
        for height, (change, header) in enumerate(zip(log.changes, log.headers)):
            lines += [f"| `{log.chain}` {height} | `StateChange` | "
                      f"`{encode('StateChange', change).hex()}` |",
                      f"| | `BlockHeader` | `{encode('BlockHeader', header).hex()}` |"]
    for log in (example.consortium, example.hospital):
        lines += ["", f"`{log.chain}/{'' if log is example.consortium else '0/'}checkpoint`:", "",
                  "```", log.note().rstrip("\n"), "```"]
    lines += ["", "The same export with one change each. *Signed again*: whoever signs the "
              "checkpoint signs that of the changed leaves, so that nothing but the rules is left "
              "to find it. The last column has words of the reason, or the code of the refusal.",
              "", "| change | signed again | check | reason |", "|---|---|---|---|"]
    for title, signers, check, reason, _, _ in variants():
        reason = f"`{reason}`" if "-" in reason else f"{reason} cannot be read" if reason.startswith("leaf ") and reason[5:].isdigit() else reason
        lines.append(f"| {title} | {'yes' if signers else ''} | {check or 'passes'} | {reason} |")
    return "\n".join(lines) + "\n"


def split_specification():
    text = SPECIFICATION.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    return before + BEGIN, old, END + after


def write():
    EXPORT.parent.mkdir(exist_ok=True)
    EXPORT.write_bytes(Example().tar())
    before, _, after = split_specification()
    SPECIFICATION.write_text(before + appendix() + after, encoding="utf-8")
    return 0


REPLAY = SourceFileLoader("replay_export", str(ROOT / "scripts/replay-export")).load_module()


def bcemr_says(bcemr, path, known, genesis):
    """Code and message of what `bcemr verify` finds, None and nothing if it passes; and what it says
    of the hospitals' chains."""
    command = [bcemr, "verify", "--json", str(path)]
    if known is not None:
        command += ["--checkpoint", str(path.with_name("known"))]
        path.with_name("known").write_text(known, encoding="utf-8")
    if genesis:
        command += ["--genesis", genesis]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        value = json.loads(result.stdout)
    except ValueError:
        return "no JSON", result.stdout + result.stderr, None
    error = value.get("error") or {}
    code = error.get("code")
    if result.returncode != (1 if code else 0):
        return f"exit code {result.returncode}", error.get("message"), None
    chains = [[chain[name] for name in (
        "name", "blocks", "leaves", "final_leaves", "visits", "acknowledged", "disputed", "abandoned",
        "unproven_times", "barred")] for chain in (value.get("summary") or {}).get("chains", [])[1:]]
    return code, error.get("message", ""), chains


def replay_says(path, known, genesis):
    chains = []
    try:
        report = REPLAY.verify(files.open_export(path), genesis, known)
        faults, chains = report.faults, report.chains
    except files.Malformed as error:
        return "V1", str(error), chains
    except REPLAY.Failure as error:
        faults = [str(error)]
    return (faults[0][:2], faults[0], chains) if faults else (None, "", chains)


def check(bcemr):
    failures = []
    if EXPORT.read_bytes() != Example().tar():
        failures.append(f"{EXPORT.relative_to(ROOT)} is not what this script makes")
    if split_specification()[1] != appendix():
        failures.append("appendix A.7 is not what this script writes")
    cases = variants()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.tar"
        for title, _, expected, reason, make, options in cases:
            path.write_bytes(make())
            options = options.get("--checkpoint"), options.get("--genesis")
            said = (("bcemr verify", bcemr_says(bcemr, path, *options)),
                    ("replay-export", replay_says(path, *options)))
            if said[0][1][2] != said[1][1][2]:
                failures.append(f"{title}: of the chains one says {said[0][1][2]}, "
                                f"the other {said[1][1][2]}")
            for name, (code, message, _) in said:
                # A sentence is each program's own; a code or a place is not.
                is_said = reason in message or (name == "replay-export" and " " in reason
                                                and not reason.startswith("leaf "))
                if code != expected or not is_said:
                    failures.append(f"{title}: {name} says {code} {message}")
    for line in failures:
        print(f"FAIL  {line}")
    if not failures:
        print(f"ok    appendix A.7: {len(cases)} exports, judged by two programs")
    return 1 if failures else 0


def main(arguments):
    if arguments == ["write"]:
        return write()
    if len(arguments) == 2 and arguments[0] == "check":
        return check(arguments[1])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
