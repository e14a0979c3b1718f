"""Our primitives beside arkworks, blst and mcl, in one run.

    python compare.py PATH_OF_BCEMR [--rounds N] [--check]

Rounds alternate (ours, theirs, ours, theirs, …) so that both meet the same machine; the figure of
an operation is the least of its rounds' medians. Points and scalars are decoded beforehand, and
the few hundred nanoseconds of a Python call count for the others. The libraries are pinned in
scripts/vectors/requirements.txt.

With --check, the exit code is 1 if a limit is missed.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from hashlib import sha256
from statistics import median

import py_arkworks_bls12381 as arkworks
import pyblst
import pymcl

# (operation, library, its operation, the largest ratio of our time to theirs)
LIMITS = [
    ("pairing", "blst", "pairing", 3.0),
    ("g1_mul", "arkworks", "g1_mul", 1.0),
    ("g2_mul", "arkworks", "g2_mul", 1.0),
    ("hash_to_g1", "arkworks", "hash_to_g1", 1.0),
    # 60 ms where a pairing of blst takes 512 microseconds.
    ("visit_total", "blst", "pairing", 117.0),
]
LIBRARIES = ("arkworks", "blst", "mcl")
SAMPLES = 15
SAMPLE_SECONDS = 0.01


def operations():
    """The same operations as `bcemr bench`, as {name: {library: function}}."""
    order = pymcl.r
    scalar = int.from_bytes(sha256(b"scalar").digest(), "big") % order
    message, domain = sha256(b"message").digest(), b"BCEMR-V01-bls12-381-W"

    ark_s = arkworks.Scalar.from_be_bytes(scalar.to_bytes(32, "big"))
    ark_p, ark_q = arkworks.G1Point() * ark_s, arkworks.G2Point() * ark_s
    p_bytes, q_bytes = bytes(ark_p.to_compressed_bytes()), bytes(ark_q.to_compressed_bytes())
    ark_ps = [arkworks.G1Point() * arkworks.Scalar(i) for i in range(2, 7)]
    ark_qs = [arkworks.G2Point() * arkworks.Scalar(i) for i in range(3, 8)]

    g1, g2 = pyblst.BlstP1Element(), pyblst.BlstP2Element()
    blst_p, blst_q = g1.uncompress(p_bytes), g2.uncompress(q_bytes)
    blst_f = pyblst.miller_loop(blst_p, blst_q)

    mcl_s = pymcl.Fr(str(scalar), 10)
    mcl_p, mcl_q = pymcl.g1 * mcl_s, pymcl.g2 * mcl_s
    mcl_f = pymcl.pairing(mcl_p, mcl_q)

    return {
        "g1_mul": {
            "arkworks": lambda: ark_p * ark_s,
            "blst": lambda: blst_p.scalar_mul(scalar),
            "mcl": lambda: mcl_p * mcl_s,
        },
        "g2_mul": {
            "arkworks": lambda: ark_q * ark_s,
            "blst": lambda: blst_q.scalar_mul(scalar),
            "mcl": lambda: mcl_q * mcl_s,
        },
        "hash_to_g1": {
            "arkworks": lambda: arkworks.G1Point.hash_to_curve(message, domain),
            "blst": lambda: pyblst.BlstP1Element.hash_to_group(message, domain),
        },
        # A Miller loop, and a final exponentiation inside the comparison.
        "pairing": {
            "arkworks": lambda: arkworks.GT.pairing(ark_p, ark_q),
            "blst": lambda: pyblst.final_verify(pyblst.miller_loop(blst_p, blst_q), blst_f),
            "mcl": lambda: pymcl.pairing(mcl_p, mcl_q),
        },
        "pairing_product_5": {
            "arkworks": lambda: arkworks.GT.multi_pairing(ark_ps, ark_qs),
        },
        "gt_exp": {"mcl": lambda: mcl_f**mcl_s},
        "g1_decode": {
            "arkworks": lambda: arkworks.G1Point.from_compressed_bytes(p_bytes),
            "blst": lambda: g1.uncompress(p_bytes),
        },
        "g2_decode": {
            "arkworks": lambda: arkworks.G2Point.from_compressed_bytes(q_bytes),
            "blst": lambda: g2.uncompress(q_bytes),
        },
    }


def median_ns(operation):
    """The median over samples of about ten milliseconds."""
    clock = time.perf_counter_ns
    start = clock()
    operation()
    repeat = max(1, int(SAMPLE_SECONDS * 1e9 / max(1, clock() - start)))
    samples = []
    for _ in range(SAMPLES):
        start = clock()
        for _ in range(repeat):
            operation()
        samples.append((clock() - start) / repeat)
    return median(samples)


def ours(path):
    output = subprocess.run([path, "bench", "--json"], check=True, capture_output=True).stdout
    return {entry["name"]: entry["median_ns"] for entry in json.loads(output)}


def theirs(table):
    return {
        (name, library): median_ns(operation)
        for name, libraries in table.items()
        for library, operation in libraries.items()
    }


def best(rounds):
    return {key: min(r[key] for r in rounds if key in r) for r in rounds for key in r}


def report(our, their, names):
    def cell(name, library):
        if (name, library) not in their:
            return f"{'–':>18}"
        value = their[name, library]
        return f"{value / 1000:9.1f} ({our[name] / value:5.2f}×)"

    print("microseconds, and in brackets our time divided by theirs")
    print(f"{'operation':<18}{'ours':>9}" + "".join(f"  {name:>18}" for name in LIBRARIES))
    for name in names:
        cells = "".join(f"  {cell(name, library)}" for library in LIBRARIES)
        print(f"{name:<18}{our[name] / 1000:9.1f}{cells}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bcemr", help="the program of a release build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 if a limit is missed")
    arguments = parser.parse_args()

    gc.disable()
    table = operations()
    our_rounds, their_rounds = [], []
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)
        our_rounds.append(ours(arguments.bcemr))
        their_rounds.append(theirs(table))
    our, their = best(our_rounds), best(their_rounds)
    if missing := [name for name in table if name not in our]:
        print(f"compare: bcemr bench did not report {', '.join(missing)}", file=sys.stderr)
        sys.exit(2)

    report(our, their, table)
    print()
    missed = False
    for name, library, operation, limit in LIMITS:
        ratio = our[name] / their[operation, library]
        missed |= ratio > limit
        verdict = "missed" if ratio > limit else "kept"
        print(f"{name}: {ratio:.2f} times {library}'s {operation}, limit {limit:g}: {verdict}")
    sys.exit(1 if arguments.check and missed else 0)


if __name__ == "__main__":
    main()
