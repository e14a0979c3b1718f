#!/usr/bin/env python3
"""Seeded faults against daemons that run: run.py BCEMRD BCEMR [--seeds 1-10] [--keep FOLDER]

A seed says which parties there are, who goes through which visits, and what breaks when (plan.py). All that
doctors, patients and counters do is recorded, and compared at the end with the ledger (checker.py). A run in which
too little was done, or in which a fault did not happen, fails. Exit codes: 0 all is well, 1 a run has failed.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
import traceback

import network
import plan as plans
from clients import Clients
from ending import Ending, traffic
from faults import Trouble
from history import History
from journey import GivenUp, Journey
from world import World, wait

# What a run must have come to while things broke, or it has shown nothing.
LEAST = {"desk-ticket": 2, "ticket": 2, "sign": 2, "collect": 2, "consent": 1, "open": 1, "revoke": 1}
# So long what was begun may take once all is healed, in seconds.
FINISHING = 60


def too_little(history):
    """What was not done often enough, in words."""
    done = traffic(history)
    return ["too little traffic: %d %s" % (done[verb], verb)
            for verb, least in LEAST.items() if done[verb] < least]


class Run:
    def __init__(self, programs, folder, seed):
        self.plan = plans.make(seed)
        self.world = World(programs, folder, self.plan)
        self.history = History()
        self.stop, self.over, self.healed = threading.Event(), threading.Event(), None
        self.wrong, self.given_up, self.heights = [], [], {}

    def play(self):
        world = self.world
        digest = world.found()
        self.clients = Clients(world, self.history, digest)
        self.trouble = Trouble(world, self.clients, self.stop)
        for name in self.plan.processes:
            world.start(name)
        if not wait(lambda: all(world.height(n) >= 2 for n in world.names), 60):
            raise AssertionError("no blocks: %s" % {n: world.log(n) for n in world.names})
        self.clients.settle()
        begun = time.time()
        self.history.notes.append("trouble begins at %.1f s" % (begun - self.history.begun))
        journeys = [threading.Thread(target=self.live, args=(p,)) for p in self.plan.patients]
        faults = [threading.Thread(target=self.break_at, args=(begun, f)) for f in self.plan.faults]
        watching = threading.Thread(target=self.watch, daemon=True)
        for thread in [*journeys, *faults, watching]:
            thread.start()
        for thread in faults:
            thread.join()
        self.stop.wait(max(begun + plans.TROUBLE - time.time(), 0))
        self.healed = time.time()
        self.stop.set()
        world.proxies.heal()
        for thread in journeys:
            thread.join()
        for patient, reason in self.given_up:
            print("   given up by %s: %s" % (patient, reason))
        for fault, seen, note in self.trouble.log:
            if not seen:
                self.wrong.append("did not happen: %s (%s)" % (str(fault).strip(), note))
        self.wrong += too_little(self.history)
        ending = Ending(world, self.clients, self.history, self.trouble)
        try:
            ending.run()
        finally:
            self.wrong += ending.wrong
            self.figures = ending.figures
        self.wrong += world.deaths + self.clients.ended
        self.wrong += [
            "unexpected: %s of %s: %s" % (o.verb, o.who, o.result["unexpected"])
            for o in self.history.operations if "unexpected" in (o.result or {})]

    def live(self, patient):
        number = 0
        while not self.stop.is_set():
            number += 1
            try:
                Journey(self.clients, patient, number, self.plan.seed, self.patience).run()
            except GivenUp as reason:
                self.given_up.append((patient, reason))
            except Exception:
                self.wrong.append("the runner: " + traceback.format_exc())
                return

    def patience(self):
        return 40 if self.healed is None else max(self.healed + FINISHING - time.time(), 0)

    def break_at(self, begun, fault):
        time.sleep(max(begun + fault.at - time.time(), 0))
        self.trouble.play(fault)

    def watch(self):
        """Chains grow, and nobody signs two of them."""
        while not self.over.wait(2):
            self.world.watch()
            self.clients.watch()
            for name in self.world.names:
                # Each machine of a hospital has a chain of its own.
                daemon = self.world.at(name)
                metrics = self.world.metrics(daemon) if daemon in self.world.expected else {}
                height = metrics.get('bcemr_consortium_height{role="%s"}' % name)
                if metrics.get('bcemr_contradictions{role="%s"}' % name) and not self.trouble.cosigned_twice:
                    self.wrong.append("%s sees a contradiction" % name)
                if height is None:
                    continue
                if height < self.heights.get(daemon, 0) and name not in self.trouble.restored:
                    self.wrong.append("the chain of %s went back to %d" % (daemon, height))
                self.heights[daemon] = height

    def end(self):
        self.over.set()
        if hasattr(self, "clients"):
            self.clients.end()
        self.world.end()


def one(programs, seed, keep):
    folder = tempfile.mkdtemp(prefix="bcemr-chaos-%d-" % seed, dir=keep)
    begun = time.time()
    run = Run(programs, folder, seed)
    print(run.plan, flush=True)
    try:
        run.play()
    except Exception:
        run.wrong.append(traceback.format_exc())
    finally:
        run.over.set()
        run.history.write(os.path.join(folder, "history"))
        run.end()
    for fault, seen, note in getattr(run, "trouble").log if hasattr(run, "trouble") else []:
        print("   %s: %s (%s)" % (str(fault).strip(), seen or "NOT SEEN", note))
    print("   %s" % ", ".join("%d %s" % (n, verb) for verb, n in sorted(traffic(run.history).items())))
    print("   %s" % ", ".join("%s %s" % pair for pair in getattr(run, "figures", {}).items()))
    for each in sorted(set(run.wrong), key=run.wrong.index):
        print("   WRONG %s" % each)
    seconds = time.time() - begun
    print("%s seed %d (%.0f s)%s" % (
        "FAILED" if run.wrong else "ok", seed, seconds, ", kept: " + folder if run.wrong and keep else ""),
        flush=True)
    if not (run.wrong and keep):
        shutil.rmtree(folder, ignore_errors=True)
    return run, seconds


def seeds_of(text):
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bcemrd")
    parser.add_argument("bcemr")
    parser.add_argument("--seeds", type=seeds_of, default=[1], help="as 1-10 or 3,17")
    parser.add_argument("--keep", help="a folder in which what failed is kept")
    parser.add_argument("--plan", action="store_true", help="show the plans alone")
    options = parser.parse_args()
    if options.plan:
        return print("\n".join(str(plans.make(seed)) for seed in options.seeds))
    network.enter()
    programs = os.path.abspath(options.bcemrd), os.path.abspath(options.bcemr)
    runs = [(seed, *one(programs, seed, options.keep)) for seed in options.seeds]
    print("\n seed  result  seconds  operations  visits  openings  faults")
    for seed, run, seconds in runs:
        done = traffic(run.history)
        print("%5d  %-6s  %7.0f  %10d  %6d  %8d  %s" % (
            seed, "FAILED" if run.wrong else "ok", seconds, len(run.history.operations), done["collect"],
            done["open"], " ".join(sorted(f.kind for f in run.plan.faults))))
    failed = [seed for seed, run, _ in runs if run.wrong]
    print("%d of %d runs are well%s" % (
        len(runs) - len(failed), len(runs), "; not: %s" % failed if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
