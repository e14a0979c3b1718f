#!/usr/bin/env python3
"""Doctors and a patient with programs of their own, over HTTPS with daemons: people.py BCEMRD BCEMR

Each has a folder and keys of its own; what people carry from one device to another is carried here by hand.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from backups import private_keys, secrets_of
from cluster import PARTIES, Cluster, private
from leftout import leave_out
from operations import metrics
from s3 import Bucket

HERE = os.path.dirname(os.path.abspath(__file__))
PASSPHRASE = "correct horse battery staple"
IDENTITY = "urn:test:person|19610318"
DOCTORS = {
    "anna": "hospital-1",
    "bert": "hospital-1",
    "carl": "hospital-2",
}


def bundle(name, text=None):
    return json.dumps({
        "resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": {
            "resourceType": "Observation", "id": name, "status": "final", "code": {"text": text or name},
            "subject": {"reference": "Patient/1"}}}],
    }, ensure_ascii=False)


class People:
    def __init__(self, program, cluster, digest, doctors=DOCTORS):
        self.program, self.cluster, self.digest = program, cluster, digest
        self.doctors = doctors
        self.founders = [name for name, _ in cluster.parties]
        self.agents = {}
        # Hospitals of several machines, whose desk is at the one that writes.
        self.machines = {}
        self.passphrase = cluster.path("passphrase")
        private(self.passphrase, PASSPHRASE + "\n")

    def hasJoined(self, hospital):
        """Whether it is none of those that founded the consortium."""
        return hospital not in self.founders

    def profile(self, who):
        return self.cluster.path("profile-" + who)

    def arguments(self, who, kind, *arguments):
        return [
            self.program, kind, *arguments, "--profile", self.profile(who), "--passphrase-file",
            self.passphrase,
        ]

    def run(self, who, kind, *arguments, code=0, text=None, waits=0):
        """What a command prints as JSON. For so many seconds it is tried again where somebody does not answer, or the
        ledger is not that far."""
        end = time.time() + waits
        while True:
            done = subprocess.run(
                [*self.arguments(who, kind, *arguments), "--json"], capture_output=True, text=True,
                timeout=180, input=text)
            if done.returncode != 3 or code == 3 or time.time() >= end:
                break
            time.sleep(1)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def tries(self, what, who, kind, *arguments, seconds=90):
        """The same until it ends well: what it waits for comes with a block, or with mail."""
        end = time.time() + seconds
        while True:
            done = subprocess.run(
                [*self.arguments(who, kind, *arguments), "--json"], capture_output=True, text=True,
                timeout=180)
            if done.returncode == 0:
                return json.loads(done.stdout)
            assert time.time() < end, (what, done.returncode, done.stdout, done.stderr,
                                       self.cluster.logs())
            time.sleep(1)

    def doctor(self, who, *arguments, **options):
        return self.run(who, "doctor", *arguments, **options)

    def patient(self, *arguments, who="patient", **options):
        return self.run(who, "patient", *arguments, **options)

    def desk(self, hospital, *arguments):
        if hospital in self.machines:
            return self.machines[hospital].desk(*arguments)
        config = self.cluster.path(hospital, "bcemrd.json")
        done = self.cluster.command("desk", *arguments, "--config", config, "--json")
        return json.loads(done.stdout)

    def start(self, who):
        log = open(self.cluster.path("agent-" + who), "a")
        self.agents[who] = subprocess.Popen(
            self.arguments(who, "doctor", "run"), stdout=log, stderr=log)

    def stop(self, who):
        agent = self.agents.pop(who)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=40) == 0, open(self.cluster.path("agent-" + who)).read()

    def stop_all(self):
        for agent in self.agents.values():
            agent.kill()
            agent.wait()

    def told(self, who):
        """What the agent has said."""
        return open(self.cluster.path("agent-" + who)).read()

    def waits_for_step(self, who, visit, command):
        """Until the agent says that this command is next: it works while nobody else asks for the profile."""
        def reached():
            last = self.told(who).split("visit " + visit + "\n")
            return len(last) > 1 and "'bcemr doctor %s'" % command in last[-1].split("visit ")[0]

        self.cluster.wait("%s is at %s: %s" % (who, command, self.told(who)[-600:]), reached)

    def write(self, name, text):
        path = self.cluster.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path


def add_doctors(people):
    """Doctors make profiles, show their fingerprints at the desks, and register."""
    genesis = people.cluster.path("genesis.der")

    def add(doctor):
        who, hospital = doctor
        people.doctor(
            who, "init", who, "--hospital", hospital, "--genesis", genesis, "--digest",
            people.digest, *(["--joined"] if people.hasJoined(hospital) else []), waits=90)
        shown = people.doctor(who, "fingerprint", waits=90)["fingerprint"]
        people.doctor(who, "register", code=1, waits=90)
        people.desk(hospital, "expect-doctor", who, "--fingerprint", shown)
        people.tries("registered", who, "doctor", "register")
        people.start(who)

    # Most of it is waiting for blocks.
    with ThreadPoolExecutor(max_workers=4) as each:
        list(each.map(add, people.doctors.items()))
    for hospital in set(people.doctors.values()):
        people.cluster.wait("the ledger has the doctors of " + hospital, lambda: all(
            doctor["standing"] == "active" for doctor in people.desk(hospital, "doctors")["doctors"]))


def register(people):
    """Doctors register, and a patient makes a profile."""
    add_doctors(people)
    genesis = people.cluster.path("genesis.der")
    people.patient(
        "init", "--identity", "-", "--genesis", genesis, "--digest", people.digest,
        "--phrase-file", people.cluster.path("phrase"), text=IDENTITY + "\n")
    people.patient("phrase", "--check", "--phrase-file", people.cluster.path("phrase"))
    assert oct(os.stat(people.cluster.path("phrase")).st_mode)[-3:] == "600"


def identifiers_stay_with_a_hospital(people):
    """Whom the ledger has at another hospital the office expects in vain, and is told so at once."""
    height = people.cluster.height("hospital-2")
    people.cluster.wait(
        "hospital-1 has the block", lambda: people.cluster.height("hospital-1") >= height)
    refused = people.cluster.desk(
        "hospital-1", "expect-doctor", "carl", "--fingerprint", "5a" * 32, code=2)["error"]
    assert refused["code"] == "registered-elsewhere" and "hospital-2" in refused["message"], refused
    doctors = people.desk("hospital-1", "doctors")["doctors"]
    assert [d["doctor"] for d in doctors] == ["anna", "bert"], doctors
    for doctor in doctors:
        assert doctor["registered"] == doctor["fingerprint"], doctor
        assert doctor["hospital"] == "hospital-1", doctor
    # New keys are expected of one who is registered, and are not any more.
    shown = doctors[0]["fingerprint"]
    people.desk("hospital-1", "expect-doctor", "anna", "--fingerprint", "5a" * 32)
    anna = people.desk("hospital-1", "doctors")["doctors"][0]
    assert anna["standing"] == "active", anna
    assert (anna["fingerprint"], anna["registered"]) == ("5a" * 32, shown), anna
    assert people.desk("hospital-1", "void-expectation", "anna") == {"changed": True}
    assert people.desk("hospital-1", "void-expectation", "anna") == {"changed": False}
    assert people.desk("hospital-1", "doctors")["doctors"] == doctors


def hold(people, encounter, team, findings, at="hospital-1"):
    """Holds a visit; returns its identifier."""
    files = [people.write(who + ".json", finding) for who, finding in zip(team, findings)]
    return hold_files(people, encounter, team, files, at)


def hold_files(people, encounter, team, files, at="hospital-1"):
    """The same with findings that are files."""
    people.desk(
        at, "team", encounter, "--identity", IDENTITY,
        *["--doctor=" + who for who in team])
    ticket = people.desk(at, "ticket", "--identity", IDENTITY)["code"]
    admitted = people.tries(
        "admitted", "patient", "patient", "ticket", ticket, "--hospital", at,
        "--encounter", encounter)
    visit = admitted["visit"]
    assert admitted["team"] == team, admitted
    for number, (who, file) in enumerate(zip(team, files)):
        people.waits_for_step(who, visit, "presence")
        isElsewhere = number == 1
        remote = ["--remote"] if isElsewhere else []
        code = people.patient("code", visit, "--to", who, *remote)
        if isElsewhere:
            people.waits_for_step(who, visit, "confirm")
            people.doctor(who, "confirm", *["zoo"] * 6, "--visit", visit, code=1)
            people.doctor(who, "confirm", *code["words"], "--visit", visit[:8])
        else:
            people.doctor(who, "presence", "-", text=code["text"])
        signed = people.doctor(who, "sign", visit, file)
        assert signed["signature"]["standing"] in ("written", "confirmed", "final"), signed
    assert signed["completion"]["standing"] in ("confirmed", "final"), signed
    return visit


def visit_is_held(people):
    """A visit of two doctors, one of whom is elsewhere, from ticket to receipt."""
    # The first is written in parts, which end within characters if anything cuts there.
    findings = [bundle("first", "é€" * 40_000), bundle("second")]
    visit = hold(people, "encounter-1", ["anna", "bert"], findings)
    path = people.cluster.path("record")
    collected = people.patient("collect", visit, "-o", path, "--wait", "90")
    record = json.load(open(path))
    assert [f["text"] for f in record["findings"]] == findings, record
    assert oct(os.stat(path).st_mode)[-3:] == "600"
    assert collected["receipt"]["standing"] in ("written", "confirmed", "final"), collected
    people.doctor("anna", "sign", visit, people.write("x", "{}"), code=2)
    return visit


def ask(people, purpose, by="carl", at="hospital-2"):
    address = people.patient("address")["text"]
    people.doctor(by, "request", address, "--purpose", purpose)
    end = time.time() + 60
    while time.time() < end:
        for request in people.patient("requests", "--wait", "5")["requests"]:
            if request["purpose"] == purpose:
                assert request["doctor"] == by and request["hospital"] == at
                return request["request"]
    raise AssertionError("the request does not arrive")


def record_is_shared(people, visit):
    """A doctor of another hospital reads the record with a consent, once; a consent that was taken back opens nothing."""
    request = ask(people, "second opinion")
    given = people.tries(
        "consented", "patient", "patient", "consent", request[:12], "--visit", visit[:12],
        "--days", "30", "--wait", "90")
    consent = given["consent"]
    stages = [stage["standing"] for stage in given["stages"]]
    order = ["sent", "written", "confirmed", "final"]
    assert stages[-1] == "final" == given["stands"]["standing"], given
    assert stages == [s for s in order if s in stages], given
    seconds = [stage["seconds"] for stage in given["stages"]]
    assert seconds == sorted(seconds) and seconds[0] >= 0, given
    hospital = given["hospital"]
    anchored = 'bcemr_chain_anchored_leaves{chain="%s",role="%s"}' % (hospital, hospital)
    people.cluster.wait(
        "the hospital measures what is final", lambda: metrics(people.cluster, hospital)[anchored] > 0)
    folder = people.cluster.path("shared")
    opened = people.tries(
        "opened", "carl", "doctor", "open", consent[:8], "-o", folder)
    assert opened["visit"] == visit
    assert open(os.path.join(folder, "finding-2-bert.json")).read() == bundle("second")
    assert oct(os.stat(folder).st_mode)[-3:] == "700"
    again = people.doctor("carl", "open", consent, "-o", folder + "-2", code=1)
    assert again["error"]["code"] == "reused", again
    log = people.patient("log", visit)
    assert {"requested", "consented", "accessed"} <= {r["event"] for r in log["records"]}, log
    people.cluster.wait(
        "each entry has its time",
        lambda: all(r["time"] for r in people.patient("log", visit)["records"]))

    request = ask(people, "research")
    second = people.tries(
        "consented", "patient", "patient", "consent", request, "--visit", visit, "--until",
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400)))["consent"]
    people.cluster.wait(
        "the consent arrives",
        lambda: "Consent " + second in people.told("carl"))
    assert any(c["consent"] == second for c in people.doctor("carl", "consents")["consents"])
    revoked = people.patient("revoke", second, "--wait", "90")
    stages = [stage["standing"] for stage in revoked["stages"]]
    assert stages[-1] == "final" and revoked["used"] is False, revoked
    refused = people.doctor("carl", "open", second, "-o", folder + "-3", code=1)
    assert refused["error"]["code"] == "consent-revoked", refused
    assert not os.path.exists(folder + "-3")
    listed = {c["consent"]: c for c in people.doctor("carl", "consents")["consents"]}
    assert listed[second]["standing"] == "revoked" and listed[second]["by"] == "cloud", listed
    assert listed[second]["as_of"] and not listed[second]["used"], listed
    assert listed[consent]["used"] and "standing" not in listed[consent], listed
    again = people.patient("revoke", consent, "--wait", "90")
    assert again["used"] is True and again["stands"]["standing"] == "final", again
    assert "standing" not in {
        c["consent"]: c for c in people.doctor("carl", "consents", "--offline")["consents"]}[second]
    status = people.doctor("carl", "status")
    assert (status["unused_consents"], status["revoked_consents"]) == (0, 1), status
    for what, report in (("consent", given), ("revocation", revoked)):
        print("   %s: %s" % (what, ", ".join(
            "%s after %.1f s" % (s["standing"], s["seconds"]) for s in report["stages"])))


def record_lies_in_s3(people):
    """The cloud has written what it keeps to the bucket."""
    bucket = people.bucket
    if bucket:
        kept = [key.split("/")[2] for key in bucket.keys()]
        assert "records" in kept and "pieces" in kept, bucket.keys()


def is_shown_to_a_court(people, visit):
    """A cloud, a hospital and the manager export their chains while they run: two programs verify them, and no key is
    in them; [attack] a byte of them is changed, and a chain is left out."""
    cluster = people.cluster
    python = os.environ.get("BCEMR_PYTHON")
    replay = [python or "", os.path.join(HERE, "..", "..", "scripts", "replay-export")]
    if not python:
        leave_out("scripts/replay-export of what daemons export", "BCEMR_PYTHON names no Python with what it needs")

    def ran(*arguments, code=0):
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=180)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    made = {}
    for name, chains in (("cloud", ["hospital-1", "hospital-2", "st-mary"]), ("hospital-1", ["hospital-1"]),
                         ("manager", [])):
        file = made[name] = cluster.path(name + ".export.tar")
        told = cluster.command("export", "--config", cluster.config(name), "-o", file).stdout
        assert not [n for n in os.listdir(cluster.folder) if ".copies" in n], os.listdir(cluster.folder)
        names = tarfile.open(file).getnames()
        logs = {n.split("/")[0] for n in names}
        assert {"genesis.der", "consortium"} <= logs <= {"genesis.der", "consortium", *chains} | (
            {"hospital-1", "hospital-2", "st-mary"} if name == "manager" else set()), names
        assert not [n for n in names if "/" in n and not n.endswith("/checkpoint") and "/tile/" not in n], names
        data = open(file, "rb").read()
        for word in [b"PRIVATE KEY", b"keys.pem", b"sqlite", *map(str.encode, secrets_of(cluster, name))]:
            assert word not in data, (name, word)
        for secret in private_keys(cluster, name):
            assert secret not in data, (name, "a private key is in it")
        # What it prints to verify it is what its reader runs.
        words = shlex.split([line for line in told.splitlines() if line.startswith("bcemr verify")][0])
        assert words[:3] == ["bcemr", "verify", file] and people.digest in words, told
        ran(people.program, *words[1:])
        asked = words[words.index("--genesis") + 2:]
        if python:
            ran(*replay, file, "--genesis", people.digest, *asked)
    # It has the visit, and says which chains are others'.
    report = json.loads(ran(
        people.program, "verify", made["hospital-1"], "--genesis", people.digest, "--chain", "consortium",
        "--chain", "hospital-1", "--json").stdout)
    chains = {chain["name"]: chain for chain in report["summary"]["chains"]}
    assert report["passed"] and chains["hospital-1"]["visits"] == 1, report
    assert not chains["hospital-1"]["absent"] and chains["hospital-2"]["absent"], chains
    ran(people.program, "inspect", made["hospital-1"], "--visit", visit, "--chain", "hospital-1")
    # A cloud that confirms all has all; who has one chain fails where all are asked for, if more is anchored.
    ran(people.program, "verify", made["cloud"], "--genesis", people.digest)
    ran(people.program, "verify", made["hospital-1"], "--genesis", people.digest,
        code=1 if "fault" in chains["hospital-2"] else 0)
    together = json.loads(ran(
        people.program, "compare", made["cloud"], made["hospital-1"], "--genesis", people.digest, "--json").stdout)
    relations = {chain["name"]: chain["relation"] for chain in together["chains"]}
    assert together["passed"] and relations["hospital-2"] in ("first-alone", "first-goes-on", "same"), together
    if "fault" in chains["hospital-2"]:
        assert relations["hospital-2"] == "first-alone", together
    # [attack]
    whole = open(made["hospital-1"], "rb").read()
    names = {m.name: m for m in tarfile.open(made["hospital-1"])}
    bundle_ = next(m for n, m in names.items() if n.startswith("hospital-1/") and "/entries/" in n)
    changed = cluster.path("changed.tar")
    for place in (bundle_.offset_data + bundle_.size // 2, names["consortium/checkpoint"].offset_data + 90):
        with open(changed, "wb") as file:
            file.write(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
        asked = ["--chain", "consortium", "--chain", "hospital-1"]
        ran(people.program, "verify", changed, "--genesis", people.digest, *asked, code=1)
        if python:
            ran(*replay, changed, "--genesis", people.digest, *asked, code=1)
    refused = cluster.command(
        "export", "--config", cluster.config("cloud"), "-o", made["cloud"], code=2)
    assert "there is something already" in refused.stderr, refused.stderr
    # Nothing of the genesis' ledger is shown by the genesis alone.
    bare = cluster.path("bare")
    os.mkdir(bare)
    shutil.copy(cluster.path("genesis.der"), bare)
    for chain in ("consortium", "hospital-1"):
        told = ran(people.program, "verify", bare, "--genesis", people.digest, "--chain", chain, "--json", code=1)
        assert json.loads(told.stdout)["error"]["code"] == "absent-chain", told.stdout
        if python:
            ran(*replay, bare, "--genesis", people.digest, "--chain", chain, code=1)
    told = ran(people.program, "compare", made["cloud"], bare, "--genesis", people.digest, "--json", code=1)
    relations = {chain["name"]: chain["relation"] for chain in json.loads(told.stdout)["chains"]}
    assert relations["hospital-1"] == relations["consortium"] == "first-alone", relations
    copies_are_its_own(cluster)
    # Who reads measurements learns neither which doctors are active nor addresses of patients.
    for name in ("hospital-1", "hospital-2", "cloud", "manager"):
        named = {value for series in metrics(cluster, name) for value in re.findall(r'(?:role|peer)="([^"]*)"', series)}
        assert named <= {party for party, _ in PARTIES} | {"(mailboxes)"}, named


def copies_are_its_own(cluster):
    """[attack] who may rename what lies around the file would have other files written to; and Ctrl-C leaves nothing."""
    open_ = cluster.path("open")
    os.makedirs(os.path.join(open_, "below"))
    os.chmod(open_, 0o777)
    for command in ("export", "backup"):
        for folder in (open_, os.path.join(open_, "below")):
            refused = cluster.command(
                command, "--config", cluster.config("cloud"), "-o", os.path.join(folder, "file"), code=2)
            assert "others may rename" in refused.stderr, refused.stderr
            assert sorted(os.listdir(folder)) == (["below"] if folder == open_ else []), os.listdir(folder)
        folder = cluster.path("interrupted-" + command)
        os.mkdir(folder)
        for number in (signal.SIGINT, signal.SIGTERM):
            # It may have ended before it is halted: then again.
            for _ in range(20):
                process = subprocess.Popen(
                    [cluster.program, command, "--config", cluster.config("cloud"), "-o",
                     os.path.join(folder, "file")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    # Whoever runs this in the background has it ignore SIGINT, and so what it begins.
                    preexec_fn=lambda number=number: signal.signal(number, signal.SIG_DFL))
                while process.poll() is None and not os.listdir(folder):
                    time.sleep(0.001)
                process.send_signal(signal.SIGSTOP)
                process.send_signal(number)
                process.send_signal(signal.SIGCONT)
                if process.wait(60) == 128 + number:
                    break
                assert os.listdir(folder) in ([], ["file"]), os.listdir(folder)
                shutil.rmtree(folder)
                os.mkdir(folder)
            else:
                raise AssertionError("%s is never interrupted" % command)
            assert os.listdir(folder) == [], os.listdir(folder)


def consent_waits(people, visit):
    """A doctor's program is away: the consent is wanted, and given when it is back."""
    request = ask(people, "follow-up")
    people.stop("carl")
    wanted = people.patient("consent", request, "--visit", visit, "--days", "3", code=3)
    assert "consent" not in wanted and wanted["waits"], wanted
    assert people.patient("status", "--offline")["wanted_consents"] == 1
    people.start("carl")
    end = time.time() + 90
    given = []
    while not given and time.time() < end:
        done = subprocess.run(
            [*people.arguments("patient", "patient", "sync"), "--json"], capture_output=True,
            text=True, timeout=180)
        given = json.loads(done.stdout)["given"]
    assert len(given) == 1, done


