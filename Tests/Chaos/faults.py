"""What happens to a run. Each fault is begun and ended by this, and says how it was seen that it happened."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone

import garbage
from carrier import Carrier
from engine_faults import EngineFaults
from lies import Lies
from proxy import Conduct
from world import wait


class Trouble(EngineFaults, Lies):
    """Faults of a plan, one after the other or together, each in a thread of the runner."""

    def __init__(self, world, people, stop):
        self.world, self.people, self.stop = world, people, stop
        self.log = []  # (fault, evidence or None, note)
        # Two faults of one process, or of one program, come one after the other.
        self.turns = {name: threading.Lock() for name in [*world.names, *world.plan.doctors]}
        self.restored = {}  # by party: when the backup was taken
        self.silent_until = 0  # the height from which on all have a voice
        self.halted = {}  # by hospital: since when, and until when, it could store nothing
        self.equivocated = {}  # by party: what it has signed twice
        self.babbled = {}  # by party: when it was honest again

    def play(self, fault):
        begun = time.time()
        try:
            with self.turns.get(self.world.plan.party(fault.target), contextlib.nullcontext()):
                seen = getattr(self, "do_" + fault.kind.replace("-", "_"))(fault)
        except Exception as error:  # what goes wrong here is a failure of the run, named with the fault
            self.log.append((fault, None, "%s: %s" % (type(error).__name__, error)))
            return
        self.log.append((fault, seen, "%.0f s" % (time.time() - begun)))

    def nap(self, seconds):
        self.stop.wait(seconds)

    # Processes

    def up(self, name):
        """Whether a daemon answers, and another fault does not have it."""
        return self.world.runs(name) and self.world.get(name, "health")[0] is not None

    def begin_with(self, name):
        """Waits until the daemon is one that something can be done to."""
        if not wait(lambda: self.up(name), 30):
            raise AssertionError("%s does not answer" % name)

    def do_kill(self, fault):
        self.begin_with(fault.target)
        code = self.world.stop(fault.target, signal.SIGKILL)
        self.nap(fault.lasts)
        self.world.start(fault.target)
        # Under another program the code is that one's.
        return code != 0 and "killed"

    def do_restart(self, fault):
        self.begin_with(fault.target)
        code = self.world.stop(fault.target)
        self.world.start(fault.target)
        assert code == 0, "SIGTERM ended it with %d" % code
        return "ended with 0"

    def do_pause(self, fault):
        self.begin_with(fault.target)
        self.world.tell(fault.target, signal.SIGSTOP)
        self.nap(1)
        silent = self.world.get(fault.target, "health", timeout=2)[0] is None
        self.nap(fault.lasts - 3)
        self.world.tell(fault.target, signal.SIGCONT)
        return silent and "it was silent"

    # The network

    def do_isolate(self, fault):
        return self._part([fault.target], fault, 0)

    def do_split(self, fault):
        return self._part(fault.target.split("+"), fault, 2)

    def _part(self, one, fault, halting):
        network, world = self.world.network, self.world
        others = [name for name in world.names if name not in one]
        rules = network.part([
            (a, b) for a in self._places(one) for b in self._places(others)])
        try:
            parted = network.is_parted(one[0], others[0], world.ports[others[0]][0])
            if not halting:
                self.nap(fault.lasts)
                return parted and "nothing came through"
            # What was under way may decide one block more.
            self.nap(5)
            before = {name: world.height(name) for name in world.names}
            self.nap(fault.lasts - 5)
            after = {name: world.height(name) for name in world.names}
        finally:
            network.heal(rules)
        grown = [name for name in before if 0 <= before[name] < after[name] - 1]
        assert not grown, "half of the delegates decided: %s, %s" % (before, after)
        return parted and "no block for %.0f s" % (fault.lasts - 5)

    def _places(self, names):
        """All of the network that belongs to these parties."""
        return [*names, *(one for name in names for one in self.world.plan.machines.get(name, []))]

    def _conduct(self, name, fault, **conduct):
        proxy = self.world.proxies.proxies[name]
        kept, proxy.conduct = proxy.conduct, Conduct(**conduct)
        self.nap(fault.lasts)
        proxy.conduct = kept
        return proxy.counts

    def do_slow(self, fault):
        counts = self._conduct(fault.target, fault, delay=fault.more["delay"])
        return counts.delayed and "%d chunks were late" % counts.delayed

    def do_lossy(self, fault):
        # Connections that stand from before are not of this conduct's making; they break all the same.
        counts = self._conduct(fault.target, fault, loss=fault.more["loss"])
        return counts.lost and "%d connections broke" % counts.lost

    def do_carrier(self, fault):
        world, proxy = self.world, self.world.proxies.proxies[fault.target]
        between = Carrier(
            world.path(fault.target), proxy.target, "carrier %d %s" % (world.plan.seed, fault.at))
        with self.through(fault.target, between):
            self.nap(fault.lasts)
            wait(lambda: len(between.counts) >= 2, 30)
        between.end()
        counts = between.counts
        return len(counts) >= 2 and ", ".join("%d %s" % (n, what) for what, n in sorted(counts.items()))

    @contextlib.contextmanager
    def through(self, name, server):
        """Has all that comes for a party come to somebody else first."""
        proxy = self.world.proxies.proxies[name]
        kept = proxy.target, proxy.inside
        proxy.target, proxy.inside = server.server_address, None
        self._cut(proxy)
        try:
            yield
        finally:
            proxy.target, proxy.inside = kept
            self._cut(proxy)

    def _cut(self, proxy):
        """Ends the connections that stand, as they send."""
        conduct, proxy.conduct = proxy.conduct, Conduct(loss=1)
        self.nap(1.5)
        proxy.conduct = conduct

    def do_s3(self, fault):
        how = {"drop": Conduct(loss=0.5), "corrupt": Conduct(corrupts=0.5), "slow": Conduct(delay=1.5)}
        proxy = self.world.proxies.proxies["s3"]
        proxy.conduct = how[fault.more["how"]]
        count = {"drop": "lost", "corrupt": "corrupted", "slow": "delayed"}[fault.more["how"]]
        self.nap(fault.lasts)
        # As long as it takes until there is traffic to do it to.
        wait(lambda: getattr(proxy.counts, count), 60)
        proxy.conduct = Conduct()
        seen = getattr(proxy.counts, count)
        return seen and "%d chunks" % seen

    # The machine

    def do_full_disk(self, fault):
        name, world = fault.target, self.world
        data = world.path(name, "data")
        if not os.path.ismount(data):
            free = shutil.disk_usage(data).free
            floors = {"floor": 2 * free, "resume": 2 * free}
        elif fault.more["how"] == "floor":
            floors = {"floor": 16 << 20, "resume": 20 << 20}
        else:
            floors = {"floor": 0, "resume": 1}
        self.begin_with(name)
        world.configure(name, disk=floors)
        world.tell(name, signal.SIGHUP)
        ballast = os.path.join(data, "ballast")
        left = 10 << 20 if fault.more["how"] == "floor" else 48 << 10
        try:
            if os.path.ismount(data):
                with open(ballast, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(data).free - left, 1))
            seen = wait(lambda: world.get(name, "health")[0] in (503, None), 10)
            if fault.more["how"] != "floor" and os.path.ismount(data):
                seen = shutil.disk_usage(data).free <= left
            self.nap(fault.lasts)
        finally:
            if os.path.exists(ballast):
                os.remove(ballast)
            world.configure(name, disk={"floor": 1 << 20})
            if name in world.expected:
                world.tell(name, signal.SIGHUP)
        return seen and "there was no room"

    def do_slow_disk(self, fault):
        name, world = fault.target, self.world
        trace = world.path(name, "strace")
        self.begin_with(name)
        world.stop(name)
        world.start(name, under=[
            "strace", "-f", "--seccomp-bpf", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync",
            "-e", "inject=fsync,fdatasync:delay_exit=250000"])
        self.nap(fault.lasts)
        calls = open(trace).read().count("sync(") if os.path.exists(trace) else 0
        world.stop(name, timeout=90)
        world.start(name)
        return calls and "%d syncs took a quarter of a second more" % calls

    def do_clock(self, fault):
        name, world = fault.target, self.world
        self.begin_with(name)
        jump = fault.more["jump"]
        world.jump(name, jump)
        key = "bcemr_clock_offset_seconds"
        seen = wait(lambda: abs(world.metrics(name).get(key, 0) - jump) < 5, fault.lasts, every=1)
        self.nap(max(fault.lasts - 4, 0))
        world.jump(name, 0)
        return seen and "it was %+d s off" % jump

    def do_certificate(self, fault):
        name, world = fault.target, self.world
        self.begin_with(name)
        end = self._certify(name, timedelta(seconds=3))
        world.tell(name, signal.SIGHUP)
        self.nap(fault.lasts)
        shown = self._shown(name)
        over = shown is not None and shown <= datetime.now(timezone.utc) and abs(
            (shown - end).total_seconds()) < 2
        self._certify(name, timedelta(days=400))
        world.tell(name, signal.SIGHUP)
        renewed = wait(lambda: (self._shown(name) or end) > end, 30)
        assert renewed or not over, "%s still shows its former certificate" % name
        return over and "it was over, and renewed"

    def _certify(self, name, lasts):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        folder = self.world.path(name)
        with open(os.path.join(folder, "tls-key.pem"), "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "renewed")])
        now = datetime.now(timezone.utc)
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + lasts)
            .sign(key, hashes.SHA256()))
        path = os.path.join(folder, "tls.pem")
        with open(path + ".new", "wb") as file:
            file.write(made.public_bytes(serialization.Encoding.PEM))
        os.rename(path + ".new", path)
        return now + lasts

    def _shown(self, name):
        """Until when the certificate is good that the daemon shows."""
        from cryptography import x509
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with self.world.network.socket(None) as plain:
                plain.settimeout(5)
                plain.connect((self.world.network.address(name), self.world.ports[name][0]))
                with context.wrap_socket(plain) as secure:
                    der = secure.getpeercert(binary_form=True)
        except (OSError, socket.timeout):
            return None
        return x509.load_der_x509_certificate(der).not_valid_after_utc

    # Backups, strangers, doctors

    def do_restore(self, fault):
        name, world = fault.target, self.world
        self.begin_with(name)
        folder = tempfile.mkdtemp(dir=world.folder)
        backup = os.path.join(folder, "backup.tar")
        taken = time.time()
        world.command("backup", "--config", world.config(name), "-o", backup)
        self.restored[name] = taken
        self.nap(fault.lasts)
        self.begin_with(name)
        world.stop(name, signal.SIGKILL)
        world.take_disk(name)
        shutil.rmtree(world.path(name, "data"))
        height = max(world.height(other) for other in world.names)
        world.command("restore", backup, world.path(name, "data"))
        world.start(name)
        # New keys count from the next epoch on, or from the one after that, if this one is about to end.
        length = world.plan.epoch_length
        self.silent_until = max(self.silent_until, ((height + 4) // length + 1) * length + 1)
        return "it was put back as of %.0f s before" % (time.time() - taken)

    def do_garbage(self, fault):
        name, world = fault.target, self.world
        self.begin_with(name)
        address = world.network.address(name)
        sent = garbage.send(
            lambda: world.network.socket(None), (address, world.ports[name][0]), name,
            fault.lasts, "garbage %d %s" % (world.plan.seed, fault.at), self.stop)
        assert not sent["taken"], "the daemon took %s" % sent["taken"]
        return sent["refused"] and "%(sent)d sent, %(refused)d refused" % sent

    def do_doctor_killed(self, fault):
        self.people.kill(fault.target)
        self.nap(fault.lasts)
        self.people.start(fault.target)
        return "killed"

    def do_no_doctor(self, fault):
        code = self.people.stop(fault.target)
        self.nap(fault.lasts)
        self.people.start(fault.target)
        assert code == 0, "SIGTERM ended the program of %s with %d" % (fault.target, code)
        return "away"
