"""What happens to a hospital of two machines: etcd loses members, and both machines believe that they write."""

import signal
import threading
import time

from shared import CLIENTS, MEMBERS
from world import wait

# From the end of a fault on, in seconds.
RECOVERED = 90
# So long a ticket may take while one member of etcd of three is away, in seconds.
SERVED = 45


class EngineFaults:
    """Of `Trouble`."""

    def _shared(self, fault):
        """The hospital, once one of its machines writes and the other waits."""
        shared = self.world.shared[fault.target]
        assert wait(shared.one_writes, RECOVERED), "%s: not one of both machines writes" % fault.target
        return shared

    # etcd

    def do_etcd_killed(self, fault):
        shared = self._shared(fault)
        member = self._member(shared, fault)
        shared.kill(member)
        try:
            seen, served = not shared.is_healthy((member,)), self._serves(fault)
        finally:
            shared.start(member)
        self._recovers(shared)
        return seen and "%s was away, and %d tickets were handed out" % (MEMBERS[member], served)

    def do_etcd_parted(self, fault):
        shared = self._shared(fault)
        member = self._member(shared, fault)
        network = self.world.network
        # The machines reach it still, and it alone can promise them nothing.
        rules = network.part([(MEMBERS[member], other) for other in MEMBERS if other != MEMBERS[member]])
        try:
            served = self._serves(fault)
            seen = not shared.is_healthy((member,))
        finally:
            network.heal(rules)
        self._recovers(shared)
        return seen and "%s was alone, and %d tickets were handed out" % (MEMBERS[member], served)

    def do_etcd_majority(self, fault):
        """Two of three: nothing is acknowledged until one of them is back."""
        shared = self._shared(fault)
        left = self._member(shared, fault)
        lost = [member for member in range(3) if member != left]
        for member in lost:
            shared.kill(member)
        # What was under way before was answered by then, or was not.
        since = time.time() + 1
        probes = [threading.Timer(after, self.people.probe, (fault.target,))
                  for after in (1.2, fault.lasts / 2)]
        for probe in probes:
            probe.start()
        seen = not shared.is_healthy((left,))
        self.nap(max(since + fault.lasts - time.time(), 0))
        until = time.time()
        for member in lost:
            shared.start(member)
        self.halted[fault.target] = (since, until)
        for probe in probes:
            probe.join()
        self._recovers(shared)
        self._serves(fault, 0)
        return seen and "%s was left for %.0f s" % (MEMBERS[left], until - since)

    def _member(self, shared, fault):
        leader = shared.leader()
        return leader if fault.more.get("leader") else (leader + 1) % 3

    def _serves(self, fault, lasts=None):
        """How many tickets the desk hands out meanwhile; one at least, however long that takes."""
        begun, served = time.time(), 0
        end = begun + (fault.lasts if lasts is None else lasts)
        while time.time() < end or not served:
            served += self.people.probe(fault.target).code == 0
            assert served or time.time() < begun + SERVED, "no ticket within %d s" % SERVED
            time.sleep(0.5)
        return served

    def _recovers(self, shared):
        assert wait(shared.is_healthy, RECOVERED), "etcd is not well again"
        assert wait(shared.one_writes, RECOVERED), "not one of both machines writes"

    # Both write

    def do_two_writers(self, fault):
        """The machine that writes is away for longer than its lease, without knowing it, and comes back."""
        world, shared = self.world, self._shared(fault)
        former = shared.writer
        other = shared.other(former)
        shared.said(former)
        world.expected.discard(former)
        come_back = self._pause(former) if fault.more["how"] == "paused" else self._cut_from_etcd(former)
        try:
            assert wait(lambda: shared.writes(other), RECOVERED), "%s does not take over" % other
            self.nap(fault.lasts)
            # Who comes to the hospital now comes to the one that has been replaced, as do those at its desk.
            shared.led = True
            shared.lead(former)
            probes = [threading.Thread(target=self.people.probe, args=(fault.target, former))
                      for _ in range(3)]
            for probe in probes:
                probe.start()
            self.nap(2)
        finally:
            come_back()
        code = world.processes[former].wait(timeout=RECOVERED)
        shared.led = False
        said = shared.said(former)
        world.start(former)
        for probe in probes:
            probe.join()
        assert wait(shared.one_writes, RECOVERED), "not one of both machines writes"
        assert code, "%s ended as if it had been asked to" % former
        seen = "is over: %s writes in term" % other in said
        return seen and "%s was replaced by %s, and has given way" % (former, other)

    def _pause(self, machine):
        self.world.tell(machine, signal.SIGSTOP)
        return lambda: self.world.tell(machine, signal.SIGCONT)

    def _cut_from_etcd(self, machine):
        network = self.world.network
        rules = network.part([(machine, member) for member in MEMBERS])
        assert network.is_parted(machine, MEMBERS[0], CLIENTS), "%s reaches etcd" % machine
        return lambda: network.heal(rules)