def device_is_lost(people, visit):
    """From the words alone another program has visits, consents and log, and takes a consent back."""
    own = people.patient("visits")["visits"]
    people.run(
        "restored", "patient", "restore", "--identity", IDENTITY, "--genesis",
        people.cluster.path("genesis.der"), "--digest", people.digest, "--phrase-file",
        people.cluster.path("phrase"))
    found = people.patient("visits", who="restored")["visits"]
    assert [(v["visit"], v["encounter"]) for v in found] == [
        (v["visit"], v["encounter"]) for v in own], found
    assert sorted(c["consent"] for c in found[0]["consents"]) == sorted(
        c["consent"] for c in own[0]["consents"])
    path = people.cluster.path("record-again")
    people.patient("collect", visit, "-o", path, who="restored")
    assert json.load(open(path))["findings"] == json.load(
        open(people.cluster.path("record")))["findings"]
    last = [c for c in found[0]["consents"] if c.get("purpose") == "follow-up"][0]["consent"]
    revoked = people.patient("revoke", last, "--wait", "90", who="restored")
    assert revoked["stands"]["standing"] == "final", revoked


def keys_are_rotated(people):
    """A new identity key is in the keystore, sealed, and works."""
    path = os.path.join(people.profile("anna"), "keys.sealed")
    before = open(path).read()
    people.tries("rotated", "anna", "doctor", "rotate-keys")
    assert open(path).read() != before
    store = open(os.path.join(people.profile("anna"), "doctors/anna/state.sqlite"), "rb").read()
    assert b"rotated-key" not in store and b"doctor-visit" not in store
    hold(people, "encounter-2", ["anna", "bert"], [bundle("third"), bundle("fourth")])


