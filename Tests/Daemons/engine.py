#!/usr/bin/env python3
"""A hospital of two machines that share etcd and S3, and what happens to them: engine.py BCEMRD BCEMR [SCENE…]

A doctor and a patient have programs of their own.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time

from cluster import PARTIES, Cluster
from etcd import Members
from leftout import leave_out
from machines import Machines
from operations import log, metrics
from people import IDENTITY, People, bundle
from s3 import Bucket


class Visitors(People):
    """A doctor and a patient of the hospital."""

    def hold(self, encounter, between=lambda step: None):
        """A visit of one doctor, to which something happens between two steps; returns its identifier."""
        self.desk("hospital-1", "team", encounter, "--identity", IDENTITY, "--doctor=anna")
        ticket = self.desk("hospital-1", "ticket", "--identity", IDENTITY)["code"]
        between("admission")
        visit = self.tries(
            "admitted", "patient", "patient", "ticket", ticket, "--hospital", "hospital-1",
            "--encounter", encounter)["visit"]
        between("presence")
        self.waits_for_step("anna", visit, "presence")
        code = self.patient("code", visit, "--to", "anna")
        self.doctor("anna", "presence", "-", text=code["text"])
        between("signing")
        signed = self.tries(
            "signed", "anna", "doctor", "sign", visit, self.write("f.json", bundle(encounter)))
        assert signed["completion"]["standing"] in ("written", "confirmed", "final"), signed
        return visit


class Tickets:
    """A counter that hands out tickets all the time, and remembers those it was told stand."""

    def __init__(self, people):
        self.people, self.told, self.over, self.longest = people, [], False, 0.0
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.over:
            begun = time.time()
            self.told.append(
                self.people.desk("hospital-1", "ticket", "--identity", "urn:test|counter")["ticket"])
            self.longest = max(self.longest, time.time() - begun)

    def end(self):
        """All that was told stands."""
        self.over = True
        self.thread.join(timeout=120)
        shown = self.people.desk("hospital-1", "tickets", "--identity", "urn:test|counter")["tickets"]
        missing = set(self.told) - {ticket["ticket"] for ticket in shown}
        assert self.told and not missing, (len(self.told), missing)
        for ticket in shown:
            self.people.desk("hospital-1", "void-ticket", ticket["ticket"])
        return len(self.told)


# MARK: Scenes


def is_adopted(people, hospital):
    """A hospital that has run by itself moves in; the daemon does not run on what is a copy by then."""
    cluster = hospital.cluster
    path = cluster.config("hospital-1")
    refused = cluster.command("run", "--config", path, code=2)
    assert "bcemrd engine adopt" in refused.stderr, refused.stderr
    adopted = cluster.command("engine", "adopt", "--config", path)
    assert "are shared now" in adopted.stdout, adopted.stdout
    again = cluster.command("engine", "adopt", "--config", path, code=2)
    assert "here already" in again.stderr, again.stderr
    kept = open(path).read()
    config = json.loads(kept)
    del config["engine"]
    json.dump(config, open(path, "w"))
    refused = cluster.command("run", "--config", path, code=2)
    assert "is a copy of what the machines" in refused.stderr, refused.stderr
    # Nor is the hospital there twice.
    config = json.loads(kept)
    config["engine"]["etcd"]["prefix"] = "bcemr/elsewhere"
    json.dump(config, open(path, "w"))
    refused = cluster.command("engine", "adopt", "--config", path, code=2)
    assert "a copy of what machines share elsewhere" in refused.stderr, refused.stderr
    open(path, "w").write(kept)
    writer = hospital.both()
    health = hospital.cluster.health(hospital.other(writer))
    assert health["status"] == "ok" and health["writer"] == writer, health
    refused = cluster.desk(hospital.other(writer), "visits", code=2)["error"]
    assert refused["code"] == "standby" and "%s writes, in term" % writer in refused["message"], refused
    check = cluster.command("check", "--config", path)
    assert check.stdout.count("writes below bcemr/hospital-1/") == 3, check.stdout
    assert "ok      engine in S3" in check.stdout, check.stdout
    assert "etcd's certificate: it ends in 89 days" in check.stdout, check.stdout
    assert "etcd's authority: it ends in 99 days" in check.stdout, check.stdout


def keys_are_rotated(people, hospital):
    """The machine that waits has the hospital's present keys before it takes over."""
    writer = hospital.both()
    keys = lambda name: open(hospital.cluster.path(name, "data", "hospital-1", "keys.pem")).read()
    former = keys(writer)
    hospital.cluster.desk(writer, "rotate-keys", "--use", "identity")
    hospital.cluster.wait("the one that waits has the same keys, which are others", lambda: (
        keys(writer) != former and keys(hospital.other(writer)) == keys(writer)))


