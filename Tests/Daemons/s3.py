"""A cloud that keeps its records in S3, at a server of others that BCEMR_PYTHON has beside it."""

import json
import os
import subprocess
import time
import urllib.request

from cluster import free_ports, private
from leftout import leave_out


class Bucket:
    """A server of S3 with one bucket, in memory."""

    credentials = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = very-secret\n"

    def __init__(self, program):
        self.port = free_ports(1)[0]
        self.process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(self.port)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        end = time.time() + 60
        while not self.create():
            assert time.time() < end, "the S3 server does not answer"
            time.sleep(0.2)

    @staticmethod
    def installed():
        """None, and says so, where there is no such server."""
        python = os.environ.get("BCEMR_PYTHON")
        path = os.path.join(os.path.dirname(python), "moto_server") if python else ""
        if os.path.exists(path):
            return Bucket(path)
        leave_out("records in S3", "BCEMR_PYTHON names no Python with moto_server")
        return None

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.port

    def create(self):
        request = urllib.request.Request(self.endpoint + "/records", method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except OSError:
            return False

    def keys(self):
        with urllib.request.urlopen(self.endpoint + "/records?list-type=2", timeout=5) as answer:
            return [part.split("</Key>")[0] for part in answer.read().decode().split("<Key>")[1:]]

    def configure(self, cluster, name):
        """Has a cloud that does not run yet keep records here."""
        config = json.load(open(cluster.config(name)))
        config["records"] = {"s3": {
            "endpoint": self.endpoint, "bucket": "records", "region": "us-east-1",
            "prefix": "test", "credentials": "s3-credentials"}}
        json.dump(config, open(cluster.config(name), "w"))
        private(cluster.path(name, "s3-credentials"), self.credentials)

    def stop(self):
        self.process.kill()
        self.process.wait()


def tries_s3(cluster):
    """S3 is tried by check; credentials of everybody, and endpoints without TLS, are refused by name."""
    bucket = Bucket.installed()
    if not bucket:
        return
    path = cluster.config("cloud")
    before = open(path).read()
    try:
        bucket.configure(cluster, "cloud")
        check = cluster.command("check", "--config", path)
        assert "ok      records in S3: " + bucket.endpoint in check.stdout, check.stdout
        assert not bucket.keys(), bucket.keys()
        credentials = cluster.path("cloud", "s3-credentials")
        os.chmod(credentials, 0o644)
        refused = cluster.command("check", "--config", path, code=2)
        assert "others may read these credentials" in refused.stderr, refused.stderr
        os.chmod(credentials, 0o600)
        kept = open(path).read()
        for name, value, status, text in [
            ("endpoint", "http://s3.example", 2, "is reached by https"),
            ("prefix", "../other", 2, "the prefix"),
            ("bucket", "none-such", 1, "NoSuchBucket"),
        ]:
            config = json.loads(kept)
            config["records"]["s3"][name] = value
            json.dump(config, open(path, "w"))
            refused = cluster.command("check", "--config", path, code=status)
            told = refused.stdout + refused.stderr
            assert text in told and "very-secret" not in told, told
    finally:
        with open(path, "w") as file:
            file.write(before)
        bucket.stop()


TESTS = [tries_s3]
