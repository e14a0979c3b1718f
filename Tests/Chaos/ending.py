"""The end of a run: all is healed, and what was acknowledged is compared with what the daemons have."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter

import checker
import copies
import ledger
from clients import PROBE, identity
from journey import GivenUp, Journey
from world import wait

HERE = os.path.dirname(os.path.abspath(__file__))
# From the end of the last fault on, in seconds.
READY, FINAL, AGREED, HEARD, VISIT = 90, 150, 120, 90, 120
# An epoch of a plan in which somebody is put back, in seconds, where nobody does anything.
EPOCH = 420


class Ending:
    def __init__(self, world, clients, history, trouble):
        self.world, self.clients, self.history, self.trouble = world, clients, history, trouble
        self.wrong, self.figures = [], {}

    def expect(self, holds, what):
        if not holds:
            self.wrong.append(what)
        return holds

    def timed(self, name, body):
        begun = time.time()
        result = body()
        self.figures[name] = round(time.time() - begun, 1)
        return result

    def run(self):
        self.timed("ready", self.is_ready)
        if self.trouble.silent_until:
            self.timed("all have a voice", self.has_voice)
        self.timed("a visit", self.holds_a_visit)
        self.timed("all final", self.all_final)
        facts = self.facts()
        self.timed("agreed", self.agrees)
        self.timed("heard again", self.hears_again)
        facts.copies = self.timed("logs", lambda: copies.of_all(self.world))
        self.ends()
        for hospital, shared in self.world.shared.items():
            for machine in shared.machines:
                facts.copies[hospital][machine] = copies.on_disk(self.world.path(machine), hospital)
        view = self.timed("offline checks", lambda: self.offline(facts.liars))
        if view:
            self.wrong += checker.check(self.history, view, facts)
            self.figures["entries"] = sum(map(len, view.chains.values()))
        self.timed("begins again", self.begins_again)

    # While they run

    def is_ready(self):
        world = self.world
        self.expect(
            wait(lambda: all(world.is_ready(name) for name in world.names), READY),
            "not ready %d s after the last fault: %s" % (READY, {
                name: world.get(name, "ready")[1][:600] for name in world.names
                if not world.is_ready(name)}))
        for name, shared in world.shared.items():
            self.expect(wait(shared.one_writes, READY), "%s: not one of both machines writes" % name)

    def has_voice(self):
        """Who was put back has new keys with the next epoch; a cloud confirms nothing until then."""
        world, height = self.world, self.trouble.silent_until
        self.expect(
            wait(lambda: all(world.height(name) >= height for name in world.names), EPOCH, every=1),
            "no block %d after %d s: %s" % (height, EPOCH, {n: world.height(n) for n in world.names}))

    def holds_a_visit(self):
        """Somebody is admitted, seen, and collects the record."""
        begun = time.time()
        journey = Journey(self.clients, self.world.plan.patients[0], 1000, self.world.plan.seed,
                          lambda: VISIT - (time.time() - begun))
        try:
            journey.held("hospital-1", ["anna"])
        except GivenUp as reason:
            self.expect(False, "no visit comes about when all is healed: %s" % reason)

    def all_final(self):
        """What was submitted becomes final, or was refused; nobody waits for ever."""
        end = time.time() + FINAL
        waiting = {}
        for who in self.clients.turns:
            pause = 2
            while True:
                if who in self.world.plan.patients:
                    self.clients.run(who, "sync")
                stands = self.clients.run(who, "status", "--offline").result.get("submissions", [])
                waiting[who] = [
                    (s["kind"], s["visit"][:12], s["stands"]) for s in stands
                    if s["stands"]["standing"] not in ("final", "refused", "demanded")]
                if not waiting[who] or time.time() > end:
                    break
                # Who asks for the profile all the time keeps the program from its work.
                time.sleep(pause)
                pause = min(pause * 2, 30)
            refused = [s for s in stands if s["stands"]["standing"] == "refused"]
            self.figures["refused"] = self.figures.get("refused", 0) + len(refused)
        self.expect(not any(waiting.values()), "not final %d s after the last fault: %s" % (FINAL, waiting))

    def facts(self):
        facts = checker.Facts(hospitals=self.world.plan.doctors, restored=self.trouble.restored)
        for patient in self.world.plan.patients:
            shown = self.clients.run(patient, "visits").result
            facts.visits[patient] = {v["visit"] for v in shown.get("visits", [])}
            self.expect(not shown.get("damaged"), "damaged rows of %s: %s" % (patient, shown.get("damaged")))
        for hospital in self.world.plan.hospitals:
            facts.tickets[hospital] = {
                t["ticket"] for person in [*self.world.plan.patients, PROBE] for t in self.clients.desk(
                    hospital, "tickets", "--identity", identity(person)).result.get("tickets", [])}
        facts.cut_short = sum(o.code is None for o in self.history.operations)
        facts.halted = self.trouble.halted
        facts.liars = {name: self.trouble.keys(name)["voting"].public_key()
                       for name, what in self.trouble.equivocated.items() if what == "statements"}
        return facts

    def agrees(self):
        """All have one consortium chain, and hospital and cloud one chain of the hospital."""
        world = self.world

        def differences():
            seen = {name: world.metrics(name) for name in world.names}
            found = []
            leaves = {name: metrics.get('bcemr_chain_leaves{chain="consortium",role="%s"}' % name)
                      for name, metrics in seen.items()}
            if len(set(leaves.values())) > 1:
                found.append(leaves)
            for hospital in world.plan.hospitals:
                key = '{chain="%s",role="%s"}' % (hospital, hospital)
                own = seen[hospital].get("bcemr_chain_leaves" + key)
                confirmed = seen[hospital].get("bcemr_chain_confirmed_leaves" + key)
                if own and own != confirmed:
                    found.append((hospital, own, confirmed))
            found += [
                (name, key, value) for name, metrics in seen.items() for key, value in metrics.items()
                if value and key.startswith("bcemr_contradictions") and not self.trouble.cosigned_twice]
            return found

        self.expect(wait(lambda: not differences(), AGREED, every=1),
                    "they do not agree: %s" % differences())

    def hears_again(self):
        """Whoever has said nothing of sense has shown its outbox to all other delegates, now that it does."""
        world = self.world

        def deaf(name, since):
            key = 'bcemr_peer_shown_age_seconds{peer="%s",role="%%s"}' % name
            return [other for other in world.plan.delegates if other != name
                    and world.metrics(other).get(key % other, time.time()) > time.time() - since]

        for name, since in self.trouble.babbled.items():
            self.expect(wait(lambda: not deaf(name, since), HEARD, every=1),
                        "%s is not heard again by %s" % (name, deaf(name, since)))

    def ends(self):
        for who in list(self.clients.agents):
            code = self.clients.stop(who)
            self.expect(code == 0, "SIGTERM ended the program of %s with %d" % (who, code))
        # Of two machines the one that waits ends first, so that the other's folder is the newest.
        writing = {self.world.at(name) for name in self.world.shared}
        for name in sorted(self.world.plan.processes, key=lambda one: one in writing):
            if name in self.world.processes:
                code = self.world.stop(name)
                self.expect(code == 0, "SIGTERM ended %s with %d" % (name, code))

    # Offline

    def offline(self, liars):
        """The folders of all, put together, pass every check that reads them, and are exported."""
        world, whole = self.world, self.world.path("whole")
        os.mkdir(whole, 0o700)
        with open(os.path.join(whole, "lock"), "x", opener=lambda p, f: os.open(p, f, 0o600)):
            pass
        for name in world.names:
            data = world.path(world.at(name), "data")
            for each in os.listdir(data):
                source = os.path.join(data, each)
                if os.path.isdir(source):
                    shutil.copytree(source, os.path.join(whole, each))
                elif each == "genesis.der":
                    shutil.copy2(source, whole)
            own = os.path.join(whole, "organisations", name + "-trust")
            os.makedirs(own, 0o700)
            shutil.copy2(world.path(name, "organisation", "keys.pem"), own)
        # Doctors and patients have theirs in their profiles; records may be in S3.
        elsewhere = tuple(os.path.join(whole, each) for each in ("doctors", "patients"))
        if world.plan.uses_s3:
            elsewhere += (os.path.join(whole, "cloud", "records.sqlite"),)
        report = self.json("fsck", whole)
        for finding in report.get("findings", []):
            if not (finding["code"] == "missing" and finding["file"].startswith(elsewhere)):
                self.expect(False, "fsck: %(code)s: %(file)s: %(what)s" % finding)
        self.expect("findings" in report, "fsck: %s" % report)
        status = self.json("status", whole)
        for fault in status.get("faults", []):
            if not (fault.get("file") or "").startswith(elsewhere):
                self.expect(False, "status: %s" % fault)
        convicted = {each["organisation"] for each in status.get("convictions", [])}
        self.expect(convicted == {name + "-trust" for name in liars},
                    "convicted: %s" % status.get("convictions"))
        export = world.path("export.tar")
        made = self.json("export", "--data", whole, "--output", export)
        if not self.expect(os.path.exists(export), "export: %s" % made):
            return None
        verified = self.json("verify", export, "--genesis", self.clients.digest)
        summary = verified.get("summary", {})
        if not self.expect(verified.get("passed"), "verify: %s" % json.dumps(verified)[:3000]):
            return None
        self.figures["blocks"] = next(c["blocks"] for c in summary["chains"] if c["name"] == "consortium")
        replay = subprocess.run(
            [sys.executable, os.path.join(HERE, "..", "..", "scripts", "replay-export"), export,
             "--genesis", self.clients.digest], capture_output=True, text=True)
        self.expect(replay.returncode == 0, "replay-export: %s" % (replay.stdout + replay.stderr)[-2000:])
        return ledger.read(export, {c["name"]: c["final_leaves"] for c in summary["chains"]})

    def json(self, *arguments):
        done = self.world.command(*arguments, "--json", code=None, program=self.world.client, timeout=300)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"error": done.stdout[-500:] + done.stderr[-500:]}

    def begins_again(self):
        world = self.world
        for name in world.plan.processes:
            world.start(name)
        begun = {}

        def has_gone_on():
            for name in world.names:
                begun.setdefault(name, max(world.height(name), 0))
            return all(world.is_ready(name) for name in world.names)

        self.expect(wait(has_gone_on, READY), "not ready after a new beginning: %s" % {
            name: (world.get(name, "ready"), world.log(name, 3)) for name in world.names
            if not world.is_ready(name)})
        for name in list(world.processes):
            world.processes.pop(name).kill()


def traffic(history):
    return Counter(
        operation.verb for operation in history.operations
        if operation.code == 0 and operation.verb in (
            "desk-ticket", "ticket", "sign", "collect", "consent", "revoke", "open"))
