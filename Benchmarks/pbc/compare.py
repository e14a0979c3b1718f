"""Our phases beside those of phases.c on PBC, in one run, on type A of the paper's sizes.

    python compare.py PATH_OF_BCEMR PATH_OF_PHASES [--rounds N] [--check]

Rounds alternate (ours, theirs, ours, theirs, …) so that both meet the same machine, and each figure
is the least of all rounds. Ours is the time spent in the groups alone, since phases.c leaves out
signatures, ciphers and hashes of messages too. The last line has our BLS12-381 beside PBC at level 3
as section 6.2 prints it. With --check, the exit code is 1 if a phase on type A is less than 2.5 times
faster, or all together less than 5 times, or less than 300 times on BLS12-381. The limits are for a
processor with AVX-512 IFMA.
"""

import argparse
import json
import subprocess
import sys

SIZES = [(160, 512), (224, 1024), (256, 1536), (160, 1024), (224, 2048), (256, 3072)]
OWN = "bls12-381"
# Our name of a phase, and theirs.
PHASES = {
    "initialization": "initialization",
    "groupKey": "group_key",
    "diagnose": "diagnose",
    "storage": "storage",
    "sharing": "sharing",
}
LIMIT = 2.5
LIMIT_OF_ALL = 5
LIMIT_OF_OWN = 300


def output(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def ours(path, suite):
    report = output(path, "evaluate", "--quick", "--json", "--suite", suite)
    return {step["step"]: step["group_ms"] for step in report["timings"][0]["in_memory"]}


def theirs(path, order, field):
    report = output(path, str(order), str(field), "3", "5" if field < 2048 else "3")
    return {name: report["phases"][their]["min_ms"] for name, their in PHASES.items()}


def least(rounds):
    return {name: min(r[name] for r in rounds) for name in PHASES}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bcemr", help="the program of a release build")
    parser.add_argument("phases", help="the program made of phases.c")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 if a phase is too slow")
    arguments = parser.parse_args()

    our = {f"type-a-{order}-{field}": [] for order, field in SIZES} | {OWN: []}
    their = {size: [] for size in SIZES}
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)
        for size in SIZES:
            suite = f"type-a-{size[0]}-{size[1]}"
            our[suite].append(ours(arguments.bcemr, suite))
            their[size].append(theirs(arguments.phases, *size))
        our[OWN].append(ours(arguments.bcemr, OWN))

    print("milliseconds on PBC / here, n = 3, and how often faster")
    print(f"{'suite':<12}" + "".join(f"{name:>26}" for name in [*PHASES, "all"]))
    missed = False
    for suite, size in [*zip(our, SIZES), (OWN, SIZES[-1])]:
        here, there = least(our[suite]), least(their[size])
        pairs = [(there[name], here[name]) for name in PHASES]
        total = (sum(there.values()), sum(here.values()))
        missed |= total[0] / total[1] < (LIMIT_OF_OWN if suite == OWN else LIMIT_OF_ALL)
        missed |= any(a / b < LIMIT for a, b in pairs)
        cells = "".join(f"{f'{a:.1f} / {b:.2f} = {a / b:.1f}':>26}" for a, b in [*pairs, total])
        print(f"{suite.removeprefix('type-a-'):<12}{cells}")
    sys.exit(1 if arguments.check and missed else 0)


if __name__ == "__main__":
    main()
