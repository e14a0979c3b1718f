#!/usr/bin/env python3
"""Makes the small export of docs/specification.md, appendix A.7, and the ways in which it can fail,
and the values of A.1 and A.6.

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
from asn1_module import decode, encode  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from registration import points, prove, secrets  # noqa: E402

EXPORT, SPECIFICATION = ROOT / "docs/example/export.tar", ROOT / "docs/specification.md"
CREATED = 1790000000
ZERO = bytes(32)
DELEGATES = ["hospital-1", "cloud-1", "cloud-2", "cloud-3"]
NUMBERS = {
    "window": 600, "resignatureLimit": 4, "maximumLag": 120, "answerWithin": 3600,
    "blockItemLimit": 256, "blockByteLimit": 1 << 20, "signerQuota": 16, "supernodeQuota": 256,
    "clockTolerance": 10, "seatCount": 4,
}
USES = {}  # of public keys
# Bodies whose version is not 1.
VERSION_2 = ("anchor", "keyRotation", "motion", "partyRotation")


def key(use):
    return Ed25519PrivateKey.from_private_bytes(sha256(f"BC-EMR appendix {use}".encode()).digest())


def public(use):
    value = key(use).public_key().public_bytes_raw()
    USES[value] = use
    return value


def number(value):
    return value.to_bytes(8, "big")


def digest(kind, value):
    return sha256(encode(kind, value)).digest()


def supernode(name, *chains, use=None, organisation=None, is_hospital=False, votes=True):
    """A supernode with keys of a use of its own; a hospital's first log key is that of its name."""
    use = use or name
    return {
        "id": name, "organisation": organisation or f"operator-of-{name}",
        "role": 1 if is_hospital else 2, "identityKey": public(f"{use} identity"),
        "cosigners": [{"chain": chain, "publicKey": public(f"{use} cosigns {chain}")}
                      for chain in chains],
        "logKey": [{"publicKey": public(f"{name} log")}] if is_hospital else [],
        "votingKey": [{"publicKey": public(f"{use} votes")}] if votes else [],
        "location": {"addresses": [], "pins": []}}


def operator(name, use=None):
    return {"id": name, "identityKey": public(f"{use or name} identity")}


def genesis(epochLength=1000, **numbers):
    return {
        "version": 2, "network": "example", "suite": "bls12-381", "rulesVersion": 2,
        "createdAt": CREATED, "epochLength": epochLength, "members": {
            "version": 2, "numbers": NUMBERS | numbers,
            "organisations": [operator(name) for name in [
                "ministry", *map("operator-of-{}".format, DELEGATES)]],
            "manager": {
                "id": "manager", "organisation": "ministry",
                "registrationKey": public("manager registration"),
                "identityKey": public("manager identity"),
                "location": {"addresses": [], "pins": []}},
            "supernodes": [
                supernode("hospital-1", "consortium", is_hospital=True),
                supernode("cloud-1", "consortium", "hospital-1"),
                supernode("cloud-2", "consortium"), supernode("cloud-3", "consortium")]},
        "delegates": [{"id": name} for name in DELEGATES]}


def parties(members):
    """All by their identifiers."""
    return {party["id"]: party for party in [
        *members["organisations"], members["manager"], *members["supernodes"]]}


def use_of(members, name, purpose):
    """What a key of a party is for, which makes the key; of a stranger by its name."""
    party = parties(members).get(name)
    found = []
    if party and purpose == "identity":
        found = [party["identityKey"]]
    elif party and purpose == "votes":
        found = [each["publicKey"] for each in party["votingKey"]]
    elif party:
        found = [each["publicKey"] for each in party["cosigners"]
                 if purpose == f"cosigns {each['chain']}"]
    return USES.get(*found, f"{name} {purpose}") if found else f"{name} {purpose}"


def seat_list(names, members=None):
    members = members or genesis()["members"]
    return {"seats": [{"occupant": [] if name is None else [{
        "delegate": name, "votingKey": public(use_of(members, name, "votes")),
        "cosigningKey": public(use_of(members, name, "cosigns consortium"))}]} for name in names]}


def signature_line(name, kind, use, body, time=None):
    return line(name, kind, key(use), body, time)


def line(name, kind, secret, body, time=None):
    """A signature of a C2SP note, a cosignature if it has a time."""
    key_id = files.key_id(name, kind, secret.public_key().public_bytes_raw())
    if time is None:
        signature = secret.sign(body.encode())
    else:
        signature = number(time) + secret.sign(f"cosignature/v1\ntime {time}\n{body}".encode())
    return f"\u2014 {name} {b64encode(key_id + signature).decode()}\n"


# Changes of members (6.13)


def change(kind, **value):
    return {"change": kind, "party": [], "id": [], "cloud": [], "numbers": []} | {
        name: [each] for name, each in value.items()}


def kind_of(party):
    return "supernode" if "role" in party else \
        "manager" if "registrationKey" in party else "organisation"


def as_party(party):
    return {"organisation": [], "manager": [], "supernode": []} | {kind_of(party): [party]}


def put(party):
    return change(1, party=as_party(party))


def remove(name):
    return change(2, id={"id": name})


def assign(hospital, cloud, use=None):
    return change(3, cloud={"hospital": hospital, "cloud": cloud, "cosigningKey": public(
        use or f"{cloud} cosigns {hospital}")})


def numbers(**numbers):
    return change(4, numbers=NUMBERS | numbers)


def elect_again(organisation):
    return change(5, id={"id": organisation})


def go_on_with(hospital):
    return change(6, id={"id": hospital})


def party_of(change):
    return next(party for [party] in filter(None, change["party"][0].values()))


def changed(members, changes):
    """The members after changes, whatever these are."""
    members = dict(members)
    for each in changes:
        nodes = members["supernodes"]
        if each["party"]:
            party = party_of(each)
            if kind_of(party) == "manager":
                members["manager"] = party
                continue
            kind = f"{kind_of(party)}s"
            names = [known["id"] for known in members[kind]] + [party["id"]]
            listed = members[kind] + [party]
            listed[names.index(party["id"])] = party
            members[kind] = listed[:len(set(names))]
        elif each["change"] == 2:
            name = each["id"][0]["id"]
            gone = [node["id"] for node in nodes if name in (node["id"], node["organisation"])]
            members["organisations"] = [
                known for known in members["organisations"] if known["id"] != name]
            members["supernodes"] = [node | {"cosigners": [
                cosigner for cosigner in node["cosigners"] if cosigner["chain"] not in gone]}
                for node in nodes if node["id"] not in gone]
        elif each["cloud"]:
            [cloud] = each["cloud"]
            members["supernodes"] = [node | {"cosigners": [
                cosigner for cosigner in node["cosigners"] if cosigner["chain"] != cloud["hospital"]]
                + [{"chain": cloud["hospital"], "publicKey": cloud["cosigningKey"]}]
                * (node["id"] == cloud["cloud"])} for node in nodes]
        elif each["numbers"]:
            [members["numbers"]] = each["numbers"]
    return members


def keys_of(members):
    """Party and key, in the order of 6.6."""
    for party in parties(members).values():
        names = ("registrationKey", "identityKey")
        yield from ((party["id"], party[name]) for name in names if name in party)
        yield from ((party["id"], each["publicKey"]) for name in ("cosigners", "logKey", "votingKey")
                    for each in party.get(name, []))


def run_by(members, name):
    party = parties(members).get(name)
    return party and party.get("organisation", name)


def voters(members):
    return {node["organisation"] for node in members["supernodes"] if node["role"] == 1}


class Log:
    """One chain as it grows; `edit` may change a leaf, by its name, before it is appended."""

    def __init__(self, ledger, chain, edit, members, cosigners):
        self.ledger, self.chain, self.edit = ledger, chain, edit
        self.members, self.anchored, self.answered = members, 0, 0
        self.cosign(members, cosigners)
        self.leaves, self.names, self.headers, self.changes = [], [], [], []
        self.pairs, self.first = [], 0
        self.begin(0)

    def begin(self, generation):
        self.generation, self.log = generation, f"{self.chain} log" + " 1" * generation
        self.origin = f"bcemr/{self.ledger.hex()}/{self.chain}"
        if self.chain != "consortium":
            self.origin += f"/{generation}"

    def cosign(self, members, cosigners):
        """These cosign checkpoints from now on."""
        self.cosigners = {name: use_of(members, name, f"cosigns {self.chain}")
                          for name in cosigners}

    def append(self, name, leaf):
        edited = self.edit.get(name, lambda leaf: leaf)(leaf)
        for each in edited if isinstance(edited, list) else [edited]:
            self.leaves.append(each)
            self.names.append(name)

    def hashes(self):
        return [files.leaf_hash(leaf) for leaf in self.leaves]

    def entry(self, signer, kind, body, signs=None):
        content = {"version": 2, "genesis": self.ledger, "chain": self.chain,
                   "signer": {"role": 1, "party": signer},
                   "body": (kind, {"version": 2 if kind in VERSION_2 else 1} | body)}
        return {"version": 2, "content": content, "signature": key(
            signs or use_of(self.members, signer, "identity")).sign(
                encode("EntryContent", content))}

    def item(self, name, signer, kind, body, *pairs, signs=None):
        self.append(name, b"\1" + encode("Entry", self.entry(signer, kind, body, signs)))
        self.pairs += pairs

    def close(self, time, counted, base=None, answered=0, seats=None, members=None):
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
            "answeredThrough": answered, "nextSeats": seats or [],
            "nextMembers": members or []}
        self.changes.append(change)
        self.headers.append(header)
        self.append(f"{self.chain} header {header['height']}", b"\2" + encode("BlockHeader", header))
        self.pairs, self.first = [], len(self.leaves)

    def reference(self, height=-1):
        return {"height": self.headers[height]["height"],
                "digest": digest("BlockHeader", self.headers[height])}

    def note(self, hashes=None, cosigners=None, extension=""):
        hashes = self.hashes() if hashes is None else hashes
        body = f"{self.origin}\n{len(hashes)}\n{b64encode(files.root(hashes)).decode()}\n{extension}"
        lines = ""
        if self.chain != "consortium":
            lines = signature_line(self.origin, 1, self.log, body)
        for name in cosigners or self.cosigners:
            use = self.cosigners.get(name, f"{name} cosigns {self.chain}")
            lines += signature_line(f"example/{name}/{self.chain}", 4, use, body, CREATED + 200)
        return body + "\n" + lines


