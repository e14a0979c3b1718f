#!/usr/bin/env python3
"""A hospital that joins later, by the commands of organisations: joining.py BCEMRD BCEMR

Everybody has a folder and keys of their own; what people hand to each other is copied here by hand.
"""

import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request

import people as doctors_and_patients
from cluster import PARTIES, Cluster
from operations import CERTIFICATE, configure, log, metrics
from people import People


def fingerprints(said):
    """What `init` printed to compare by telephone, by identifiers."""
    lines = [line for line in said.splitlines() if line.startswith("fingerprint of ")]
    return {line.split(":")[0].split()[2]: line.split(": ")[1] for line in lines}


def ready(cluster, name):
    url = "http://127.0.0.1:%d/ready" % cluster.operations[name]
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
    except OSError:
        return None


def hand(source, folder, *names):
    """Carries a file from one to another."""
    return shutil.copy(source, os.path.join(folder, *names))


def give_genesis(cluster, name):
    hand(cluster.path("genesis.der"), cluster.path(name), "genesis.der")


def propose(cluster, name, cloud, sponsor):
    """A hospital has made its keys: the motion that admits it, with all that has to be agreed to."""
    answer = cluster.desk(cloud, "confirm-chain", name)
    assignment = "%s:%s:%s" % (answer["hospital"], answer["cloud"], answer["key"])
    hand(cluster.path(name, name + ".member.json"), cluster.path(sponsor))
    draft = cluster.path(sponsor, name + ".motion.json")
    return cluster.organisation(
        sponsor, "propose", "--admit", cluster.path(sponsor, name + ".member.json"), "--cloud",
        assignment, "-o", draft), draft


def agree(cluster, name, cloud, draft):
    """The one that joins agrees with its two key files, and the cloud at its desk: each on a copy."""
    own = hand(draft, cluster.path(name), "draft.json")
    cluster.command(
        "organisation", "agree", own, "--keys", cluster.path(name, "organisation", "keys.pem"),
        "--keys", cluster.path(name, "data", name, "keys.pem"), "--genesis",
        cluster.path(name, "genesis.der"))
    clouds = hand(draft, cluster.path(cloud), "draft.json")
    cluster.desk(cloud, "agree", clouds)
    return own, clouds


def said(cluster, name, *arguments):
    """What people read of a command of an organisation, given in the party's folder."""
    return cluster.command(
        "organisation", *arguments, "--keys", "organisation/keys.pem", "--genesis", "genesis.der",
        cwd=cluster.path(name)).stdout


def run_as_printed(cluster, name, text):
    """Runs the command that stands at the end of a line, in the party's folder, as it was printed."""
    line = [line for line in text.splitlines() if "bcemrd organisation" in line][-1]
    words = shlex.split(line[line.index("bcemrd organisation"):])
    return cluster.command(*words[1:], cwd=cluster.path(name)).stdout


def is_refused_before(cluster):
    """[attack] What is not whole is not put: a description that was changed, a draft to which somebody has not agreed,
    or another has; a party that is not listed starts and waits."""
    cluster.said = cluster.make("north", "hospital")
    give_genesis(cluster, "north")
    file = cluster.path("north", "north.member.json")
    description = json.load(open(file))
    assert set(fingerprints(cluster.said)) == {"north", "north-trust"}, cluster.said
    changed = cluster.path("changed.member.json")
    for key, value in [
        ("addresses", ["https://127.0.0.1:1"]),
        # The key of somebody else, who is not asked.
        ("organisationKey", json.load(open(cluster.path("cloud", "cloud.member.json")))["identityKey"]),
        ("votingKey", description["identityKey"]),
        ("proof", description["organisationProof"]),
    ]:
        json.dump(dict(description, **{key: value}), open(changed, "w"))
        refused = cluster.organisation("hospital-1", "propose", "--admit", changed, code=2)
        assert refused["error"]["code"] == "wrong-proof", (key, refused)

    cluster.start("north")
    cluster.wait("it waits", lambda: (ready(cluster, "north") or {}).get("roles"))
    told = ready(cluster, "north")
    assert not told["ready"] and "does not list it" in told["roles"]["north"]["reasons"][0], told
    # Meanwhile it looks after its certificate, its disk and its clock.
    cluster.wait("it has heard of others", lambda: (
        abs(metrics(cluster, "north").get("bcemr_clock_offset_seconds", 60)) < 2))
    seen = metrics(cluster, "north")
    assert seen[CERTIFICATE] > 800 * 86400 and seen["bcemr_disk_accepting"] == 1, seen
    floor = 8 * int(seen["bcemr_disk_free_bytes"])
    for marks, failed in [({"floor": floor, "resume": floor}, ["disk"]), ({"floor": 1 << 20}, [])]:
        configure(cluster, "north", disk=marks)
        cluster.processes["north"].send_signal(signal.SIGHUP)
        cluster.wait("it sees its disk", lambda: [
            f["component"] for f in cluster.health("north")["failed_checks"]] == failed, 20)
    assert any(line["message"] == "the certificate is good" for line in log(cluster, "north"))
    check = cluster.command("check", "--config", cluster.config("north"), code=1)
    assert "does not list north" in check.stdout and "waits" in check.stdout, check.stdout
    # Whoever is no member decides nothing.
    stranger = cluster.organisation("north", "motions", code=2)
    assert stranger["error"]["code"] in ("unreachable", "not-member"), stranger
    managers = cluster.organisation("manager", "vote", "00" * 32, "--yes", code=2)
    assert managers["error"]["code"] == "unknown-motion", managers


