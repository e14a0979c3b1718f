"""What an operator's own programs see and do: readiness, metrics, a full disk, renewal, signals."""

import glob
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

from cluster import DELEGATES, PARTIES
from leftout import leave_out

CERTIFICATE = 'bcemr_certificate_remaining_seconds{for="members"}'
HERE = os.path.dirname(os.path.abspath(__file__))


def get(cluster, name, path):
    """Status and body of a page of the operations port."""
    url = "http://127.0.0.1:%d/%s" % (cluster.operations[name], path)
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(cluster, name):
    values = {}
    for line in get(cluster, name, "metrics")[1].splitlines():
        if not line.startswith("#"):
            key, value = line.rsplit(" ", 1)
            values[key] = float(value)
    return values


def configure(cluster, name, **changes):
    config = json.load(open(cluster.config(name)))
    config.update(changes)
    json.dump(config, open(cluster.config(name), "w"))


def log(cluster, name):
    return [json.loads(line) for line in open(cluster.path(name, "log")) if line.startswith("{")]


def says(cluster, name, words):
    """Whether a line of the log has them."""
    return any(words in line["message"] for line in log(cluster, name))


def measures_what_it_does(cluster):
    """Prometheus' own tool takes the metrics; they say what the ledger, peers, disk and TLS are."""
    cluster.wait(
        "all are ready", lambda: all(get(cluster, n, "ready")[0] == 200 for n, _ in PARTIES))
    for name, kind in PARTIES:
        text = get(cluster, name, "metrics")[1]
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
            check=False)
        assert checked.returncode == 0, (name, checked.stdout, checked.stderr)
        seen = metrics(cluster, name)
        chain = '{chain="consortium",role="%s"}' % name
        assert seen['bcemr_consortium_height{role="%s"}' % name] >= 2, name
        assert seen["bcemr_chain_leaves" + chain] > 0, name
        assert seen["bcemr_chain_behind_leaves" + chain] <= 100, name
        assert seen["bcemr_disk_free_bytes"] > 0 and seen["bcemr_disk_accepting"] == 1
        assert 800 * 86400 < seen[CERTIFICATE] < 825 * 86400
        assert 1 << 20 < seen["process_resident_memory_bytes"] < 1 << 32
        assert abs(seen["bcemr_clock_offset_seconds"]) < 2, "all of them have one clock"
        assert 'bcemr_build_info{version="0.1.0"}' in seen
        assert seen.get('bcemr_delegate_seat{role="%s"}' % name) == (1 if name in DELEGATES else None)
        peers = [n for n in DELEGATES if n != name]
        heard = [p for p, _ in PARTIES
                 if 'bcemr_peer_heard_age_seconds{peer="%s",role="%s"}' % (p, name) in seen]
        assert sorted(heard) == sorted(peers + ["manager"] * (name in DELEGATES)), (name, heard)
        known = [p for p in peers
                 if 'bcemr_peer_final_leaves{peer="%s",role="%s"}' % (p, name) in seen]
        assert len(known) >= 2, (name, known)
        turns, missed = (
            seen.get('bcemr_turns%s{role="%s"}' % (what, name)) for what in ("", "_missed"))
        if name in DELEGATES:
            assert 0 <= missed <= turns, (name, turns, missed)
        if kind in ("hospital", "manager"):
            depth = {what: seen['bcemr_mailbox%s{role="%s"}' % (what, name)]
                     for what in ("es", "_messages", "_weight_bytes")}
            # What waits is counted in all three, or in none.
            assert len({value > 0 for value in depth.values()}) == 1, (name, depth)
            oldest = seen.get('bcemr_mailbox_oldest_seconds{role="%s"}' % name)
            assert (oldest is not None) == (depth["_messages"] > 0), (name, depth, oldest)
        if kind == "hospital":
            own = '{chain="%s",role="%s"}' % (name, name)
            # A chain that has no block has nothing confirmed.
            sizes = (seen["bcemr_chain_anchored_leaves" + own], seen.get("bcemr_chain_confirmed_leaves" + own, 0))
            assert 0 <= sizes[0] <= sizes[1] <= seen["bcemr_chain_leaves" + own], (name, sizes)
    seen = metrics(cluster, "cloud")
    fetched = 'bcemr_requests_total{kind="fetch-outbox",outcome="ok",role="cloud"}'
    assert seen[fetched] > 0 and metrics(cluster, "cloud")[fetched] >= seen[fetched], fetched
    count = 'bcemr_message_duration_seconds_count{role="cloud"}'
    assert seen[count] >= seen[fetched], "each of them came by HTTPS"
    assert sum(
        v for k, v in seen.items() if k.startswith("bcemr_peer_exchange_duration_seconds_count")) > 0


