"""What goes wrong on the first day is named, with what can be done, before anything is made of it."""

import json
import os
import shutil
import socket
import subprocess

from cluster import DELEGATES, PARTIES, free_ports


def names_what_is_wrong_in_a_configuration(cluster):
    """Unknown keys, ports that are none, other types, no JSON: refused by check and run, in plain words."""
    name = "manager"
    own = json.load(open(cluster.config(name)))
    place = cluster.path(name, "wrong.json")

    def refused(text, *words, **environment):
        open(place, "w").write(text if isinstance(text, str) else json.dumps(text))
        for command in ("check", "run"):
            done = cluster.command(
                command, "--config", place, code=2, env=dict(os.environ, **environment))
            for word in words:
                assert word in done.stderr, (text, word, done.stderr)
            assert "NSCocoa" not in done.stderr and "Error Domain" not in done.stderr, done.stderr

    refused(dict(own, lisen={"port": 1}), '"lisen.port"', "'listen.port'")
    refused(dict(own, disk={"flor": 1}), '"disk.flor"', "'disk.floor'")
    refused(dict(own, port=8443), '"port"', "'listen.port'")
    for port in (0, 65536, -1, "8443", True, 1.5, None, [1]):
        refused(dict(own, listen={"port": port}), "'listen.port' has to be a port", "65535")
    refused(dict(own, operations={"port": own["listen"]["port"], "host": "127.0.0.1"}), "both")
    refused(dict(own, roles="manager"), "'roles' has to be a list")
    refused(dict(own, roles=[]), "names no role")
    refused({k: v for k, v in own.items() if k != "genesis"}, "'genesis' is missing")
    refused(own, "BCEMRD_LISTEN_PORT has to be a port", BCEMRD_LISTEN_PORT="70000")
    refused(own, "BCEMRD_LISTEN_PORT has to be a port", BCEMRD_LISTEN_PORT="https")
    refused(own, "BCEMRD_LISTN_PORT", "BCEMRD_LISTEN_PORT", BCEMRD_LISTN_PORT="8443")
    for pause in (-1, 1e300, 604801, "1", None):
        refused(dict(own, pause=pause), "'pause' has to be a number of seconds, 0 to 604800")
    for pause in ("-1", "1e300", "nan", "inf", "soon"):
        refused(own, "BCEMRD_PAUSE has to be a number of seconds, 0 to 604800", BCEMRD_PAUSE=pause)
    for text in ("", "nonsense", "{", "[]", '{"genesis" 1}'):
        refused(text, "JSON")
    os.remove(place)
    for command in ("check", "run"):
        done = cluster.command(command, "--config", place, code=2)
        assert "No such file" in done.stderr, done.stderr
        done = cluster.command(command, "--config", cluster.folder, code=2)
        assert "no file that can be read" in done.stderr, done.stderr


def makes_nothing_without_keys(cluster):
    """Without its data folder a daemon makes none, which would be in restore's way; check says so too."""
    name = "manager"
    data = cluster.path(name, "data")
    backup = cluster.path("first-day.tar")
    cluster.command("backup", "--config", cluster.config(name), "-o", backup)
    assert cluster.stop(name) == 0
    os.rename(data, data + "-kept")
    try:
        run = cluster.command("run", "--config", cluster.config(name), code=2)
        assert "keys of manager are missing" in run.stderr and "restore" in run.stderr, run.stderr
        assert not os.path.exists(data), os.listdir(data)
        check = cluster.command("check", "--config", cluster.config(name), code=1)
        assert "failed  keys of manager" in check.stdout and "restore" in check.stdout, check.stdout
        # Whoever has stores and no keys is told to move them away, and loses nothing by it.
        shutil.copytree(data + "-kept", data, ignore=shutil.ignore_patterns("keys.pem", "*.sock"))
        refused = cluster.command("restore", backup, data, code=2)
        assert "no keys" in refused.stderr and "mv %s" % data in refused.stderr, refused.stderr
        assert os.path.exists(os.path.join(data, "genesis.der"))
        # Another party's keys are told from one's own.
        shutil.copy(cluster.path("cloud", "data", "cloud", "keys.pem"),
                    os.path.join(data, name, "keys.pem"))
        check = cluster.command("check", "--config", cluster.config(name), code=1)
        assert "failed  keys of manager" in check.stdout, check.stdout
        refused = cluster.command("restore", backup, data, code=2)
        assert "there are keys in it already" in refused.stderr, refused.stderr
        shutil.rmtree(data)
        cluster.command("restore", backup, data)
        check = cluster.command("check", "--config", cluster.config(name))
        assert "ok      keys of manager" in check.stdout, check.stdout
    finally:
        shutil.rmtree(data, ignore_errors=True)
        os.rename(data + "-kept", data)
    # A port that another program has.
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", cluster.ports[name]))
        taken.listen()
        check = cluster.command("check", "--config", cluster.config(name), code=1)
        assert "failed  listen.port" in check.stdout, check.stdout
        assert "ok      operations.port: 127.0.0.1:%d: free" % cluster.operations[name] in check.stdout, check.stdout
    cluster.start(name)
    cluster.wait("it works", lambda: cluster.health(name) is not None)
    check = cluster.command("check", "--config", cluster.config(name))
    assert check.stdout.count("the daemon of this folder listens here") == 2, check.stdout
    # The daemon runs, and the ports of the configuration are another program's, or nobody's.
    changed = json.load(open(cluster.config(name)))
    changed["operations"]["port"], changed["listen"]["port"] = free_ports(2)
    place = cluster.path(name, "changed.json")
    other = "somebody listens, and does not answer as the daemon of this folder, which runs"
    for port, seen in ((changed["listen"]["port"], "free, though the daemon of this folder runs"),
                       (cluster.ports["cloud"], other), (cluster.operations["cloud"], other)):
        changed["listen"]["port"] = port
        json.dump(changed, open(place, "w"))
        check = cluster.command("check", "--config", place, code=1)
        assert "failed  listen.port: 127.0.0.1:%d: %s" % (port, seen) in check.stdout, check.stdout
        assert "failed  operations.port: 127.0.0.1:%d: free, though" % changed["operations"]["port"] in (
            check.stdout), check.stdout
    changed["operations"]["port"] = cluster.operations["cloud"]
    changed["listen"]["port"] = cluster.ports[name]
    json.dump(changed, open(place, "w"))
    check = cluster.command("check", "--config", place, code=1)
    assert "failed  operations.port: 127.0.0.1:%d: %s" % (changed["operations"]["port"], other) in (
        check.stdout), check.stdout
    assert "ok      listen.port" in check.stdout, check.stdout


