#!/usr/bin/env python3
"""Daemons of five parties on one machine, each with a folder and keys of its own: run.py BCEMRD

What is tested is the program as operators have it: init, found, check, run, kill, run again.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PARTIES = [
    ("hospital-1", "hospital"),
    ("hospital-2", "hospital"),
    ("st-mary", "hospital"),
    ("cloud", "cloud"),
    ("manager", "manager"),
]
DELEGATES = ["hospital-1", "hospital-2", "st-mary", "cloud"]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        ports = free_ports(2 * len(PARTIES))
        self.ports = {name: ports[2 * i] for i, (name, _) in enumerate(PARTIES)}
        self.operations = {name: ports[2 * i + 1] for i, (name, _) in enumerate(PARTIES)}
        self.processes = {}

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def command(self, *arguments, code=0):
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def found(self, window=40):
        for name, kind in PARTIES:
            confirmed = ["--confirms=" + n for n in DELEGATES[:3]] if kind == "cloud" else []
            self.command(
                "init", self.path(name), "--kind", kind, "--id", name,
                "--organisation", name + "-trust",
                "--address", "https://127.0.0.1:%d" % self.ports[name], *confirmed,
            )
            config = json.load(open(self.path(name, "bcemrd.json")))
            config["listen"]["host"] = "127.0.0.1"
            config["operations"]["port"] = self.operations[name]
            config["pause"] = 0.1
            json.dump(config, open(self.path(name, "bcemrd.json"), "w"))
        digest = self.command(
            "found", *[self.path(name, name + ".member.json") for name, _ in PARTIES],
            "--network", "test", *["--delegate=" + name for name in DELEGATES],
            "--window", str(window), "--output", self.path("genesis.der"),
        ).stdout.strip()
        for name, _ in PARTIES:
            shutil.copy(self.path("genesis.der"), self.path(name, "genesis.der"))
        return digest

    def start(self, name):
        log = open(self.path(name, "log"), "a")
        self.processes[name] = subprocess.Popen(
            [self.program, "run", "--config", self.path(name, "bcemrd.json")], stderr=log
        )

    def health(self, name):
        url = "http://127.0.0.1:%d/health" % self.operations[name]
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError:
            return None

    def height(self, name):
        report = self.health(name)
        return report["roles"][name]["height"] if report else -1

    def wait(self, what, condition, seconds=90):
        end = time.time() + seconds
        while time.time() < end:
            if condition():
                return
            time.sleep(0.2)
        raise AssertionError("after %d seconds not: %s\n%s" % (seconds, what, self.logs()))

    def logs(self):
        return "\n".join(
            "%s: %s" % (name, "".join(open(self.path(name, "log")).readlines()[-6:]))
            for name, _ in PARTIES
            if os.path.exists(self.path(name, "log"))
        )

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(timeout=40)

    def stop_all(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


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
    cluster.start("st-mary")
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


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="bcemrd-") as folder:
        cluster = Cluster(program, folder)
        try:
            digest = cluster.found()
            assert len(digest) == 64, digest
            for test in (decides_and_goes_on, is_known_by_key_alone, refuses_what_is_wrong):
                begun = time.time()
                test(cluster)
                print("ok %s (%.0f s)" % (test.__name__, time.time() - begun), flush=True)
        finally:
            cluster.stop_all()


if __name__ == "__main__":
    main()
