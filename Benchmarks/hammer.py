#!/usr/bin/env python3
"""Daemons under load beside the same roles in one process, in one run: hammer.py BCEMRD BCEMR [PART…]

Founds consortia of daemons on this machine, each party with a process, a folder and keys of its own, and has
`bcemr hammer` play all doctors and patients. Parts, all of them by default:

    ratio      visits a second at most, over HTTPS and in one process, alternately, and their ratio
    engines    the same ratio with the hospitals' stores in three members of etcd and in S3 (SeaweedFS), whose processes count too
    lone       one visit at a time: how long from admission to confirmation, and the processors' time
    hospitals  the cost of a visit with 1, 4 and 16 hospitals at one total rate
    sharings   visits with consents and openings
    memory     what a visit leaves in the processes' memory, over a longer run
    large      what a record of nearly 64 MiB takes of the memory of every daemon and program, as a multiple of it

Other programs make all figures worse: run it on a machine that does nothing else. Exit code 1 if a run had
errors or too little traffic, or with --check a limit is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests" / "Daemons"))
from cluster import Cluster  # noqa: E402
from etcd import Members  # noqa: E402
from large import MIB, measure  # noqa: E402
from machines import share  # noqa: E402
from seaweed import Seaweed  # noqa: E402

LIMITS = {"ratio": 0.7, "engines": 0.5, "growth": 1.25, "lone": 3.0, "large": 4.0}
STEPS = ["admission", "group_key", "signed", "confirmed", "final", "consent", "opening"]


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.failed = []
        self.results = {}

    def hammer(self, what, *options):
        """One run; its report, printed in a line or two."""
        done = subprocess.run(
            [self.arguments.bcemr, "hammer", *options, "--json"], capture_output=True, text=True)
        try:
            report = json.loads(done.stdout)
            if "error" in report:
                raise ValueError(report["error"])
        except ValueError as error:
            sys.exit("hammer.py: %s: %s %s" % (what, error, done.stderr))
        if done.returncode:
            self.failed.append("%s: %s" % (what, "; ".join(report["faults"])))
            print("%s: %s %s" % (what, "; ".join(report["faults"]), report["errors"]), file=sys.stderr)
        self.results.setdefault(what, []).append(report)
        steps = report["steps"]
        print("%-28s %5.2f visits/s  %6.1f ms of processors a visit  (load before: %.1f)" % (
            what, steps.get("confirmed", {}).get("per_second", 0), report["processor_ms_per_visit"],
            report.get("machine_load_before", 0)))
        print("    " + ", ".join("%s %.0f" % (step.replace("_", " "), steps[step]["latency"]["p50"])
                                 for step in STEPS if step in steps) + " ms (medians)", flush=True)
        return report

    def cluster(self, hospitals, spare_clouds, engines=False):
        """Founds and starts daemons. With spare clouds they are the delegates, however many hospitals there are."""
        names = ["hospital-%d" % number for number in range(1, hospitals + 1)]
        clouds = ["cloud"] + ["cloud-%d" % number for number in range(2, 5 if spare_clouds else 2)]
        delegates = clouds if spare_clouds else names[:3] + clouds
        parties = [(n, "hospital") for n in names] + [(n, "cloud") for n in clouds]
        folder = tempfile.TemporaryDirectory(prefix="bcemr-hammer-", dir=self.arguments.folder)
        cluster = Cluster(
            self.arguments.bcemrd, folder.name, parties + [("manager", "manager")])
        cluster.kept = folder
        cluster.found(
            window=600, pause=self.arguments.pause, confirms={"cloud": names}, delegates=delegates)
        cluster.engines = []
        if engines:
            cluster.engines = self.share(cluster, names)
        for name, _ in cluster.parties:
            cluster.start(name)
        cluster.wait("all have a block",
                     lambda: all(cluster.height(n) >= 2 for n, _ in cluster.parties), 180)
        return cluster

    def share(self, cluster, hospitals):
        """Has hospitals keep all that they have in etcd and S3, and the cloud its records in S3."""
        members = Members(cluster.path("etcd"))
        bucket = Seaweed(Seaweed.installed(), cluster.path("seaweed"))
        bucket.make_bucket()
        bucket.configure(cluster, "cloud")
        for name in hospitals:
            share(cluster, members, bucket, name)
            cluster.command("engine", "adopt", "--config", cluster.config(name))
        return [members, bucket]

    def daemons(self, what, hospitals, *options, spare_clouds=False, engines=False):
        cluster = self.cluster(hospitals, spare_clouds, engines)
        try:
            desks = ["--desk=hospital-%d=%s" % (n, cluster.path("hospital-%d" % n, "data", "desk.sock"))
                     for n in range(1, hospitals + 1)]
            running = dict(cluster.processes)
            if engines:
                members, bucket = cluster.engines
                running |= {"etcd-%d" % n: each for n, each in enumerate(members.processes)}
                running["weed"] = bucket.process
            processes = ["--process=%s=%d" % (name, process.pid)
                         for name, process in running.items()]
            return self.hammer(
                what, "--genesis", cluster.path("genesis.der"), *desks, *processes, *options)
        finally:
            cluster.stop_all()
            for engine in cluster.engines:
                engine.stop()
            cluster.kept.cleanup()

    def in_process(self, what, hospitals, *options):
        return self.hammer(
            what, "--in-process", str(hospitals), "--pause", str(self.arguments.pause), *options)

    # Parts

    def ratio(self):
        self.compare("ratio", "at most, daemons", engines=False)

    def engines(self):
        if not Members.are_installed() or not Seaweed.installed():
            print("engines: left out, as etcd or SeaweedFS (BCEMR_PYTHON) is not here")
            return
        self.compare("engines", "at most, etcd and S3", engines=True)

    def compare(self, part, what, engines):
        most = ["--at-once", str(self.arguments.at_once), "--seconds", str(self.arguments.seconds),
                "--warm-up", "10"]
        rates = {"daemons": [], "process": []}
        for _ in range(self.arguments.rounds):
            one = self.in_process("at most, one process", 4, *most)
            rates["process"].append(one)
            many = self.daemons(what, 4, *most, engines=engines)
            rates["daemons"].append(many)
        best = {kind: max(r["steps"]["confirmed"]["per_second"] for r in reports)
                for kind, reports in rates.items()}
        cost = {kind: min(r["gross_processor_ms_per_visit"] for r in reports)
                for kind, reports in rates.items()}
        ratio = best["daemons"] / best["process"]
        print("%s: %.2f of the visits a second of one process (%.2f of %.2f), limit %.1f" % (
            part, ratio, best["daemons"], best["process"], LIMITS[part]))
        print("HTTP, TLS, mailboxes, logs and looking: %.0f ms of processors a visit beside %.0f" % (
            cost["daemons"] - cost["process"], cost["process"]))
        self.limit(part, ratio >= LIMITS[part])

    def lone(self):
        report = self.daemons(
            "lone visits", 4, "--at-once", "1", "--seconds", str(self.arguments.seconds),
            "--warm-up", "5")
        steps = report["steps"]
        waited = steps["confirmed"]["latency"]["p50"]
        times = waited / report["processor_ms_per_visit"]
        print("a lone visit: %.0f ms until it is confirmed, %.1f times its processors' time, limit %.0f"
              % (waited, times, LIMITS["lone"]))
        self.limit("lone", times <= LIMITS["lone"])

    def hospitals(self):
        costs = {}
        for count in (1, 4, 16):
            report = self.daemons(
                "%d hospitals" % count, count, "--rate", str(self.arguments.rate), "--seconds",
                str(self.arguments.seconds), "--doctors", str(max(6, 48 // count)),
                spare_clouds=True)
            costs[count] = report["processor_ms_per_visit"]
        growth = costs[16] / costs[1]
        print("a visit of 16 hospitals costs %.2f times one of 1, limit %.2f" % (
            growth, LIMITS["growth"]))
        self.limit("growth", growth <= LIMITS["growth"])

    def sharings(self):
        self.daemons(
            "visits and sharings", 4, "--rate", str(self.arguments.rate), "--sharings",
            str(self.arguments.rate / 2), "--seconds", str(self.arguments.seconds))

    def memory(self):
        report = self.daemons(
            "longer", 4, "--at-once", str(self.arguments.at_once), "--seconds",
            str(self.arguments.memory_seconds), "--warm-up", "60")
        for process in report["processes"]:
            print("    %-12s %6.1f MiB, %6.1f KiB a visit" % (
                process["name"], process["memory_after"] / 2**20, process["memory_per_visit"] / 2**10))

    def large(self):
        """Other programs of the machine make no difference to it."""
        byte_count = self.arguments.record_mib * MIB
        found = measure(self.arguments.bcemrd, self.arguments.bcemr, self.arguments.folder, byte_count)
        self.results["large"] = {
            name: {"small": few, "large": many, "times": times} for name, (few, many, times) in found.items()}
        print("a record of %d MiB: at most resident with a small one and with this, and how often it is in what is "
              "taken for it" % self.arguments.record_mib)
        for name, (few, many, times) in sorted(found.items(), key=lambda each: -each[1][2]):
            print("    %-28s %6.0f %6.0f MiB  %4.1f" % (name, few / MIB, many / MIB, times))
        most = max(times for _, _, times in found.values())
        print("a process takes %.1f times the record at most, limit %.0f" % (most, LIMITS["large"]))
        self.limit("large", most <= LIMITS["large"])

    def limit(self, what, is_kept):
        if self.arguments.check and not is_kept:
            self.failed.append("the limit of %s is missed" % what)


PARTS = ["ratio", "engines", "lone", "hospitals", "sharings", "memory", "large"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bcemrd", type=os.path.abspath, help="the daemon of a release build")
    parser.add_argument("bcemr", type=os.path.abspath, help="the command line of the same")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="by default all")
    parser.add_argument("--seconds", type=int, default=60, help="that are measured of each run")
    parser.add_argument("--memory-seconds", type=int, default=600)
    parser.add_argument("--record-mib", type=int, default=64, help="what is measured by `large`: 2 to 64")
    parser.add_argument("--rounds", type=int, default=2, help="of the ratio")
    parser.add_argument("--rate", type=float, default=1.0, help="visits a second, where one is given")
    parser.add_argument("--at-once", type=int, default=8, help="visits, for what is reached at most")
    parser.add_argument(
        "--pause", type=float, default=0.5,
        help="seconds between two looks of a server; by default the daemons' own default")
    parser.add_argument("--folder", help="where the daemons' folders are made; the disk of its own counts")
    parser.add_argument("--json", metavar="FILE", help="write all reports there")
    parser.add_argument("--check", action="store_true", help="exit 1 if a limit is missed")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    for part in arguments.parts or PARTS:
        getattr(bench, part)()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(bench.results, indent=1))
    for failure in bench.failed:
        print("hammer.py: " + failure, file=sys.stderr)
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
