"""A disk that is lost: backups of a running daemon, what is restored, and what helpers are sent."""

import base64
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import threading

from cluster import private

IDENTITY = "https://id.example|7f3a-Zelenka-1980"


def key(path, use):
    """A private key in a key file: 32 bytes behind its name."""
    body = "".join(re.findall(r"^[A-Za-z0-9+/=]+$", open(path).read(), re.M))
    der = base64.b64decode(body)
    place = der.index(bytes([0x0C, len(use)]) + use.encode()) + 2 + len(use)
    assert der[place:place + 2] == b"\x04\x20", "no key stands behind its name"
    return der[place + 2:place + 34], der


def private_keys(cluster, name):
    """The private keys of a party as they are in its key file: 32 bytes behind the name of each use."""
    body = "".join(re.findall(
        r"^[A-Za-z0-9+/=]+$", open(cluster.path(name, "data", name, "keys.pem")).read(), re.M))
    der = base64.b64decode(body)
    found = [each[1] for each in re.findall(rb"\x0c.([a-z0-9/#-]+)\x04\x20(.{32})", der, re.S)]
    assert len(found) >= 2, "no key is in the file"
    return found


def secrets_of(cluster, name):
    """The private keys of a party, in hexadecimal and as they stand in files."""
    found = []
    for path in (cluster.path(name, "data", name, "keys.pem"), cluster.path(name, "tls-key.pem")):
        body = "".join(re.findall(r"^[A-Za-z0-9+/=]{20,}$", open(path).read(), re.M))
        found += [body[i:i + 40] for i in range(0, len(body) - 40, 40)]
    assert len(found) > 4, found
    return found