def is_admitted(cluster):
    """A hospital is proposed, agreed to and voted for, and works from the next epoch on, as does its cloud."""
    shown, draft = propose(cluster, "north", "cloud", "hospital-1")
    assert sorted(shown["missing"]) == ["cloud", "north", "north-trust"], shown
    words = {c["party"]: c["fingerprint"] for c in shown["changes"] if "party" in c}
    assert words == fingerprints(cluster.said), (words, cluster.said)
    missing = cluster.organisation("hospital-1", "submit", draft, code=2)
    assert missing["error"]["code"] == "not-agreed", missing

    own, clouds = agree(cluster, "north", "cloud", draft)
    missing = cluster.organisation("hospital-1", "submit", own, code=2)
    assert missing["error"]["code"] == "not-agreed" and missing["error"]["message"].startswith("cloud"), missing
    # [attack] Another's signature in somebody's name; another motion under the same signatures.
    forged = json.load(open(own))
    forged["consents"]["cloud"] = forged["consents"]["north"]
    forgery = cluster.path("forged.json")
    json.dump(forged, open(forgery, "w"))
    refused = cluster.organisation("hospital-1", "submit", forgery, code=2)
    assert refused["error"]["code"] == "not-agreed", refused
    refused = cluster.organisation("hospital-2", "submit", own, clouds, code=2)
    assert refused["error"]["code"] == "other-organisation", refused
    # Whoever looks at a draft is told whose signature is another's: of who joins the keys are in it.
    def shown_as(path):
        return json.loads(
            cluster.command(
                "organisation", "show", path, "--genesis", cluster.path("genesis.der"), "--json").stdout)

    both = json.load(open(own))
    both["consents"].update(json.load(open(clouds))["consents"])
    json.dump(both, open(forgery, "w"))
    shown = shown_as(forgery)
    assert (shown["agreed"], shown["unchecked"], shown["forged"]) == (["north", "north-trust"], ["cloud"], []), shown
    both["consents"]["north-trust"] = both["consents"]["cloud"]
    json.dump(both, open(forgery, "w"))
    shown = shown_as(forgery)
    assert (shown["agreed"], shown["unchecked"], shown["forged"]) == (["north"], ["cloud"], ["north-trust"]), shown
    stolen = json.load(open(own))
    stolen["consents"].update(json.load(open(clouds))["consents"])
    stolen["organisation"] = "hospital-2-trust"
    json.dump(stolen, open(forgery, "w"))
    refused = cluster.organisation("hospital-2", "submit", forgery, code=2)
    assert refused["error"]["code"] in ("not-agreed", "wrong-number"), refused
    agreed = cluster.desk("st-mary", "agree", hand(draft, cluster.path("st-mary"), "draft.json"), code=2)
    assert agreed["error"]["code"] == "not-entitled", agreed

    put = cluster.organisation("hospital-1", "submit", own, clouds)
    assert put["final"], put
    motion = put["motion"]
    # [attack] The same motion again is the same one; another with its keys, while it is open, is refused.
    assert cluster.organisation("hospital-1", "submit", own, clouds)["motion"] == motion
    _, second = propose(cluster, "north", "cloud", "hospital-2")
    copies = agree(cluster, "north", "cloud", second)
    again = cluster.organisation("hospital-2", "submit", *copies, code=2)
    assert again["error"]["code"] == "already-registered", again
    for name in ("hospital-2", "st-mary"):
        listed = cluster.organisation(name, "motions")["motions"]
        assert [m["motion"] for m in listed] == [motion], listed
        assert listed[0]["by"] == "hospital-1-trust" and listed[0]["needed"] == 3, listed
        words = {c["party"]: c["fingerprint"] for c in listed[0]["changes"] if "party" in c}
        assert words == fingerprints(cluster.said), words
    told = said(cluster, "hospital-2", "motions")
    assert "open until the end of epoch" in told and "; this is epoch" in told, told
    assert "1 of the 3 that have to be for it are" in told, told
    assert "have not voted: hospital-2-trust, st-mary-trust" in told, told
    # Who runs no hospital has no vote.
    refused = cluster.organisation("cloud", "vote", motion[:12], "--yes", code=2)
    assert refused["error"]["code"] == "not-entitled", refused
    # [attack] A vote with the key of another organisation, in whose name it is.
    keys = cluster.path("hospital-2", "organisation", "keys.pem")
    os.replace(keys, keys + ".away")
    shutil.copy(cluster.path("foreign", "organisation", "keys.pem"), keys)
    refused = cluster.organisation("hospital-2", "vote", motion, "--yes", code=2)
    assert refused["error"]["code"] in ("unreachable", "foreign-keys"), refused
    os.replace(keys + ".away", keys)

    voted = cluster.organisation("hospital-2", "vote", motion[:12], "--yes")
    assert voted["status"] == "open" and voted["waiting"] == ["st-mary-trust"], voted
    again = cluster.organisation("hospital-2", "vote", motion, "--no", code=2)
    assert again["error"]["code"] == "already-voted", again
    passed = cluster.organisation("st-mary", "vote", motion, "--yes")
    assert passed["status"] == "passed", passed
    told = said(cluster, "st-mary", "motions", "--all")
    assert "passed" in told and "open until" not in told and "have not voted" not in told, told
    closed = cluster.organisation("st-mary", "vote", motion, "--no", code=2)
    assert closed["error"]["code"] in ("already-voted", "motion-closed"), closed
    begun = time.time()
    cluster.wait("it works", lambda: (ready(cluster, "north") or {}).get("ready"), 120)
    print("   listed, and at work by itself, %.0f s after the last vote" % (time.time() - begun))
    members = cluster.organisation("north", "members")
    north = [m for m in members["members"] if m["id"] == "north"][0]
    assert north["cloud"] == "cloud" and north["organisation"] == "north-trust", north
    check = cluster.command("check", "--config", cluster.config("north"))
    assert check.stdout.count("answers as itself") == 5, check.stdout


