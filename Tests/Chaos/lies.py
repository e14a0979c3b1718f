"""What one member does who lies: it signs two things where there is one, or things without sense."""

import random
import threading
import time

from babbler import Babbler, Speech, Talker
from liar import Equivocator, Keys
from world import wait

# So long others may take to notice it, and to go on, in seconds.
NOTICED = 90
# By how much the memory of another daemon may grow meanwhile, in bytes.
GROWTH = 256 << 20


class Lies:
    """Of `Trouble`."""

    def keys(self, name):
        return Keys(self.world.path(name, "data", name, "keys.pem"))

    # Two of one thing

    @property
    def cosigned_twice(self):
        return "checkpoints" in self.equivocated.values()

    def do_equivocate(self, fault):
        name, world, what = fault.target, self.world, fault.more["what"]
        self.begin_with(name)
        others = [one for one in world.plan.delegates if one != name]
        self.equivocated[name] = what
        server = Equivocator(
            world.path(name), world.proxies.proxies[name].target, self.keys(name), others, what)
        with self.through(name, server):
            self.nap(fault.lasts)
            seen = wait(lambda: self._is_noticed(name, what), NOTICED)
        server.close()
        before = {other: world.height(other) for other in others}
        assert wait(lambda: all(world.height(o) >= before[o] + 2 for o in others), NOTICED), (
            "the others do not go on: %s" % before)
        return seen and "%s signed twice, and noticed" % ", ".join(
            "%d %s" % (n, what) for what, n in sorted(server.counts.items()))

    def _is_noticed(self, name, what):
        """Whether the seat is empty by now, or somebody has both checkpoints."""
        if what == "statements":
            return self.world.metrics(name).get('bcemr_delegate_seat{role="%s"}' % name) == 0
        return any(self.world.metrics(other).get('bcemr_contradictions{role="%s"}' % other)
                   for other in self.world.names if other != name)

    # Without sense

    def do_signed_garbage(self, fault):
        name, world = fault.target, self.world
        self.begin_with(name)
        others = [one for one in world.names if one != name]
        speech = Speech(
            name, bytes.fromhex(self.people.digest), self.keys(name)["identity"],
            random.Random("nonsense %d %s" % (world.plan.seed, fault.at)), world.names)
        server = Babbler(world.path(name), world.proxies.proxies[name].target, speech)
        talker = Talker(
            speech, {one: (world.network.address(one), world.ports[one][0]) for one in others})
        over = threading.Event()
        talking = threading.Thread(target=talker.talk, args=(over,))
        memory = Memory(world, others)
        with self.through(name, server):
            talking.start()
            memory.watch(fault.lasts, self.stop)
            ready = wait(lambda: all(world.is_ready(other) for other in others), NOTICED, every=1)
            over.set()
            talking.join()
        server.close()
        self.babbled[name] = time.time()
        memory.look()
        assert ready, "not ready: %s" % [other for other in others if not world.is_ready(other)]
        assert memory.grown() < GROWTH, "memory has grown: %s" % memory.figures
        return server.counts and talker.counts["answered"] and "%s; memory grew by %d MiB" % (
            ", ".join("%d %s" % (n, what) for what, n in sorted((server.counts + talker.counts).items())),
            memory.grown() >> 20)


class Memory:
    """That of daemons, as long as they are not begun anew."""

    def __init__(self, world, names):
        self.world, self.names = world, names
        self.figures = {}  # of each process: what it had at first, and at most
        self.look()

    def look(self):
        for name in self.names:
            try:
                daemon = self.world.at(name)
                process, bytes = self.world.processes[daemon].pid, self.world.memory(daemon)
            except (OSError, KeyError):
                continue
            first, most = self.figures.get((daemon, process), (bytes, 0))
            self.figures[daemon, process] = (first, max(most, bytes))

    def watch(self, seconds, stop):
        end = time.time() + seconds
        while time.time() < end and not stop.wait(1):
            self.look()

    def grown(self):
        return max((most - first for first, most in self.figures.values()), default=0)
