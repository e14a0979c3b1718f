"""The offline check of an export, in pairings of blst a visit, in one run.

    python verify.py PATH_OF_BCEMR [--visits N] [--rounds N] [--check]

Makes a ledger of real signatures (`bcemr generate`: teams of three doctors), exports it, and verifies
the export. Rounds alternate between that and blst's pairing, so that both meet the same machine; the
figure of each is its least. What counts is the processor time of the whole program, on however many
threads it would be: reading, decoding, the rules, every signature and every equation.

With --check, the exit code is 1 if the limit is missed.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import compare

LIMIT = 5.0


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def processor_seconds(*command):
    """User and system time of a command that is waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = run(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, output


def processor_milliseconds(operation, samples=40, repeat=15):
    """Of one operation: the least of some samples. Waiting for a processor counts for neither side."""
    least = float("inf")
    for _ in range(samples):
        start = time.process_time_ns()
        for _ in range(repeat):
            operation()
        least = min(least, time.process_time_ns() - start)
    return least / repeat / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bcemr", help="the program of a release build")
    parser.add_argument("--visits", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit 1 if the limit is missed")
    arguments = parser.parse_args()

    gc.disable()
    pairing = compare.operations()["pairing"]["blst"]
    with tempfile.TemporaryDirectory() as folder:
        data, export = str(Path(folder, "data")), str(Path(folder, "export.tar"))
        made = json.loads(
            run(arguments.bcemr, "generate", "--visits", str(arguments.visits), "--data", data,
                "--json"))
        run(arguments.bcemr, "export", "--data", data, "--output", export)
        ours, theirs = [], []
        for number in range(1, arguments.rounds + 1):
            theirs.append(processor_milliseconds(pairing))
            seconds, output = processor_seconds(
                arguments.bcemr, "verify", export, "--genesis", made["genesis"], "--json")
            report = json.loads(output)
            visits = sum(chain["visits"] for chain in report["summary"]["chains"])
            if not report["passed"] or visits != arguments.visits:
                print(f"verify: {visits} visits hold, of {arguments.visits}", file=sys.stderr)
                sys.exit(2)
            ours.append(seconds * 1e3 / visits)
            theirs.append(processor_milliseconds(pairing))
            print(
                f"round {number} of {arguments.rounds}: {ours[-1]:.2f} ms a visit, pairing "
                f"{theirs[-2]:.3f} and {theirs[-1]:.3f} ms", file=sys.stderr)

    visit, theirs_least = min(ours), min(theirs)
    ratio = visit / theirs_least
    missed = ratio > LIMIT
    print(f"visits        {arguments.visits}")
    print(f"a visit       {visit:.2f} ms")
    print(f"blst pairing  {theirs_least:.3f} ms")
    print(
        f"verify: {ratio:.2f} times blst's pairing a visit, limit {LIMIT:g}: "
        f"{'missed' if missed else 'kept'}")
    sys.exit(1 if arguments.check and missed else 0)


if __name__ == "__main__":
    main()