def is_ready_by_distance(cluster):
    """Who is cut off, or behind, is not ready, and says by how much; it is again by itself."""
    assert get(cluster, "hospital-1", "ready")[0] == 200
    for other in ("hospital-2", "st-mary"):
        cluster.processes[other].send_signal(signal.SIGSTOP)
    cluster.stop("cloud", signal.SIGKILL)
    cluster.stop("hospital-1", signal.SIGKILL)
    cluster.start("hospital-1")
    cluster.wait("it listens", lambda: cluster.health("hospital-1") is not None)
    status, body = get(cluster, "hospital-1", "ready")
    report = json.loads(body)
    assert status == 503 and not report["ready"], body
    assert "too few others" in body, body
    for other in ("hospital-2", "st-mary"):
        cluster.processes[other].send_signal(signal.SIGCONT)
    cluster.start("cloud")
    cluster.wait("it is ready", lambda: get(cluster, "hospital-1", "ready")[0] == 200)
    # A chain that has gone on without it is a distance: no leaf behind is allowed here.
    cluster.stop("st-mary", signal.SIGKILL)
    height = cluster.height("cloud")
    cluster.wait("the others go on", lambda: cluster.height("cloud") >= height + 2)
    configure(cluster, "st-mary", ready={"behind": 0})
    cluster.start("st-mary")
    seen = []

    def has_caught_up():
        try:
            status, body = get(cluster, "st-mary", "ready")
        except OSError:
            return False
        seen.append((status, json.loads(body)["roles"]["st-mary"]))
        return status == 200

    cluster.wait("it catches up", has_caught_up)
    for status, role in seen:
        behind = [c.get("behind") for c in role["chains"]]
        assert (status == 200) == all(b == 0 for b in behind), (status, role)
    configure(cluster, "st-mary", ready={"behind": 100})


def is_not_ready_if_it_cannot_go_on(cluster):
    """Whose store takes nothing more is not ready, and says why; it goes on by itself."""
    cluster.wait("it is ready", lambda: get(cluster, "manager", "ready")[0] == 200)
    configure(cluster, "manager", ready={"stalled": 2})
    cluster.processes["manager"].send_signal(signal.SIGHUP)
    stores = [sqlite3.connect(path, isolation_level=None) for path in glob.glob(
        cluster.path("manager", "data", "**", "*.sqlite"), recursive=True)]
    assert stores
    for store in stores:
        store.execute("BEGIN IMMEDIATE")
    said = []

    def is_stalled():
        status, body = get(cluster, "manager", "ready")
        said.append(json.loads(body)["roles"]["manager"]["reasons"])
        return status == 503 and any("nothing ended well" in reason for reason in said[-1])

    cluster.wait("it says that it is not", is_stalled)
    for store in stores:
        store.execute("ROLLBACK")
        store.close()
    cluster.wait("it is again", lambda: get(cluster, "manager", "ready")[0] == 200)
    configure(cluster, "manager", ready={})
    cluster.processes["manager"].send_signal(signal.SIGHUP)


def says_who_is_late(cluster, name, member):
    """Whether a daemon has said, since it began, that a member answers late, and not that this is over: once each."""
    said = []
    for line in log(cluster, name):
        if line["message"] == "begins":
            said = []
        if line["more"].get("member") == member:
            said.append(line["message"])
    late, again = "a member answers late", "a member answers in time again"
    assert said == ([late, again] * len(said))[:len(said)], (name, said)
    return said[-1:] == [late]


