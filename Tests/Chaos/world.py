"""The daemons of a run: founded, started, watched, stopped."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import network
import paths  # noqa: F401
from cluster import configuration, free_ports
from proxy import Proxies
from s3 import Bucket
from shared import MEMBERS, SharedHospital

PUBLIC, OPERATIONS, INSIDE = 8443, 9443, 8444
DISK = 64 << 20


class World:
    def __init__(self, programs, folder, plan):
        self.daemon, self.client = programs
        self.folder, self.plan = folder, plan
        self.names = [name for name, _ in plan.parties]
        machines = [one for own in plan.machines.values() for one in own]
        self.network = network.make([*self.names, *machines, *(MEMBERS if machines else [])])
        self.proxies = Proxies(self.network, plan.seed)
        self.shared = {}  # hospitals of two machines, by name
        self.processes, self.expected, self.bucket = {}, set(), None
        self.deaths = []  # daemons that ended by themselves
        self.targets = {kind: {f.target for f in plan.faults if f.kind == kind}
                        for kind in ("clock", "full-disk")}
        self.inside = network.has_namespaces()
        self.ports = {}

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def config(self, name):
        return self.path(name, "bcemrd.json")

    def command(self, *arguments, code=0, program=None, timeout=120, under=(), **more):
        done = subprocess.run(
            [*under, program or self.daemon, *arguments], capture_output=True, text=True, timeout=timeout,
            **more)
        if code is not None and done.returncode != code:
            raise AssertionError((arguments, done.returncode, done.stdout[-3000:], done.stderr[-3000:]))
        return done

    # Founding

    def found(self):
        if self.plan.uses_s3 or self.plan.machines:
            self.bucket = Bucket.installed()
        for number, (name, kind) in enumerate(self.plan.parties):
            self._make(name, kind, number)
        digest = self.command(
            "found", *[self.path(name, name + ".member.json") for name in self.names],
            "--network", "chaos", *["--delegate=" + name for name in self.plan.delegates],
            "--window", str(self.plan.window), "--epoch-length", str(self.plan.epoch_length),
            "--output", self.path("genesis.der")).stdout.strip()
        for name in self.names:
            shutil.copy(self.path("genesis.der"), self.path(name, "genesis.der"))
        for name, machines in self.plan.machines.items():
            self.shared[name] = SharedHospital(self, name, machines)
        return digest

    def _make(self, name, kind, number):
        address = self.network.address(name)
        if self.inside:
            ports = (PUBLIC, INSIDE, OPERATIONS)
        else:
            ports = (0, *free_ports(2))
        public = self.proxies.add(name, name, (address, ports[0]), (address, ports[1]), name)
        self.ports[name] = (public, *ports[1:])
        self.command(
            "init", self.path(name), "--kind", kind, "--id", name, "--organisation", name + "-trust",
            "--address", "https://%s:%d" % (address, public),
            *["--confirms=" + h for h in self.plan.confirms.get(name, [])])
        changes = {
            "listen": {"host": address, "port": ports[1]},
            "operations": {"host": address, "port": ports[2]}, "pause": 0.1,
            "disk": {"floor": 1 << 20}}
        if name == "cloud" and self.plan.uses_s3 and self.bucket:
            changes["records"] = {"s3": self.s3(name, "s3", "chaos")}
        if name in self.targets["full-disk"] and self.inside:
            self._give_disk(name)
        if name in self.targets["clock"]:
            self.jump(name, 0)
        self.configure(name, **changes)

    def s3(self, name, proxy, prefix):
        """Where a daemon has the bucket; of a configuration."""
        # The daemon reaches it at its own machine, as http has to; the proxy is there.
        host = "127.0.0.1"
        port = self.proxies.add(proxy, name, (host, 0), (host, self.bucket.port), None)
        path = self.path(name, "s3-credentials")
        with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write("aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = very-secret\n")
        return {
            "endpoint": "http://%s:%d" % (host, port), "bucket": "records", "region": "us-east-1",
            "prefix": prefix, "credentials": "s3-credentials"}

    def _give_disk(self, name):
        """A disk of its own, which can be full to the last byte."""
        data = self.path(name, "data")
        os.rename(data, data + ".made")
        os.mkdir(data, 0o700)
        network.run("mount", "-t", "tmpfs", "-o", "size=%d,mode=700" % DISK, "chaos", data)
        shutil.copytree(data + ".made", data, dirs_exist_ok=True)
        shutil.rmtree(data + ".made")

    def take_disk(self, name):
        """Puts the data folder on the common disk again; the daemon does not run."""
        data = self.path(name, "data")
        if os.path.ismount(data):
            network.run("umount", data)

    def configure(self, name, **changes):
        config = configuration(self.config(name))
        config.update(changes)
        with open(self.config(name), "w") as file:
            json.dump(config, file)

    # Running

    def at(self, name):
        """Which daemon speaks for a party now: of two machines, the one that writes."""
        return self.shared[name].writer if name in self.shared else name

    def runs(self, name):
        """Whether a party's daemon is there, as far as nobody has stopped it."""
        return self.at(name) in self.expected

    def jump(self, name, seconds):
        """Sets how far the clock of a party is ahead."""
        path = self.path(name, "clock")
        with open(path + ".new", "w") as file:
            file.write("%+d\n" % seconds)
        os.rename(path + ".new", path)

    def _clock(self, name):
        if name not in self.targets["clock"]:
            return []
        # The file says how far it is off, and is read again while the daemon runs.
        return ["faketime", "-m", "-f", "+0s", "env", "-u", "FAKETIME",
                "FAKETIME_TIMESTAMP_FILE=" + self.path(name, "clock"), "FAKETIME_CACHE_DURATION=1",
                "DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]

    def start(self, name, under=()):
        log = open(self.path(name, "log"), "a")
        process = subprocess.Popen(
            [*self.network.under(name), *self._clock(name), *under, self.daemon, "run", "--config",
             self.config(name)], stderr=log, stdout=log)
        self.processes[name] = process
        self.expected.add(name)
        if not self.inside:
            self.network.processes[name] = process.pid

    def process(self, name):
        """The daemon's identifier, also where it runs under another program."""
        process = self.processes[name].pid
        try:
            children = open("/proc/%d/task/%d/children" % (process, process)).read().split()
        except OSError:
            children = []
        return int(children[0]) if children else process

    def tell(self, name, what):
        os.kill(self.process(name), what)

    def memory(self, name):
        """What a daemon has in memory, in bytes."""
        with open("/proc/%d/status" % self.process(name)) as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmRSS"].split()[0]) << 10

    def stop(self, name, how=signal.SIGTERM, timeout=45):
        """Ends a daemon; returns its exit code."""
        self.expected.discard(name)
        self.tell(name, how)
        return self.processes.pop(name).wait(timeout=timeout)

    def watch(self):
        """Takes note of daemons that have ended by themselves."""
        for name in list(self.expected):
            process = self.processes.get(name)
            if process and process.poll() is not None and name in self.expected:
                self.expected.discard(name)
                shared = self.shared.get(self.plan.party(name))
                # As its service manager does.
                if shared and shared.has_given_way(name):
                    self.start(name)
                    continue
                self.deaths.append("%s ended by itself with %d: %s" % (
                    name, process.returncode, "".join(self.log(name, 5))))

    def log(self, name, lines=6):
        path = self.path(self.at(name), "log")
        return open(path, errors="replace").readlines()[-lines:] if os.path.exists(path) else []

    # What daemons say of themselves

    def get(self, name, page, timeout=4):
        """Status and body of what a daemon, or that which speaks for a party, says at its operations port."""
        name = self.at(name)
        url = "http://%s:%d/%s" % (self.network.address(name), self.ports[name][2], page)
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, ValueError):
            return None, ""

    def metrics(self, name):
        values = {}
        for line in self.get(name, "metrics")[1].splitlines():
            if not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                values[key] = float(value)
        return values

    def height(self, name):
        return self.metrics(name).get('bcemr_consortium_height{role="%s"}' % name, -1)

    def is_ready(self, name):
        return self.get(name, "ready")[0] == 200

    def desk(self, name, *arguments, timeout=60):
        done = self.command(
            "desk", *arguments, "--config", self.config(self.at(name)), "--json", code=None,
            timeout=timeout)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, {"error": {"code": "no-json", "message": done.stderr[-500:]}}

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for shared in self.shared.values():
            shared.end()
        self.proxies.stop()
        if self.bucket:
            self.bucket.stop()
        for name in self.names:
            self.take_disk(name)
        self.network.stop()


def wait(condition, seconds, every=0.3):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(every)
    return bool(condition())