def deadline_is_over(people):
    """Whose deadline has passed by the clock is told so: since when, and what that means."""
    if not shutil.which("faketime"):
        return leave_out("a deadline that has passed", "there is no faketime")
    people.desk(
        "hospital-1", "team", "encounter-3", "--identity", IDENTITY, "--doctor=anna", "--doctor=bert")
    ticket = people.desk("hospital-1", "ticket", "--identity", IDENTITY)["code"]
    visit = people.tries(
        "admitted", "patient", "patient", "ticket", ticket, "--hospital", "hospital-1",
        "--encounter", "encounter-3")["visit"]
    people.waits_for_step("anna", visit, "presence")

    def later(*command):
        done = subprocess.run(
            ["faketime", "-f", "+2h", *people.arguments(*command)], capture_output=True, text=True,
            timeout=180)
        assert done.returncode == 0, (command, done)
        return done.stdout

    def of(found):
        return [v for v in found["visits"] if v["visit"] == visit][0]

    now = of(people.patient("visits"))
    assert not now["over"] and not of(people.doctor("anna", "visits"))["over"], now
    assert of(people.desk("hospital-1", "visits"))["is_over"] is False
    over = of(json.loads(later("patient", "patient", "visits", "--json")))
    assert over["over"] and over["deadline"] == now["deadline"], over
    status = json.loads(later("patient", "patient", "status", "--offline", "--json"))
    assert status["over"] == status["uncollected"] > 0, status
    mine = of(json.loads(later("anna", "doctor", "visits", "--json")))
    assert mine["over"] and mine["last_deadline"] == now["deadline"] > mine["deadline"], mine
    for text, since in (
            (later("patient", "patient", "visits"), now["deadline"]),
            (later("anna", "doctor", "visits"), mine["deadline"])):
        assert "over since " + since in text and "another ticket" in text, text