def goes_on_while_one_hangs(cluster):
    """[attack] A delegate, then the cloud of all hospitals, takes connections and says nothing: the others decide, are
    ready for longer than an own step may take, and say who is late, and of whom nothing is heard."""
    stalled = 8
    for name in DELEGATES:
        configure(cluster, name, ready={"stalled": stalled})
        cluster.processes[name].send_signal(signal.SIGHUP)
    for hanging in ("st-mary", "cloud"):
        others = [name for name in DELEGATES if name != hanging]
        cluster.wait("all are ready", lambda: all(get(cluster, n, "ready")[0] == 200 for n in others + [hanging]))
        stopped = [cluster.processes[hanging], cluster.processes["manager"]]
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        try:
            if hanging == "cloud":
                # Whoever begins asks its cloud first what that has confirmed, and waits.
                cluster.stop("hospital-1", signal.SIGKILL)
                cluster.start("hospital-1")
                cluster.wait("it begins", lambda: cluster.health("hospital-1") is not None)
            # The first question to it is under way or begins now, and ends after 120 seconds.
            for _ in range(3):
                heights = {name: cluster.height(name) for name in others}
                cluster.wait(
                    "the others decide", lambda: all(cluster.height(n) > heights[n] for n in others), 40)
            if hanging == "cloud":
                stays_ready(cluster, "hospital-1", stalled + 2)
            ready = {name: get(cluster, name, "ready")[0] for name in others}
            assert set(ready.values()) == {200}, ready
            cluster.wait("they say who is late", lambda: all(says_who_is_late(cluster, n, hanging) for n in others))
            heard = 'bcemr_peer_heard_age_seconds{peer="%s",role="%s"}'
            for name in others:
                seen = metrics(cluster, name)
                assert seen['bcemr_peer_late_answers_total{peer="%s",role="%s"}' % (hanging, name)] > 0, name
                present = next(other for other in others if other != name)
                assert seen[heard % (present, name)] < seen[heard % ("manager", name)], seen
        finally:
            for process in stopped:
                process.send_signal(signal.SIGCONT)
    for name in DELEGATES:
        configure(cluster, name, ready={})
        cluster.processes[name].send_signal(signal.SIGHUP)
    cluster.wait("that is over", lambda: not any(
        says_who_is_late(cluster, n, member) for n in DELEGATES for member in ("st-mary", "cloud")))


def stays_ready(cluster, name, seconds):
    cluster.wait("it is ready", lambda: get(cluster, name, "ready")[0] == 200)
    end = time.time() + seconds
    while time.time() < end:
        status, body = get(cluster, name, "ready")
        assert status == 200, body
        time.sleep(0.5)


def keeps_room_on_its_disk(cluster):
    """Below the floor nothing new is taken; above the second mark all goes on by itself."""
    folder = cluster.path("hospital-2")
    free = shutil.disk_usage(folder).free
    # Others write to this disk, too.
    unit = min(free // 6, 4 << 30)
    if unit < 1 << 28:
        return leave_out("a disk that is full", "less than 1.5 GiB are free here")
    cluster.stop("hospital-2")
    configure(cluster, "hospital-2", disk={"floor": free - 2 * unit, "resume": free - unit})
    cluster.start("hospital-2")
    cluster.wait("it works", lambda: cluster.health("hospital-2") is not None)
    assert "ticket" in cluster.desk("hospital-2", "ticket", "--identity", "a|b")
    ballast = cluster.path("ballast")
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 3 * unit)
    try:
        cluster.wait("it says so", lambda: cluster.health("hospital-2")["status"] == "failing", 20)
        failed = cluster.health("hospital-2")["failed_checks"]
        assert [f["component"] for f in failed] == ["disk"], failed
        assert metrics(cluster, "hospital-2")["bcemr_disk_accepting"] == 0
        status, body = get(cluster, "hospital-2", "ready")
        assert status == 503 and "disk: " in body, body
        refused = cluster.desk("hospital-2", "ticket", "--identity", "a|b", code=2)["error"]
        assert refused["code"] == "no-room" and "room" in refused["hint"], refused
        assert len(cluster.desk("hospital-2", "tickets", "--identity", "a|b")["tickets"]) == 1
        height = cluster.height("hospital-2")
        cluster.wait("it decides on", lambda: cluster.height("hospital-2") > height)
    finally:
        os.remove(ballast)
    cluster.wait("it goes on", lambda: cluster.health("hospital-2")["status"] == "ok", 20)
    assert "ticket" in cluster.desk("hospital-2", "ticket", "--identity", "a|b")
    assert says(cluster, "hospital-2", "almost full") and says(cluster, "hospital-2", "room again")
    # Far below, no role takes a step; what is set at SIGHUP counts at once.
    cluster.stop("hospital-2")
    configure(cluster, "hospital-2", disk={"floor": 8 * free, "resume": 8 * free})
    cluster.start("hospital-2")
    cluster.wait("it listens", lambda: cluster.health("hospital-2") is not None)
    cluster.wait("no role goes on", lambda: [
        f["component"] for f in cluster.health("hospital-2")["failed_checks"]
    ] == ["disk", "hospital-2"], 20)
    height = cluster.height("hospital-2")
    others = cluster.height("cloud")
    cluster.wait("the others go on", lambda: cluster.height("cloud") >= others + 2)
    assert cluster.height("hospital-2") == height, "it has taken no step"
    configure(cluster, "hospital-2", disk={"floor": 1 << 20})
    cluster.processes["hospital-2"].send_signal(signal.SIGHUP)
    cluster.wait("it goes on", lambda: cluster.health("hospital-2")["status"] == "ok", 20)
    cluster.wait("it follows", lambda: cluster.height("hospital-2") > others)


