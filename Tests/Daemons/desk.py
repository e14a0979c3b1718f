"""What a clerk and the registration office do at a daemon that runs."""

import json
import os
import socket
import stat
import subprocess
import sys

from leftout import leave_out

IDENTITY = "https://id.example|7f3a-Zelenka-1980"
FINGERPRINT = "5a" * 32
CARDIOLOGY = "http://snomed.info/sct|394579002"


def serves_a_counter(cluster):
    """Doctors are taken on, tickets made and voided, teams named, staffing set, keys rotated."""
    desk = lambda *arguments, **more: cluster.desk("hospital-1", *arguments, **more)
    expect = ["expect-doctor", "doctor-1", "--specialty", CARDIOLOGY, "--fingerprint"]
    assert desk(*expect, FINGERPRINT) == {"changed": True}
    assert desk(*expect, FINGERPRINT) == {"changed": False}
    assert desk("doctors")["doctors"] == [
        {"doctor": "doctor-1", "standing": "expected", "fingerprint": FINGERPRINT,
         "specialties": [CARDIOLOGY]}
    ]
    assert desk(*expect, "5a", code=2)["error"]["code"] == "bad-fingerprint"
    assert desk("expect-doctor", "Dr. X", "--fingerprint", FINGERPRINT, code=2)["error"][
        "code"] == "bad-identifier"
    assert desk("expect-doctor", "doctor-2", "--fingerprint", FINGERPRINT) == {"changed": True}
    assert desk("void-expectation", "doctor-2") == {"changed": True}
    assert desk("void-expectation", "doctor-2") == {"changed": False}
    assert [d["doctor"] for d in desk("doctors")["doctors"]] == ["doctor-1"]
    # More than a doctor can have is refused, and shuts the office to nobody.
    nine = [word for i in range(9) for word in ("--specialty", "http://snomed.info/sct|%d" % i)]
    refused = desk("expect-doctor", "doctor-2", "--fingerprint", FINGERPRINT, *nine, code=2)["error"]
    assert refused["code"] == "too-large" and "8" in refused["message"], refused
    assert desk("expect-doctor", "doctor-2", "--fingerprint", FINGERPRINT, *nine[2:]) == {"changed": True}
    assert len(desk("doctors")["doctors"][1]["specialties"]) == 8
    assert desk("void-expectation", "doctor-2") == {"changed": True}
    assert desk("doctors")["damaged"] == [] and desk("visits")["damaged"] == []
    refused = desk("suspend", "doctor-1", code=2)["error"]
    assert refused["code"] == "unknown-doctor" and "desk doctors" in refused["hint"], refused

    ticket = desk("ticket", "--identity", IDENTITY)
    assert len(ticket["words"]) == 12 and len(ticket["ticket"]) == 64, ticket
    assert ticket["code"].startswith("BCEMR:TICKET:"), ticket
    other = desk("ticket", "--identity", "-", input=IDENTITY + "\n")
    shown = desk("tickets", "--identity", IDENTITY)["tickets"]
    assert {t["ticket"] for t in shown} == {ticket["ticket"], other["ticket"]}, shown
    assert not any(t["is_used"] for t in shown), shown
    assert desk("void-ticket", other["ticket"]) == {"changed": True}
    assert desk("void-ticket", other["ticket"]) == {"changed": False}
    assert [t["ticket"] for t in desk("tickets", "--identity", IDENTITY)["tickets"]] == [
        ticket["ticket"]]
    assert desk("tickets", "--identity", "somebody else")["tickets"] == []
    for plain in ("Zelenka", "a|", "|b", "a|b|c", "a|" + "b" * 256):
        refused = desk("ticket", "--identity", plain, code=2)["error"]
        assert refused["code"] == "bad-identity" and "--plain" in refused["hint"], refused
    assert len(desk("ticket", "--identity", "Zelenka", "--plain")["words"]) == 12
    drawn = cluster.command(
        "desk", "ticket", "--identity", "a|b", "--qr", "--config", cluster.config("hospital-1"))
    assert "\u2588" in drawn.stdout, drawn.stdout

    team = ["team", "encounter-1", "--identity", IDENTITY]
    assert desk(*team, "--doctor", "doctor-1", code=2)["error"]["code"] == "no-team"
    refused = desk(*team, "--doctor", "doctor-1", "--doctor", "doctor-2", code=2)["error"]
    assert "doctor-1, doctor-2: " in refused["message"], refused
    refused = desk(*team, "--doctor", "doctor-1", "--doctor", "doctor-1", code=2)["error"]
    assert refused["code"] == "named-twice" and "doctor-1" in refused["message"], refused
    assert desk(*team) == {"changed": True}
    plan = cluster.path("staffing.json")
    json.dump({"team_size": 2, "rules": []}, open(plan, "w"))
    assert desk("staffing", plan) == {"changed": True}
    assert desk("staffing", plan) == {"changed": False}
    assert json.loads(desk("staffing")["plan"])["team_size"] == 2
    json.dump({"team_size": 0}, open(plan, "w"))
    assert desk("staffing", plan, code=2)["error"]["code"] == "invalid-staffing"
    assert desk("visits")["visits"] == []

    assert desk("rotate-keys", "--use", "shoe", code=2)["error"]["code"] == "bad-use"
    rotated = desk("rotate-keys", "--use", "identity")
    assert rotated["uses"] == ["identity"] and rotated["from_height"] == 1000, rotated
    kept = open(cluster.path("hospital-1", "data", "hospital-1", "keys.pem")).read()
    assert desk("rotate-keys", "--use", "identity") == rotated
    again = open(cluster.path("hospital-1", "data", "hospital-1", "keys.pem")).read()
    assert kept == again, "the same keys are asked for twice"
    assert cluster.desk("cloud", "doctors", code=2)["error"]["code"] == "no-such-role"


