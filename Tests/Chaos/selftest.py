#!/usr/bin/env python3
"""The checker finds what it is there for, and plans are their seeds': selftest.py

Each test has a history and a ledger in which one thing is false.
"""

import contextlib
import copy
import http.client
import random
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

import paths  # noqa: F401
import babbler
import carrier
import checker
import envelope
import garbage
import liar
import nonsense
import plan
import run
from asn1_module import decode, encode
from between import Message, element, integer, sequence
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from history import History, Operation
from journey import Journey
from ledger import Entry, Report, View
from network import Loopback
from proxy import Conduct, Proxies

VISIT, CONSENT, SECOND = "a1" * 32, "c1" * 32, "c2" * 32


def entry(index, kind, document="", signer="", **more):
    return Entry(index, kind, "%064x" % index, VISIT, document, signer, **more)


def stands(standing, index):
    return {"standing": standing, "index": index}


def good():
    """A visit of anna and bert, opened by carl with one consent; another consent is taken back."""
    view = View(
        chains={"hospital-1": [
            entry(1, "opening", signer="hospital-1", team=["anna", "bert"]),
            entry(2, "signature", signer="anna"), entry(3, "signature", signer="bert"),
            entry(4, "completion", signer="bert"), entry(6, "receipt", signer=VISIT),
            entry(7, "consent", CONSENT), entry(9, "access", CONSENT, "manager"),
            entry(10, "consent", SECOND), entry(12, "revocation", SECOND)]},
        final={"hospital-1": 20})
    findings = {"anna": "one", "bert": "two"}
    history = History()

    def add(at, verb, who, code=0, result=None, **about):
        history.add(Operation(verb, who, at, at + 1, code, result or {}, about))

    about = {"visit": VISIT, "hospital": "hospital-1", "encounter": "e", "patient": "p"}
    add(0, "desk-ticket", "hospital-1", result={"ticket": "77" * 32}, **about)
    add(1, "ticket", "p", result={"visit": VISIT}, team=["anna", "bert"], **about)
    add(2, "sign", "anna", result={"signature": stands("final", 2)}, finding="one", **about)
    add(3, "sign", "bert", result={
        "signature": stands("written", 3), "completion": stands("confirmed", 4)}, finding="two", **about)
    add(4, "collect", "p", result={"receipt": stands("confirmed", 6)}, collected=findings, **about)
    add(5, "consent", "p", result={"consent": CONSENT, "stands": stands("final", 7)}, **about)
    add(6, "open", "carl", consent=CONSENT, findings=findings, opened=findings, **about)
    add(7, "consent", "p", result={"consent": SECOND, "stands": stands("written", 10)}, **about)
    add(8, "revoke", "p", result={"stands": stands("final", 12)}, consent=SECOND, **about)
    add(9.5, "open", "carl", 1, {"error": {"code": "consent-revoked"}}, consent=SECOND,
        findings=findings, **about)
    add(10, "status", "p", result={"submissions": [
        {"kind": "receipt", "entry": "%064x" % 6, "visit": VISIT, "consent": None,
         "stands": stands("final", 6)}]})
    facts = checker.Facts(
        hospitals={"anna": "hospital-1", "bert": "hospital-1", "carl": "hospital-2"},
        tickets={"hospital-1": set()}, visits={"p": {VISIT}})
    return history, view, facts


