"""A member whose messages are well-formed and signed with its own keys, and say nothing that makes sense."""

import http.client
import os
import secrets
import threading
import time
from collections import Counter, deque

import paths  # noqa: F401
import envelope
from asn1_module import decode, encode
from between import ANY_KEY, Between, element, integer, name_of, octets, sequence, text
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nonsense import QUERIES, REQUESTS, TYPES, Nonsense

ENVELOPE = b"\x7f\x50"
WEEK = 604800
# How many messages of others it remembers, to send them again.
MEMORY = 100
# How likely it answers honestly what came without an envelope.
HONEST = 0.3


def message(name, payload):
    return encode("Message", {"version": 1, "name": name, "payload": payload})


class Speech:
    """What such a member says; used by one thread at a time."""

    def __init__(self, name, genesis, identity, choice, parties):
        self.name, self.genesis, self.identity, self.choice = name, genesis, identity, choice
        self.heard = deque(maxlen=MEMORY)
        names = [text(each.encode()) for each in parties]
        self.nonsense = Nonsense(choice, {
            "genesis": [octets(genesis)], "hospital": names, "party": [text(name.encode())],
            "recipient": names, "chain": [text(b"consortium"), *names],
            "signer": [sequence(integer(1), text(name.encode()))],
        })
        self.lock = threading.Lock()

    def signed(self, der):
        return sequence(der, octets(self.identity.sign(der)))

    # Answers

    def answer(self, request):
        """To a request of a kind, as a `Message`, or as nothing at all."""
        place = self.choice.random()
        if place < 0.1:
            return self.nonsense.noise(self.choice.choice([0, 1, 1000, 1 << 20]))
        if place < 0.2:
            return message("error", self.nonsense.object("Failure"))
        kind = REQUESTS[request][1] if request in REQUESTS and place < 0.85 else self.choice.choice(list(TYPES))
        return message("reply", self.nonsense.object(kind, self.choice.choice([None, None, 2_000_000])))

    def envelope_key(self, public):
        """A key of its own, to which others then seal what they ask."""
        first = int(time.time()) - 10
        return message("reply", self.signed(encode("EnvelopeKey", {
            "version": 1, "genesis": self.genesis, "owner": self.name, "key": public,
            "first": first, "last": first + WEEK})))

    # Requests

    def request(self, other, public):
        """Something to say to another, whose envelopes are sealed to this key; what it is, and its bytes."""
        makes = [self._sealed, self._sealed, self._query, self._entry, self._again, self._large]
        make = self.choice.choice(makes)
        return make.__name__.strip("_"), make(other, public)

    def _sealed(self, other, public, room=None):
        name = self.choice.choice(list(envelope.TABLE))
        kind = REQUESTS[name][0] if self.choice.random() < 0.8 else self.choice.choice(list(TYPES))
        return self._seal(other, public, name, message(name, self.nonsense.object(kind, room)))

    def _seal(self, other, public, name, payload):
        content = {
            "genesis": self.genesis, "recipient": other, "author": {"principal": 1, "party": self.name},
            "name": name, "nonce": secrets.token_bytes(16), "payload": payload,
            "sentAt": self.choice.choice([int(time.time())] * 9 + [0, 253402300799])}
        return envelope.seal(content, self.identity, public, X25519PrivateKey.generate())[0]

    def _query(self, other, public):
        name = self.choice.choice(list(QUERIES))
        inner, kind = QUERIES[name]
        self.nonsense.known["terms"] = [encode("QueryTerms", {
            "genesis": self.genesis, "party": self.name, "recipient": other, "sentAt": int(time.time())})]
        query = message(inner, self.nonsense.object(kind))
        return message(name, sequence(self.signed(query)))

    def _entry(self, other, public):
        """An entry of the consortium chain, or of a hospital's, that is signed as it has to be."""
        content = self.nonsense.object("EntryContent")
        return message("offer-entry", sequence(self.signed(content)))

    def _again(self, other, public):
        """What somebody else has said to this member."""
        return self.choice.choice(self.heard) if self.heard else self._entry(other, public)

    def _large(self, other, public):
        """Just as much as its kind may have, or a little more."""
        name = self.choice.choice(list(envelope.TABLE))
        size = envelope.TABLE[name]["bytes"] + self.choice.choice([0, 0, 1, 2048, 2049])
        shell = len(message(name, element(b"\x04", bytes(1 << 17)))) - (1 << 17)
        payload = message(name, element(b"\x04", self.nonsense.noise(max(size - shell, 0))))
        return self._seal(other, public, name, payload)


class Babbler(Between):
    """Stands before the member's daemon and answers in its place."""

    def __init__(self, folder, target, speech):
        self.speech, self.counts = speech, Counter()
        self.private = X25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes_raw()
        super().__init__(folder, 0, target, None)

    def answered(self, path, body, answer):
        return answer

    def instead(self, path, body):
        # Messages to people in its mailboxes are theirs.
        if path != "/v1/messages/" + self.speech.name:
            return None
        with self.speech.lock:
            self.speech.heard.append(body)
            if body[:2] == ENVELOPE:
                return self._sealed(body)
            name = name_of(body)
            if name == "fetch-envelope-key":
                return self.speech.envelope_key(self.public)
            if self.speech.choice.random() < HONEST:
                return None
            self.counts["bare answers"] += 1
            return self.speech.answer(name)

    def _sealed(self, body):
        """What is sealed to the daemon's own key is sealed anew by who asks, to the key here."""
        outside = decode("Envelope", body)
        if outside["keyDigest"] != envelope.digest(self.public):
            return message("error", encode("Failure", {"code": "decryption", "message": ""}))
        context = envelope.Seal.by(self.private, outside["sealed"][:32], envelope.info(
            self.speech.genesis, self.speech.name, outside["keyDigest"]))
        content = decode("SignedRequest", context.open(outside["sealed"][32:]))["object"]
        self.counts["sealed answers"] += 1
        answer = self.speech.answer(content["name"]) or b"\0"
        return context.seal_answer(answer, os.urandom(32))


class Talker:
    """Says such things to others, as fast as they answer; nothing of it may be taken for what it is not."""

    def __init__(self, speech, addresses):
        self.speech, self.addresses = speech, addresses
        self.counts, self.keys, self.connections = Counter(), {}, {}

    def talk(self, over):
        while not over.wait(0.02):
            other = self.speech.choice.choice(list(self.addresses))
            try:
                public = self.keys.get(other) or self._key(other)
                with self.speech.lock:
                    what, body = self.speech.request(other, public)
                answer = self._post(other, body)
            except (OSError, http.client.HTTPException, ValueError):
                # Whoever is down, or hangs up, is asked again.
                self.connections.pop(other, None)
                continue
            self.counts[what.replace("again", "repeated")] += 1
            self.counts["answered"] += answer is not None

    def _key(self, other):
        reply = decode("Message", self._post(other, message("fetch-envelope-key", sequence())))
        self.keys[other] = decode("SignedEnvelopeKey", reply["payload"])["object"]["key"]
        return self.keys[other]

    def _post(self, other, body):
        """What is answered; None to what HTTP refuses."""
        connection = self.connections.setdefault(
            other, http.client.HTTPSConnection(*self.addresses[other], timeout=20, context=ANY_KEY))
        connection.request(
            "POST", "/v1/messages/" + other, body, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        content = answer.read()
        return content if answer.status == 200 else None
