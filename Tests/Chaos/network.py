"""The network between the daemons of a run: each in a namespace of its own where that is allowed, or loopback.

In namespaces each party is behind a router, which can drop what goes from one to another without a word. Where
there are none, the proxies before the daemons hold it back, by who the caller is.
"""

import ctypes
import itertools
import os
import socket
import subprocess
import sys

MARK = "BCEMR_CHAOS_NAMESPACES"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def enter():
    """Runs this program again in namespaces of its own, in which nothing outlives it; says so where there are none."""
    if MARK in os.environ:
        return
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.getuid() != 0:
        unshare += ["--user", "--map-root-user"]
    try:
        tried = subprocess.run([*unshare, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
        reason = tried.stderr.strip() if tried.returncode else None
    except FileNotFoundError as error:
        reason = "there is no %s" % error.filename
    os.environ[MARK] = "no" if reason else "yes"
    if reason:
        print("skipped namespaces (%s): partitions are made by the proxies, disks are not filled to "
              "the last byte" % reason, flush=True)
        return
    os.execvp("unshare", [*unshare, sys.executable, *sys.argv])


def has_namespaces():
    return os.environ.get(MARK) == "yes"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError("%s: %s" % (" ".join(command), done.stderr.strip()))


class Namespaces:
    """A router, and behind it each party at 10.77.N.2."""

    def __init__(self, names):
        self.numbers = {name: number for number, name in enumerate(names, 1)}
        self.holders, self.files, self.priorities = {}, {}, itertools.count(100)
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY)
        run("ip", "link", "set", "lo", "up")
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
        for name, number in self.numbers.items():
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            self.holders[name] = holder
            while os.readlink("/proc/%d/ns/net" % holder.pid) == os.readlink("/proc/self/ns/net"):
                pass
            self.files[name] = os.open("/proc/%d/ns/net" % holder.pid, os.O_RDONLY)
            link, net = "party%d" % number, "10.77.%d." % number
            run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            run("ip", "address", "add", net + "1/24", "dev", link)
            run("ip", "link", "set", link, "up")
            inside = ["nsenter", "--target", str(holder.pid), "--net", "ip"]
            run(*inside, "link", "set", "lo", "up")
            run(*inside, "address", "add", net + "2/24", "dev", "eth0")
            run(*inside, "link", "set", "eth0", "up")
            run(*inside, "route", "add", "default", "via", net + "1")

    def address(self, name):
        return "10.77.%d.2" % self.numbers[name]

    def under(self, name):
        """What a program of this party is run under."""
        return ["nsenter", "--target", str(self.holders[name].pid), "--net", "--"]

    def socket(self, name):
        """A socket of TCP in the namespace of a party; of nobody, in that of the router."""
        if name is not None:
            self._set(self.files[name])
        try:
            return socket.socket()
        finally:
            self._set(self.own)

    @staticmethod
    def _set(file):
        if _libc.setns(file, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def caller(self, peer, here):
        """Nobody whom a proxy has to know."""
        return None

    def holds_back(self, one, other):
        """The router does."""
        return False

    def part(self, pairs):
        """Drops what these send each other, in both directions; returns what heal takes."""
        rules = []
        for one, other in pairs:
            for a, b in ((one, other), (other, one)):
                rule = ["from", self.address(a), "to", self.address(b), "priority", str(next(self.priorities))]
                run("ip", "rule", "add", "blackhole", *rule)
                rules.append(rule)
        return rules

    @staticmethod
    def heal(parted):
        for rule in parted:
            run("ip", "rule", "delete", *rule)

    def is_parted(self, one, other, port):
        """Whether nothing comes through, tried by a connection."""
        with self.socket(one) as probe:
            probe.settimeout(1.5)
            try:
                probe.connect((self.address(other), port))
            except TimeoutError:
                return True
            except OSError:
                return False
        return False

    def stop(self):
        for name, holder in self.holders.items():
            run("ip", "link", "delete", "party%d" % self.numbers[name])
            os.close(self.files[name])
            holder.kill()
            holder.wait()
        os.close(self.own)


class Loopback:
    """All at 127.0.0.1; who calls is who owns the other end of the connection, as the kernel tells."""

    def __init__(self, names):
        self.processes = {}  # by name: the identifier of the process
        self.partings = []

    def address(self, name):
        return "127.0.0.1"

    def under(self, name):
        return []

    def socket(self, name):
        return socket.socket()

    def caller(self, peer, here):
        inode = self._inode(peer, here)
        for name, process in list(self.processes.items()):
            folder = "/proc/%d/fd" % process
            try:
                for each in os.listdir(folder):
                    if inode and os.readlink("%s/%s" % (folder, each)) == "socket:[%s]" % inode:
                        return name
            except OSError:
                pass
        return None

    @staticmethod
    def _inode(peer, here):
        def written(address):
            number = int.from_bytes(socket.inet_aton(address[0]), "little")
            return "%08X:%04X" % (number, address[1])

        with open("/proc/net/tcp") as table:
            for line in table:
                fields = line.split()
                if fields[1:3] == [written(peer), written(here)]:
                    return fields[9]
        return None

    def part(self, pairs):
        parted = {frozenset(pair) for pair in pairs}
        self.partings.append(parted)
        return parted

    def heal(self, parted):
        self.partings.remove(parted)

    def holds_back(self, one, other):
        return any(frozenset((one, other)) in parted for parted in self.partings)

    def is_parted(self, one, other, port):
        return self.holds_back(one, other)

    def stop(self):
        pass


def make(names):
    return Namespaces(names) if has_namespaces() else Loopback(names)