class CheckerTests(unittest.TestCase):
    def found(self, change):
        history, view, facts = good()
        change(history, view, facts)
        return list(checker.check(history, view, facts))

    def finds(self, word, change):
        found = self.found(change)
        self.assertTrue(any(word in each for each in found), found)

    def without(self, **values):
        def change(history, view, facts):
            kept = [e for e in view.chains["hospital-1"]
                    if not all(getattr(e, n) == v for n, v in values.items())]
            self.assertLess(len(kept), len(view.chains["hospital-1"]))
            view.chains["hospital-1"] = kept
        return change

    def operation(self, verb, place=0):
        """Changes one operation by what a test gives."""
        def changing(body):
            return lambda history, view, facts: body(history.of(verb)[place])
        return changing

    def test_good_history_has_no_contradiction(self):
        self.assertEqual(self.found(lambda *_: None), [])

    def test_lost_entries_are_found(self):
        for values in (
                {"kind": "signature", "signer": "anna"}, {"kind": "signature", "signer": "bert"},
                {"kind": "completion"}, {"kind": "receipt"}, {"kind": "consent", "document": CONSENT},
                {"kind": "consent", "document": SECOND}, {"kind": "revocation"}):
            self.finds("lost: ", self.without(**values))

    def test_entry_at_another_place_is_found(self):
        def change(history, view, facts):
            view.find(kind="completion")[0][1].index = 5
        self.finds("lost: completion", change)

    def test_final_that_is_no_more_is_found(self):
        self.finds("not final any more", lambda h, view, f: view.final.update({"hospital-1": 7}))

        def change(history, view, facts):
            later = copy.deepcopy(history.of("status")[0])
            later.ended += 1
            later.result["submissions"][0]["stands"] = stands("written", None)
            history.add(later)
        self.finds("taken back", change)

    def test_opening_without_consent_is_found(self):
        self.finds("opened without consent", self.without(kind="consent", document=CONSENT))

        def change(history, view, facts):
            view.find(kind="consent", document=CONSENT)[0][1].index = 9.5
        self.finds("opened without consent", change)
        self.finds("unnoticed", self.without(kind="access"))

    def test_opening_after_revocation_is_found(self):
        opened = self.operation("open", 1)(
            lambda each: each.about.update(opened=each.about["findings"]))
        self.finds("after the receipt", opened)
        self.finds("is used after it was taken back", lambda h, view, f: view.chains[
            "hospital-1"].append(entry(13, "access", SECOND, "manager")))

        def before(history, view, facts):
            history.of("open")[1].began = 7.5
            history.of("open")[1].about["opened"] = history.of("open")[1].about["findings"]
            view.chains["hospital-1"].insert(8, entry(11, "access", SECOND, "manager"))
        self.assertEqual(self.found(before), [])

    def test_what_nobody_did_is_found(self):
        foreign = Entry(14, "opening", "ff", "b1" * 32, "", "hospital-1", ["anna"])
        self.finds("no patient knows", lambda h, view, f: view.chains["hospital-1"].append(foreign))
        self.finds("has the team", self.operation("ticket")(
            lambda each: each.about.update(team=["anna"])))
        self.finds("was used twice", lambda h, view, f: view.chains["hospital-1"].append(
            entry(15, "access", CONSENT, "manager")))
        self.finds("complete twice", lambda h, view, f: view.chains["hospital-1"].append(
            entry(15, "completion", signer="bert")))
        self.finds("no doctor has asked", lambda history, v, f: history.operations.remove(
            history.of("open")[0]))

    def test_changed_records_are_found(self):
        self.finds("changed: the record", self.operation("collect")(
            lambda each: each.about["collected"].update(anna="other")))
        self.finds("changed: what", self.operation("open")(
            lambda each: each.about.update(opened={"anna": "other"})))
        self.finds("disputed", self.operation("collect")(
            lambda each: each.result.update(error={"code": "disputed"})))

    def test_lost_tickets_are_found(self):
        def change(history, view, facts):
            other = copy.deepcopy(history.of("desk-ticket")[0])
            other.about["encounter"], other.result["ticket"] = "e-2", "78" * 32
            history.add(other)
        self.finds("a ticket of hospital-1", change)

        def restored(history, view, facts):
            change(history, view, facts)
            facts.restored["hospital-1"] = 0
        self.assertEqual(self.found(restored), [])

    def test_demands_that_are_lost_are_found(self):
        def change(history, view, facts):
            history.of("revoke")[0].result["stands"] = stands("demanded", 90)
        self.finds("no such demand", change)

        def kept(history, view, facts):
            change(history, view, facts)
            view.demands.append(entry(90, "revocation", SECOND))
        self.assertEqual(self.found(kept), [])


    def test_tickets_without_etcd_are_found(self):
        def change(history, view, facts):
            facts.halted["hospital-1"] = (-1, 2)
        self.finds("without etcd", change)

        def probe(history, view, facts):
            facts.halted["hospital-1"] = (99, 120)
            history.add(Operation("probe-ticket", "hospital-1", 100, 101, 0, {"ticket": "79" * 32}, {
                "hospital": "hospital-1", "encounter": "probe-1", "patient": "nobody"}))
            facts.tickets["hospital-1"] = {"79" * 32}
        self.finds("without etcd", probe)

        def afterwards(history, view, facts):
            probe(history, view, facts)
            facts.halted["hospital-1"] = (99, 100.5)
        self.assertEqual(self.found(afterwards), [])

        def forgotten(history, view, facts):
            afterwards(history, view, facts)
            facts.tickets["hospital-1"] = set()
        self.finds("a ticket of hospital-1 for nobody", forgotten)

    def test_two_leaves_at_one_place_are_found(self):
        def copies(**others):
            def change(history, view, facts):
                facts.copies = {"hospital-1": {"hospital-1": [b"a", b"b", b"c"], **others}}
            return change

        self.assertEqual(self.found(copies(cloud=[b"a", b"b"], machine=[b"a", b"b", b"c", b"d"])), [])
        self.finds("leaf 1 of hospital-1 is one at hospital-1 and another at cloud", copies(cloud=[b"a", b"x"]))
        self.finds("another at machine", copies(cloud=[b"a"], machine=[b"a", b"b", b"x"]))

    def test_reports_are_of_liars_and_of_nobody_else(self):
        own, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

        def signed(key, *objects):
            return [(each, key.sign(each)) for each in objects]

        def change(*statements):
            def change(history, view, facts):
                facts.liars = {"cloud": own.public_key()}
                view.reports = [Report(3, list(each)) for each in statements]
            return change

        lie = signed(own, b"one", b"two")
        self.assertEqual(self.found(change(lie)), [])
        self.finds("unreported: cloud", change())
        for framed in (signed(other, b"one", b"two"), signed(own, b"one", b"one"),
                       signed(own, b"one") + signed(other, b"two")):
            self.finds("framed: the report at 3", change(lie, framed))
            self.finds("unreported: cloud", change(framed))


