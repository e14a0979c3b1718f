#!/usr/bin/env python3
"""Daemons of five parties on one machine, each with a folder and keys of its own: run.py BCEMRD [TEST…]

What is tested is the program as operators have it: init, found, check, run, kill, run again; and what clerks
and operators ask of it while it runs.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import backups
import described
import desk
import dishonest
import logs
import newcomers
import operations
import s3
from cluster import PARTIES, Cluster, free_ports


def decides_and_goes_on(cluster):
    """Five daemons decide blocks; one is killed; the others go on; it comes back and catches up."""
    names = [name for name, _ in PARTIES]
    for name in names:
        cluster.start(name)
    cluster.wait("all have a block", lambda: all(cluster.height(n) >= 2 for n in names))
    check = cluster.command("check", "--config", cluster.path("hospital-1", "bcemrd.json"))
    assert check.stdout.count("answers as itself") == 4, check.stdout
    cluster.stop("hospital-2", signal.SIGKILL)
    height = cluster.height("cloud")
    others = [name for name in names if name != "hospital-2"]
    cluster.wait(
        "three of four go on", lambda: all(cluster.height(n) >= height + 3 for n in others)
    )
    check = cluster.command("check", "--config", cluster.path("hospital-1", "bcemrd.json"), code=1)
    assert "failed  hospital-2" in check.stdout, check.stdout
    cluster.start("hospital-2")
    height = cluster.height("cloud")
    cluster.wait("it catches up", lambda: cluster.height("hospital-2") >= height)
    cluster.wait("nothing fails", lambda: all(cluster.health(n)["status"] == "ok" for n in names))


def is_known_by_key_alone(cluster):
    """[attack] who takes over an address without the key is not spoken with; a renewed certificate is."""
    assert cluster.stop("st-mary") == 0
    own = cluster.path("st-mary")
    shutil.copytree(own, own + "-kept")
    foreign = cluster.path("foreign")
    cluster.command(
        "init", foreign, "--kind", "hospital", "--id", "st-mary", "--organisation", "x",
        "--address", "https://127.0.0.1:1",
    )
    for name in ("tls.pem", "tls-key.pem"):
        os.replace(os.path.join(foreign, name), os.path.join(own, name))
    # Without a word it does not begin with a key that the ledger does not name.
    run = cluster.command("run", "--config", cluster.config("st-mary"), code=2)
    assert "does not name the TLS key" in run.stderr and "--unlisted-tls-key" in run.stderr, run.stderr
    cluster.start("st-mary", options=["--unlisted-tls-key"])
    cluster.wait("it listens", lambda: cluster.health("st-mary") is not None)
    check = cluster.command("check", "--config", cluster.path("hospital-1", "bcemrd.json"), code=1)
    assert "failed  st-mary" in check.stdout and "not pinned" in check.stdout, check.stdout
    mine = cluster.command("check", "--config", cluster.path("st-mary", "bcemrd.json"), code=1)
    assert "failed  TLS key" in mine.stdout, mine.stdout
    cluster.stop("st-mary")
    # Another certificate for the same key, long over.
    key = os.path.join(own + "-kept", "tls-key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-key", key, "-out", os.path.join(own, "tls.pem"), "-days", "1",
         "-subj", "/CN=another authority", "-not_before", "20200101000000Z",
         "-not_after", "20200201000000Z"],
        check=False, capture_output=True,
    )
    subprocess.run(
        ["openssl", "req", "-x509", "-key", key, "-out", os.path.join(own, "tls.pem"), "-days", "1",
         "-subj", "/CN=another name"],
        check=True, capture_output=True,
    )
    shutil.copy(key, os.path.join(own, "tls-key.pem"))
    cluster.start("st-mary")
    cluster.wait("it listens", lambda: cluster.health("st-mary") is not None)
    check = cluster.command("check", "--config", cluster.path("hospital-1", "bcemrd.json"))
    assert check.stdout.count("answers as itself") == 4, check.stdout


def refuses_what_is_wrong(cluster):
    """What is missing or another's is named before anything listens."""
    folder = cluster.path("manager")
    assert cluster.stop("manager") == 0
    keys = os.path.join(folder, "data", "manager", "keys.pem")
    os.replace(keys, keys + ".away")
    run = cluster.command("run", "--config", os.path.join(folder, "bcemrd.json"), code=2)
    assert "keys of manager are missing" in run.stderr, run.stderr
    shutil.copy(cluster.path("hospital-1", "data", "hospital-1", "keys.pem"), keys)
    cluster.command("run", "--config", os.path.join(folder, "bcemrd.json"), code=2)
    os.replace(keys + ".away", keys)
    os.chmod(os.path.join(folder, "tls-key.pem"), 0o644)
    run = cluster.command("run", "--config", os.path.join(folder, "bcemrd.json"), code=2)
    assert "others may read this key" in run.stderr, run.stderr
    os.chmod(os.path.join(folder, "tls-key.pem"), 0o600)
    second = cluster.command("run", "--config", cluster.path("cloud", "bcemrd.json"), code=2)
    assert "another process works with this folder" in second.stderr, second.stderr


