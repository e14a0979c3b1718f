"""A member who uses its own keys to lie: it says two things to two others, as no daemon of this system does."""

import base64
import threading
from collections import Counter
from hashlib import sha256

import paths  # noqa: F401
from asn1_module import decode, encode
from backups import key
from between import Between, Message, element, elements, integer, name_of, sequence
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PROPOSAL, VOTE, COSIGNATURE = 2, 3, 5


class Keys:
    """Those of a party's folder, by use."""

    def __init__(self, path):
        self.path = path

    def __getitem__(self, use):
        return Ed25519PrivateKey.from_private_bytes(key(self.path, use)[0])


def is_signed(public, signature, data):
    try:
        public.verify(signature, data)
        return True
    except InvalidSignature:
        return False


def another(root):
    """A root of no block, the same whenever it is asked for."""
    return sha256(b"another" + root).digest()


class Equivocator(Between):
    """Stands before a delegate's daemon, and has the others read statements that contradict those of the daemon.

    One of them sees the daemon's alone, one the others alone, and all others see both.
    """

    def __init__(self, folder, target, keys, others, what):
        self.voting, self.cosigning = keys["voting"], keys["cosigner/consortium"]
        self.others, self.what = sorted(others), what
        self.counts, self.lock = Counter(), threading.Lock()
        super().__init__(folder, 0, target, None)

    def answered(self, path, body, answer):
        if name_of(body) != "fetch-outbox" or (reply := Message(answer)).name != "reply":
            return answer
        shown = self.shown_to(asker(body))
        reply.payload[0] = sequence(*(
            element(tag, each) for tag, item in elements(reply.content(0)) for each in shown(item)))
        return reply.encoded()

    def shown_to(self, who):
        """What somebody sees of an item."""
        place = self.others.index(who) if who in self.others else len(self.others)

        def shown(item):
            twin = self.twin(item)
            if twin is None or place == 0:
                return [item]
            with self.lock:
                self.counts[twin[0]] += 1
            # What is seen of a chain is compared with the chain, so there the true one may come too.
            return [twin[1]] if place == 1 and self.what == "statements" else [twin[1], item]

        return shown

    def twin(self, item):
        """What contradicts an item of an outbox, and its name; none of what this delegate has not signed."""
        (_, kind), (tag, content) = elements(item)
        kind = int.from_bytes(kind, "big")
        if self.what == "checkpoints":
            return self._checkpoint(content) if kind == COSIGNATURE else None
        if kind == VOTE:
            return self._statement(kind, "SignedVote", "ConsensusVote", "vote", element(tag, content))
        if kind == PROPOSAL:
            return self._statement(
                kind, "SignedProposal", "ConsensusProposal", "proposal", element(tag, content))
        return None

    def _statement(self, kind, signed_type, statement_type, name, der):
        signed = decode(signed_type, der)
        statement = signed[name]
        if not is_signed(self.voting.public_key(), signed["signature"], encode(statement_type, statement)):
            return None
        if name == "proposal":
            statement["root"] = another(statement["root"])
        elif statement["root"]:
            # For another block in the first vote of a round, and in the second for none.
            statement["root"] = [another(statement["root"][0])] if statement["phase"] == 1 else []
        else:
            statement["root"] = [another(b"")]
        signed["signature"] = self.voting.sign(encode(statement_type, statement))
        return name + "s", integer(kind) + encode(signed_type, signed)

    def _checkpoint(self, content):
        body, line = content.decode().split("\n\n")
        origin, size, root = body.split("\n")
        body = "\n".join([origin, size, base64.b64encode(another(base64.b64decode(root))).decode()]) + "\n"
        dash, name, signature = line.rstrip("\n").split(" ")
        head = base64.b64decode(signature)[:12]
        signed = "cosignature/v1\ntime %d\n%s" % (int.from_bytes(head[4:], "big"), body)
        head += self.cosigning.sign(signed.encode())
        note = "%s\n%s %s %s\n" % (body, dash, name, base64.b64encode(head).decode())
        return "checkpoints", integer(COSIGNATURE) + element(b"\x0c", note.encode())


def asker(body):
    """Who asks for an outbox, by what it has signed."""
    query = decode("FetchOutbox", decode("Message", body)["payload"])["query"]
    return decode("ConsortiumQuery", query["object"]["payload"])["terms"]["party"]