def certificates_are_renewed(people, hospital):
    """Both machines measure how long the certificates for etcd are good, and take others without a restart: one that etcd
    refuses, another that it takes, and none that cannot be read."""
    cluster, writer = hospital.cluster, hospital.both()
    waiting = hospital.other(writer)

    def left(name, what):
        return metrics(cluster, name)['bcemr_certificate_remaining_seconds{for="%s"}' % what] / 86400

    def reload(name, message, what="etcd"):
        before = len(log(cluster, name))
        cluster.processes[name].send_signal(signal.SIGHUP)
        cluster.wait(message, lambda: any(
            line["message"] == message and line["more"].get("for", what) == what
            for line in log(cluster, name)[before:]))

    for name in hospital.names:
        assert 88 < left(name, "etcd") < 90 and 98 < left(name, "etcd-authority") < 100, name
        assert left(name, "members") > 800, name
        cluster.wait("it has heard of others", lambda: (
            "bcemr_clock_offset_seconds" in metrics(cluster, name)))
        seen = metrics(cluster, name)
        assert seen["bcemr_disk_accepting"] == 1 and seen["bcemr_disk_free_bytes"] > 0, seen
        assert abs(seen["bcemr_clock_offset_seconds"]) < 2, seen
    assert metrics(cluster, waiting)["bcemr_engine_standby"] == 1
    processes = dict(cluster.processes)
    hospital.members.make_authority("foreign")
    hospital.members.sign("hospital", "/O=hospital-1", authority="foreign")
    reload(waiting, "the certificate is good")
    # While it tries, it may not answer.
    status = lambda: (cluster.health(waiting) or {}).get("status")
    cluster.wait("it is refused", lambda: status() == "failing")
    hospital.members.sign("hospital", "/O=hospital-1", days=10)
    for name in hospital.names:
        reload(name, "the certificate ends soon: renew it")
    cluster.wait("it is taken", lambda: status() == "ok")
    for name in hospital.names:
        assert 9 < left(name, "etcd") < 10, name
    check = cluster.command("check", "--config", cluster.config(waiting), code=1)
    assert "hospital.pem ends in 9 days" in check.stdout, check.stdout
    key, kept = hospital.members.path("hospital.key"), open(hospital.members.path("hospital.key")).read()
    open(key, "w").write("nonsense")
    for name in hospital.names:
        reload(name, "the certificates for etcd stay as they were")
    open(key, "w").write(kept)
    hospital.members.sign("hospital", "/O=hospital-1")
    for name in hospital.names:
        reload(name, "the certificate is good")
        assert 88 < left(name, "etcd") < 90, name
        assert processes[name].poll() is None, name
    assert hospital.both() == writer


def writer_is_killed(people, hospital):
    """The machine that writes is killed between any two steps of visits; the other goes on with them."""
    tickets = Tickets(people)
    seconds = []
    for number, step in enumerate(["admission", "presence", "signing"]):
        writer = hospital.both()

        def between(now):
            if now == step:
                hospital.cluster.stop(writer, signal.SIGKILL)
                killed = time.time()
                seconds.append(hospital.taken_over(killed, hospital.other(writer)))

        people.hold("killed-%d" % number, between)
    count = tickets.end()
    print("   takeover after kill -9: %s; %d tickets, the longest wait %.1f s" % (
        ", ".join("%.1f s" % s for s in seconds), count, tickets.longest))


def writer_is_asked_to_stop(people, hospital):
    """Whoever stops in order lets go at once."""
    writer = hospital.both()
    begun = time.time()
    assert hospital.cluster.stop(writer) == 0
    stopped = time.time()
    print("   it took %.1f s to stop, and %.1f s to take over" % (
        stopped - begun, hospital.taken_over(stopped, hospital.other(writer))))