def is_restored_without_a_voice(cluster):
    """A delegate's disk is lost; its backup is put back: it votes with no former key, and all go on."""
    name, data = "hospital-2", cluster.path("hospital-2", "data")
    for number in range(3):
        file = cluster.path("backup-%d.tar" % number)
        cluster.command("backup", "--config", cluster.config(name), "-o", file)
        assert os.stat(file).st_mode & 0o777 == 0o600, oct(os.stat(file).st_mode)
    assert not [n for n in os.listdir(cluster.folder) if ".copies" in n], os.listdir(cluster.folder)
    cluster.command("backup", "--config", cluster.config("cloud"), "-o", cluster.path("cloud.tar"))
    assert "cloud/records.sqlite" in tarfile.open(cluster.path("cloud.tar")).getnames()
    names = tarfile.open(file).getnames()
    assert "%s/keys.pem" % name in names and "%s/state.sqlite" % name in names, names
    cluster.command("backup", "--config", cluster.config(name), "-o", file, code=2)
    height = cluster.height(name)
    cluster.wait("it has gone on since", lambda: cluster.height(name) >= height + 2)

    # What is damaged, or is there already, restores nothing.
    damaged = cluster.path("damaged.tar")
    bytes_ = bytearray(open(file, "rb").read())
    bytes_[len(bytes_) // 2] ^= 1
    open(damaged, "wb").write(bytes_)
    target = cluster.path("put-back")
    refused = cluster.command("restore", damaged, target, code=1)
    assert not os.path.exists(target), refused.stderr
    assert not [n for n in os.listdir(cluster.folder) if ".new" in n], os.listdir(cluster.folder)
    cluster.command("restore", file, data, code=2)

    place = os.path.join(data, name, "keys.pem")
    uses = ["voting", "cosigner/consortium"]
    former, own = [key(place, use)[0] for use in uses], key(place, "identity")[0]
    cluster.stop(name, signal.SIGKILL)
    shutil.rmtree(data)
    told = cluster.command("restore", file, data).stdout
    assert "voting" in told and "cosigner/consortium" in told, told
    assert all(secret not in key(place, "identity")[1] for secret in former)
    assert key(place, "identity")[0] == own and key(place, "voting#2")[0] not in former
    cluster.start(name)
    cluster.wait("it says so", lambda: "no voice" in open(cluster.path(name, "log")).read(), 20)
    height = cluster.height("cloud")
    cluster.wait("all go on", lambda: cluster.height("cloud") >= height + 3)
    cluster.wait("it follows", lambda: cluster.height(name) >= height)
    assert not any(cluster.health(n)["failed_checks"] for n in cluster.processes), [
        cluster.health(n) for n in cluster.processes]
    # Restarted before others are listed, it is still itself.
    cluster.stop(name)
    cluster.start(name)
    cluster.wait("it follows", lambda: cluster.height(name) >= height)


def helps_without_secrets(cluster):
    """What whoever helps is sent has what they need, no key, and nobody's name."""
    name = "hospital-1"
    cluster.desk(name, "ticket", "--identity", IDENTITY)
    file = cluster.path("bundle.json")
    cluster.command("support-bundle", "--config", cluster.config(name), "-o", file)
    text = open(file).read()
    bundle = json.loads(text)
    assert bundle["failures"] == [], bundle["failures"]
    assert set(bundle["operations"]) == {"health", "ready", "version", "metrics"}
    metrics = bundle["operations"]["metrics"]
    assert len(metrics) > 50 and not any("\n" in line for line in metrics), metrics
    assert any(line.startswith("bcemr_consortium_height{") for line in metrics), metrics
    assert {m["id"]: m["kind"] for m in bundle["members"]} == dict(cluster.parties)
    assert bundle["members_as_of"] >= 2, bundle["members_as_of"]
    assert bundle["roles"] == [{"id": name, "kind": "hospital"}], bundle["roles"]
    assert bundle["configuration"]["records"] == "in the data folder", bundle["configuration"]
    assert any(f["name"] == "hospital-1/chain.sqlite" for f in bundle["files"]), bundle["files"]
    assert all(f["findings"] == [] for f in bundle["files"]), bundle["files"]
    for secret in secrets_of(cluster, name):
        assert secret not in text, "a private key is in it"
    for word in ("Zelenka", "id.example", "encounter-1", "TICKET", "PRIVATE KEY"):
        assert word not in text, "%s is in it" % word
    # The same greps find what they look for where it is.
    assert any(s in open(cluster.path(name, "data", name, "keys.pem")).read()
               for s in secrets_of(cluster, name))
    store = open(cluster.path(name, "data", name, "state.sqlite"), "rb").read()
    assert b"Zelenka" in store
    says_where_and_not_with_what(cluster, name)


def says_where_and_not_with_what(cluster, name):
    """Records and machines in S3 and etcd are named without what opens them, and no doctor is, whatever failed."""
    doctor = "zelda-marsh"
    cluster.desk(name, "expect-doctor", doctor, "--fingerprint", "00" * 32)
    planted = {word: cluster.path(name, word) for word in (
        "planted-s3-key", "planted-password", "57" * 32)}
    private(planted["planted-s3-key"], "aws_access_key_id = AKIDPLANTED\n"
            "aws_secret_access_key = planted-s3-key\n")
    private(planted["planted-password"], "planted-password\n")
    private(planted["57" * 32], "57" * 32 + "\n")
    s3 = {"endpoint": "http://127.0.0.1:1", "bucket": "kept", "region": "eu-x",
          "credentials": "planted-s3-key"}
    reasons = {"ready": False, "roles": {name: {"reasons": [
        "not-active: %s is suspended or has retired" % doctor]}}}
    operations = Answering(json.dumps(reasons).encode())
    config = json.load(open(cluster.config(name)))
    config["operations"] = {"port": operations.port}
    config["records"] = {"s3": dict(s3, prefix="sealed")}
    config["engine"] = {
        "machine": "one", "secret": "57" * 32, "s3": dict(s3, prefix="engine"),
        "etcd": {"endpoints": ["http://127.0.0.1:2"], "user": "ledger", "password": "planted-password"}}
    place, file = cluster.path(name, "planted.json"), cluster.path("planted-bundle.json")
    json.dump(config, open(place, "w"))
    # Of somebody who has a folder here and no server.
    other = cluster.path(name, "data", "doctors", doctor)
    os.makedirs(other)
    open(os.path.join(other, "keys.pem"), "w").close()
    try:
        cluster.command("support-bundle", "--config", place, "-o", file)
    finally:
        operations.close()
        shutil.rmtree(cluster.path(name, "data", "doctors"))
        for path in planted.values():
            os.remove(path)
    text = open(file).read()
    said = json.loads(text)["configuration"]
    assert said["records"] == "in S3" and said["records.s3"] == "http://127.0.0.1:1/kept/sealed", said
    assert said["engine.s3"] == "http://127.0.0.1:1/kept/engine" and said["engine.machine"] == "one", said
    assert said["engine.etcd.endpoints"] == "http://127.0.0.1:2", said
    for word in ("planted-s3-key", "planted-password", "57" * 32, "AKIDPLANTED", doctor, "zelda"):
        assert word not in text, "%s is in it" % word
    assert "not-active: a doctor is suspended or has retired" in text, text


class Answering:
    """An HTTP server that answers everything with the same JSON."""

    def __init__(self, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


TESTS = [helps_without_secrets, is_restored_without_a_voice]