class PlanTests(unittest.TestCase):
    def test_same_seed_is_same_plan(self):
        for seed in range(50):
            self.assertEqual(plan.written(plan.make(seed)), plan.written(plan.make(seed)))
        self.assertNotEqual(plan.written(plan.make(1)), plan.written(plan.make(2)))

    def test_all_kinds_of_faults_come(self):
        kinds = {fault.kind for seed in range(40) for fault in plan.make(seed).faults}
        self.assertEqual(kinds, set(plan.LASTING))

    def test_plan_fits_into_its_time(self):
        for seed in range(200):
            made = plan.make(seed)
            self.assertTrue(4 <= len(made.faults) <= 8)
            self.assertTrue(all(0 <= fault.at <= plan.TROUBLE for fault in made.faults))
            self.assertEqual(sorted(h for hs in made.confirms.values() for h in hs), made.hospitals)

    def test_one_party_at_most_lies_and_nobody_else_is_silent_then(self):
        for seed in range(200):
            made = plan.make(seed)
            lies = [f for f in made.faults if f.kind in ("equivocate", "signed-garbage")]
            self.assertTrue({f.target for f in lies} <= {made.liar})
            if "equivocate" in [f.kind for f in made.faults]:
                self.assertNotIn("restore", [f.kind for f in made.faults])
                self.assertEqual(made.faults[-1].kind, "equivocate")

    def test_a_hospital_of_two_machines_has_what_can_happen_to_it_alone(self):
        for seed in range(200):
            made = plan.make(seed)
            own = [f for f in made.faults if f.kind in plan.SHARED]
            self.assertEqual(len(own), 2 if made.machines else 0)
            self.assertTrue(all(f.target in made.machines for f in own))
            self.assertEqual(len(made.processes), len(made.parties) + len(made.machines))
            for fault in made.faults:
                if fault.target in made.machines:
                    self.assertIn(fault.kind, plan.SHARED + plan.COMMON)


