"""A consortium of daemons on one machine, each party with a folder and keys of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
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


def configuration(path):
    """What a configuration says, without its comments."""
    with open(path) as file:
        return json.loads("".join(line for line in file if not line.lstrip().startswith("//")))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def private(path, text):
    """Writes what the owner alone may read."""
    with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(text)


class Cluster:
    def __init__(self, program, folder, parties=PARTIES):
        """The parties are those of the genesis; who joins later is made by `make`."""
        self.program, self.folder, self.parties = program, folder, list(parties)
        ports = free_ports(2 * len(parties))
        self.ports = {name: ports[2 * i] for i, (name, _) in enumerate(parties)}
        self.operations = {name: ports[2 * i + 1] for i, (name, _) in enumerate(parties)}
        self.processes = {}

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def command(self, *arguments, code=0, **more):
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, timeout=120, **more
        )
        assert code is None or done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def make(self, name, kind, confirms=(), pause=0.1):
        """The keys and the configuration of a party; what `init` said."""
        if name not in self.ports:
            self.ports[name], self.operations[name] = free_ports(2)
            self.parties.append((name, kind))
        said = self.command(
            "init", self.path(name), "--kind", kind, "--id", name,
            "--organisation", name + "-trust",
            "--address", "https://127.0.0.1:%d" % self.ports[name],
            *["--confirms=" + hospital for hospital in confirms],
        ).stdout
        config = configuration(self.path(name, "bcemrd.json"))
        config["listen"]["host"] = "127.0.0.1"
        config["operations"]["port"] = self.operations[name]
        config["pause"] = pause
        json.dump(config, open(self.path(name, "bcemrd.json"), "w"))
        return said

    def tried(self, *arguments):
        """Whether a command ends well."""
        return subprocess.run(
            [self.program, *arguments], capture_output=True, timeout=120).returncode == 0

    def found(self, window=40, epoch_length=1000, confirms={"cloud": DELEGATES[:3]},
              delegates=DELEGATES, pause=0.1):
        for name, kind in self.parties:
            self.make(name, kind, confirms.get(name, ()), pause)
        digest = self.command(
            "found", *[self.path(name, name + ".member.json") for name, _ in self.parties],
            "--network", "test", *["--delegate=" + name for name in delegates],
            "--window", str(window), "--epoch-length", str(epoch_length),
            "--output", self.path("genesis.der"),
        ).stdout.strip()
        for name, _ in self.parties:
            shutil.copy(self.path("genesis.der"), self.path(name, "genesis.der"))
        return digest

    def organisation(self, name, *arguments, code=0):
        """What the organisation of a party says, or its error: it has its keys and the genesis."""
        done = self.command(
            "organisation", *arguments, "--keys", self.path(name, "organisation", "keys.pem"),
            "--genesis", self.path(name, "genesis.der"), "--json", code=code,
        )
        return json.loads(done.stdout)

    def config(self, name):
        return self.path(name, "bcemrd.json")

    def desk(self, name, *arguments, code=0, **more):
        """What the desk of a party answers, or its error."""
        done = self.command(
            "desk", *arguments, "--config", self.config(name), "--json", code=code, **more
        )
        return json.loads(done.stdout)

    def start(self, name, *under, options=()):
        """Runs the daemon of a party, perhaps under another program."""
        log = open(self.path(name, "log"), "a")
        self.processes[name] = subprocess.Popen(
            [*under, self.program, "run", "--config", self.path(name, "bcemrd.json"), *options],
            stderr=log,
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
            for name, _ in self.parties
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
