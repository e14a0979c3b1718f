"""A bucket at SeaweedFS, for a cloud that keeps its records in S3."""

import json
import os
import re
import shutil
import subprocess
import time

from cluster import free_ports, private


class Seaweed:
    ACCESS, SECRET = "AKIDEXAMPLE", os.urandom(15).hex()

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        os.makedirs(folder, mode=0o700)
        self.ports = free_ports(8)
        identities = os.path.join(folder, "s3.json")
        private(identities, json.dumps({"identities": [{
            "name": "cloud", "actions": ["Admin", "Read", "Write", "List"],
            "credentials": [{"accessKey": self.ACCESS, "secretKey": self.SECRET}]}]}))
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self.ports
        self.master = "127.0.0.1:%d.%d" % (master, master_grpc)
        self.filer = "127.0.0.1:%d.%d" % (filer, filer_grpc)
        log = open(os.path.join(folder, "log"), "w")
        self.process = subprocess.Popen([
            program, "server", "-dir=" + folder, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
            "-s3.port=%d" % s3, "-s3.config=" + identities, "-s3.port.grpc=%d" % s3_grpc,
            "-master.port=%d" % master, "-master.port.grpc=%d" % master_grpc,
            "-volume.port=%d" % volume, "-volume.port.grpc=%d" % volume_grpc,
            "-filer.port=%d" % filer, "-filer.port.grpc=%d" % filer_grpc,
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64", "-volume.max=20"], stdout=log, stderr=log)

    @staticmethod
    def installed():
        """Where the program is that BCEMR_PYTHON has beside it; None where it has none."""
        python = os.environ.get("BCEMR_PYTHON")
        path = os.path.join(os.path.dirname(python), "weed") if python else ""
        return path if os.path.exists(path) else None

    @property
    def credentials(self):
        return "aws_access_key_id = %s\naws_secret_access_key = %s\n" % (self.ACCESS, self.SECRET)

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.ports[0]

    def make_bucket(self, seconds=60):
        end = time.time() + seconds
        while time.time() < end and self.process.poll() is None:
            done = subprocess.run(
                [self.program, "shell", "-master=" + self.master, "-filer=" + self.filer],
                input="s3.bucket.create -name records\ns3.bucket.list\nexit\n", text=True,
                capture_output=True, timeout=60)
            if "records" in done.stdout and "error" not in done.stdout.lower():
                return
            time.sleep(0.5)
        raise AssertionError("SeaweedFS has no bucket: see %s/log" % self.folder)

    def size(self):
        """Of all that the bucket holds, in bytes."""
        done = subprocess.run(
            [self.program, "shell", "-master=" + self.master, "-filer=" + self.filer],
            input="fs.du /buckets/records\nexit\n", text=True, capture_output=True, timeout=60)
        sizes = re.findall(r"(?:logical size|byte):\s*(\d+)", done.stdout)
        return max((int(size) for size in sizes), default=0)

    def configure(self, cluster, name):
        """Has a cloud that does not run yet keep records here."""
        config = json.load(open(cluster.config(name)))
        config["records"] = {"s3": {
            "endpoint": self.endpoint, "bucket": "records", "region": "us-east-1",
            "prefix": "bcemr", "credentials": "s3-credentials"}}
        json.dump(config, open(cluster.config(name), "w"))
        private(cluster.path(name, "s3-credentials"), self.credentials)

    def stop(self):
        self.process.kill()
        self.process.wait()
        # SeaweedFS leaves its sockets, which have the numbers of ports.
        for port in self.ports:
            for part in ("s3", "s3-grpc", "filer", "filer-grpc", "master-grpc", "volume-grpc"):
                try:
                    os.remove("/tmp/seaweedfs-%s-%d.sock" % (part, port))
                except OSError:
                    pass
        shutil.rmtree(self.folder, ignore_errors=True)