class Example:
    """The export; `edit` changes leaves by their names, and checkpoints as `note consortium` …

    `elected` has the sets of delegates of the epochs from 1 on, as their elections come out.
    """

    def __init__(self, edit=None, elected=(), epochLength=1000, **numbers):
        self.edit = edit or {}
        self.epoch_length = epochLength
        self.sets, self.turns, self.convicted = [DELEGATES, *elected], {}, {}
        value = self.edit.get("genesis", lambda value: value)(genesis(epochLength, **numbers))
        self.genesis = encode("Genesis", value)
        self.ledger = ledger = sha256(self.genesis).digest()
        self.members, self.next_members, self.since = [value["members"]], None, 0
        self.consortium = Log(ledger, "consortium", self.edit, value["members"], DELEGATES)
        self.hospital = hospital = Log(
            ledger, "hospital-1", self.edit, value["members"], ["cloud-1"])
        self.logs = [self.consortium, hospital]
        self.round, self.timed_out = 0, {}
        self.doctors, self.keys, self.used, self.convictions = {}, {}, {}, {}
        self.motions, self.moved = {}, {}

        # Block 0 has nothing but its opening.
        self.open(seconds=11)
        self.close(seconds=11, counted=11)

        # The hospital's chain begins with a base.
        self.advance(0)
        self.end_block()

        # Block 1, after 189 seconds which count as 60: cloud-1 was down when it was its turn, so that
        # the block is that of round 1. The first anchor; a demand.
        self.open(round=1, seats=(0, 2, 3))
        self.timed_out = dict.fromkeys((0, 2, 3), b"\x80")
        self.anchor()
        self.demand()
        self.close()

        # The hospital answers the demand, which it may not take: nobody has consented.
        self.advance(1)
        hospital.item("refused", "hospital-1", "refused",
                      {"entry": self.demanded, "code": "unknown-consent"})
        self.end_block(answered=1)

        # Block 2: the second anchor.
        self.open()
        self.anchor()
        self.close()

    # Blocks of the consortium chain

    def epoch(self, height):
        return height // self.epoch_length

    def seats(self, height):
        """Who decides the block at a height, by its seats; None for a vacant one."""
        return self.sets[self.epoch(height)]

    def members_at(self, height):
        return self.members[self.epoch(height)]

    def count_turns(self, commits):
        """What an opening with these commits changes."""
        height, turns = len(self.consortium.headers) - 1, {}
        seats, epoch = self.seats(height), self.epoch(height + 1)
        for place in range(min(self.round, 255) + 1):
            delegate = seats[(height + place) % len(seats)]
            if delegate is None or self.convicted.get(delegate, height) < height:
                continue
            others = [commit["timedOut"] for commit in commits["commits"]
                      if seats[commit["seat"]] != delegate]
            silent = sum(place < 8 * len(bits) and bool(bits[place // 8] << place % 8 & 0x80)
                         for bits in others)
            turns.setdefault(delegate, []).append(
                place < self.round and 2 * silent > len(others))
        for delegate in filter(turns.get, seats):
            known = self.turns.get(delegate, (epoch, 0, 0))
            before = known if known[0] == epoch else (epoch, 0, 0)
            self.turns[delegate] = (
                epoch, before[1] + len(turns[delegate]), before[2] + sum(turns[delegate]))
            yield f"turns/{delegate}".encode(), encode(
                "TurnRecord", dict(zip(("epoch", "turns", "missed"), self.turns[delegate])))

    def commits(self, seats=None, **fields):
        """The commits of the last block; `fields` of the votes that are signed differ."""
        height, root = len(self.consortium.headers) - 1, files.root(self.consortium.hashes())
        seats = range(len(self.seats(height))) if seats is None else seats
        return {"round": self.round, "root": root, "commits": [
            {"seat": seat, "timedOut": self.timed_out.get(seat, b""),
             "signature": self.vote(self.seats(height)[seat], height, **{
                 "epoch": self.epoch(height),
                 "round": self.round, "root": [root],
                 "timedOut": self.timed_out.get(seat, b"")} | fields)[1]} for seat in seats]}

    def vote(self, delegate, height, **fields):
        """The DER of a vote, a commit unless it is said, and the signature."""
        vote = encode("ConsensusVote", {
            "version": 1, "genesis": self.ledger, "epoch": 0, "height": height, "round": 0,
            "phase": 2, "root": [ZERO], "timedOut": b""} | fields)
        return vote, self.sign(vote, delegate, height)

    def sign(self, statement, delegate, height):
        epoch = min(self.epoch(height), len(self.members) - 1)
        return key(use_of(self.members[epoch], delegate, "votes")).sign(statement)

    def proposal(self, delegate, height, **fields):
        proposal = encode("ConsensusProposal", {
            "version": 1, "genesis": self.ledger, "epoch": 0, "height": height, "round": 0,
            "root": ZERO, "validRound": []} | fields)
        return proposal, self.sign(proposal, delegate, height)

    def open(self, round=0, seconds=200, signer=None, **commits):
        height = len(self.consortium.headers)
        self.consortium.members = self.members_at(height)
        made = [self.commits(**commits)] if height else []
        self.consortium.item(
            f"opening {height}",
            signer or self.seats(height)[(height + round) % len(self.seats(height))], "blockOpening",
            {"height": height, "round": round, "time": CREATED + seconds, "commits": made},
            *(pair for value in made for pair in self.count_turns(value)))
        self.round, self.timed_out = round, {}

    def close(self, seconds=200, counted=71):
        height, seats, listed = len(self.consortium.headers), [], []
        epoch, pairs = self.epoch(height), self.consortium.pairs
        if self.epoch(height + 1) > epoch:
            members = self.next_members or self.members[epoch]
            seats, listed = [seat_list(self.seats(height + 1), members)], [digest("Members", members)]
            pairs.append((b"seats/" + number(epoch + 1), encode("SeatList", seats[0])))
            if self.next_members:
                pairs.append((b"next-members", b""))
            if members != self.members[epoch]:
                self.since = epoch + 1
            pairs.append((b"members/" + number(epoch + 1), encode("MembersRecord", {
                "digest": listed[0], "since": self.since})))
            self.members.append(members)
            self.next_members = None
        self.consortium.close(CREATED + seconds, CREATED + counted, seats=seats, members=listed)
        # A checkpoint behind a block is of those who decided it.
        self.consortium.cosign(self.members[epoch], filter(None, self.seats(height)))

    # Items

    def advance(self, height, log=None):
        log, self.base = log or self.hospital, height
        log.members = members = self.members_at(height)
        log.cosign(members, [node["id"] for node in members["supernodes"] if any(
            cosigner["chain"] == log.chain for cosigner in node["cosigners"])])
        name = f"base {height}" if log is self.hospital else f"{log.chain} base {height}"
        log.item(name, log.chain, "baseAdvance", {"base": self.consortium.reference(height)})

    def end_block(self, answered=None, log=None):
        """Of the hospital, on its last base."""
        log = log or self.hospital
        log.answered = log.answered if answered is None else answered
        header = self.consortium.headers[self.base]
        log.close(header["time"], header["countedTime"], self.consortium.reference(self.base),
                  answered=log.answered)

    def anchor(self, signer=None, log=None):
        log = log or self.hospital
        hashes = log.hashes()
        header, size, before = log.headers[-1], len(hashes), log.anchored
        log.anchored = size
        record = {
            "generation": log.generation, "size": size, "root": files.root(hashes),
            "header": log.reference(), "answeredThrough": header["answeredThrough"],
            "height": len(self.consortium.headers), "index": len(self.consortium.leaves)}
        self.consortium.item(
            f"anchor {size}", signer or log.chain, "anchor", {
                "hospital": log.chain, "note": log.note(), "header": header,
                "inclusion": files.inclusion(size - 1, hashes),
                "consistency": files.consistency(before, hashes) if before else []},
            (f"anchor/{log.chain}".encode(), encode("AnchorRecord", record)))

    def demand(self):
        entry = self.hospital.entry("manager", "accessNotice", {
            "visit": sha256(b"a visit").digest(), "document": sha256(b"a consent").digest()})
        self.demanded = digest("Entry", entry)
        record = {"entry": self.demanded, "height": 1, "index": len(self.consortium.leaves)}
        self.consortium.item(
            "demand", "cloud-2", "demand", {"entry": entry, "completion": []},
            self.spent(b"quota-supernode/\x09cloud-2"),
            self.spent(b"quota-manager/hospital-1\0cloud-2"),
            (b"demand/hospital-1\0" + number(0), encode("DemandRecord", record)),
            (b"demands/hospital-1", number(1)))
        self.demands = 1

    def demand_of(self, *signers, home=b"hospital-1"):
        """In the open block: each has an entry demanded, and counts with the hospital `home`."""
        for signer in signers:
            entry = self.hospital.entry(signer, "revocation", {
                "visit": sha256(b"visit %d" % self.demands).digest(), "document": ZERO},
                self.keys.get(signer))
            record = {"entry": digest("Entry", entry), "height": len(self.consortium.headers),
                      "index": len(self.consortium.leaves)}
            quotas = (b"quota-supernode/\x09", b"quota-manager/hospital-1\0") \
                if signer == "manager" else (
                    b"quota-supernode/\1", b"quota-share/" + home + b"\0",
                    b"quota-party/" + signer.encode() + b"\0")
            self.consortium.item(
                f"demand {self.demands}", "cloud-3", "demand", {"entry": entry, "completion": []},
                *(self.spent(quota + b"cloud-3") for quota in quotas),
                (b"demand/hospital-1\0" + number(self.demands), encode("DemandRecord", record)),
                (b"demands/hospital-1", number(self.demands + 1)))
            self.demands += 1
        return self

    def report(self, first, second, *keys, chain="hospital-1"):
        """A block with the report that two claims contradict each other, which convicts these keys:
        their uses, each with the organisation for which it counts."""
        self.open()
        pairs = []
        for use, organisation in keys:
            pairs += self.convict(use, organisation)
        self.consortium.item(
            "report", "cloud-2", "equivocationReport",
            {"chain": chain, "first": first, "second": second},
            self.spent(b"quota-supernode/\3cloud-2"), *pairs)
        self.close()

    def convict(self, use, organisation):
        """What convicting a key changes, that of hospital-1's log if it counts for nobody."""
        height = len(self.consortium.headers)
        yield b"barred/" + sha256(public(use)).digest(), number(height)
        count = self.convictions[organisation] = self.convictions.get(organisation, 0) + 1
        if organisation:
            yield f"convicted/{organisation}".encode(), number(count)
        elif count == 1:
            yield b"barred-chain/hospital-1", number(height)

    def claim(self, note, leaf=None, epoch=0):
        return {"note": note, "epoch": epoch, "leaf": [leaf] if leaf else []}

    def equivocate(self, is_confirmed=True, epochs=(0, 0), root=ZERO):
        """Block 3: hospital and cloud have signed two roots of one size: the cloud is convicted, and
        the log key with it."""
        note = self.hospital.note(self.hospital.hashes()[:-1] + [root])
        if not is_confirmed:
            note = without_lines(note, "example/")
        self.report(*(self.claim(each, epoch=epoch) for each, epoch in zip(
            (self.hospital.note(), note), epochs)),
                    ("cloud-1 cosigns hospital-1", "operator-of-cloud-1"), ("hospital-1 log", None))
        return self

    def state_tail(self, generation, size, root):
        """A continuation: the hospital goes on behind so many leaves with another log key."""
        tail = {"version": 1, "genesis": self.consortium.ledger, "hospital": "hospital-1",
                "generation": generation, "size": size, "root": root}
        fresh = public("hospital-1 log" + " 1" * (generation + 1))
        self.consortium.item(
            "continuation", "hospital-1", "continuation", {
                "tail": tail, "logKey": fresh, "cloudSignature": key(use_of(
                    self.consortium.members, "cloud-1", "identity")).sign(
                        encode("TailStatement", tail))},
            self.spent(b"quota-supernode/\3hospital-1"),
            (b"chain/hospital-1", encode("GenerationRecord", {
                "generation": generation + 1, "start": size, "root": root,
                "height": len(self.consortium.headers), "logKey": fresh})),
            (b"key/" + sha256(fresh).digest(), b"hospital-1"))

    def continue_chain(self, root=None, more=(), begins=True):
        """Block 3: the hospital goes on behind its 5 leaves, and begins generation 1."""
        self.open()
        self.state_tail(0, 5, root or files.root(self.hospital.hashes()[:5]))
        for generation, size in more:
            self.state_tail(generation, size, ZERO)
        self.close()
        if begins:
            self.hospital.begin(1 + len(more))
            self.advance(3)
            self.end_block()
        return self

    def write_on(self):
        """The hospital writes another block of generation 0, on consortium block 2."""
        self.advance(2)
        self.end_block()
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
            self.claim(*first), self.claim(*second),
            ("cloud-1 cosigns hospital-1", "operator-of-cloud-1"),
            *sorted((("hospital-1 log", None), ("hospital-1 log 1", None)),
                    key=lambda pair: public(pair[0])))
        return self

    def withhold(self, is_other=True, epoch=0):
        """Block 3: the cloud has confirmed another root than it then states, of the same size."""
        hashes = self.hospital.hashes()
        note = self.hospital.note(hashes[:-1] + [ZERO] if is_other else hashes)
        self.open()
        self.state_tail(0, 5, files.root(hashes))
        culprit = "cloud-1 cosigns hospital-1"
        self.consortium.item(
            "withholding", "cloud-2", "withholdingReport",
            {"hospital": "hospital-1", "generation": 0, "note": note, "epoch": epoch},
            self.spent(b"quota-supernode/\3cloud-2"), *self.convict(culprit, "operator-of-cloud-1"))
        self.close()
        return self

    def report_votes(self, first=None, second=None, convicts="cloud-1"):
        """A block with the report that a delegate signed two votes, or proposals, of one round."""
        self.open()
        self.convicted[convicts] = len(self.consortium.headers)
        height = len(self.consortium.headers)
        first = first or self.vote("cloud-1", 2)
        second = second or self.vote("cloud-1", 2, root=[])
        self.consortium.item(
            f"report {height}", "cloud-2", "voteEquivocationReport", {
                name: {"object": value, "signature": signature}
                for name, (value, signature) in (("first", first), ("second", second))},
            self.spent(b"quota-supernode/\3cloud-2"),
            (f"convicted-delegate/{convicts}".encode(), number(height)),
            *self.convict(f"{convicts} votes", f"operator-of-{convicts}"))
        self.close()
        return self

    # The directory: blocks from 3 on with doctors' registrations, rotations and changes of status

    def directory(self, *steps):
        """A block for each step: what it is, and what its method takes."""
        for step, *arguments in steps:
            self.open()
            options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
            getattr(self, step)(*arguments, **options)
            self.close()
        return self

    def put_doctor(self, doctor, **changes):
        known = self.doctors.get(doctor)
        record = (known or {"status": 1, "statusChanges": 0, "specialtyChanges": 0}) | {
            "number": known["number"] + 1 if known else 0,
            "height": len(self.consortium.headers), "index": len(self.consortium.leaves)} | changes
        self.doctors[doctor] = record
        return (b"doctor/" + doctor.encode(), encode("DoctorRecord", record))

    def spent(self, place):
        epoch = self.epoch(len(self.consortium.headers))
        used = self.used[place, epoch] = self.used.get((place, epoch), 0) + 1
        return place, encode("QuotaRecord", {"epoch": epoch, "used": used})

    def register(self, doctor, use=None, signer="hospital-1", manager="manager registration",
                 **fields):
        """Keys of a use of their own for each registration; `fields` of the statement differ."""
        use, index = use or f"{doctor} 0", len(self.consortium.leaves)
        known = self.doctors.get(doctor)
        statement = {
            "version": 4, "genesis": self.ledger, "suite": "bls12-381", "doctor": doctor,
            "hospital": signer, **points(secrets(f"appendix {use}")),
            "identityKey": public(f"{use} identity"),
            "replaces": [digest("RegistrationStatement", known["statement"])] if known else [],
            "specialties": [HEART],
        } | fields
        signed = encode("RegistrationStatement", statement)
        origins = {"statement": index, "keys": index,
                   "status": known["origins"]["status"] if known else index, "specialties": index}
        changes = {"specialtyChanges": known["specialtyChanges"] + 1} if known else {}
        self.keys[doctor] = f"{use} identity"
        self.consortium.item(
            f"registration {use}", signer, "doctorRegistration", {
                "statement": statement, "proof": prove(f"appendix {use}", signed),
                "doctorSignature": POINT + bytes(32) if statement["identityKey"] == POINT
                else key(f"{use} identity").sign(signed),
                "managerSignature": key(manager).sign(signed)},
            self.put_doctor(
                doctor, statement=statement, identityKey=statement["identityKey"],
                specialties=statement["specialties"],
                origins=origins, **changes),
            *((b"key/" + sha256(statement[name]).digest(), doctor.encode())
              for name in ("identityKey", "a", "b2", "c2")))

    def rotate(self, doctor, use, signs=None, proof=None, party=None, **fields):
        """Another key, of a use; `proof` changes what the new key signs, `fields` the body."""
        known, before = self.doctors[doctor], self.keys[doctor]
        body = {"party": party or doctor, "identityKey": public(f"{use} identity")}
        statement = {"version": 2, "genesis": self.ledger, "formerKey": public(before)} | body
        body["proof"] = key(f"{use} identity").sign(encode(
            "RotationStatement", statement | (proof or {})))
        body |= fields
        self.keys[doctor] = f"{use} identity"
        quota = self.spent(b"quota-changes/" + doctor.encode())
        self.consortium.item(
            f"rotation {use}", doctor, "keyRotation", body, quota,
            self.put_doctor(
                doctor, identityKey=body["identityKey"],
                origins=known["origins"] | {"keys": len(self.consortium.leaves)}),
            (b"key/" + sha256(body["identityKey"]).digest(), doctor.encode()),
            signs=signs or before)

    def set_status(self, doctor, status, signer="hospital-1", number=None, signs=None):
        known = self.doctors.get(doctor) or {"statusChanges": 0, "origins": {}}
        count = known["statusChanges"] + 1
        quota = self.spent(b"quota-changes/" + doctor.encode() if signer == doctor
                           else b"quota-supernode/\4" + signer.encode())
        pairs = (self.put_doctor(
            doctor, status=status, statusChanges=count,
            origins=known["origins"] | {"status": len(self.consortium.leaves)}),) \
            if doctor in self.doctors else ()
        self.consortium.item(
            f"status {count} of {doctor}", signer, "doctorStatusChange",
            {"doctor": doctor, "status": status, "number": number or count}, quota, *pairs,
            signs=signs or self.keys.get(signer))

    def set_specialties(self, doctor, specialties, signer="hospital-1", number=None, signs=None):
        known = self.doctors.get(doctor) or {"specialtyChanges": 0, "origins": {}}
        count = known["specialtyChanges"] + 1
        quota = self.spent(b"quota-supernode/\7" + signer.encode())
        pairs = (self.put_doctor(
            doctor, specialties=specialties, specialtyChanges=count,
            origins=known["origins"] | {"specialties": len(self.consortium.leaves)}),) \
            if doctor in self.doctors else ()
        self.consortium.item(
            f"specialties {count} of {doctor}", signer, "doctorSpecialties",
            {"doctor": doctor, "specialties": specialties, "number": number or count}, quota, *pairs,
            signs=signs or self.keys.get(signer))

    def visit_of(self, statement):
        """The hospital opens a visit on the last block, with the keys of this statement."""
        height = len(self.consortium.headers) - 1
        self.advance(height)
        header = self.consortium.headers[height]
        self.hospital.item("visit", "hospital-1", "visitOpening", {
            "context": {
                "version": 2, "genesis": self.ledger, "suite": "bls12-381",
                "hospital": "hospital-1", "pseudonym": ZERO, "visitID": ZERO,
                "evidenceDigest": ZERO, "signers": [{
                    "doctor": statement["doctor"], "a": statement["a"], "b": statement["b2"],
                    "c": statement["c2"]}],
                "openedAt": header["countedTime"], "window": 600, "resignatureLimit": 4,
                "baseHeight": height, "baseHash": digest("BlockHeader", header),
                "visitKey": bytes(96), "visitSigningKey": public("patient"), "keyNonce": ZERO,
                "mailboxKey": public("mailbox"), "amends": []},
            "visitKeyProof": bytes(48), "patientSignature": bytes(64)})
        self.end_block()
        return self

    def go_on(self, round=0, **commits):
        """A block of nothing but its opening."""
        self.open(round, **commits)
        self.close()
        return self

    # Elections

    def approve(self, voter, candidates, former=(), used=1):
        """In the open block; `former` is what the voter approved at the end of the epoch before."""
        record = {
            "number": used, "epoch": self.epoch(len(self.consortium.headers)),
            "candidates": [{"id": name} for name in candidates],
            "former": [{"id": name} for name in former]}
        self.consortium.item(
            f"approval of {voter}", voter, "approval",
            {"candidates": record["candidates"], "number": used},
            self.spent(b"quota-supernode/\5" + voter.encode()),
            (b"approval/" + voter.encode(), encode("ApprovalRecord", record)))
        return self

    def stand(self, supernode, stands, used=1):
        """In the open block."""
        record = {"number": used, "stands": int(stands)}
        self.consortium.item(
            f"candidacy of {supernode}", supernode, "candidacy", record,
            self.spent(b"quota-supernode/\5" + supernode.encode()),
            (b"candidacy/" + supernode.encode(), encode("CandidacyRecord", record)))
        return self

    def begin(self, *arguments, **commits):
        self.open(*arguments, **commits)
        return self

    # Members

    @property
    def listed(self):
        """The members of the next epoch, while a block is open."""
        return self.next_members or self.consortium.members

    def list_next(self, after):
        """What it changes that these are the members of the next epoch."""
        known = set(keys_of(self.listed))
        for party, each in keys_of(after):
            if (party, each) not in known:
                yield b"key/" + sha256(each).digest(), party.encode()
        self.next_members = after
        yield b"next-members", digest("Members", after)

    def move(self, signer, *changes, count=None, last=None, agree=None, name="motion", signs=None,
             consent=None, **fields):
        """A motion in the open block, which passes if its signer alone may vote on it.

        `agree` has who agrees, if others do than have to; `consent` the use of the key that
        another makes, by party; `fields` of what is agreed to differ.
        """
        log, before = self.consortium, self.listed
        self.moved[signer] = count or self.moved.get(signer, 0) + 1
        body = {"version": 2, "number": self.moved[signer], "changes": list(changes),
                "lastEpoch": self.epoch(len(log.headers)) if last is None else last, "consents": []}
        after, concerned, agreeing, joining = changed(before, changes), set(), set(), {}
        for each in changes:
            about = each["id"][0]["id"] if each["id"] else None
            for cloud in each["cloud"]:
                about = cloud["hospital"]
                agreeing.add(cloud["cloud"])
            if each["party"]:
                party = party_of(each)
                about, organisation = party["id"], party.get("organisation", party["id"])
                joining[about] = organisation
                agreeing |= {about} | ({organisation} - {run_by(before, about)})
            concerned.add(run_by(before, about) or joining.get(about) or (
                about if each["change"] == 5 else None))
        concerned = sorted(concerned - {None})
        subject = encode("MemberConsent", {
            "version": 1, "genesis": self.ledger, "signer": signer,
            "subject": digest("Motion", body)} | fields)
        body["consents"] = [
            {"party": party, "signature": key((consent or {}).get(party) or use_of(
                after, party, "identity")).sign(subject)}
            for party in sorted(agreeing if agree is None else agree)]
        motion = digest("Entry", log.entry(signer, "motion", body, signs))
        record = {"index": len(log.leaves), "lastEpoch": body["lastEpoch"], "status": 1,
                  "concerned": [each.encode() for each in concerned[:1]]}
        self.motions[name] = motion, record, changes, set()
        pairs = [self.spent(b"quota-supernode/\6" + signer.encode()),
                 (b"motions/" + signer.encode(), number(self.moved[signer])),
                 (b"motion/" + motion, encode("MotionRecord", record))]
        known = set(keys_of(before))
        pairs += [(b"reserved/" + sha256(each).digest(), motion)
                  for party, each in keys_of(after) if (party, each) not in known]
        if signer in voters(log.members) - set(concerned):
            pairs += self.cast(name, signer, True)
        log.item(name, signer, "motion", body, *pairs, signs=signs)
        return self

    def vote_on(self, voter, name="motion", approves=True, fails=False, motion=None, signs=None):
        """A ballot in the open block."""
        pairs = [] if motion else self.cast(name, voter, approves, fails)
        self.consortium.item(
            f"ballot of {voter} on {name}", voter, "ballot", {
                "motion": motion or self.motions[name][0], "approves": int(approves)}, *pairs,
            signs=signs)
        return self

    def cast(self, name, voter, approves, fails=False):
        motion, record, changes, votes = self.motions[name]
        pairs = [(b"ballot/" + motion + voter.encode(), encode("BallotRecord", {
            "approves": int(approves), "key": sha256(
                parties(self.consortium.members).get(voter, {}).get("identityKey", b"")
            ).digest()}))]
        may = {each for each in voters(self.consortium.members)
               if each.encode() not in record["concerned"]}
        votes |= {voter} if approves else set()
        if not approves or 3 * len(votes & may) <= 2 * len(may):
            return pairs
        record["status"] = 3 if fails else 2
        pairs.append((b"motion/" + motion, encode("MotionRecord", record)))
        if fails:
            return pairs
        after = changed(self.listed, changes)
        pairs += [(b"party/" + party.encode(), b"\1")
                  for party in parties(after) if party not in parties(self.listed)]
        pairs += self.list_next(after)
        for each in changes:
            if each["change"] == 5:
                name = each["id"][0]["id"]
                pairs.append((b"readmitted/" + name.encode(), number(self.convictions.get(name, 0))))
            elif each["change"] == 6:
                pairs.append((b"barred-chain/" + each["id"][0]["id"].encode(), b""))
        return pairs

    def rotate_party(self, name, use=None, keeps=(), signs=None, proves=None, signer=None,
                     consent=None, **fields):
        """A party's rotation in the open block, to keys of a use but for what it keeps."""
        known = parties(self.consortium.members) | parties(self.listed)
        listed, use = known[name], use or f"{name} 1"
        new = {"identityKey": public(f"{use} identity")}
        if "role" in listed:
            new["cosigners"] = [
                {"chain": each["chain"], "publicKey": public(f"{use} cosigns {each['chain']}")}
                for each in listed["cosigners"]]
            new["votingKey"] = [
                {"publicKey": public(f"{use} votes")} for _ in listed["votingKey"]]
        rotated = listed | {
            field: value for field, value in new.items() if field not in keeps} | fields
        body = {"version": 2, "party": as_party(rotated), "proof": bytes(64)}
        subject = encode("MemberConsent", {
            "version": 1, "genesis": self.ledger, "signer": signer or name,
            "subject": digest("PartyRotation", body)} | (consent or {}))
        body["proof"] = key(proves or use_of(
            changed(self.listed, [put(rotated)]), rotated["id"], "identity")).sign(subject)
        self.consortium.item(
            f"rotation of {name}", signer or name, "partyRotation", body,
            self.spent(b"quota-changes/" + name.encode()),
            *self.list_next(changed(self.listed, [put(rotated)])), signs=signs)
        return self

    def demand_on(self, chain):
        """A block with a demand on a chain, of which nothing is asked but whether there is one."""
        self.open()
        log = Log(self.ledger, chain, {}, self.consortium.members, [])
        self.consortium.item("demand on a chain", "cloud-2", "demand", {
            "entry": log.entry("manager", "accessNotice", {"visit": ZERO, "document": ZERO}),
            "completion": []})
        self.close()
        return self

    def report_fault(self, log):
        """A block with the report that the first leaf of a log is at fault."""
        self.open()
        self.consortium.item(
            "fault", "cloud-2", "faultReport",
            {"chain": log.chain, "note": log.note(), "index": 0},
            self.spent(b"quota-supernode/\3cloud-2"))
        self.close()
        return self

    def sign_two(self, delegate, *epochs):
        """A block with the report that it has cosigned two roots of the consortium's chain, with its
        keys of these epochs."""
        log, claims, uses = self.consortium, [], set()
        hashes = log.hashes()
        for epoch, last in zip(epochs, (hashes[-1], ZERO)):
            log.cosign(self.members[epoch], [delegate])
            claims.append(self.claim(log.note(hashes[:-1] + [last]), epoch=epoch))
            uses.add(log.cosigners[delegate])
        self.report(*claims, *((use, f"operator-of-{delegate}") for use in sorted(uses, key=public)),
                    chain="consortium")
        return self

    def join(self, name="hospital-2"):
        """The log of a hospital that is admitted."""
        log = Log(self.ledger, name, self.edit, self.members[-1], [])
        self.logs.append(log)
        return log

    def end(self):
        self.close()
        return self

    def demand_what_is_the_hospitals(self):
        """Block 3: a demand of an entry that only the hospital signs."""
        self.open()
        entry = self.hospital.entry("hospital-1", "visitAbandonment", {
            "visit": ZERO, "reason": 1})
        self.consortium.item(
            "demand", "cloud-3", "demand", {"entry": entry, "completion": []},
            self.spent(b"quota-supernode/\1cloud-3"),
            self.spent(b"quota-share/hospital-1\0cloud-3"),
            self.spent(b"quota-party/hospital-1\0cloud-3"))
        self.close()
        return self

    def former_log(self):
        self.hospital.begin(0)
        return self

    def files(self):
        yield "genesis.der", self.genesis
        for log in self.logs:
            folder = log.chain if log is self.consortium else f"{log.chain}/{log.generation}"
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


def item(body, signer="cloud-2", role=None, signs=None):
    """A leaf with any bytes as body, signed by whom it names unless it is said."""
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
        signature = key(f"{signs or signer} identity").sign(content)
        return b"\1" + der(0x61, der(0x30, b"\2\1\2" + content + der(4, signature)))
    return edit


def body_of(leaf):
    return decode("Entry", leaf[1:])["content"]["body"][1]


def opening(signer="cloud-2", signs=None, **fields):
    """An opening with other fields."""
    return lambda leaf: item(
        encode("BlockOpening", body_of(leaf) | fields), signer, signs=signs)(leaf)


def commits(change):
    """An opening whose commit set is changed."""
    def edit(leaf):
        body = body_of(leaf)
        change(body["commits"][0])
        return item(encode("BlockOpening", body))(leaf)
    return edit


def nested(levels):
    value = der(2, b"\5")
    for _ in range(levels):
        value = der(0x30, value)
    return value


def application(number, contents):
    return b"\x7f" + bytes([number]) + der(0, der(0x30, contents))[1:]


OPENING = encode("BlockOpening", {
    "version": 1, "height": 1, "round": 1, "time": CREATED + 200, "commits": []})
PLACE = "opening 1"  # leaf 2, which is exchanged for what is no entry


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


def longer_tile():
    parts = dict(Example().files())
    path = next(path for path in parts if path.startswith("hospital-1/0/tile/0/"))
    parts[path] += ZERO
    return files.write_tar(parts.items())


def shorter(log):
    log.leaves, log.names = log.leaves[:2], log.names[:2]
    return log.note()


def twice(leaf):
    return [leaf, leaf]


def ledger_with(change):
    """An export whose genesis is changed."""
    def edit(value):
        change(value["members"], value["members"]["supernodes"])
        return value
    return edited({"genesis": edit})


def crowd(_, nodes):
    """So many supernodes that the genesis is longer than any entry."""
    for number in range(900):
        name = f"cloud-{number + 4}"
        nodes.append(nodes[3] | {
            "id": name, "organisation": "operator-of-cloud-3", "cosigners": [],
            "identityKey": public(f"{name} identity"), "votingKey": []})


def overlong():
    return files.write_tar((name, data + bytes((1 << 20) + 1 - len(data))
                            if name == "genesis.der" else data) for name, data in Example().files())


def fifth(members, nodes):
    """One supernode more, with a voting key."""
    members["organisations"].append(operator("operator-of-cloud-4"))
    nodes.append(supernode("cloud-4", "consortium"))


def delegates(*names, **numbers):
    """An export with other delegates; cloud-4 is a supernode too."""
    def edit(value):
        fifth(value["members"], value["members"]["supernodes"])
        return value | {"delegates": [{"id": name} for name in names]}
    return edited({"genesis": edit}, **numbers)


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
        ("a supernode that is no delegate has a voting key", None, None, "", ledger_with(fifth), {}),
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
        ("there are 900 supernodes more, in a genesis of 111,671 bytes", None, None, "",
         ledger_with(crowd), {}),
        ("a report convicts a delegate of two commits, in block 3", None, None, "",
         exported(Example().report_votes()), {}),
        ("a report convicts a delegate of two prepares, one of them of no block", None, None, "",
         exported(Example().report_votes(
             example.vote("cloud-1", 2, phase=1), example.vote("cloud-1", 2, phase=1, root=[]))),
         {}),
        ("a report convicts a delegate of two proposals", None, None, "", exported(
            Example().report_votes(example.proposal("cloud-1", 2), example.proposal(
                "cloud-1", 2, root=bytes([1] * 32)))), {}),
        ("a report convicts a delegate of two proposals, one of them with a `validRound`", None, None,
         "", exported(Example().report_votes(
             example.proposal("cloud-1", 2, round=4), example.proposal(
                 "cloud-1", 2, round=4, root=bytes([1] * 32), validRound=[{"number": 3}]))), {}),
        ("a report shows votes about a height that is still to come", None, None, "", exported(
            Example().report_votes(
                example.vote("cloud-1", 900), example.vote("cloud-1", 900, root=[]))), {}),
        ("who is convicted in block 3 has committed to it", None, None, "", exported(
            Example().report_votes().go_on()), {}),
        ("a seat is empty, and the block of its turn is that of round 1", None, None, "", exported(
            Example().report_votes().go_on().go_on(round=1, seats=(0, 2, 3))), {}),
        ("a block was proposed first in round 2^32, the last, which is its delegate's turn too", None,
         None, "", exported(Example().go_on(round=2**32)), {}),
        ("the commits of a block are of three delegates", None, None, "", exported(
            Example().go_on(seats=(0, 1, 3))), {}),
        ("the hospital is in generation 1, and the known checkpoint is of generation 0", None, None,
         "", exported(Example().continue_chain()), {"--checkpoint": example.hospital.note()}),
        ("a byte follows the archive", None, "V1", "", exported(change=lambda data: data + b"\0"),
         {}),
        ("`genesis.der` has 2^20 + 1 bytes", None, "V1", "", overlong, {}),
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
        ("the first members have 983,041 bytes", "all", "V1", "members", edited({
            "genesis": lambda value: crowded(value, 1000, addresses=983041)}), {}),
        ("an address in `genesis.der` has a space", "all", "V1", "", ledger_with(
            lambda _, nodes: nodes[1]["location"].update(addresses=[b"https://a b"])), {}),
        ("another ledger is asked for", None, "V2", "", exported(), {"--genesis": "00" * 32}),
        ("maxLag is 151, and w is 600", "all", "V3", "", edited({}, maximumLag=151), {}),
        ("a delegate has no voting key", "all", "V3", "", ledger_with(
            lambda _, nodes: nodes[1].update(votingKey=[])), {}),
        ("a supernode with a voting key has no cosigning key for the consortium", "all", "V3", "",
         ledger_with(lambda value, nodes: (fifth(value, nodes), nodes[4].update(cosigners=[]))), {}),
        ("an organisation is missing", "all", "V3", "", ledger_with(
            lambda value, _: value["organisations"].pop()), {}),
        ("an organisation has a hospital's identifier", "all", "V3", "", ledger_with(
            lambda value, nodes: (value["organisations"][1].update(id="hospital-1"),
                                  nodes[0].update(organisation="hospital-1"))), {}),
        ("an organisation's key is a supernode's", "all", "V3", "", ledger_with(
            lambda value, nodes: value["organisations"][1].update(
                identityKey=nodes[0]["identityKey"])), {}),
        ("two delegates have one voting key", "all", "V3", "", ledger_with(
            lambda _, nodes: nodes[1].update(votingKey=nodes[2]["votingKey"])), {}),
        ("a voting key is of small order", "all", "V3", "", ledger_with(
            lambda _, nodes: nodes[1].update(votingKey=[{"publicKey": ZERO}])), {}),
        ("there are five delegates", "all", "V3", "", delegates(*DELEGATES, "cloud-4"), {}),
        ("there are five delegates and five seats", "all", "V3", "", delegates(
            *DELEGATES, "cloud-4", seatCount=5), {}),
        ("there are four delegates and seven seats", "all", "V3", "", edited({}, seatCount=7), {}),
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

    def refused(title, code, edits):
        cases.append((title, "all", "V7", code, edited(edits), {}))

    def unreadable(title, edit):
        refused(title, "leaf 2 cannot be read", {PLACE: edit})

    def bad(title, body, **options):
        unreadable(title, item(body, **options))

    bad("the body is `49 00`, a primitive tag", b"\x49\x00")
    bad("the body is `7f 3d 03 ff ff ff`: no DER inside", b"\x7f\x3d\x03\xff\xff\xff")
    bad("the body is `7f 3d 03 00 01 01`: the end of contents inside",
        b"\x7f\x3d\x03\x00\x01\x01")
    fields = tlv(tlv(OPENING[1:])[0])[0]
    bad("the body is a `BlockOpening` with one more field", application(61, fields + b"\2\1\1"))
    bad("the body is a `BlockOpening` of 38 levels", application(61, b"\2\1\1" + nested(35)))
    bad("the body is a `BlockOpening` of version 2",
        application(61, fields.replace(b"\2\1\1", b"\2\1\2", 1)))
    bad("the body is a `BlockOpening` of round 2^32 + 1", application(61, fields.replace(
        b"\2\1\1" * 3, b"\2\1\1" * 2 + der(2, (2**32 + 1).to_bytes(5, "big")), 1)))
    bad("the body has the tag 99, which no object has", application(99, b"\2\1\1"))
    bad("the body has the tag 9, which is reserved", der(0x69, der(
        0x30, b"\2\1\1" + der(2, CREATED.to_bytes(4, "big")))))
    bad("the body is a `StorageReceipt`, which is no body", b"\x7f\x33\x6b" + der(
        0x30, b"\2\1\1" + der(4, ZERO) * 3))
    bad("the signer's name is not UTF-8", OPENING, role=der(0x30, der(2, b"\1") + der(12, b"\xff")))
    bad("the signer's name is `Cloud-2`", OPENING,
        role=der(0x30, der(2, b"\1") + der(12, b"Cloud-2")))
    bad("a patient is named by 31 bytes", OPENING,
        role=der(0x30, der(2, b"\2") + der(4, bytes(31))))

    unreadable("a leaf begins with the byte 3", lambda leaf: b"\3" + leaf[1:])
    unreadable("a leaf is empty", lambda leaf: b"")
    unreadable("a leaf goes on behind its entry", lambda leaf: leaf + b"\0")
    refused("an entry stands twice", "entry-known", {"demand": twice})
    refused("a block of the consortium has a body of hospitals' chains", "wrong-kind", {
        "demand": item(encode("Refused", {"version": 1, "entry": ZERO, "code": "late"}))})

    # Openings
    refused("a block begins without its opening", "opening-missing", {PLACE: lambda leaf: []})
    refused("a block has a second opening", "not-first", {
        PLACE: lambda leaf: [leaf, opening(time=CREATED + 201)(leaf)]})
    refused("a block is opened by the manager, who is no delegate", "not-entitled", {
        PLACE: opening(signer="manager")})
    refused("a block is opened by nobody that is known", "unknown-signer", {
        PLACE: opening(signer="cloud-9")})
    refused("an opening is signed by another delegate", "wrong-signature", {
        PLACE: opening(signs="cloud-3")})
    refused("an opening is of the height before", "wrong-height", {PLACE: opening(height=0)})
    refused("a delegate opens a block out of turn", "not-in-turn", {
        PLACE: opening(signer="cloud-3")})
    refused("a delegate opens a block in the round of another", "not-in-turn", {
        PLACE: opening(round=2)})
    refused("time goes back by a second", "wrong-time", {PLACE: opening(time=CREATED + 10)})
    refused("the first block is older than the genesis", "wrong-time", {
        "opening 0": opening(signer="hospital-1", time=CREATED - 1)})
    refused("a header has another time than the opening of its block", "header", {
        "consortium header 0": lambda leaf: b"\2" + encode("BlockHeader", decode(
            "BlockHeader", leaf[1:]) | {"time": CREATED + 12, "countedTime": CREATED + 12})})

    # Commit sets
    def zero_byte(leaf):
        body = body_of(leaf)
        [value] = body["commits"]
        for commit in value["commits"]:
            _, signature = example.vote(
                DELEGATES[commit["seat"]], 1, round=1, root=[value["root"]], timedOut=b"\x80\0")
            commit.update(timedOut=b"\x80\0", signature=signature)
        return item(encode("BlockOpening", body))(leaf)

    one = body_of(example.consortium.leaves[2])["commits"]

    def wrong(title, change):
        refused(title, "wrong-commits", {PLACE: commits(change)})

    def signed(title, signer="cloud-3", **fields):
        """The commit of seat 3 is of another text, or by another key."""
        wrong(title, lambda value: value["commits"][2].update(signature=example.vote(
            signer, **{"height": 0, "root": [value["root"]]} | fields)[1]))

    def agreed(title, timed_out=b"", **fields):
        """What all seats have signed."""
        def change(value):
            value.update(fields)
            for commit in value["commits"]:
                _, signature = example.vote(
                    DELEGATES[commit["seat"]], 0, root=[value["root"]], timedOut=timed_out)
                commit.update(timedOut=timed_out, signature=signature)
        wrong(title, change)

    refused("the first block has commits", "wrong-commits", {
        "opening 0": opening(signer="hospital-1", commits=one)})
    refused("the second block has no commits", "wrong-commits", {PLACE: opening(commits=[])})
    wrong("two of four delegates have committed", lambda value: value["commits"].pop())
    wrong("one commit stands twice", lambda value: value["commits"].insert(
        0, value["commits"][0]))
    wrong("the seats of the commits do not ascend", lambda value: value["commits"].reverse())
    wrong("a commit is of seat 4, which is none", lambda value: value["commits"][2].update(seat=4))
    agreed("commits are for another root", root=ZERO)
    agreed("a `timedOut` names the round itself", timed_out=b"\x80")
    refused("a `timedOut` ends with a zero byte", "wrong-commits", {"opening 2": zero_byte})
    wrong("commits are of another round than is said", lambda value: value.update(round=1))
    wrong("a `timedOut` is another than was signed", lambda value: value["commits"][0].update(
        timedOut=b"\x80"))
    wrong("a commit is of another seat than signed it",
          lambda value: value["commits"][2].update(seat=1))
    signed("a commit is signed by a stranger", signer="stranger")
    wrong("a commit is signed with the key for entries", lambda value: value["commits"][2].update(
        signature=key("cloud-3 identity").sign(example.vote(
            "cloud-3", 0, root=[value["root"]])[0])))
    signed("one of the commits is a prepare", phase=1)
    signed("a commit is for another ledger", genesis=ZERO)
    signed("a commit is for another epoch", epoch=1)
    signed("a commit is for another height", height=1)
    signed("a commit is for no block", root=[])

    # Evidence of votes, and empty seats
    def reported(title, *statements, code="no-contradiction", again=False, **options):
        made = Example().report_votes() if again else Example()
        cases.append((title, "all", "V7", code, exported(
            made.report_votes(*statements, **options)), {}))

    vote, proposal = example.vote, example.proposal
    second = vote("cloud-1", 2, root=[])
    reported("a report shows one vote twice", vote("cloud-1", 2), vote("cloud-1", 2))
    reported("a report shows commits that differ in `timedOut` alone", vote("cloud-1", 2, round=1),
             vote("cloud-1", 2, round=1, timedOut=b"\x80"))
    reported("a report shows commits of two rounds", None, vote("cloud-1", 2, root=[], round=1))
    reported("a report shows commits of two heights", None, vote("cloud-1", 3, root=[]))
    reported("a report shows a prepare and a commit", None, vote("cloud-1", 2, root=[], phase=1))
    reported("a report shows votes of two delegates", None, vote("cloud-2", 2, root=[]))
    reported("a report shows votes of an epoch for which nobody is elected yet",
             vote("cloud-1", 1900, epoch=1), vote("cloud-1", 1900, epoch=1, root=[]))
    reported("a report shows votes of a stranger", vote("stranger", 2),
             vote("stranger", 2, root=[]))
    reported("a report shows votes on another ledger", vote("cloud-1", 2, genesis=ZERO),
             vote("cloud-1", 2, genesis=ZERO, root=[]))
    reported("a report shows votes of an epoch that the height is not of",
             vote("cloud-1", 2, epoch=1), vote("cloud-1", 2, epoch=1, root=[]))
    reported("a report shows a vote and a proposal", None, proposal("cloud-1", 2))
    reported("a report shows proposals that differ in `validRound` alone",
             proposal("cloud-1", 2, round=3),
             proposal("cloud-1", 2, round=3, validRound=[{"number": 1}]))
    for title, round, timed_out in (("ends with a zero byte", 1, b"\x80\0"),
                                    ("names the round itself", 1, b"\x40")):
        reported(f"a report shows a commit whose `timedOut` {title}",
                 vote("cloud-1", 2, round=round),
                 vote("cloud-1", 2, round=round, root=[], timedOut=timed_out))
    reported("a report shows a prepare with a `timedOut`", vote("cloud-1", 2, round=1, phase=1),
             vote("cloud-1", 2, round=1, phase=1, root=[], timedOut=b"\x80"))
    reported("a report shows a proposal whose `validRound` is its round",
             proposal("cloud-1", 2, round=1), proposal(
                 "cloud-1", 2, round=1, root=bytes([1] * 32), validRound=[{"number": 1}]))
    reported("a report shows another object", None, (
        encode("StorageReceipt", {"version": 1, "genesis": ZERO, "visit": ZERO,
                                  "recordDigest": ZERO}), bytes(64)))
    reported("a report shows a vote with one more field", None, (
        application(63, tlv(tlv(second[0][1:])[0])[0] + b"\2\1\1"), second[1]))
    reported("a report shows no object, but a SEQUENCE", None, (b"\x30\0", bytes(64)),
             code="leaf 10 cannot be read")
    reported("a report shows 1025 bytes", None, (
        application(63, der(4, bytes(1012))), bytes(64)), code="leaf 10 cannot be read")
    reported("a report shows 1024 bytes that are no vote", None, (
        application(63, der(4, bytes(1011))), bytes(64)))
    reported("a report shows an object of 34 levels, and the entry has 41", None, (
        application(63, nested(31)), bytes(64)), code="leaf 10 cannot be read")
    reported("a report shows an object of 33 levels", None, (
        application(63, nested(30)), bytes(64)))
    reported("a delegate is convicted a second time", None, vote(
        "cloud-1", 2, root=[bytes([1] * 32)]), code="entry-known", again=True)
    cases += [
        ("an empty seat has committed", "all", "V7", "wrong-commits", exported(
            Example().report_votes().go_on().go_on(round=1)), {}),
        ("an empty seat opens a block", "all", "V7", "not-in-turn", exported(
            Example().report_votes().go_on().go_on(seats=(0, 2, 3))), {}),
    ]
    cases += elections()
    cases += doctors() + shares()
    cases += members() + histories()
    cases += [
        ("an anchor's proof of inclusion is that of no leaf", "all", "V7", "wrong-header", edited({
            "anchor 5": lambda leaf: item(encode("Anchor", body_of(leaf) | {"inclusion": [ZERO]}),
                                          signer="hospital-1")(leaf)}), {}),
        ("a header has another state digest", "all", "V7", "header", edited({
            "consortium header 1": lambda leaf: swap(
                example.consortium.headers[1]["stateDigest"], ZERO)(leaf)}), {}),
        ("a demand is of an entry that only the hospital signs", "all", "V7",
         "leaf 10 cannot be read", exported(Example().demand_what_is_the_hospitals()), {}),
        ("a report shows what the cloud has stated", "all", "V7", "no-contradiction",
         exported(Example().withhold(is_other=False)), {}),
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
        ("a hospital's log is left out", None, "V8", "no file of it", without("hospital-1/"), {}),
        ("a hospital's chain is another than the anchored one", "all", "V8", "another chain",
         forked, {}),
        ("the log is of generation 0, and goes on where generation 1 starts", "all", "V8",
         "other leaves", exported(Example().write_on().continue_chain(begins=False)), {}),
        ("the log is of generation 0, and has a block of generation 1", "all", "V8",
         "later generation", exported(Example().continue_chain().former_log()), {}),
    ]
    return cases


# cloud-1 has missed its only turn in blocks 0 to 2, the first epoch.
LATE_LAST = ["hospital-1", "cloud-2", "cloud-3", "cloud-1"]
VOTER = "operator-of-hospital-1"


def epochs(*elected, edit=None):
    """The example with epochs of three blocks, of which the first is over."""
    return Example(edit, elected=elected, epochLength=3)


def elections():
    """Variants about epochs (6.12)."""
    cases = []

    def passes(title, example, **options):
        cases.append((title, None, None, "", exported(example), options))

    def refused(title, code, example):
        cases.append((title, "all", "V7", code, exported(example), {}))

    def cosigned(*names):
        return {"note consortium": lambda log: log.note(cosigners=names)}

    def header(**fields):
        return lambda leaf: b"\2" + encode(
            "BlockHeader", decode("BlockHeader", leaf[1:]) | fields)

    def five(value):
        fifth(value["members"], value["members"]["supernodes"])
        return value

    passes("an epoch ends with block 2, and the delegate that missed its turn has the last seat",
           epochs(LATE_LAST).go_on().go_on(round=1))
    passes("the same; the last block of the epoch is of the former set, and nothing follows",
           epochs(LATE_LAST, edit=cosigned(*DELEGATES[:3])))
    approved = (epochs(LATE_LAST, LATE_LAST, ["cloud-3", "hospital-1", "cloud-2", "cloud-1"],
                       ["cloud-1", "cloud-3", "hospital-1", "cloud-2"])
                .begin().approve(VOTER, ["cloud-3"]).end().go_on().go_on()
                .begin().approve(VOTER, ["cloud-1"], former=["cloud-3"], used=2).end().go_on().go_on()
                .go_on().go_on().go_on().go_on())
    passes("approvals of epochs 1 and 2 count in epochs 3 and 4", approved)
    passes("the same, and the known checkpoint is of epoch 0", approved,
           **{"--checkpoint": epochs(LATE_LAST).consortium.note(cosigners=DELEGATES[1:])})
    vacant = ["hospital-1", "cloud-2", "cloud-1", None]
    passes("a delegate withdraws, its seat is vacant in the next epoch, and it stands again", (
        epochs(LATE_LAST, vacant, ["hospital-1", "cloud-2", "cloud-1", "cloud-3"])
        .begin().stand("cloud-3", False).end().go_on().go_on()
        .begin().stand("cloud-3", True, used=2).end()
        .go_on(round=1, seats=(0, 1, 2)).go_on(seats=(0, 1, 2)).go_on(seats=(0, 1, 2))))
    others = ["hospital-1", "cloud-2", "cloud-3", "cloud-4"]
    passes("a fifth supernode is elected in the place of a delegate that missed its turn",
           epochs(others, edit={"genesis": five}).go_on().go_on())
    convicted = epochs(LATE_LAST, vacant[:2] + ["cloud-3", None]).report_votes(
        first=example_vote(1), second=example_vote(2))
    passes("a convicted delegate is not elected again",
           convicted.go_on().go_on(seats=(0, 1, 2)).go_on(seats=(0, 1, 2)))

    for title, fields in (
            ("names no seats", {"nextSeats": []}),
            ("names the former order of the seats", {"nextSeats": [seat_list(DELEGATES)]}),
            ("names other keys of a delegate", {"nextSeats": [{"seats": [
                {"occupant": [seat["occupant"][0] | {"votingKey": public("stranger")}]}
                for seat in seat_list(LATE_LAST)["seats"]]}]})):
        refused(f"the last header of an epoch {title}", "header",
                epochs(LATE_LAST, edit={"consortium header 2": header(**fields)}))
    refused("the header of another block names seats", "header", Example(
        {"consortium header 2": header(nextSeats=[seat_list(DELEGATES)])}))
    refused("the first block of an epoch is opened by the former set's order", "not-in-turn",
            epochs(LATE_LAST, edit={"opening 3": opening(signer="cloud-3")}).go_on())
    refused("commits of the new epoch's first block are of the former set", "wrong-commits",
            former_commits())
    for party in ("ministry", "operator-of-cloud-1", "hospital-1", "manager"):
        refused(f"{party} approves, who runs no hospital", "not-entitled",
                Example().begin().approve(party, ["cloud-1"]).end())
    refused("a candidate is approved that is no supernode", "unknown-candidate",
            Example().begin().approve(VOTER, ["manager"]).end())
    refused("candidates do not ascend", "leaf 10 cannot be read",
            Example().begin().approve(VOTER, ["cloud-2", "cloud-1"]).end())
    refused("a candidate is approved twice in one list", "leaf 10 cannot be read",
            Example().begin().approve(VOTER, ["cloud-1", "cloud-1"]).end())
    refused("an organisation's second approval has the number of its first", "wrong-number",
            Example().begin().approve(VOTER, ["cloud-1"]).end()
            .begin().approve(VOTER, ["cloud-2"]).end())
    refused("approvals are more than the quota", "quota-spent",
            Example(signerQuota=1).begin().approve(VOTER, ["cloud-1"]).end()
            .begin().approve(VOTER, ["cloud-2"], used=2).end())
    refused("a candidacy has number 2, and is the first", "wrong-number",
            Example().begin().stand("cloud-1", False, used=2).end())
    refused("the manager withdraws, who is no supernode", "not-entitled",
            Example().begin().stand("manager", False).end())
    refused("two of four withdraw", "too-few-candidates",
            Example().begin().stand("cloud-1", False).end().begin().stand("cloud-2", False).end())
    cases.append(("a checkpoint behind an election is cosigned by two of the new set, and a former "
                  "delegate", None, "V4", "", exported(
                      epochs(others, edit={"genesis": five} | cosigned(
                          "hospital-1", "cloud-2", "cloud-1")).go_on()), {}))
    return cases


def example_vote(number):
    """A commit of cloud-1 in block 2, for one of many roots."""
    return Example(elected=[LATE_LAST], epochLength=3).vote(
        "cloud-1", 2, root=[bytes([number] * 32)])


def former_commits():
    """Block 4 states commits of block 3 by the seats of the set before."""
    example = epochs(LATE_LAST).go_on()
    example.sets[1] = DELEGATES
    example.open(signer="hospital-1")
    example.sets[1] = LATE_LAST
    example.close()
    return example


ACTIVE, SUSPENDED, RETIRED = 1, 2, 3
HEART, LUNGS = ({"system": "http://snomed.info/sct", "code": code}
                for code in ("394579002", "418112009"))
# An Ed25519 key under which this, and S = 0, is a signature of everything.
POINT = bytes([1]) + bytes(31)
ADA = ("register", "ada")


def doctors():
    """What becomes of doctors, a block for each step from block 3 on; the last step is at fault."""
    def made(*steps):
        return Example().directory(*steps)

    first = made(ADA).doctors["ada"]["statement"]
    suspended = ("set_status", "ada", SUSPENDED)
    retired = ("set_status", "ada", RETIRED, "ada")
    rotated = ("rotate", "ada", "ada 1")
    cases = [
        ("a doctor is registered, takes other keys, is suspended and let go on, has the keys replaced, "
         "and retires, in blocks 3 to 8", None, None, "", exported(made(
             ADA, rotated, suspended, ("set_status", "ada", ACTIVE), ("register", "ada", "ada 2"),
             retired)), {}),
        ("a doctor who is suspended has the keys replaced, and is let go on", None, None, "", exported(
            made(ADA, suspended, ("register", "ada", "ada 2"), ("set_status", "ada", ACTIVE))), {}),
    ]

    def refused(title, code, *steps):
        cases.append((title, "all", "V7", code, exported(made(*steps)), {}))

    def anew(title, code, *before, **options):
        refused(title, code, ADA, *before, ("register", "ada", "ada 2", options))

    refused("a first registration takes the place of another", "unknown-doctor", (
        "register", "ada", {"replaces": [ZERO]}))
    refused("the manager has not signed a registration", "wrong-registration", (
        "register", "ada", {"manager": "manager identity"}))
    refused("a doctor is registered with an identity key of small order", "wrong-registration", (
        "register", "ada", {"identityKey": POINT}))
    refused("a doctor is registered with a key of the genesis", "already-registered", (
        "register", "ada", {"identityKey": public("cloud-1 votes")}))
    anew("a registered doctor is registered as if for the first time", "already-registered",
         replaces=[])
    anew("a registration takes the place of none that there was", "wrong-registration",
         replaces=[ZERO])
    anew("a registration takes the place of one that is replaced already", "wrong-registration",
         ("register", "ada", "ada 1"), replaces=[digest("RegistrationStatement", first)])
    anew("a registration anew has one of the former keys", "already-registered",
         identityKey=first["identityKey"])
    anew("the manager has not signed a registration anew", "wrong-registration",
         manager="manager identity")
    anew("who has retired is registered anew", "not-active", retired)

    def rotation(title, code, *before, **options):
        refused(title, code, ADA, *before, ("rotate", "ada", "ada 2", options))

    rotation("a former key rotates", "wrong-signature", rotated, signs="ada 0 identity")
    rotation("a rotation is by a party whose key is not a doctor's", "not-entitled",
             party="hospital-1")
    rotation("a rotation has an identity key of small order", "wrong-rotation", identityKey=POINT)
    rotation("a rotation is to a key of the genesis", "already-registered",
             identityKey=public("cloud-1 identity"))
    rotation("a rotation is to a key that the doctor had before", "already-registered", rotated,
             identityKey=first["identityKey"])
    rotation("a rotation's proof is on another ledger", "wrong-rotation", proof={"genesis": ZERO})
    rotation("a rotation's proof is another party's", "wrong-rotation", proof={"party": "eve"})
    rotation("a rotation's proof is from another former key", "wrong-rotation", rotated,
             proof={"formerKey": first["identityKey"]})
    rotation("a rotation's proof is of another key", "wrong-rotation",
             proof={"identityKey": first["identityKey"]})
    rotation("who is suspended rotates", "not-active", suspended)

    def status(title, code, *steps):
        refused(title, code, ADA, *steps)

    status("a status changes of a doctor whom nobody knows", "unknown-doctor",
           ("set_status", "eve", SUSPENDED))
    status("another supernode suspends a doctor", "not-entitled",
           ("set_status", "ada", SUSPENDED, "cloud-1"))
    status("a doctor says to be active", "not-entitled", ("set_status", "ada", ACTIVE, "ada"))
    status("a doctor lifts the own suspension", "not-active", suspended,
           ("set_status", "ada", ACTIVE, "ada"))
    status("a status is what it was", "wrong-standing", ("set_status", "ada", ACTIVE))
    status("a change of status has the number of another", "wrong-standing",
           ("set_status", "ada", SUSPENDED, "hospital-1", 2))
    status("who has retired is let go on", "wrong-standing", retired,
           ("set_status", "ada", ACTIVE))
    status("a former key ends a doctor's work", "wrong-signature", rotated,
           ("set_status", "ada", RETIRED, "ada", None, "ada 0 identity"))

    both = ("set_specialties", "ada", [HEART, LUNGS])

    def specialties(title, code, *steps):
        refused(title, code, ADA, *steps)

    cases += [
        ("a doctor gets another specialty, has the keys replaced, and gets it again", None, None, "",
         exported(made(ADA, both, ("register", "ada", "ada 2"), both)), {}),
        ("a doctor who is suspended gets another specialty, and loses all", None, None, "",
         exported(made(ADA, suspended, both, ("set_specialties", "ada", []))), {}),
    ]
    specialties("specialties change of a doctor whom nobody knows", "unknown-doctor",
                ("set_specialties", "eve", [LUNGS]))
    specialties("another supernode says what a doctor is a specialist in", "not-entitled",
                ("set_specialties", "ada", [LUNGS], "cloud-1"))
    specialties("a doctor says to be a specialist", "not-entitled",
                ("set_specialties", "ada", [LUNGS], "ada"))
    specialties("the specialties are what they were", "wrong-specialties",
                ("set_specialties", "ada", [HEART]))
    specialties("a change of specialties has the number of another", "wrong-specialties",
                ("set_specialties", "ada", [LUNGS], "hospital-1", 2))
    specialties("a change of specialties from before a registration anew", "wrong-specialties",
                ("register", "ada", "ada 2"), ("set_specialties", "ada", [LUNGS], "hospital-1", 1))
    specialties("who has retired gets another specialty", "wrong-specialties", retired, both)
    specialties("a stolen key of another says what a doctor is a specialist in", "wrong-signature",
                ("set_specialties", "ada", [LUNGS], "hospital-1", None, "ada 0 identity"))
    for title, listed in (("not in ascending order", [LUNGS, HEART]), ("one twice", [HEART, HEART])):
        cases.append((f"specialties are {title}" if listed[0] != listed[1]
                      else "specialties have one twice", "all", "V7", "",
                      exported(made(ADA, ("set_specialties", "ada", listed))), {}))
    cases += [
        ("a visit is opened with a doctor who has retired", "all", "V7", "not-active", exported(
            made(ADA, retired).visit_of(first)), {}),
        ("a visit is opened with keys that were replaced", "all", "V7", "unknown-doctor", exported(
            made(ADA, ("register", "ada", "ada 2")).visit_of(first)), {}),
    ]
    return cases


H2, M2 = "operator-of-hospital-2", "hospital-2"
MINISTRY = "ministry"
# Those of epoch 1, once hospital-2 is there and stands.
FIVE = ["hospital-1", "cloud-2", "cloud-3", "hospital-2"]
# And once cloud-3 is none any more.
THREE = ["hospital-1", "cloud-2", "cloud-1", None]
SEVEN = ["hospital-1", "cloud-2", "cloud-3", "cloud-4", "cloud-5", "cloud-6", "cloud-1"]


def shares():
    """What doctors of one hospital, the manager and all others may have demanded through a supernode: with
    one hospital, half of its quota each."""
    crew = ["ada", "ben", "cal", "dan", "eve"]
    others = ["ministry", "operator-of-cloud-1", "operator-of-cloud-2", "cloud-1", "cloud-2"]

    def made(**numbers):
        return Example(signerQuota=1, **numbers).directory(
            *(("register", doctor) for doctor in crew)).begin()

    def refused(title, example):
        return title, "all", "V7", "quota-spent", exported(example.end()), {}

    def filled():
        return made(supernodeQuota=8).demand_of(*crew[:4]).demand_of(
            *others[:4], home=b"").demand_of(*["manager"] * 4)

    return [
        ("four doctors, four parties of no hospital and the manager use up their shares of four", None,
         None, "", exported(filled().end()), {}),
        refused("a fifth doctor uses more than a hospital's share of four", made(
            supernodeQuota=9).demand_of(*crew)),
        refused("a hospital uses more than its doctors have left of its share", made(
            supernodeQuota=9).demand_of(*crew[:4], "hospital-1")),
        refused("a fifth party of no hospital uses more than the others' share of four", made(
            supernodeQuota=9).demand_of(*others, home=b"")),
        refused("the manager uses more than its share of a hospital", made(
            supernodeQuota=9).demand_of(*["manager"] * 5)),
        refused("a doctor demands a second time, where one signer has one demand", made(
            supernodeQuota=9).demand_of("ada", "ada")),
        refused("demands of doctors are more than the supernode's quota, which is below a share", made(
            supernodeQuota=1).demand_of("ada", "ben")),
        refused("demands of the manager are more than the supernode's quota of its own", made(
            supernodeQuota=1).demand_of("ada", "manager", "manager")),
        ("a share is two demands at least, as many as two signers have", None, None, "", exported(
            made(supernodeQuota=2).demand_of("ada", "ben").end()), {}),
    ]


def voting(*elected, edit=None, **numbers):
    """The example with epochs of five blocks, of which two are left in the first."""
    return Example(edit, elected=elected or [LATE_LAST], epochLength=5, **numbers)


def joining(name=M2, cloud="cloud-2", **options):
    """The changes with which a hospital joins."""
    return [put(operator(f"operator-of-{name}")),
            put(supernode(name, "consortium", is_hospital=True, **options)), assign(name, cloud)]


def joined(*elected, edit=None, **numbers):
    """Epoch 1 has begun, with a second hospital, which stands for election."""
    return (voting(FIVE, *elected, edit=edit, **numbers)
            .begin().move(VOTER, *joining()).end().go_on())


def members():
    """Variants about members by epoch (6.13)."""
    cases = []

    def passes(title, example, **options):
        cases.append((title, None, None, "", exported(example), options))

    def refused(title, code, example):
        cases.append((title, "all", "V7", code, exported(example), {}))

    def motion(title, code, *changes, signer=VOTER, example=None, **options):
        refused(title, code, (example or voting()).begin().move(signer, *changes, **options).end())

    def node(name, **fields):
        return parties(genesis()["members"])[name] | fields

    def header(**fields):
        return lambda leaf: b"\2" + encode(
            "BlockHeader", decode("BlockHeader", leaf[1:]) | fields)

    # What passes

    example = joined()
    example.go_on()
    example.advance(5, log := example.join())
    example.end_block(log=log)
    example.begin().anchor(log=log)
    example.end()
    passes("a hospital is admitted in block 3, sits in epoch 1, and has its first block anchored by "
           "itself", example)
    example = joined()
    example.go_on()
    example.advance(5, log := example.join())
    example.end_block(log=log)
    example.begin().anchor("cloud-2", log=log)
    example.end()
    passes("the same, anchored by its cloud", example, **{"--checkpoint": log.note()})
    passes("a hospital is admitted, and the epoch is not over",
           voting().begin().move(VOTER, *joining()).end())
    passes("a hospital is admitted, and has written nothing", joined().go_on())
    passes("an organisation that has no vote moves, and the one that has passes it in the next epoch",
           voting(LATE_LAST, THREE).begin().move(MINISTRY, remove("cloud-3"), last=1).end().go_on()
           .begin().vote_on(VOTER).end().go_on().go_on().go_on().go_on(round=1)
           .go_on(seats=(0, 1, 2)))
    passes("a motion lapses after 10,000 epochs, and one organisation is against it",
           voting().begin().move(MINISTRY, remove("cloud-3"), last=10000)
           .vote_on(VOTER, approves=False).end())
    passes("two motions remove one supernode; the second has failed", voting(THREE)
           .begin().move(MINISTRY, remove("cloud-3"))
           .move("operator-of-cloud-2", remove("cloud-3"), name="another").end()
           .begin().vote_on(VOTER).vote_on(VOTER, "another", fails=True).end())
    passes("with two hospitals a motion needs both", joined()
           .begin().move(VOTER, numbers(window=700)).vote_on(H2).end())
    passes("numbers change and change back in one epoch, so that the members are those of the "
           "former", voting().begin().move(VOTER, numbers(window=700))
           .move(VOTER, numbers(), name="back").end().go_on().go_on())

    def rotated(party, more=(), edit=None, elected=LATE_LAST, **options):
        made = voting(elected, edit=edit).begin().rotate_party(party, **options)
        for each in more:
            made.rotate_party(each)
        return made.end().go_on().go_on()

    example = rotated("hospital-1")
    example.advance(5)
    example.end_block()
    example.go_on().go_on().begin().anchor()
    example.end()
    passes("a hospital and delegate rotates in block 3, and decides, cosigns and writes with the other "
           "keys from epoch 1 on", example)
    example = rotated("cloud-1")
    example.advance(4)
    example.end_block()
    example.begin().anchor()
    example.end()
    example.advance(6)
    example.end_block()
    example.begin().anchor("cloud-1")
    example.end()
    passes("a cloud rotates: a block on a base of epoch 0 is cosigned by the former key, one on a base "
           "of epoch 1 by the other", example)
    passes("a cloud rotates, and the known checkpoint is cosigned by its former key", example,
           **{"--checkpoint": Example(epochLength=5).hospital.note()})
    passes("the manager and an organisation rotate", rotated("manager", [MINISTRY]))
    passes("a party changes its addresses, and its keys after that in the same epoch", voting()
           .begin().rotate_party("cloud-3", keeps=(
               "identityKey", "cosigners", "votingKey"),
               location={"addresses": [b"https://cloud-3.example"], "pins": []})
           .rotate_party("cloud-3").end().go_on().go_on())
    passes("a supernode that had neither takes a voting key and one to cosign the consortium's chain",
           rotated("cloud-5", elected=["hospital-1", "cloud-2", "cloud-3", "cloud-5"], edit={
               "genesis": with_sixth}, cosigners=[
               {"chain": "consortium", "publicKey": public("cloud-5 cosigns consortium")}],
               votingKey=[{"publicKey": public("cloud-5 votes")}]))
    passes("three organisations join, and there are seven seats in epoch 1",
           seven(SEVEN).go_on().go_on().go_on(seats=(0, 1, 2, 4, 6)))
    again = voting().report_votes()
    again.begin().rotate_party("cloud-1").move(VOTER, elect_again("operator-of-cloud-1")).end()
    passes("a convicted organisation takes other keys, and is let be elected again", again.go_on(
        seats=(0, 2, 3)).go_on(seats=(0, 1, 2)))
    again = voting().report_votes()
    again.begin().move(VOTER, elect_again("operator-of-cloud-1")).end()
    refused("a convicted organisation is to be elected again with the key that was convicted",
            "wrong-members", again)
    released = joined().equivocate(epochs=(0, 1))
    released.begin().move(H2, go_on_with("hospital-1")).state_tail(
        0, 5, files.root(released.hospital.hashes()))
    released.end()
    released.hospital.begin(1)
    released.advance(6)
    released.end_block()
    released.begin().anchor()
    released.end()
    passes("a chain whose log key was convicted is let go on, in generation 1", released)

    def moved(edit=None):
        """hospital-1 has another cloud in epoch 2, and then a block on block 9 and one on block 10."""
        made = joined(FIVE, edit=edit).begin().move(H2, assign("hospital-1", "cloud-3")).end()
        return made.go_on().go_on().go_on().go_on()

    example = moved()
    example.advance(9)
    example.end_block()
    example.begin().anchor("cloud-1")
    example.end()
    example.advance(10)
    example.end_block()
    example.begin().anchor("cloud-3")
    example.end()
    passes("a hospital has another cloud in epoch 2; the former one anchors a block on a base of epoch 1,"
           " the other one a later block", example)

    def without_first(*elected, more=None):
        made = joined(["cloud-2", "cloud-3", "hospital-2", "cloud-1"], *elected).begin().move(
            H2, remove("hospital-1"), name="removal")
        if more:
            made.move(*more, last=2)
        made.end().go_on().go_on().go_on()
        made.advance(8)
        made.end_block()
        return made.go_on()

    example = without_first()
    example.begin().anchor("cloud-1")
    passes("a hospital is removed, and its last block anchored by its cloud in the next epoch",
           example.end())

    example = joined(FIVE, ["cloud-1", "cloud-2", "cloud-3", "hospital-2"]).begin().approve(
        VOTER, ["cloud-3"]).approve(H2, ["cloud-1"]).end()
    example.go_on().go_on().go_on().go_on().begin().move(H2, remove("hospital-1")).end()
    passes("of two approvals that of who will run no hospital does not count",
           example.go_on().go_on().go_on().go_on().go_on())
    passes("a vote of who runs no hospital any more does not count", without_first(more=(
        VOTER, numbers(window=700))).begin().vote_on(H2).end())
    made = joined(FIVE).begin().rotate_party("cloud-3").move(
        H2, assign("hospital-1", "cloud-3")).end()
    passes("a supernode rotates, and agrees with the other key to cosign a chain",
           made.go_on().go_on().go_on().go_on().go_on())
    passes("a rotation has the chains in another order", voting().begin().rotate_party(
        "cloud-1", cosigners=node("cloud-1")["cosigners"][::-1]).end())
    passes("the quota of rotations is one in an epoch, and there is one in each of two", voting(
        signerQuota=1).begin().rotate_party("cloud-3").end().go_on()
        .begin().rotate_party("cloud-3", "cloud-3 2").end())
    passes("another quota of motions does not hold yet", voting().begin().move(
        VOTER, numbers(signerQuota=1)).end().begin().move(MINISTRY, remove("cloud-3"))
        .move(MINISTRY, remove("cloud-2"), name="another").end())
    manager = node("manager", **{f"{use}Key": public(f"manager 1 {use}")
                                 for use in ("registration", "identity")})

    def registered(**options):
        return voting().begin().move(VOTER, put(manager)).end().go_on().directory(
            ("register", "ada", options))

    passes("the manager has other keys by a vote, and signs a registration with one of them",
           registered(manager="manager 1 registration"))
    passes("a delegate has cosigned two roots of the consortium's chain, of one size",
           voting().sign_two("cloud-3", 0, 0))
    passes("a delegate has cosigned two roots with its keys of two epochs",
           rotated("cloud-3").sign_two("cloud-3", 1, 0))
    made = without_first()
    passes("a fault is reported of the chain of a hospital that is removed",
           made.report_fault(made.hospital))

    def two_lines(good, false):
        """On a base of epoch 1, with a line of each cloud that the hospital has had."""
        def note(log):
            (epoch, cloud), (other, liar) = good, false
            log.cosign(made.members[epoch], [cloud])
            return log.note() + signature_line(
                f"example/{liar}/hospital-1", 4, use_of(
                    made.members[other], liar, "cosigns hospital-1"), "x", CREATED)

        made = moved({"note hospital-1": note})
        made.go_on()
        made.advance(9)
        return ended(made)

    for title, clouds in (("present one, and a false line of the former",
                           ((2, "cloud-3"), (1, "cloud-1"))),
                          ("former one, and a false line of the present",
                           ((1, "cloud-1"), (2, "cloud-3")))):
        passes(f"a hospital's checkpoint on a base of epoch 1 has the line of the {title} cloud",
               two_lines(*clouds))
    made = seven(SEVEN, SEVEN[:4])
    passes("seven seats become four again", made.go_on().begin().move(
        VOTER, numbers(seatCount=4)).end().go_on().go_on().go_on().go_on().go_on())

    # Motions

    def broken(title, *changes, **options):
        motion(title, "wrong-members", *changes, **options)

    remove_3 = remove("cloud-3")
    motion("an organisation's first motion has number 2", "wrong-number", remove_3, count=2)
    motion("a motion's last epoch is over", "wrong-motion", remove_3, last=0,
           example=voting().go_on().go_on())
    motion("a motion's last epoch is 10,001 away", "wrong-motion", remove_3, last=10001)
    refused("motions are more than the quota", "quota-spent", voting(signerQuota=1)
            .begin().move(MINISTRY, remove_3).move(MINISTRY, remove("cloud-2"), name="another").end())
    motion("a motion concerns two organisations", "wrong-motion", remove("cloud-2"), remove_3)
    motion("a motion concerns an organisation, and another that is to run what joins", "wrong-motion",
           remove_3, put(supernode("cloud-4", "consortium", organisation="operator-of-cloud-2")))
    motion("a motion makes a supernode of another organisation's identifier, and concerns it too",
           "wrong-motion", put(supernode("operator-of-cloud-2", organisation=MINISTRY)),
           remove("operator-of-cloud-2"))
    broken("a motion makes a supernode of another organisation's identifier", put(supernode(
        "operator-of-cloud-2", organisation=MINISTRY)))
    motion("a motion makes 2001 supernodes", "wrong-members", put(supernode(
        "cloud-4", "consortium", organisation="operator-of-cloud-3")), signer=MINISTRY,
        example=voting(edit={"genesis": lambda value: crowded(value, 2000)}))
    motion("a motion is of a supernode", "not-entitled", remove_3, signer="hospital-1")
    motion("a motion is of nobody that is known", "unknown-signer", remove_3, signer=H2)
    motion("a motion is signed by another organisation", "wrong-signature", remove_3,
           signs=f"{MINISTRY} identity")
    motion("who is to join has not agreed", "wrong-motion", *joining(), agree=[H2, "cloud-2"])
    motion("the cloud of who is to join has not agreed", "wrong-motion", *joining(), agree=[H2, M2])
    motion("who is to run a hospital has not agreed", "wrong-motion", *joining(),
           agree=[M2, "cloud-2"])
    motion("somebody agrees who need not", "wrong-motion", remove_3, agree=["cloud-3"])
    motion("a consent is signed with another key", "wrong-consent", *joining(),
           consent={"cloud-2": "cloud-2 votes"})
    motion("consents are to the motion of another", "wrong-consent", *joining(), **{
        "signer": VOTER, "subject": ZERO})
    replaced = supernode("cloud-3", "consortium", use="cloud-3 1")
    motion("who has a key replaced agrees with the former one", "wrong-consent", put(replaced),
           consent={"cloud-3": "cloud-3 identity"})
    motion("the cloud that has to agree is nobody in what comes out", "wrong-members",
           assign(M2, "cloud-9"), assign(M2, "cloud-2", "another"), remove("cloud-9"),
           agree=["cloud-2"], example=joined().begin().move(VOTER, put(
               supernode("cloud-9", "consortium", organisation=H2))).end())
    motion("who joins is removed in the same motion", "wrong-members",
           put(operator(H2)), remove(H2), agree=[])

    broken("a motion removes whom nobody knows", remove("cloud-9"))
    broken("a motion removes the manager", remove("manager"), signer="operator-of-cloud-3")
    broken("a motion removes the manager's organisation", remove(MINISTRY))
    broken("a motion makes maxLag 151, and w is 600", numbers(maximumLag=151))
    broken("a motion makes five seats", numbers(seatCount=5))
    broken("a motion lets a hospital join without a cloud", *joining()[:2])
    broken("a motion lets a hospital join whose cloud is of the same organisation",
           put(supernode(M2, "consortium", organisation="operator-of-cloud-2", is_hospital=True)),
           assign(M2, "cloud-2"))
    broken("a motion gives a hospital a cloud that nobody knows", assign("hospital-1", "cloud-9"),
           agree=[])
    broken("a motion gives a cloud to whom nobody knows", assign(M2, "cloud-2"))
    broken("a motion gives a cloud a cloud", assign("cloud-1", "cloud-2"))
    broken("a motion makes another manager", put(node("manager", id="manager-2")), agree=[])
    broken("a motion makes a cloud a hospital", put(node(
        "cloud-3", role=1, logKey=[{"publicKey": public("cloud-3 log")}])), assign(
            "cloud-3", "cloud-2"))
    broken("a motion gives a hospital another log key", put(
        supernode("hospital-1", "consortium", is_hospital=True)
        | {"logKey": [{"publicKey": public("hospital-1 log 1")}]}), signer=MINISTRY)
    broken("a motion gives a supernode the identifier `consortium`", put(supernode(
        "consortium", "consortium", organisation="operator-of-cloud-3")))
    broken("a motion gives a supernode the identifier of the network", put(supernode(
        "example", "consortium", organisation="operator-of-cloud-3")))
    broken("a motion gives a supernode to an organisation that nobody knows", put(supernode(
        "cloud-4", "consortium")), agree=["cloud-4"])
    broken("a motion gives a party another's key", put(supernode(
        "cloud-3", "consortium") | {"votingKey": [{"publicKey": public("cloud-2 votes")}]}))
    broken("a motion has a key of small order", put(supernode(
        "cloud-3", "consortium") | {"votingKey": [{"publicKey": ZERO}]}))
    broken("a motion lets who is not barred be elected again", elect_again("operator-of-cloud-1"))
    broken("a motion lets a chain go on that goes on", go_on_with("hospital-1"), signer=MINISTRY)
    broken("a motion lets the chain of a cloud go on", go_on_with("cloud-1"))
    motion("a motion lets who joins have a key that was a doctor's", "already-registered",
           put(operator("operator-of-cloud-4", use="ada 0")),
           example=voting().directory(ADA))
    motion("a motion lets who joins have the name of a doctor", "already-registered",
           put(operator("ada")), example=voting().directory(ADA))
    motion("a motion gives back a key that was rotated away", "already-registered",
           put(node("cloud-3")), example=rotated("cloud-3"))
    motion("a motion gives the identifier of who was removed to another", "already-registered",
           put(supernode("cloud-3", "consortium", use="cloud-3 1",
                         organisation="operator-of-cloud-3")),
           example=voting(THREE).begin().move(VOTER, remove("cloud-3")).end())
    motion("a motion makes seven seats for four who stand", "too-few-candidates",
           numbers(seatCount=7))
    motion("a motion removes the second of four who stand", "too-few-candidates", remove("cloud-2"),
           example=voting().begin().move(VOTER, remove_3).end())
    refused("who withdraws leaves too few for the seats of the next epoch", "too-few-candidates",
            seven().begin().stand("cloud-1", False).stand("cloud-2", False)
            .stand("cloud-3", False).end())

    def unreadable(title, edit):
        def change(leaf):
            body = body_of(leaf)
            edit(body)
            return item(encode("Motion", body), VOTER)(leaf)

        refused(title, "leaf 10 cannot be read",
                voting(edit={"motion": change}).begin().move(VOTER, *joining()).end())

    unreadable("a change has a party and numbers",
               lambda body: body["changes"][0].update(numbers=[NUMBERS]))
    unreadable("a change of a party has none", lambda body: body["changes"][0].update(party=[]))
    unreadable("a removal has a party", lambda body: body["changes"][0].update(change=2))
    unreadable("a party is two", lambda body: body["changes"][0]["party"][0].update(
        manager=[node("manager")]))
    unreadable("a party is none", lambda body: body["changes"][0]["party"][0].update(
        organisation=[]))
    unreadable("an address of a party has a space", lambda body: party_of(body["changes"][1]).update(
        location={"addresses": [b"https://a b"], "pins": []}))
    unreadable("consents do not ascend", lambda body: body["consents"].reverse())
    unreadable("a consent stands twice", lambda body: body["consents"].append(body["consents"][-1]))

    # Ballots

    def on_ballot(title, code, voter, example=None, **options):
        made = example or voting().begin().move(MINISTRY, remove_3).end()
        refused(title, code, made.begin().vote_on(voter, **options).end())

    on_ballot("a ballot is of nobody that is known", "unknown-signer", "stranger")
    on_ballot("a ballot is of a supernode", "not-entitled", "hospital-1")
    on_ballot("a ballot is of an organisation without a hospital", "not-entitled", MINISTRY)
    on_ballot("a ballot is of who is concerned", "not-entitled", VOTER, voting().begin().move(
        MINISTRY, assign("hospital-1", "cloud-2")).end())
    on_ballot("a ballot is on nothing", "unknown-motion", VOTER, motion=ZERO)
    on_ballot("a ballot is signed by another organisation", "wrong-signature", VOTER,
              signs=f"{MINISTRY} identity")
    on_ballot("a ballot is on a motion that was decided", "motion-closed", VOTER,
              voting().begin().move(VOTER, remove_3).end())
    on_ballot("a ballot is on a motion that has failed", "motion-closed", VOTER, voting()
              .begin().move(MINISTRY, remove_3)
              .move("operator-of-cloud-2", remove_3, name="another")
              .vote_on(VOTER).vote_on(VOTER, "another", fails=True).end(), name="another",
              approves=False)
    on_ballot("a ballot is on a motion that has lapsed", "motion-closed", VOTER,
              voting().begin().move(MINISTRY, remove_3).end().go_on())
    on_ballot("a ballot is the second of an organisation", "already-voted", VOTER, voting()
              .begin().move(MINISTRY, remove_3).vote_on(VOTER, approves=False).end())
    on_ballot("who moves votes again", "already-voted", VOTER,
              joined().begin().move(VOTER, remove_3).end())
    on_ballot("who is to run a hospital in the next epoch votes in this one", "unknown-signer", H2,
              voting().begin().move(MINISTRY, remove_3)
              .move(VOTER, *joining(), name="admission").end())

    # Rotations

    def rotation(title, code, party, *before, example=None, **options):
        made = (example or voting()).begin()
        for each in before:
            made.rotate_party(each)
        refused(title, code, made.rotate_party(party, f"{party} {len(before) + 1}", **options).end())

    every = ("identityKey", "cosigners", "votingKey")
    rotation("a rotation changes nothing", "wrong-rotation", "cloud-3", keeps=every)
    for field, value in (("organisation", "operator-of-cloud-2"), ("role", 1),
                         ("logKey", [{"publicKey": public("cloud-3 log")}]), ("votingKey", []),
                         ("cosigners", []), ("cosigners", [
                             {"chain": "hospital-1", "publicKey": public("cloud-3 1 cosigns")}])):
        said = "lays down" if not value else "changes"
        more = " to another chain" if field == "cosigners" and value else ""
        rotation(f"a rotation {said} `{field}`{more}", "wrong-rotation", "cloud-3", **{field: value})
    rotation("a rotation of the manager changes the key of registrations", "wrong-rotation",
             "manager", registrationKey=public("manager 1 registration"))
    rotation("a rotation of the manager changes its organisation", "wrong-rotation",
             "manager", organisation=VOTER)
    rotation("a rotation takes the key to cosign the consortium's chain, and no voting key",
             "wrong-rotation", "cloud-5", example=voting(edit={"genesis": with_sixth}),
             cosigners=[{"chain": "consortium", "publicKey": public("cloud-5 cosigns consortium")}])
    rotation("a rotation takes a voting key, and no key to cosign the consortium's chain",
             "wrong-rotation", "cloud-5", example=voting(edit={"genesis": with_sixth}),
             votingKey=[{"publicKey": public("cloud-5 votes")}])
    rotation("a rotation is signed by another party", "not-entitled", "cloud-3", signer="cloud-2")
    rotation("a rotation is of an organisation, by a supernode that it runs", "not-entitled",
             "operator-of-cloud-3", signer="cloud-3")
    rotation("an identity key rotates twice in an epoch", "not-entitled", "cloud-3", "cloud-3")
    rotation("a rotation is of who is no member in the next epoch", "not-entitled", "cloud-3",
             example=rotating(remove_3))
    rotation("a rotation is of who has another identity key in the next epoch by a vote",
             "not-entitled", "cloud-3", example=rotating(put(replaced)))
    rotation("a rotation is of who is no member yet", "unknown-signer", M2,
             example=rotating(*joining()), signs="hospital-2 identity")
    refused("a rotation is of who has another organisation in the next epoch", "not-entitled",
            rotating(put(replaced | {"organisation": "operator-of-cloud-2"}))
            .begin().rotate_party("cloud-3", keeps=("identityKey",)).end())
    rotation("a rotation is proven by another key", "wrong-rotation", "cloud-3",
             proves="cloud-3 identity")
    rotation("a rotation's proof is on another ledger", "wrong-rotation", "cloud-3",
             consent={"genesis": ZERO})
    rotation("a rotation is signed with the key that it brings", "wrong-signature", "cloud-3",
             signs="cloud-3 1 identity")
    rotation("a rotation brings another party's key", "wrong-rotation", "cloud-3",
             votingKey=[{"publicKey": public("cloud-2 votes")}])
    rotation("a rotation brings a key of small order", "wrong-rotation", "cloud-3",
             votingKey=[{"publicKey": POINT}])
    rotation("a rotation brings a key that the party had before", "already-registered", "cloud-3",
             example=rotated("cloud-3"), votingKey=[{"publicKey": public("cloud-3 votes")}])
    rotation("a rotation brings a doctor's key", "already-registered", "cloud-3",
             example=voting().directory(ADA), votingKey=[{"publicKey": public("ada 0 identity")}])
    rotation("a rotation makes the members longer than 983,040 bytes", "wrong-rotation", "cloud-3",
             example=voting(edit={"genesis": lambda value: crowded(value, 1000, addresses=983040)}),
             location={"addresses": [b"a" * 256] * 4, "pins": []})
    rotation("rotations are more than the quota", "quota-spent", "cloud-3",
             example=voting(signerQuota=1).begin().rotate_party(
                 "cloud-3", "cloud-3 4", keeps=("identityKey",)).end())

    # From which epoch on

    refused("who has rotated opens a block of the next epoch with the former key",
            "wrong-signature", rotated("hospital-1", edit={
                "opening 8": opening(signer="hospital-1")}).go_on().go_on().go_on())
    refused("who has rotated signs with the other key before the next epoch", "wrong-signature",
            voting().begin().rotate_party("ministry")
            .move(MINISTRY, remove_3, signs="ministry 1 identity").end())
    refused("who has rotated signs with the former key in the next epoch", "wrong-signature",
            rotated("ministry").begin().move(MINISTRY, remove_3, signs="ministry identity").end())
    example = joined().go_on()
    example.advance(4, log := example.join())
    log.cosign(example.members[1], ["cloud-2"])
    example.end_block(log=log)
    refused("a hospital's first block is on a base before its epoch", "not-entitled", example)
    example = rotated("hospital-1")
    example.hospital.members = example.members[0]
    example.hospital.item("base 5", "hospital-1", "baseAdvance", {
        "base": example.consortium.reference(5)})
    example.base = 5
    example.end_block()
    refused("a hospital takes a base of the next epoch with its former key", "wrong-signature", example)
    example = without_first(["cloud-2", "cloud-3", "hospital-2", "cloud-1"])
    example.hospital.item("base 10", "hospital-1", "baseAdvance", {
        "base": example.go_on().consortium.reference(10)})
    example.base = 10
    example.end_block()
    refused("a hospital takes a base of an epoch in which it is no member", "not-entitled", example)
    example = without_first()
    example.begin().anchor("hospital-1")
    refused("a hospital that is removed anchors its last block", "unknown-signer", example.end())

    def anchored(title, code, base, signer, cosigner=None):
        made = moved().go_on()
        made.advance(base)
        if cosigner:
            made.hospital.cosign(made.members[cosigner[0]], [cosigner[1]])
        made.end_block()
        made.begin().anchor(signer)
        refused(title, code, made.end())

    anchored("the cloud of epoch 2 anchors a block on a base of epoch 1", "not-entitled", 9, "cloud-3")
    anchored("the cloud of epoch 1 anchors a block on a base of epoch 2", "not-entitled", 10,
             "cloud-1")
    anchored("a block on a base of epoch 2 is cosigned by the cloud of epoch 1", "wrong-checkpoint",
             10, "hospital-1", (1, "cloud-1"))
    anchored("a block on a base of epoch 1 is cosigned by the cloud of epoch 2", "wrong-checkpoint",
             9, "hospital-1", (2, "cloud-3"))
    example = moved()
    example.go_on()
    example.advance(10)
    example.hospital.cosign(example.members[1], ["cloud-1"])
    cases.append(("a hospital's checkpoint is cosigned by the cloud that it had", None, "V4", "",
                  exported(ended(example)), {}))
    example = moved()
    example.go_on()
    example.advance(9)
    example.hospital.cosign(example.members[2], ["cloud-3"])
    passes("a hospital's checkpoint on a base of epoch 1 is cosigned by the cloud of epoch 2",
           ended(example))
    for title, fields in (
            ("names no members", {"nextMembers": []}),
            ("names other members", {"nextMembers": [ZERO]}),
            ("names the members of the epoch, and a motion has changed them", {
                "nextMembers": [digest("Members", genesis()["members"])]})):
        refused(f"the last header of an epoch {title}", "header", voting(edit={
            "consortium header 4": header(**fields)}).begin().move(
                VOTER, numbers(window=700)).end().go_on())
    refused("the header of another block names members", "header", voting(edit={
        "consortium header 3": header(nextMembers=[digest("Members", genesis()["members"])])})
        .go_on())

    refused("four of seven seats have committed", "wrong-commits",
            seven(SEVEN).go_on().go_on().go_on(seats=(0, 1, 2, 3)))
    made = seven(SEVEN).go_on().go_on()
    made.consortium.cosign(made.members[1], SEVEN[:4])
    cases.append(("four of seven delegates have cosigned", None, "V4", "", exported(made), {}))
    refused("motions are more than the quota that holds from this epoch on", "quota-spent",
            voting().begin().move(VOTER, numbers(signerQuota=1)).end().go_on()
            .begin().move(MINISTRY, remove_3).move(MINISTRY, remove("cloud-2"), name="another").end())
    refused("the manager has other keys by a vote, and signs a registration with the former one",
            "wrong-registration", registered())
    for title, code, height in (("has still", "wrong-visit-key-proof", 4),
                                ("has no more", "wrong-context", 5)):
        made = voting().directory(ADA).begin().move(VOTER, numbers(window=700)).end()
        if height == 5:
            made.go_on()
        refused(f"a visit is opened, with a false proof, in the window that the base's epoch {title}",
                code, made.visit_of(made.doctors["ada"]["statement"]))

    # Evidence by epochs, names and keys of who joins

    example = rotated("cloud-1")
    former = example.hospital.note()
    example.hospital.cosign(example.members[1], ["cloud-1"])
    other = example.hospital.note(example.hospital.hashes()[:-1] + [ZERO])
    keys = [(use, "operator-of-cloud-1") for use in sorted(
        ("cloud-1 cosigns hospital-1", "cloud-1 1 cosigns hospital-1"), key=public)]
    example.report(example.claim(former), example.claim(other, epoch=1), *keys,
                   ("hospital-1 log", None))
    passes("a cloud has signed two roots with its keys of two epochs, and both are convicted", example)
    for title, made in (
            ("an epoch that is still to come", voting().equivocate(epochs=(0, 1))),
            ("an epoch far away", voting().equivocate(epochs=(0, 2**62))),
            ("an epoch in which the cloud had another key",
             rotated("cloud-1").equivocate(epochs=(0, 1))),
            ("an epoch in which the hospital was no member", foreign_claim())):
        refused(f"a claim is of {title}", "no-contradiction", made)
    refused("a report of withholding is of an epoch that is still to come", "no-contradiction",
            voting().withhold(epoch=1))
    refused("a report of withholding is of an epoch in which the cloud had another key",
            "no-contradiction", rotated("cloud-1").withhold(epoch=1))
    refused("a doctor is registered with the name of who is to join", "already-registered",
            voting().begin().move(VOTER, *joining()).end().directory(("register", M2)))
    refused("a doctor is registered with a key of who is to join", "already-registered",
            voting().begin().move(VOTER, *joining()).end().directory(
                ("register", "ada", {"identityKey": public("hospital-2 identity")})))
    made = voting().begin().move(VOTER, *joining()).end()
    refused("a demand is on the chain of a hospital that is to join", "not-demandable",
            made.demand_on(M2))
    refused("a demand is on the chain of a hospital that is removed", "not-demandable",
            without_first().demand_on("hospital-1"))
    made = voting().begin().move(VOTER, *joining()).end()
    log = Log(made.ledger, M2, {}, made.members[0], [])
    log.leaves = [b"a leaf"]
    refused("a fault is reported of a hospital that is to join", "wrong-checkpoint",
            made.report_fault(log))
    refused("a candidate is approved who is to join", "unknown-candidate", voting().begin().move(
        VOTER, *joining()).approve(VOTER, [M2]).end())
    refused("an anchored chain was convicted, and is let go on by nobody", "convicted",
            convicted_anchor())
    return cases


def histories():
    """What changes may not make of what a party was (6.13)."""
    def node(name, **fields):
        return parties(genesis()["members"])[name] | fields

    def motion(*changes, signer=VOTER, example=None):
        return (example or voting()).begin().move(signer, *changes).end()

    other = supernode("hospital-1", "consortium", is_hospital=True) | {
        "logKey": [{"publicKey": public("hospital-1 log 1")}]}
    cases = [
        ("a motion gives a party to another organisation, with the keys that it has", "wrong-members",
         motion(put(node("cloud-3", organisation="operator-of-cloud-2")))),
        ("a motion gives a party to another organisation, and one of the keys is kept",
         "wrong-members", motion(put(supernode(
             "cloud-3", "consortium", use="cloud-3 1", organisation="operator-of-cloud-2")
             | {"votingKey": node("cloud-3")["votingKey"]}))),
        ("a motion removes a hospital, and puts it back with another log key", "wrong-members",
         motion(remove("hospital-1"), put(other), assign("hospital-1", "cloud-1"),
                signer=H2, example=joined())),
        ("a motion removes a cloud, and puts it back as a hospital", "wrong-members",
         motion(remove("cloud-3"), put(supernode("cloud-3", "consortium", is_hospital=True)),
                assign("cloud-3", "cloud-2"))),
        ("a motion gives a cloud to a hospital that joins by a later change", "wrong-motion",
         motion(*joining()[::-1])),
        ("a motion exchanges two keys of a party", "already-registered", motion(put(node(
            "cloud-3", identityKey=public("cloud-3 votes"),
            votingKey=[{"publicKey": public("cloud-3 identity")}])))),
        ("a rotation exchanges two keys of a party", "already-registered",
         voting().begin().rotate_party(
             "cloud-3", keeps=("identityKey",), votingKey=[
                 {"publicKey": public("cloud-3 cosigns consortium")}], cosigners=[
                 {"chain": "consortium", "publicKey": public("cloud-3 votes")}]).end()),
    ]
    return [(title, "all", "V7", code, exported(example), {}) for title, code, example in cases]


def rotating(*changes):
    return voting().begin().move(VOTER, *changes).end()


def ended(example):
    example.end_block()
    return example


def with_sixth(value):
    """cloud-5 has neither a voting key nor one to cosign."""
    value["members"]["organisations"].append(operator("operator-of-cloud-5"))
    value["members"]["supernodes"].append(supernode("cloud-5", votes=False))
    return value


def seven(*elected):
    """Three organisations join, and there will be seven seats; the members are still four."""
    example = voting(*elected).begin()
    for name in ("cloud-4", "cloud-5", "cloud-6"):
        example.move(VOTER, put(operator(f"operator-of-{name}")),
                     put(supernode(name, "consortium")), name=name)
    return example.move(VOTER, numbers(seatCount=7)).end()


def crowded(value, count, addresses=0):
    """So many supernodes, with as many bytes of addresses as make so many of the members."""
    nodes = value["members"]["supernodes"]
    nodes += [supernode(f"more-{index}", organisation="operator-of-cloud-3", votes=False)
              for index in range(count - len(nodes))]
    if addresses:
        for node in nodes:
            node["location"]["addresses"] = [bytes([0x61] * 212)] * 3 + [bytes([0x61] * 130)]
        missing = addresses - len(encode("Members", value["members"]))
        for node in nodes[:missing % count]:
            node["location"]["addresses"][3] += b"a"
        for node in nodes:
            node["location"]["addresses"][3] += b"a" * (missing // count)
        assert len(encode("Members", value["members"])) == addresses
    return value


def foreign_claim():
    example = joined()
    example.go_on()
    log = example.join()
    example.advance(5, log)
    example.end_block(log=log)
    other = log.note(log.hashes()[:-1] + [ZERO])
    example.report(example.claim(log.note(), epoch=1), example.claim(other), chain=log.chain)
    return example


def convicted_anchor():
    example = voting().equivocate()
    example.advance(3)
    example.end_block()
    example.begin().anchor()
    return example.end()


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

FIRST_OPENING = {"version": 1, "height": 0, "round": 0, "time": CREATED, "commits": []}
BALLOT = {"version": 1, "genesis": ZERO, "epoch": 0, "height": 128, "round": 2, "root": [ZERO]}


def table(rows):
    return ["| value | bytes |", "|---|---|", *(
        f"| {name} | `{value if isinstance(value, str) else value.hex()}` |" for name, value in rows)]


def encodings():
    proposal = {name: BALLOT[name] for name in BALLOT if name != "root"} | {"root": ZERO}
    return table((
        ("`BlockOpening` of height 0, round 0 and 1790000000",
         encode("BlockOpening", FIRST_OPENING)),
        ("its digest", digest("BlockOpening", FIRST_OPENING)),
        ("`ConsensusVote`, a prepare of a zero digest in round 2 of height 128, for a zero genesis",
         encode("ConsensusVote", BALLOT | {"phase": 1, "timedOut": b""})),
        ("the commit, where rounds 0 and 1 have timed out",
         encode("ConsensusVote", BALLOT | {"phase": 2, "timedOut": b"\xc0"})),
        ("the commit of no block, where they have not",
         encode("ConsensusVote", BALLOT | {"phase": 2, "root": [], "timedOut": b""})),
        ("`ConsensusProposal` of that block, which was valid in round 1",
         encode("ConsensusProposal", proposal | {"validRound": [{"number": 1}]})),
        ("`StorageReceipt` of three zero digests", encode("StorageReceipt", {
            "version": 1, "genesis": ZERO, "visit": ZERO, "recordDigest": ZERO}))))


def checkpoint():
    leaf = digest("BlockOpening", FIRST_OPENING)
    root = files.root([leaf, ZERO])
    origin, name = f"bcemr/{leaf.hex()}/hospital-1/0", "demo/cloud/hospital-1"
    log, cosigner = (Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)) for seed in (1, 2))
    body = f"{origin}\n2\n{b64encode(root).decode()}\n"

    def vkey(name, kind, secret):
        public = secret.public_key().public_bytes_raw()
        return (f"{name}+{files.key_id(name, kind, public).hex()}+"
                f"{b64encode(bytes([kind]) + public).decode()}")

    return [
        *table((
            ("root over two leaves: the digest of A.1's `BlockOpening`, and 32 zero bytes", root),
            ("log key of the seed of 32 bytes `01`", log.public_key().public_bytes_raw()),
            ("its vkey", vkey(origin, 1, log)),
            ("cosigning key of the seed of 32 bytes `02`", cosigner.public_key().public_bytes_raw()),
            ("its vkey", vkey(name, 4, cosigner)))),
        "", "The origin's genesis digest is that of the `BlockOpening`, the time of the cosignature "
        "1790000000. The log key signs the first three lines; the cosigner signs `cosignature/v1`, "
        "newline, `time 1790000000`, newline, and these three lines. The note (a signature differs "
        "where Ed25519 is randomized, and verifies all the same) is", "", "```",
        *(body + "\n" + line(origin, 1, log, body) + line(name, 4, cosigner, body, CREATED))
        .splitlines(), "```"]