def explains_its_configuration(cluster):
    """What init writes says what each value is, and what is commented out in it is what holds without it."""
    folder = cluster.path("fresh")
    cluster.command(
        "init", folder, "--kind", "cloud", "--id", "cloud-9", "--organisation", "trust-9",
        "--address", "https://127.0.0.1:%d" % free_ports(1)[0])
    shutil.copy(cluster.path("manager", "genesis.der"), os.path.join(folder, "genesis.der"))
    path = os.path.join(folder, "bcemrd.json")
    written = open(path).read()

    def check(text):
        with open(path, "w") as file:
            file.write(text)
        done = cluster.command("check", "--config", path, code=None)
        return done.returncode, done.stdout, done.stderr

    commented = re.findall(r'^ *// ("[a-z]+": .*)', written, re.M)
    assert [part.split('"')[1] for part in commented] == ["desk", "ready", "disk", "pause", "records"], commented
    without_s3 = re.sub(r'^( *)// ("(?!records)[a-z]+": )', r"\1\2", written, flags=re.M)
    assert without_s3 != written
    first, second = check(written), check(without_s3)
    # What is free, and the time, change meanwhile, and how many days are left.
    passing = r"(disk|clock): .*|in [0-9]+ days"
    said = [(code, re.sub(passing, "", out), error) for code, out, error in (first, second)]
    assert said[0] == said[1], said
    _, _, error = check(re.sub(r'^( *)// ("[a-z]+": )', r"\1\2", written, flags=re.M))
    assert "s3-credentials" in error and "know" not in error, error
    # A comment is a whole line: what looks like one within a text is that text, and what is no JSON is said.
    _, out, error = check(written.replace('"data": "data"', '"data": "//nowhere"'))
    assert "//nowhere" in out + error, (out, error)
    _, _, error = check(written.replace('"data": "data"', '"data": data'))
    assert "no JSON" in error, error


def main():
    program = os.path.abspath(sys.argv[1])
    tests = [decides_and_goes_on] + logs.TESTS + s3.TESTS + desk.TESTS + dishonest.TESTS
    # Who is put back has no voice, so that nobody else may fail.
    tests += operations.TESTS + backups.TESTS
    tests += newcomers.TESTS + [is_known_by_key_alone, refuses_what_is_wrong, explains_its_configuration]
    # It takes on doctors and gives up keys as it likes.
    tests += described.TESTS
    if len(sys.argv) > 2:
        tests = tests[:1] + [test for test in tests[1:] if test.__name__ in sys.argv[2:]]
    with tempfile.TemporaryDirectory(prefix="bcemrd-") as folder:
        cluster = Cluster(program, folder)
        try:
            digest = cluster.found()
            assert len(digest) == 64, digest
            for test in tests:
                begun = time.time()
                test(cluster)
                print("ok %s (%.0f s)" % (test.__name__, time.time() - begun), flush=True)
        finally:
            cluster.stop_all()


if __name__ == "__main__":
    main()