def renews_without_restart(cluster):
    """SIGHUP brings another certificate for the same key, and another log level; what is wrong changes nothing."""
    name = "hospital-1"
    process = cluster.processes[name]
    own = cluster.path(name)

    def shown():
        read = subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % cluster.ports[name]],
            input="", capture_output=True, text=True, check=False)
        return re.search(r"subject=(.*)", read.stdout).group(1)

    def certify(key, days, subject):
        subprocess.run(
            ["openssl", "req", "-x509", "-key", key, "-out", os.path.join(own, "tls.pem"),
             "-days", str(days), "-subj", "/CN=" + subject], check=True, capture_output=True)

    def reload(message):
        before = len(log(cluster, name))
        process.send_signal(signal.SIGHUP)
        cluster.wait(
            message,
            lambda: any(message in line["message"] for line in log(cluster, name)[before:]), 20)
        return log(cluster, name)[before:]

    key = os.path.join(own, "tls-key.pem")
    assert "bcemrd" in shown(), shown()
    certify(key, 10, "renewed")
    configure(cluster, name, log={"level": "debug"}, pause=0.2)
    lines = reload("the certificate ends soon")
    assert "renewed" in shown(), shown()
    assert any(line["more"].get("level") == "debug" for line in lines), lines
    assert any("pause" in line["more"].get("keys", "") for line in lines), lines
    left = metrics(cluster, name)[CERTIFICATE]
    assert 9 * 86400 < left < 10 * 86400, left
    mine = cluster.command("check", "--config", cluster.config(name), code=1)
    assert "the certificate ends in 9 days" in mine.stdout, mine.stdout
    # Another key, which nobody knows, would cut it off from all others.
    kept = open(key).read()
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
        check=True, capture_output=True)
    certify(key, 400, "unknown")
    assert "does not name the key" in reload("the certificate stays")[-1]["more"]["reason"]
    assert "renewed" in shown(), shown()
    open(key, "w").write(kept)
    open(os.path.join(own, "tls.pem"), "w").write("nonsense")
    reload("the certificate stays")
    config = open(cluster.config(name)).read()
    open(cluster.config(name), "w").write("{")
    reload("the configuration stays")
    open(cluster.config(name), "w").write(config)
    configure(cluster, name, log={"level": "info"}, pause=0.1)
    certify(key, 400, "at last")
    reload("the certificate is good")
    assert "at last" in shown() and process.poll() is None
    check = cluster.command("check", "--config", cluster.config("cloud"))
    assert check.stdout.count("answers as itself") == 4, check.stdout
    assert "members as of height" in check.stdout, check.stdout


def ends_when_asked_twice(cluster):
    """A second SIGTERM does not wait; a port that is taken is named."""
    name = "manager"
    process = cluster.processes.pop(name)
    # One that asks, and never ends what it asks, is what the first signal waits for.
    import socket
    import ssl
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", cluster.ports[name])) as plain:
        with context.wrap_socket(plain) as slow:
            slow.sendall(b"POST /v1/messages/manager HTTP/1.1\r\nHost: x\r\nContent-Type: "
                         b"application/octet-stream\r\nContent-Length: 9\r\n\r\n1")
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            time.sleep(2)
            assert process.poll() is None, "it waits for what is under way"
            begun = time.time()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 143, process.returncode
            assert time.time() - begun < 2, "at once"
    for key, port in (("listen", cluster.ports[name]), ("operations", cluster.operations[name])):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            run = cluster.command("run", "--config", cluster.config(name), code=2)
            assert "127.0.0.1:%d: another program listens here" % port in run.stderr, run.stderr
            assert "hint: " in run.stderr and key + ".port" in run.stderr, run.stderr
    cluster.start(name)
    cluster.wait("it works", lambda: cluster.health(name) is not None)


