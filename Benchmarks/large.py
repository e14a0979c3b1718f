"""What a record of nearly 64 MiB takes of the memory of every process that has to do with it.

A visit of two doctors is held, collected, consented to and opened by programs of their own over daemons, once with a
small record and once with a large one. Of each process the most memory that it had resident (VmHWM of Linux) is
noted at every step, and what the large record takes is what is more than with the small one. A program that asks for
a passphrase has had 128 MiB for that before, and has given them back: for it what counts is what is more than such a
program has that has been running (`bcemr doctor run`), so that its figure is too high rather than too low.
"""

import base64
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time

import people as persons
from cluster import PARTIES, Cluster
from people import People

MIB = 1 << 20
# So much of the limit, which is that of both findings together, is left to the second doctor.
SECOND = 64 << 10


def finding(path, byte_count):
    """Writes a Bundle with an attachment, of so many bytes in all; returns its SHA-256.

    The attachment is drawn anew piece by piece: this process stays small, since what the processes that it starts
    have at most counts from what it has itself."""
    head = '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Binary",' \
        '"id":"scan","contentType":"application/dicom","data":"'
    tail = '"}}%s]}'
    left = byte_count - len(head) - len(tail % "")
    data, fill = left // 4 * 4, left % 4
    digest = hashlib.sha256()
    with open(path, "w") as file:
        def put(text):
            file.write(text)
            digest.update(text.encode())

        put(head)
        while data:
            part = min(data, MIB)
            put(base64.b64encode(os.urandom(part // 4 * 3)).decode())
            data -= part
        put(tail % (" " * fill))
    assert os.path.getsize(path) == byte_count
    return digest.hexdigest()


def peak(pid):
    """Bytes that a process has had resident at most; None once it has ended."""
    try:
        with open("/proc/%d/status" % pid) as file:
            return next((int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:")), None)
    except OSError:
        return None


def forget_peak(pid):
    """Has the kernel count a process's peak from what it has now."""
    with open("/proc/%d/clear_refs" % pid, "w") as file:
        file.write("5")


class MeasuredPeople(People):
    """People whose programs are measured: each command, and what each agent has had."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.peaks = {}

    def note(self, name, byte_count):
        self.peaks[name] = max(self.peaks.get(name, 0), byte_count or 0)

    def run(self, who, kind, *arguments, code=0, text=None):
        result, answered = self._measured(who, kind, arguments, text)
        assert result == code, (arguments, result, answered)
        return json.loads(answered[0]) if answered[0] else None

    def tries(self, what, who, kind, *arguments, seconds=180):
        end = time.time() + seconds
        while True:
            result, answered = self._measured(who, kind, arguments)
            if result == 0:
                return json.loads(answered[0])
            assert time.time() < end, (what, result, answered, self.cluster.logs())
            time.sleep(1)

    def _measured(self, who, kind, arguments, text=None):
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [*self.arguments(who, kind, *arguments), "--json"], stdin=subprocess.PIPE,
                stdout=output, stderr=errors)
            process.stdin.write((text or "").encode())
            process.stdin.close()
            # The kernel's own count of the highest, of a process that has ended.
            _, status, use = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.note("bcemr %s %s" % (kind, arguments[0]), use.ru_maxrss << 10)
            answered = []
            for file in (output, errors):
                file.seek(0)
                answered.append(file.read().decode())
            return process.returncode, answered

    def begin(self):
        self.peaks = {}
        for process in self._running().values():
            forget_peak(process.pid)

    def end(self):
        for name, process in self._running().items():
            self.note(name, peak(process.pid))
        return self.peaks

    def _running(self):
        return {"bcemrd of " + n: p for n, p in self.cluster.processes.items()} | {
            "bcemr doctor run of " + n: p for n, p in self.agents.items()}


def visit(people, number, byte_counts):
    """Holds a visit with findings of so many bytes, and shares its record; what each process had at most."""
    cluster, team = people.cluster, ["anna", "bert"]
    files = [cluster.path("%s-%d.json" % (who, number)) for who in team]
    digests = [finding(path, count) for path, count in zip(files, byte_counts)]
    people.begin()
    held = persons.hold_files(people, "encounter-%d" % number, team, files)
    collected = cluster.path("record-%d" % number)
    people.tries("collected", "patient", "patient", "collect", held, "-o", collected, "--wait", "90")
    request = persons.ask(people, "opinion %d" % number)
    consent = people.tries(
        "consented", "patient", "patient", "consent", request, "--visit", held, "--days", "30")["consent"]
    opened = cluster.path("opened-%d" % number)
    people.tries("opened", "carl", "doctor", "open", consent, "-o", opened)
    peaks = people.end()
    for place, (who, expected) in enumerate(zip(team, digests), 1):
        path = os.path.join(opened, "finding-%d-%s.json" % (place, who))
        with open(path, "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == expected, path
    return peaks, collected, digests


def measure(bcemrd, bcemr, folder, byte_count):
    """Of each process: bytes at most with a small record, with one of so many bytes, and how often that is in what it
    takes for the latter."""
    with tempfile.TemporaryDirectory(prefix="bcemr-large-", dir=folder) as place:
        cluster, people = Cluster(bcemrd, place), None
        try:
            people = MeasuredPeople(bcemr, cluster, cluster.found(window=1800))
            for name, _ in PARTIES:
                cluster.start(name)
            cluster.wait("all have a block", lambda: all(cluster.height(n) >= 2 for n, _ in PARTIES))
            persons.register(people)
            small, _, _ = visit(people, 1, [4096, 4096])
            large, collected, digests = visit(people, 2, [byte_count - SECOND, SECOND])
            with open(collected) as file:
                assert [f["sha256"] for f in json.load(file)["findings"]] == digests
            for who in list(people.agents):
                people.stop(who)
            for name in list(cluster.processes):
                assert cluster.stop(name, signal.SIGTERM) == 0, name
        finally:
            if people:
                people.stop_all()
            cluster.stop_all()
    resting = min(value for name, value in small.items() if "doctor run" in name)
    return {name: (small[name], large[name], (large[name] - (
                small[name] if " of " in name else min(resting, small[name]))) / byte_count)
            for name in large if name in small}