def offline_is_normal(people, visit):
    """Who does not answer is named; nothing is lost, and it goes on."""
    people.cluster.stop("manager", signal.SIGKILL)
    # What it keeps is exported though it does not run.
    export = people.cluster.path("ended.tar")
    people.cluster.command("export", "--config", people.cluster.config("manager"), "-o", export)
    subprocess.run(
        [people.program, "verify", export, "--genesis", people.digest, "--chain", "consortium"],
        check=True, capture_output=True)
    status = people.patient("status")
    assert [p["party"] for p in status["reached"] if not p["answers"]] == ["manager"], status
    request = people.doctor(
        "carl", "request", people.patient("address")["text"], "--purpose", "later", code=3)
    assert request["error"]["code"] == "unreachable", request
    assert people.patient("sync", code=3)["offline"]["mail"]
    people.cluster.start("manager")
    people.cluster.wait("it listens", lambda: people.cluster.health("manager") is not None)
    people.tries("asked", "carl", "doctor", "request", people.patient("address")["text"],
                 "--purpose", "later")
    wrong = people.write("wrong", "another passphrase\n")
    os.chmod(wrong, 0o600)
    done = subprocess.run(
        [people.program, "doctor", "visits", "--profile", people.profile("anna"),
         "--passphrase-file", wrong], capture_output=True, text=True)
    assert done.returncode == 2 and "passphrase is wrong" in done.stderr, done


def main():
    daemon, program = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="bcemr-people-") as folder:
        cluster, bucket = Cluster(daemon, folder), Bucket.installed()
        people = None
        try:
            people = People(program, cluster, cluster.found(window=1800))
            people.bucket = bucket
            if bucket:
                bucket.configure(cluster, "cloud")
            for name, _ in PARTIES:
                cluster.start(name)
            cluster.wait(
                "all have a block", lambda: all(cluster.height(n) >= 2 for n, _ in PARTIES))
            visit = None
            for test in (register, identifiers_stay_with_a_hospital, visit_is_held,
                         record_is_shared, record_lies_in_s3, is_shown_to_a_court, consent_waits,
                         device_is_lost, keys_are_rotated, deadline_is_over, offline_is_normal):
                begun = time.time()
                takes = test.__code__.co_argcount == 2
                result = test(people, visit) if takes else test(people)
                visit = visit or result
                print("ok %s (%.0f s)" % (test.__name__, time.time() - begun), flush=True)
            for who in list(people.agents):
                people.stop(who)
        finally:
            if people:
                people.stop_all()
            cluster.stop_all()
            if bucket:
                bucket.stop()


if __name__ == "__main__":
    main()