def sees_that_its_clock_is_wrong(cluster):
    """A machine whose clock is ahead sees by how much, by what most others say, and goes on."""
    assert cluster.stop("manager") == 0
    # What waits for so many seconds is not to wait for forty more.
    cluster.start("manager", "env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", "+40s")
    key = "bcemr_clock_offset_seconds"
    try:
        cluster.wait(
            "it sees that", lambda: cluster.health("manager") is not None
            and 38 < metrics(cluster, "manager").get(key, 0) < 42, 30)
        assert abs(metrics(cluster, "cloud")[key]) < 2, "the others go by each other"
        cluster.wait("it says so", lambda: says(cluster, "manager", "the clock is off"), 15)
        assert not says(cluster, "cloud", "the clock is off")
        cluster.wait("it follows", lambda: get(cluster, "manager", "ready")[0] == 200, 30)
        for ahead, words in (("+40s", "ahead of"), ("-40s", "behind")):
            check = subprocess.run(
                ["faketime", "-f", ahead, cluster.program, "check", "--config",
                 cluster.config("manager")], capture_output=True, text=True, timeout=120)
            assert check.returncode == 1, check.stdout
            told = re.search(
                r"failed  clock: (\S+) s %s most of 4 that answered; the ledger allows 10 s" % words,
                check.stdout)
            assert told and 38 < float(told.group(1)) < 42, check.stdout
        check = cluster.command("check", "--config", cluster.config("cloud")).stdout
        told = re.search(r"ok      clock: (\S+) s (?:ahead of|behind) most of 4 that answered", check)
        assert told and float(told.group(1)) < 2, check
    finally:
        # The program faketime waits for the daemon, and hands no signal on.
        faketime = cluster.processes.pop("manager")
        daemon = open("/proc/%d/task/%d/children" % (faketime.pid, faketime.pid)).read()
        os.kill(int(daemon), signal.SIGTERM)
        assert faketime.wait(timeout=40) == 0
    cluster.start("manager")
    cluster.wait("it works", lambda: cluster.health("manager") is not None)


def has_the_paths_of_its_description(cluster):
    """docs/openapi.yaml names the paths that the daemon has, with the statuses that they answer."""
    text = open(os.path.join(HERE, "..", "..", "docs", "openapi.yaml")).read()
    paths = re.findall(r"^  (/[^:]*):$", text, re.M)
    source = ""
    for folder in ("bcemrd/Service", "HTTPTransport", "bcemrd/Desk", "DeskInterface"):
        place = os.path.join(HERE, "..", "..", "Sources", folder)
        for file in sorted(os.listdir(place)):
            source += open(os.path.join(place, file)).read()
    routes = ["/" + re.sub(r":(\w+)", r"{\1}", r).replace("**", "{tile}")
              for r in re.findall(r'router\.(?:get|post)\("([^"\\]*)"\)', source)]
    asked = re.findall(r'static let name = "([^"]*)"', source)
    # Who waits, to be listed or to take over, answers some of them too.
    expected = sorted(set(routes) | {"/v1/" + name for name in asked})
    assert sorted(paths) == expected, (sorted(set(paths) ^ set(expected)))
    for path in ("health", "ready", "metrics", "version"):
        status, body = get(cluster, "cloud", path)
        part = text.split("\n  /%s:\n" % path)[1].split("\n  /")[0]
        assert '"%d"' % status in part, (path, status)
        if path == "metrics":
            continue
        schema = re.search(r"responses/(\w+)", part)
        if schema:
            part = text.split("\n  schemas:\n")[1].split("\n    %s:\n" % schema.group(1))[1]
        required = re.search(r"required: \[(.*)\]", part).group(1).split(", ")
        assert sorted(json.loads(body)) == sorted(required), (path, body)
    assert get(cluster, "cloud", "nothing")[0] == 404


TESTS = [
    measures_what_it_does, has_the_paths_of_its_description, is_ready_by_distance,
    is_not_ready_if_it_cannot_go_on, goes_on_while_one_hangs,
    sees_that_its_clock_is_wrong, keeps_room_on_its_disk, renews_without_restart,
    ends_when_asked_twice,
]