def holds_visits(cluster, people):
    """A doctor of the hospital that joined registers there, and a patient is seen; another hospital's reads of it."""
    people.doctors = {"dora": "north"}
    doctors_and_patients.register(people)
    visit = doctors_and_patients.hold(
        people, "encounter-1", ["dora"], [doctors_and_patients.bundle("first")], at="north")
    collected = people.patient("collect", visit, "-o", cluster.path("record"), "--wait", "90")
    assert collected["receipt"]["standing"] in ("written", "confirmed", "final"), collected


def decides_on_more(cluster):
    """Limits, candidates, a key that is rotated, and one that was lost and is replaced by a vote."""
    shown = cluster.organisation("north", "members")
    assert (shown["epoch_length"], shown["limits"]["window"]) == (8, 80), shown
    told = said(cluster, "north", "members")
    assert "each has 8 blocks" in told and "limits: window=80 " in told, told
    told = said(cluster, "north", "propose", "--limit", "answer-within=1800", "-o", "a draft.json")
    assert "answer-within 3600 → 1800" in told, told
    put = run_as_printed(cluster, "north", told)
    assert "it is put" in put, put
    refused = cluster.organisation("north", "propose", "--limit", "window=1", code=2)
    assert refused["error"]["code"] == "invalid-field", refused
    for name in ("hospital-1", "hospital-2"):
        voted = run_as_printed(cluster, name, put)
    # Once the next epoch has begun, it is in force.
    assert re.search(r": passed; it holds from height \d+ on|: passed, and in force", voted), voted
    assert "open until" not in voted, voted
    approved = cluster.organisation("north", "approve", "north", "cloud")
    assert approved["final"], approved
    refused = cluster.organisation("north", "approve", "nobody", code=2)
    assert refused["error"]["code"] == "unknown-candidate", refused
    members = {m["id"]: m for m in cluster.organisation("st-mary", "members")["members"]}
    assert members["north"]["approved_by"] == ["north-trust"], members["north"]
    # Of several organisations at once nothing is decided.
    refused = cluster.organisation(
        "hospital-1", "propose", "--remove", "north-trust", "--remove", "st-mary-trust", code=2)
    assert refused["error"]["code"] == "wrong-motion", refused

    # st-mary's organisation has lost its key.
    new = cluster.path("new-key")
    cluster.command("organisation", "new-key", new, "--id", "st-mary-trust")
    file = os.path.join(new, "st-mary-trust.organisation.json")
    draft = cluster.path("hospital-1", "replaced.json")
    shown = cluster.organisation("hospital-1", "propose", "--replace", file, "-o", draft)
    assert shown["missing"] == ["st-mary-trust"] and shown["concerned"] == "st-mary-trust", shown
    cluster.command("organisation", "agree", draft, "--keys", os.path.join(new, "keys.pem"),
                    "--genesis", cluster.path("genesis.der"))
    motion = cluster.organisation("hospital-1", "submit", draft)["motion"]
    refused = cluster.organisation("st-mary", "vote", motion, "--no", code=2)
    assert refused["error"]["code"] == "not-entitled", refused
    for name in ("hospital-2", "north"):
        voted = cluster.organisation(name, "vote", motion, "--yes")
    assert voted["status"] == "passed", voted
    keys = cluster.path("st-mary", "organisation", "keys.pem")
    shutil.copy(os.path.join(new, "keys.pem"), keys)
    cluster.wait("the new key counts", lambda: cluster.tried(
        "organisation", "motions", "--keys", keys, "--genesis", cluster.path("genesis.der")), 90)