def writer_hangs(people, hospital):
    """A machine hangs, is replaced, and comes back: it ends, says why, and nothing forks."""
    writer = hospital.both()
    other = hospital.other(writer)
    tickets = Tickets(people)
    visit = []

    def between(now):
        if now == "signing":
            process = hospital.cluster.processes[writer]
            before = len(hospital.said(writer))
            process.send_signal(signal.SIGSTOP)
            seconds = hospital.taken_over(time.time(), other)
            process.send_signal(signal.SIGCONT)
            status = process.wait(timeout=60)
            assert status != 0, status
            said = hospital.said(writer)[before:]
            assert "is over: %s writes in term" % other in said, said[-800:]
            assert '"another machine writes: ends"' in said and '"level":"error"' not in said, said
            print("   takeover after SIGSTOP: %.1f s; the former one ended with %d" % (seconds, status))

    visit.append(people.hold("hangs", between))
    tickets.end()
    hospital.both()
    status = hospital.cluster.command("engine", "status", "--config", hospital.cluster.config(other))
    assert "%s writes" % other in status.stdout and "failed" not in status.stdout, status.stdout


def member_is_killed(people, hospital):
    """One member of etcd is killed in the middle of a visit, each in turn."""
    hospital.both()
    tickets = Tickets(people)
    for member in range(3):
        people.hold("member-%d" % member, lambda now: now == "presence" and hospital.members.kill(member))
        hospital.members.start(member)
        time.sleep(2)
    print("   %d tickets, the longest wait %.1f s" % (tickets.end(), tickets.longest))


def bucket_is_away(people, hospital):
    """S3 does not answer for a while: what needs it waits, and goes on."""
    hospital.both()

    def between(now):
        if now == "signing":
            hospital.bucket.process.send_signal(signal.SIGSTOP)
            time.sleep(8)
            hospital.bucket.process.send_signal(signal.SIGCONT)

    people.hold("bucket", between)


SCENES = [is_adopted, keys_are_rotated, certificates_are_renewed, writer_is_killed, writer_is_asked_to_stop, writer_hangs,
          member_is_killed, bucket_is_away]


def main():
    daemon, program = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    scenes = [s for s in SCENES if len(sys.argv) < 4 or s is is_adopted or s.__name__ in sys.argv[3:]]
    bucket = Bucket.installed()
    if not bucket or not Members.are_installed():
        return leave_out("Tests/Daemons/engine.py", "etcd or an S3 server is not installed")
    with tempfile.TemporaryDirectory(prefix="bcemr-engine-") as folder:
        cluster, members, people, hospital = Cluster(daemon, folder), None, None, None
        try:
            members = Members(os.path.join(folder, "etcd"))
            people = Visitors(program, cluster, cluster.found(window=1800))
            for name, _ in PARTIES:
                cluster.start(name)
            cluster.wait("all have a block", lambda: all(cluster.height(n) >= 2 for n, _ in PARTIES))
            # It begins by itself, on SQLite.
            register(people)
            people.hold("alone")
            assert cluster.stop("hospital-1") == 0
            hospital = Machines(cluster, members, bucket, "hospital-1", "machine-b")
            people.machines["hospital-1"] = hospital
            for scene in scenes:
                begun = time.time()
                scene(people, hospital)
                print("ok %s (%.0f s)" % (scene.__name__, time.time() - begun), flush=True)
        finally:
            if people:
                people.stop_all()
            cluster.stop_all()
            if members:
                members.stop()
            bucket.stop()


def register(people):
    """One doctor of the hospital, and a patient."""
    genesis = people.cluster.path("genesis.der")
    people.doctor(
        "anna", "init", "anna", "--hospital", "hospital-1", "--genesis", genesis, "--digest",
        people.digest)
    shown = people.doctor("anna", "fingerprint")["fingerprint"]
    people.desk("hospital-1", "expect-doctor", "anna", "--fingerprint", shown)
    people.tries("registered", "anna", "doctor", "register")
    people.start("anna")
    people.cluster.wait("the ledger has the doctor", lambda: all(
        d["standing"] == "active" for d in people.desk("hospital-1", "doctors")["doctors"]))
    people.patient(
        "init", "--identity", "-", "--genesis", genesis, "--digest", people.digest,
        "--phrase-file", people.cluster.path("phrase"), text=IDENTITY + "\n")


if __name__ == "__main__":
    main()