class TrafficTests(unittest.TestCase):
    def history(self, without=None):
        """One with just so much of everything as is demanded, but one less of a verb."""
        history = History()
        for verb, least in run.LEAST.items():
            for number in range(least - (verb == without)):
                history.add(Operation(verb, "p", number, number + 1, 0, {}, {}))
            # What has failed does not count.
            history.add(Operation(verb, "p", 90, 91, 1, {}, {}))
        return history

    def test_too_little_traffic_fails_a_run(self):
        self.assertEqual(run.too_little(self.history()), [])
        self.assertTrue({"sign", "collect", "consent", "open", "revoke"} <= set(run.LEAST))
        for verb, least in run.LEAST.items():
            self.assertEqual(
                run.too_little(self.history(without=verb)),
                ["too little traffic: %d %s" % (least - 1, verb)])

    def test_first_visits_are_opened_and_revoked(self):
        for seed in range(50):
            clients = mock.Mock()
            clients.world.plan = plan.make(seed)
            first, second = clients.world.plan.patients
            for number in (1, 2):
                found = [Journey(clients, who, number, seed, None).sharing() for who in (first, second)]
                kinds = {None if how is None else "open" if how == "open" else "revoke" for how in found}
                self.assertTrue(number > 1 or kinds == {"open", "revoke"}, (seed, found))