def tells_of_seats(cluster):
    """By its approval north gets a seat, and one of the others has none: that is told, and measured."""
    hospitals = [name for name, kind in cluster.parties if kind == "hospital"]

    def seats():
        return {n: metrics(cluster, n)['bcemr_delegate_seat{role="%s"}' % n] for n in hospitals}

    cluster.wait("north has a seat", lambda: seats()["north"] == 1 and 0 in seats().values(), 240)
    lost = next(name for name, seat in seats().items() if not seat)
    cluster.wait("it is told", lambda: any(
        line["message"] == "has lost its seat" for line in log(cluster, lost)))
    told = [line for line in log(cluster, lost) if line["message"] == "has lost its seat"][-1]
    assert told["level"] == "warning" and told["more"]["role"] == lost, told
    assert told["more"]["reason"] == "others were elected" or "turns" in told["more"]["reason"], told


def main():
    daemon, program = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="bcemr-joining-") as folder:
        cluster, people = Cluster(daemon, folder), None
        try:
            digest = cluster.found(window=80, epoch_length=8)
            people = People(program, cluster, digest)
            cluster.command(
                "init", cluster.path("foreign"), "--kind", "hospital", "--id", "x",
                "--organisation", "hospital-2-trust", "--address", "https://127.0.0.1:1")
            for name, _ in PARTIES:
                cluster.start(name)
            cluster.wait(
                "all have a block", lambda: all(cluster.height(n) >= 2 for n, _ in PARTIES))
            for test in (is_refused_before, is_admitted, holds_visits, decides_on_more, tells_of_seats):
                begun = time.time()
                test(*[cluster, people][:test.__code__.co_argcount])
                print("ok %s (%.0f s)" % (test.__name__, time.time() - begun), flush=True)
        finally:
            if people:
                people.stop_all()
            cluster.stop_all()


if __name__ == "__main__":
    main()