def looks_before_it_makes(cluster):
    """init makes nothing of an identifier or address that is none; found names who is not among the files."""
    folder = cluster.path("unmade")
    good = {"kind": "hospital", "id": "north", "organisation": "north-trust",
            "address": "https://north.example:8443"}
    wrong = [
        ({"id": "St. Mary"}, "1 to 64 of a-z"), ({"id": "consortium"}, "no party"),
        ({"id": "a" * 65}, "1 to 64"), ({"organisation": "North"}, "1 to 64"),
        ({"organisation": "north"}, "another"), ({"address": "http://north.example"}, "https"),
        ({"address": "north.example:8443"}, "https://hospital.example:8443"),
        ({"address": "https://north.example:70000"}, "65535"),
        ({"address": "https://north.example:0"}, "65535"), ({"address": "https://"}, "host"),
        ({"address": "https://north.example/ledger"}, "without a path"),
        ({"confirms": "south"}, "a cloud does"),
    ]
    for change, word in wrong:
        options = ["--%s=%s" % pair for pair in dict(good, **change).items()]
        done = cluster.command("init", folder, *options, code=2)
        assert word in done.stderr, (change, done.stderr)
        assert not os.path.exists(folder), os.listdir(folder)
    # The certificate names the host as what it is.
    for number, (address, names) in enumerate([
        ("https://127.0.0.1:8443", "IP Address:127.0.0.1"), ("https://[::1]", "IP Address:0:0:0:0:0:0:0:1"),
        ("https://north.example:8443", "DNS:north.example"),
    ]):
        made = cluster.path("made-%d" % number)
        cluster.command(
            "init", made, *["--%s=%s" % pair for pair in dict(good, address=address).items()])
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", os.path.join(made, "tls.pem")],
            check=True, capture_output=True, text=True).stdout
        assert [line.strip() for line in shown.splitlines()[1:]] == [names], (address, shown)

    files = {name: cluster.path(name, name + ".member.json") for name, _ in PARTIES}
    output = cluster.path("unmade.der")

    def refused(word, files, delegates=DELEGATES):
        done = cluster.command(
            "found", *files, "--network", "test", *["--delegate=" + d for d in delegates],
            "--output", output, code=2)
        assert word in done.stderr, (word, done.stderr)
        assert not os.path.exists(output)

    without = [f for n, f in files.items() if n != "st-mary"]
    refused("st-mary is not among the files", without)
    refused("hospital-9 is not among the files", files.values(), DELEGATES[:3] + ["hospital-9"])
    refused("this is the manager", files.values(), DELEGATES[:3] + ["manager"])
    refused("3f + 1", files.values(), DELEGATES[:3])
    refused("named twice", files.values(), DELEGATES[:3] + DELEGATES[:1])
    # Numbers that no genesis may have: no digest is said of one that nobody takes.
    for option, value, word in (
            ("window", "0", "window is outside 8...31622400"), ("window", "7", "window is outside"),
            ("window", "99999999999", "window is outside"),
            ("epoch-length", "0", "epochLength is outside 1...4294967296"),
            ("epoch-length", "4294967297", "epochLength is outside")):
        done = cluster.command(
            "found", *files.values(), "--network", "test", *["--delegate=" + name for name in DELEGATES],
            "--" + option, value, "--output", output, code=2)
        assert word in done.stderr and not done.stdout, (done.stdout, done.stderr)
        assert not os.path.exists(output)
    refused("two files are of cloud", [*files.values(), files["cloud"]])
    refused("no cloud among the files confirms hospital-1",
            [f for n, f in files.items() if n != "cloud"], DELEGATES[:3] + ["hospital-1"])


TESTS = [
    names_what_is_wrong_in_a_configuration, looks_before_it_makes, makes_nothing_without_keys,
]
