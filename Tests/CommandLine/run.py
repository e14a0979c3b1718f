"""Runs transcripts of the command line and compares what is printed with what stands in them.

    python3 Tests/CommandLine/run.py PATH_OF_BCEMR [CASE…]

A case is a file in cases/: a sentence that says what it shows, `requires:` lines, and steps.

    $ command        run by bash in an empty folder of the case, with bcemr on its path
    > more of it     (as the lines of a here-document)
    text             a line of stdout
    2> text          a line of stderr
    = 2              the exit code, if it is not 0

In expected text, … stands for anything in a line, and a line of … alone for any lines. What is
not expected must not be printed. `requires: NAME` names a program, a file, or a variable of the
environment; a case that lacks one is reported as skipped. Variables:

    EXAMPLES, TOOLS  the folders of the examples and of the scripts that cases share
    FHIR             the folder of the Synthea histories
    XDG_STATE_HOME   an empty folder for each step, as if each ran on a machine of its own: what programs
                     remember outside of a data folder is for the cases that are about it
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
STEP_SECONDS = 300


@dataclass
class Step:
    line: int
    command: str
    output: list = field(default_factory=list)
    diagnostics: list = field(default_factory=list)
    status: int = 0


@dataclass
class Case:
    name: str
    sentence: str
    requirements: list
    steps: list


def read_case(path):
    case = Case(path.stem, "", [], [])
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("$ "):
            case.steps.append(Step(number, line[2:]))
        elif not case.steps:
            if line.startswith("requires: "):
                case.requirements.append(line.removeprefix("requires: "))
            elif line and not case.sentence:
                case.sentence = line
        elif line.startswith("> "):
            case.steps[-1].command += "\n" + line[2:]
        elif line.startswith("2> "):
            case.steps[-1].diagnostics.append(line[3:])
        elif match := re.fullmatch(r"= (\d+)", line):
            case.steps[-1].status = int(match[1])
        else:
            case.steps[-1].output.append(line)
    for step in case.steps:
        # An empty line before the next step or the end only separates.
        if step.output and not step.output[-1]:
            step.output.pop()
    if not (case.sentence and case.steps):
        sys.exit(f"{path}: a case has a sentence and steps")
    return case


def matches(expected, text):
    """Whether the text is as expected; a pattern over all lines at once."""
    parts = []
    for line in expected:
        if line == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(map(re.escape, line.split("…"))) + r"\n")
    return re.fullmatch("".join(parts), text) is not None


def missing(requirements, environment):
    return [
        name for name in requirements
        if name not in environment and not shutil.which(name) and not Path(name).exists()
    ]


def indented(lines):
    return "".join(f"      {line}\n" for line in lines)


def run(case, environment):
    """Returns why the case failed, or nothing."""
    with tempfile.TemporaryDirectory(prefix="bcemr-case-") as folder:
        for step in case.steps:
            try:
                with tempfile.TemporaryDirectory(prefix="bcemr-state-") as state:
                    result = subprocess.run(
                        ["bash", "-c", step.command], cwd=folder,
                        env=environment | {"XDG_STATE_HOME": state}, text=True,
                        capture_output=True, stdin=subprocess.DEVNULL, timeout=STEP_SECONDS)
            except subprocess.TimeoutExpired:
                return f"    line {step.line}: longer than {STEP_SECONDS} s: {step.command}\n"
            if (
                result.returncode == step.status
                and matches(step.output, result.stdout)
                and matches(step.diagnostics, result.stderr)
            ):
                continue
            return (
                f"    line {step.line}: $ {step.command}\n"
                f"    exit code {result.returncode}, expected {step.status}\n"
                f"    stdout:\n{indented(result.stdout.splitlines())}"
                f"    expected:\n{indented(step.output)}"
                f"    stderr:\n{indented(result.stderr.splitlines())}"
                f"    expected:\n{indented(step.diagnostics)}")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bcemr", help="the program of a release build")
    parser.add_argument("case", nargs="*", help="names of cases; all if there is none")
    arguments = parser.parse_args()

    root = HERE.parents[1]
    environment = dict(
        os.environ, EXAMPLES=str(root / "Examples"), TOOLS=str(HERE / "tools"), LC_ALL="C.UTF-8")
    program = Path(arguments.bcemr).resolve()
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    histories = root.parent / "shared" / "fhir"
    if "FHIR" not in environment and histories.is_dir():
        environment["FHIR"] = str(histories)

    cases = [read_case(path) for path in sorted((HERE / "cases").glob("*.txt"))]
    if unknown := set(arguments.case) - {case.name for case in cases}:
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    failed = skipped = 0
    selected = [case for case in cases if not arguments.case or case.name in arguments.case]

    def outcome(case):
        start = time.monotonic()
        lacks = missing(case.requirements, environment)
        return lacks, None if lacks else run(case, environment), time.monotonic() - start

    # Each has folders of its own; they are told in their order.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for case, (lacks, failure, seconds) in zip(selected, pool.map(outcome, selected)):
            if lacks:
                skipped += 1
                told = f"{case.name}: {', '.join(lacks)} not found here"
                print(f"skip  {told}")
                if "BCEMR_LEFT_OUT" in os.environ:
                    with open(os.environ["BCEMR_LEFT_OUT"], "a") as file:
                        file.write(f"the transcript {told}\n")
                continue
            verdict = "FAIL" if failure else "ok"
            print(f"{verdict:<5} {case.name}: {case.sentence} ({seconds:.1f} s)")
            if failure:
                failed += 1
                print(failure, end="")
            sys.stdout.flush()
    print(
        f"{len(selected)} transcripts: {len(selected) - failed - skipped} passed, "
        f"{failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
