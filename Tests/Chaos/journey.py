"""What a patient does, from the ticket to the revocation, under whatever happens."""

import json
import os
import random
import threading
import time

from clients import bundle, identity, written_findings

# What no second try mends.
HOPELESS = {
    "late", "reused", "consent-revoked", "consent-expired", "resignature-limit", "visit-not-open",
    "already-receipted", "disputed",
}


class GivenUp(Exception):
    """A step did not come about in its time, or cannot any more."""


class Journey:
    """A visit, and mostly that its record is shared."""

    def __init__(self, clients, patient, number, seed, patience):
        self.clients, self.patient, self.number = clients, patient, number
        self.choice = random.Random("journey %d %s %d" % (seed, patient, number))
        # How long a step is tried, in seconds, as it is now: longer while things break than afterwards.
        self.patience = patience
        self.visit = None

    def tries(self, step, is_done=lambda operation: operation.code == 0):
        end = time.time() + self.patience()
        while True:
            operation = step()
            if is_done(operation):
                return operation
            if operation.error in HOPELESS:
                raise GivenUp("%s of %s: %s" % (operation.verb, operation.who, operation.error))
            if time.time() > end:
                raise GivenUp("%s of %s: %s" % (operation.verb, operation.who, operation.error))
            time.sleep(1)

    def run(self):
        doctors = self.clients.world.plan.doctors
        hospital = self.choice.choice(sorted(set(doctors.values())))
        there = [who for who, where in doctors.items() if where == hospital]
        team = self.choice.sample(there, self.choice.randint(1, len(there)))
        self.visit = self.held(hospital, team)
        how = self.sharing()
        if how:
            self.shared(self.choice.choice(sorted(doctors)), how)

    def sharing(self):
        """What becomes of the record. A patient opens and revokes in turn, and the first two begin with one each, so
        that a run has both however few visits come about in it."""
        if self.number > 1 and self.choice.random() < 0.15:
            return None
        opens = (self.number + self.clients.world.plan.patients.index(self.patient)) % 2 == 1
        return "open" if opens else self.choice.choice(["revoke", "race", "demand"])

    # The visit

    def held(self, hospital, team):
        clients, patient = self.clients, self.patient
        encounter = "%s-%d" % (patient, self.number)
        name = ["--identity", identity(patient)]
        about = {"hospital": hospital, "encounter": encounter, "team": team, "patient": patient}
        self.tries(lambda: clients.desk(hospital, "team", encounter, *name, *["--doctor=" + w for w in team]))
        ticket = self.tries(lambda: clients.desk(hospital, "ticket", *name, about=about)).result["code"]
        admitted = self.tries(lambda: clients.run(
            patient, "ticket", ticket, "--hospital", hospital, "--encounter", encounter, about=about))
        visit = self.visit = admitted.result["visit"]
        self.findings = {who: bundle("%s of %s" % (encounter, who)) for who in team}
        for who in team:
            self.presence(who, visit)
            path = clients.world.path("finding-%s-%s.json" % (encounter, who))
            with open(path, "w") as file:
                file.write(self.findings[who])
            more = {**about, "visit": visit, "finding": self.findings[who]}
            self.tries(
                lambda: clients.run(who, "sign", visit, path, about=more),
                # Signed, and not heard of by everybody; or signed by the attempt before.
                lambda done: "signature" in done.result or done.code == 2 and self.is_behind(who, visit))
        record = clients.world.path("record-" + encounter)

        def collect():
            if os.path.exists(record):
                os.remove(record)
            done = clients.run(
                patient, "collect", visit, "-o", record, "--wait", "20",
                about={**about, "visit": visit, "findings": self.findings})
            if done.code == 0:
                collected = json.load(open(record))
                done.about["collected"] = {f["doctor"]: f["text"] for f in collected["findings"]}
            return done

        self.tries(collect)
        return visit

    def presence(self, who, visit):
        clients = self.clients
        end = time.time() + min(self.patience(), 25)
        while time.time() < end and not clients.is_at(who, visit, "presence"):
            time.sleep(0.3)

        def show():
            shown = clients.run(self.patient, "code", visit, "--to", who)
            return clients.run(who, "presence", "-", text=shown.result["text"]) if shown.code == 0 else shown

        self.tries(show)

    def is_behind(self, who, visit):
        """Whether a doctor has signed."""
        for one in self.clients.run(who, "visits").result.get("visits", []):
            if one["visit"] == visit:
                return one["step"] in ("completion", "done")
        return False

    # Sharing

    def shared(self, reader, how):
        clients, patient, visit = self.clients, self.patient, self.visit
        purpose = "purpose %s %d" % (patient, self.number)
        address = self.tries(lambda: clients.run(patient, "address")).result["text"]
        self.tries(lambda: clients.run(reader, "request", address, "--purpose", purpose))

        def asks():
            done = clients.run(patient, "requests", "--wait", "3")
            found = [r for r in done.result.get("requests", []) if r["purpose"] == purpose]
            done.about["found"] = found
            return done

        request = self.tries(asks, lambda done: done.about["found"]).about["found"][0]["request"]
        about = {"visit": visit, "reader": reader, "patient": patient, "findings": self.findings}
        consent = self.tries(
            lambda: clients.run(
                patient, "consent", request, "--visit", visit, "--days", "3", about=about),
            lambda done: "consent" in done.result).result["consent"]
        about = {**about, "consent": consent}
        if how == "open":
            self.tries(lambda: self.open(reader, consent, about))
        elif how == "race":
            opening = threading.Thread(target=self.open, args=(reader, consent, about))
            opening.start()
            self.revoke(consent, about, [])
            opening.join()
            self.open(reader, consent, about)
        else:
            self.revoke(consent, about, ["--demand"] if how == "demand" else [])
            self.open(reader, consent, about)
            self.open(reader, consent, about)

    def revoke(self, consent, about, more):
        self.tries(lambda: self.clients.run(
            self.patient, "revoke", consent, "--wait", "15", *more, about=about))

    def open(self, reader, consent, about):
        folder = self.clients.world.path("opened-%s-%d" % (consent[:16], time.time_ns()))
        done = self.clients.run(reader, "open", consent, "-o", folder, about=dict(about))
        if os.path.exists(folder):
            # Whatever the exit code: what lies there was opened.
            done.about["opened"] = written_findings(folder)
        return done
