"""Doctors and patients with programs of their own, as people use them; all that they do is recorded."""

import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time

from history import Operation

PASSPHRASE = "correct horse battery staple"
# So long a command may take before it is given up, in seconds: longer than any of its own time-outs.
PATIENCE = 200
# Who gets the tickets that show whether a desk works.
PROBE = "nobody"


def identity(patient):
    return "urn:test:person|" + patient


def bundle(name):
    return json.dumps({
        "resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": {
            "resourceType": "Observation", "id": name, "status": "final", "code": {"text": name},
            "subject": {"reference": "Patient/1"}}}]})


class Clients:
    def __init__(self, world, history, digest):
        self.world, self.history, self.digest = world, history, digest
        self.agents, self.turns, self.ended = {}, {}, []
        self.probes = itertools.count(1)
        self.passphrase = world.path("passphrase")
        with open(self.passphrase, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(PASSPHRASE + "\n")
        for who in [*world.plan.doctors, *world.plan.patients]:
            self.turns[who] = threading.Lock()

    def arguments(self, who, *arguments):
        kind = "doctor" if who in self.world.plan.doctors else "patient"
        return [self.world.client, kind, *arguments, "--profile", self.world.path("profile-" + who),
                "--passphrase-file", self.passphrase]

    def run(self, who, verb, *arguments, text=None, about=None):
        """One command; what came of it stands in the history."""
        operation = Operation(verb, who, 0, about=about or {})
        with self.turns[who]:
            operation.began = time.time()
            try:
                done = subprocess.run(
                    [*self.arguments(who, verb, *arguments), "--json"], capture_output=True, text=True,
                    timeout=PATIENCE, input=text)
                operation.code = done.returncode
                operation.result = _json(done.stdout)
                if done.returncode not in (0, 1, 2, 3) or not isinstance(operation.result, dict):
                    operation.result = {"unexpected": done.stdout[-300:] + done.stderr[-1500:]}
            except subprocess.TimeoutExpired:
                operation.result = {"unexpected": "it did not end within %d s" % PATIENCE}
            operation.ended = time.time()
        self.history.add(operation)
        return operation

    def desk(self, hospital, verb, *arguments, about=None):
        operation = Operation("desk-" + verb, hospital, time.time(), about=about or {})
        try:
            operation.code, operation.result = self.world.desk(hospital, verb, *arguments)
        except subprocess.TimeoutExpired:
            operation.result = {"error": {"code": "no-answer"}}
        operation.ended = time.time()
        self.history.add(operation)
        return operation

    def probe(self, hospital, at=None):
        """A ticket for somebody who never comes: what the desk hands out, it knows at the end."""
        operation = Operation("probe-ticket", hospital, time.time(), about={
            "hospital": hospital, "encounter": "probe-%d" % next(self.probes), "patient": PROBE})
        try:
            operation.code, operation.result = self.world.desk(
                at or hospital, "ticket", "--identity", identity(PROBE))
        except subprocess.TimeoutExpired:
            operation.result = {"error": {"code": "no-answer"}}
        operation.ended = time.time()
        self.history.add(operation)
        return operation

    # The programs that doctors leave running

    def start(self, who):
        log = open(self.world.path("agent-" + who), "a")
        self.agents[who] = subprocess.Popen(self.arguments(who, "run"), stdout=log, stderr=log)

    def stop(self, who):
        agent = self.agents.pop(who)
        agent.send_signal(signal.SIGTERM)
        return agent.wait(timeout=60)

    def kill(self, who):
        agent = self.agents.pop(who)
        agent.kill()
        agent.wait()

    def watch(self):
        for who, agent in list(self.agents.items()):
            if agent.poll() is not None and self.agents.get(who) is agent:
                self.ended.append("the program of %s ended by itself with %d: %s" % (
                    who, agent.returncode, self.told(who)[-1500:]))
                self.start(who)

    def told(self, who):
        return open(self.world.path("agent-" + who), errors="replace").read()

    def is_at(self, who, visit, command):
        """Whether the program that runs has said that this command is next."""
        last = self.told(who).split("visit " + visit + "\n")
        return len(last) > 1 and "'bcemr doctor %s'" % command in last[-1].split("visit ")[0]

    def end(self):
        for agent in self.agents.values():
            agent.kill()
            agent.wait()

    # Before the first fault

    def settle(self):
        """Makes all profiles, and has the doctors registered."""
        threads = [threading.Thread(target=self._settle, args=(who,)) for who in self.turns]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        missing = [who for who in self.world.plan.doctors if who not in self.agents]
        assert not missing, "not registered: %s" % [
            (o.verb, o.who, o.code, o.result) for o in self.history.operations if o.code][-5:]
        for hospital in set(self.world.plan.doctors.values()):
            end = time.time() + 60
            while True:
                known = self.desk(hospital, "doctors").result.get("doctors", [])
                if known and all(doctor["standing"] == "active" for doctor in known):
                    break
                assert time.time() < end, "the ledger does not have the doctors of %s" % hospital
                time.sleep(0.5)

    def _settle(self, who):
        ledger = ["--genesis", self.world.path("genesis.der"), "--digest", self.digest]
        if who not in self.world.plan.doctors:
            self.run(who, "init", "--identity", "-", *ledger, "--phrase-file",
                     self.world.path("phrase-" + who), text=identity(who) + "\n")
            return
        hospital = self.world.plan.doctors[who]
        self.run(who, "init", who, "--hospital", hospital, *ledger)
        shown = self.run(who, "fingerprint").result["fingerprint"]
        self.desk(hospital, "expect-doctor", who, "--fingerprint", shown)
        end = time.time() + 60
        while time.time() < end:
            if self.run(who, "register").code == 0:
                self.start(who)
                return
            time.sleep(1)


def _json(text):
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return None


def written_findings(folder):
    """The findings that 'doctor open' has written, by doctor."""
    found = {}
    for name in os.listdir(folder):
        match = re.fullmatch(r"finding-\d+-(.+)\.json", name)
        if match:
            found[match.group(1)] = open(os.path.join(folder, name)).read()
    return found
