"""A hospital of two machines in the network of a run, and what they share: three members of etcd, and a bucket."""

import json
import os
import shutil
import threading

import paths  # noqa: F401
from cluster import free_ports, private
from etcd import Members

# Of etcd, as the network knows them.
MEMBERS = ["etcd-1", "etcd-2", "etcd-3"]
CLIENTS, PEERS = 2379, 2380
# What the log of a machine says when it ends because another one writes.
GIVES_WAY = '"another machine writes: ends"'


class SharedHospital:
    """Others reach it by one address, which leads to the machine that writes, as a load balancer does."""

    def __init__(self, world, name, machines):
        """The party has its folder; it becomes that of the first machine."""
        self.world, self.name, self.machines = world, name, machines
        # Which machine writes, as far as its address knows.
        self.writer = machines[0]
        self.given_way, self.read, self.led = 0, {}, False
        self.over = threading.Event()
        self.members = self._etcd()
        for member in range(3):
            self._know(member)
        self._configure()
        world.command(
            "engine", "adopt", "--config", world.config(machines[0]),
            under=world.network.under(machines[0]))
        threading.Thread(target=self._balance, daemon=True).start()

    # Founding

    def _etcd(self):
        network, proxies = self.world.network, self.world.proxies
        if self.world.inside:
            listens = reached = [(network.address(member), CLIENTS, PEERS) for member in MEMBERS]
        else:
            ports = free_ports(6)
            listens = [("127.0.0.1", *pair) for pair in zip(ports[:3], ports[3:])]
            # What a router would drop, these hold back.
            reached = [(host, *(proxies.add(
                "%s at %d" % (member, port), member, (host, 0), (host, port), member, party=member)
                for port in pair)) for member, (host, *pair) in zip(MEMBERS, listens)]
        return Members(
            self.world.path("etcd"), listens, reached,
            under=lambda member: network.under(MEMBERS[member]))

    def _know(self, member):
        if not self.world.inside:
            self.world.network.processes[MEMBERS[member]] = self.members.processes[member].pid

    def _configure(self):
        world, (first, second) = self.world, self.machines
        os.rename(world.path(self.name), world.path(first))
        os.symlink(first, world.path(self.name))
        os.mkdir(world.path(second))
        private(world.path(first, "engine-secret"), os.urandom(32).hex() + "\n")
        for file in os.listdir(world.path(first)):
            if os.path.isfile(world.path(first, file)):
                shutil.copy2(world.path(first, file), world.path(second))
        public = world.ports[self.name][0]
        for machine in self.machines:
            host = world.network.address(machine)
            inside, operations = world.ports[self.name][1:] if world.inside else free_ports(2)
            world.ports[machine] = (public, inside, operations)
            world.configure(
                machine, listen={"host": host, "port": inside},
                operations={"host": host, "port": operations},
                engine={
                    "machine": machine, "secret": "engine-secret", "etcd": self.members.part(),
                    "s3": world.s3(machine, "s3 of " + machine, "engine")})

    # Which machine writes

    def report(self, machine):
        """What a machine says of itself; None if it says nothing."""
        _, text = self.world.get(machine, "ready", timeout=2)
        try:
            return json.loads(text)
        except ValueError:
            return None

    def writes(self, machine):
        return bool((self.report(machine) or {}).get("roles"))

    def waits(self, machine):
        return (self.report(machine) or {}).get("reasons") == ["standby"]

    def other(self, machine):
        return next(one for one in self.machines if one != machine)

    def one_writes(self):
        """Whether one does, and the other waits."""
        writing = [machine for machine in self.machines if self.writes(machine)]
        return len(writing) == 1 and self.waits(self.other(writing[0]))

    def _balance(self):
        while not self.over.wait(0.5):
            writing = [machine for machine in self.machines if self.writes(machine)]
            if writing and not self.led:
                self.lead(writing[0])

    def lead(self, machine):
        """Has the hospital's address lead to a machine."""
        self.writer = machine
        proxy = self.world.proxies.proxies[self.name]
        proxy.target = (self.world.network.address(machine), self.world.ports[machine][1])
        proxy.inside = machine

    def said(self, machine):
        """What its log has since it was asked for last."""
        with open(self.world.path(machine, "log"), errors="replace") as log:
            log.seek(self.read.get(machine, 0))
            text = log.read()
            self.read[machine] = log.tell()
        return text

    def has_given_way(self, machine):
        """Whether a machine that has ended did so because another one writes."""
        gives_way = GIVES_WAY in self.said(machine)
        self.given_way += gives_way
        return gives_way

    # etcd

    def kill(self, member):
        self.members.kill(member)

    def start(self, member):
        self.members.start(member)
        self._know(member)

    def is_healthy(self, members=(0, 1, 2)):
        """Whether each of these members of etcd takes writes."""
        return not self.members.control("endpoint", "health", members=members).returncode

    def leader(self):
        """Which member leads, or 0 where that is not to be seen."""
        shown = self.members.control("endpoint", "status", "-w", "json").stdout
        try:
            status = [(each["Status"]["header"]["member_id"], each["Status"]["leader"])
                      for each in json.loads(shown)]
        except (ValueError, KeyError):
            return 0
        return next((place for place, (own, leader) in enumerate(status) if own == leader), 0)

    def end(self):
        self.over.set()
        self.members.stop()