def export():
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
        reason = f"`{reason}`" if "-" in reason else reason
        lines.append(f"| {title} | {'yes' if signers else ''} | {check or 'passes'} | {reason} |")
    return lines


def written(text):
    """The specification with what this script makes in its marked places."""
    for make in (encodings, checkpoint, export):
        begin, end = (f"<!-- export_appendix.py: {make.__name__}{word} -->\n" for word in ("", " end"))
        before, rest = text.split(begin)
        text = before + begin + "\n".join(make()) + "\n" + end + rest.split(end)[1]
    return text


def write():
    EXPORT.parent.mkdir(exist_ok=True)
    EXPORT.write_bytes(Example().tar())
    SPECIFICATION.write_text(
        written(SPECIFICATION.read_text(encoding="utf-8")), encoding="utf-8")
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
        "addenda", "unproven_times", "barred", "unproven_addenda")] for chain in (value.get("summary") or {}).get("chains", [])[1:]]
    return code, error.get("message", ""), chains


def replay_says(path, known, genesis):
    chains = []
    try:
        report = REPLAY.verify(files.open_export(path), genesis, known)
        faults, chains = [fault for _, fault in report.faults], report.chains
    except files.Malformed as error:
        return "V1", str(error), chains
    except REPLAY.Failure as error:
        faults = [str(error)]
    return (faults[0][:2], faults[0], chains) if faults else (None, "", chains)


def check(bcemr):
    failures = []
    if EXPORT.read_bytes() != Example().tar():
        failures.append(f"{EXPORT.relative_to(ROOT)} is not what this script makes")
    text = SPECIFICATION.read_text(encoding="utf-8")
    if text != written(text):
        failures.append("the appendix is not what this script writes")
    cases = variants()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.tar"
        for title, _, expected, reason, make, options in cases:
            path.write_bytes(make())
            options = options.get("--checkpoint"), options.get("--genesis")
            said = [("bcemr verify", bcemr_says(bcemr, path, *options)),
                    ("replay-export", replay_says(path, *options))]
            if said[0][1][2] != said[-1][1][2]:
                failures.append(f"{title}: of the chains one says {said[0][1][2]}, "
                                f"the other {said[-1][1][2]}")
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