def tells_nobody_of_patients(cluster):
    """Identities, tickets and Encounters are in no log; no other account asks the desk."""
    log = open(cluster.path("hospital-1", "log")).read()
    assert '"request":"ticket"' in log, "the desk logs that it was asked"
    for secret in ("Zelenka", "id.example", "encounter-1", "BCEMR:TICKET"):
        assert secret not in log, "%s is in the log" % secret
    path = cluster.path("hospital-1", "data", "desk.sock")
    mode = os.stat(path).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)
    if os.getuid() != 0:
        return leave_out("the desk of another account", "only root can try it")
    # In a folder that anybody may enter, so that the socket's own mode is what keeps others out.
    folders = [cluster.folder, cluster.path("hospital-1"), cluster.path("hospital-1", "data")]
    modes = [os.stat(folder).st_mode for folder in folders]
    try:
        for folder in folders:
            os.chmod(folder, 0o755)
        script = (
            "import os, socket, sys\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "try: s.connect(sys.argv[1])\n"
            "except PermissionError: sys.exit(7)\n"
        )
        tried = subprocess.run([sys.executable, "-I", "-c", script, path], check=False)
        assert tried.returncode == 7, "another account reaches the desk"
    finally:
        for folder, mode in zip(folders, modes):
            os.chmod(folder, stat.S_IMODE(mode))


def bounds_what_it_reads(cluster):
    """What is no request, or too long, is refused, and the desk answers the next one."""

    def post(what, body):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(20)
            one.connect(cluster.path("hospital-1", "data", "desk.sock"))
            head = "POST /v1/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            try:
                one.sendall((head % (what, len(body))).encode() + body)
            except OSError:
                pass
            return one.recv(4096).decode()

    assert " 422 " in post("ticket", b"{}") and "malformed" in post("ticket", b"[1")
    assert " 404 " in post("nothing", b"{}")
    assert " 200 " not in post("ticket", b" " * (5 << 20))
    assert cluster.desk("hospital-1", "visits")["visits"] == []
    gone = cluster.path("nowhere.json")
    config = json.load(open(cluster.config("hospital-1")))
    config["desk"] = {"socket": "elsewhere.sock"}
    json.dump(config, open(gone, "w"))
    error = json.loads(
        cluster.command("desk", "visits", "--config", gone, "--json", code=2).stdout)["error"]
    assert error["code"] == "not-running" and "bcemrd run" in error["hint"], error


TESTS = [serves_a_counter, tells_nobody_of_patients, bounds_what_it_reads]