class ProxyTests(unittest.TestCase):
    def setUp(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.heard = []
        threading.Thread(target=self._echo, daemon=True).start()
        self.proxies = Proxies(Loopback([]), 1)
        port = self.proxies.add("x", "x", ("127.0.0.1", 0), self.server.getsockname(), "x")
        self.address = ("127.0.0.1", port)
        self.proxy = self.proxies.proxies["x"]

    def tearDown(self):
        self.proxies.stop()
        self.server.close()

    def _echo(self):
        while True:
            try:
                one, _ = self.server.accept()
            except OSError:
                return
            with one, contextlib.suppress(OSError):
                data = one.recv(100)
                self.heard.append(data)
                one.sendall(data)

    def ask(self, data=b"hello"):
        with socket.create_connection(self.address, timeout=5) as one:
            one.sendall(data)
            return one.recv(100)

    def test_passes_on(self):
        self.assertEqual(self.ask(), b"hello")

    def test_delays_loses_and_corrupts(self):
        self.proxy.conduct = Conduct(delay=0.2)
        begun = time.time()
        self.assertEqual(self.ask(), b"hello")
        self.assertGreater(time.time() - begun, 0.3)
        self.proxy.conduct = Conduct(loss=1)
        with self.assertRaises(ConnectionError):
            self.ask()
        self.proxy.conduct = Conduct(corrupts=1)
        self.assertNotEqual(self.ask(), b"hello")
        counts = self.proxy.counts
        self.assertTrue(counts.delayed and counts.lost and counts.corrupted)

    def test_garbage_is_told_from_what_was_taken(self):
        counts = garbage.send(
            socket.socket, self.address, "x", 0.5, "seed", threading.Event())
        self.assertTrue(counts["sent"])
        self.assertFalse(counts["refused"] or counts["taken"])


class CarrierTests(unittest.TestCase):
    """Between a client and a server that answers with what it was asked."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        place = self.folder.name
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-keyout", place + "/tls-key.pem", "-out", place + "/tls.pem", "-days", "2",
             "-subj", "/CN=x"], check=True, capture_output=True)
        heard = self.heard = []

        class Echo(carrier.Carrier):
            def draw(self):
                return None

            def forward(self, path, headers, body):
                heard.append(body)
                return 200, "text/plain", b"to " + body

        self.server = Echo(place, None, "x")
        self.between = carrier.Carrier(place, self.server.server_address, "x")

    def tearDown(self):
        self.between.end()
        self.server.end()
        self.folder.cleanup()

    def ask(self, what, body=b"one"):
        self.between.draw = lambda: what
        return carrier.Carrier.forward(
            mock.Mock(target=self.between.server_address), "/v1/messages/x", {}, body)[2]

    def test_does_what_it_is_there_for(self):
        self.assertEqual(self.ask(None), b"to one")
        self.assertEqual(self.ask("doubled", b"two"), b"to two")
        self.assertNotEqual(self.ask("answer damaged", b"three"), b"to three")
        self.assertNotEqual(self.ask("former answer", b"four"), b"to four")
        self.assertNotEqual(self.ask("damaged", b"five"), b"to five")
        for what in ("answer lost", "request lost"):
            with self.assertRaises((OSError, http.client.HTTPException)):
                self.ask(what, what.encode())
        end = time.time() + 5
        while self.heard.count(b"two") < 2 and time.time() < end:
            time.sleep(0.05)
        self.assertEqual(self.heard.count(b"two"), 2)
        self.assertIn(b"answer lost", self.heard)
        self.assertNotIn(b"request lost", self.heard)
        self.assertNotIn(b"five", self.heard)


class EquivocatorTests(unittest.TestCase):
    """What each of the others reads in the outbox of who lies."""

    GENESIS = bytes(32)

    def setUp(self):
        self.keys = {use: Ed25519PrivateKey.generate() for use in ("voting", "cosigner/consortium")}

    def server(self, what):
        with mock.patch.object(liar.Between, "__init__"):
            return liar.Equivocator("", None, self.keys, ["a", "b", "c"], what)

    def vote(self, key, root, phase=1):
        vote = {"version": 1, "genesis": self.GENESIS, "epoch": 0, "height": 9, "round": 0, "phase": phase,
                "root": root, "timedOut": b""}
        return vote, encode("SignedVote", {
            "vote": vote, "seat": 1, "signature": key.sign(encode("ConsensusVote", vote))})

    def shown(self, server, who, kind, der):
        """The items that somebody reads in the place of one."""
        items = sequence(sequence(integer(kind), der))
        asked = encode("Message", {"version": 1, "name": "fetch-outbox", "payload": encode("FetchOutbox", {
            "query": {"object": {"version": 1, "name": "consortium-query", "payload": encode(
                "ConsortiumQuery", {"terms": {
                    "genesis": self.GENESIS, "party": who, "recipient": "d", "sentAt": 0}, "from": 1})},
                "signature": bytes(64)}})})
        reply = encode("Message", {"version": 1, "name": "reply", "payload": sequence(
            items, integer(2), integer(2), integer(0))})
        answer = Message(server.answered("/v1/messages/d", asked, reply))
        return [element(*inner[1]) for inner in map(
            liar.elements, (item for _, item in liar.elements(answer.content(0))))]

    def test_contradicts_what_its_delegate_has_signed(self):
        server = self.server("statements")
        for root in ([b"r" * 32], []):
            for phase in (1, 2):
                vote, der = self.vote(self.keys["voting"], root, phase)
                self.assertEqual(self.shown(server, "a", liar.VOTE, der), [der])
                [other] = self.shown(server, "b", liar.VOTE, der)
                self.assertEqual(self.shown(server, "c", liar.VOTE, der), [other, der])
                twin = decode("SignedVote", other)
                self.assertTrue(liar.is_signed(
                    self.keys["voting"].public_key(), twin["signature"], encode("ConsensusVote", twin["vote"])))
                self.assertEqual({**twin["vote"], "root": root}, vote)
                self.assertNotEqual(twin["vote"]["root"], root)

    def test_leaves_what_others_have_signed(self):
        _, der = self.vote(Ed25519PrivateKey.generate(), [])
        self.assertEqual(self.shown(self.server("statements"), "b", liar.VOTE, der), [der])

    def test_cosigns_another_checkpoint(self):
        key = self.keys["cosigner/consortium"]
        body = "bcemr/00/consortium\n7\n%s\n" % liar.base64.b64encode(bytes(32)).decode()
        head = b"abcd" + (5).to_bytes(8, "big")

        def note(body):
            signature = head + key.sign(b"cosignature/v1\ntime 5\n" + body.encode())
            return "%s\n\u2014 chaos/d/consortium %s\n" % (body, liar.base64.b64encode(signature).decode())

        true = element(b"\x0c", note(body).encode())
        false, again = self.shown(self.server("checkpoints"), "b", liar.COSIGNATURE, true)
        self.assertEqual(again, true)
        [(_, content)] = liar.elements(false)
        other = content.decode().split("\n\n")[0] + "\n"
        self.assertEqual(content.decode(), note(other))
        self.assertEqual(other.split("\n")[:2], body.split("\n")[:2])
        self.assertNotEqual(other, body)


class NonsenseTests(unittest.TestCase):
    """What is well-formed, and signed by whom it names, is looked at by what is in it."""

    def setUp(self):
        self.identity = Ed25519PrivateKey.generate()
        self.speech = babbler.Speech(
            "cloud", bytes(32), self.identity, random.Random("nonsense"), ["cloud", "hospital-1"])

    def test_many_are_objects_of_the_module(self):
        for kind, _ in nonsense.REQUESTS.values():
            found = 0
            for _ in range(60):
                with contextlib.suppress(ValueError):
                    decode(kind, self.speech.nonsense.object(kind))
                    found += 1
            self.assertTrue(found, kind)

    def test_requests_open_and_are_signed(self):
        private = X25519PrivateKey.generate()
        recipient = envelope.Recipient("hospital-1", "hospital", bytes(32), private, {
            "cloud": ("cloud", [self.identity.public_key().public_bytes_raw()])})
        codes = set()
        for _ in range(300):
            what, body = self.speech.request("hospital-1", private.public_key().public_bytes_raw())
            self.speech.heard.append(body)
            if what == "sealed":
                try:
                    recipient.receive(body, int(time.time()))
                    codes.add("taken")
                except envelope.Refusal as refusal:
                    codes.add(refusal.code)
        # Some of a kind that a cloud may not ask, some too large, some late: none for its seal.
        self.assertIn("unauthenticated", codes)
        self.assertFalse({"decryption", "repeated"} & codes, codes)

    def test_answers_are_sealed_to_who_asks(self):
        with mock.patch.object(liar.Between, "__init__"):
            server = babbler.Babbler("", None, self.speech)
        path = "/v1/messages/cloud"
        self.assertIsNone(server.instead("/v1/messages/anna", b""))
        key = decode("SignedEnvelopeKey", decode("Message", server.instead(
            path, babbler.message("fetch-envelope-key", sequence())))["payload"])
        self.assertTrue(liar.is_signed(
            self.identity.public_key(), key["signature"], encode("EnvelopeKey", key["object"])))
        content = {
            "genesis": bytes(32), "recipient": "cloud", "author": {"principal": 1, "party": "hospital-1"},
            "name": "confirm-leaves", "nonce": bytes(16), "sentAt": 0, "payload": b"x"}

        def ask(public):
            return envelope.seal(
                content, Ed25519PrivateKey.generate(), public, X25519PrivateKey.generate())

        former, _ = ask(X25519PrivateKey.generate().public_key().public_bytes_raw())
        refusal = decode("Message", server.instead(path, former))
        self.assertEqual(decode("Failure", refusal["payload"])["code"], "decryption")
        asked, context = ask(key["object"]["key"])
        self.assertTrue(context.open_answer(server.instead(path, asked)))


if __name__ == "__main__":
    unittest.main()
