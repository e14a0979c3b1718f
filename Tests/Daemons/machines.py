"""A hospital of two machines that share etcd and S3, and one address for both."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from cluster import free_ports, private
from forwarder import Forwarder


def share(cluster, members, bucket, name):
    """Has a party that does not run keep its stores in etcd and S3; returns its configuration, already written."""
    config = json.load(open(cluster.config(name)))
    config["engine"] = {
        "secret": "engine-secret", "etcd": members.part(), "machine": name,
        "s3": {"endpoint": bucket.endpoint, "bucket": "records", "prefix": "engine",
               "credentials": "s3-credentials"},
    }
    private(cluster.path(name, "engine-secret"), os.urandom(32).hex() + "\n")
    private(cluster.path(name, "s3-credentials"), bucket.credentials)
    json.dump(config, open(cluster.config(name), "w"))
    return config


class Machines:
    """Both machines of a hospital that does not run, with what they share.

    Others reach it by one address: a forwarder here, which leads to the machine that writes, as a load balancer
    does.
    """

    def __init__(self, cluster, members, bucket, name, second):
        """The second machine gets a folder of its own; `bucket` is a server of S3."""
        self.cluster, self.members, self.bucket = cluster, members, bucket
        self.names = [name, second]
        self.listens = dict(zip(self.names, free_ports(2)))
        cluster.operations[second] = free_ports(1)[0]
        first, other = (cluster.path(machine) for machine in self.names)
        self.forwarder = Forwarder(cluster.ports[name], self.backend)
        config = share(cluster, members, bucket, name)
        os.makedirs(other)
        for file in os.listdir(first):
            if file not in ("data", "log") and os.path.isfile(os.path.join(first, file)):
                shutil.copy2(os.path.join(first, file), other)
        for machine in self.names:
            config["engine"]["machine"] = machine
            config["listen"]["port"] = self.listens[machine]
            config["operations"]["port"] = cluster.operations[machine]
            json.dump(config, open(cluster.config(machine), "w"))

    def ready(self, name):
        """What a machine says of itself; None if it says nothing."""
        url = "http://127.0.0.1:%d/ready" % self.cluster.operations[name]
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except (OSError, ValueError):
            return None

    def writes(self, name):
        report = self.ready(name)
        return bool(report and report["roles"])

    def writer(self):
        return next((name for name in self.names if self.writes(name)), None)

    def backend(self):
        name = self.writer()
        return name and self.listens[name]

    def waits(self, name):
        return (self.ready(name) or {}).get("reasons") == ["standby"]

    def other(self, name):
        return next(machine for machine in self.names if machine != name)

    def both(self):
        """One writes and the other waits; returns which one writes."""
        for name in self.names:
            if name not in self.cluster.processes or self.cluster.processes[name].poll() is not None:
                self.cluster.start(name)
        self.cluster.wait("one writes, the other waits", lambda: self.writer() and self.waits(
            self.other(self.writer())))
        return self.writer()

    def taken_over(self, since, name):
        """Seconds from a moment until a machine listens."""
        self.cluster.wait("%s takes over" % name, lambda: self.writes(name))
        return time.time() - since

    def desk(self, *arguments, seconds=60):
        """What the desk answers, of whichever machine writes; one that ends meanwhile is asked again."""
        end = time.time() + seconds
        while True:
            name = self.writer()
            if name:
                done = subprocess.run(
                    [self.cluster.program, "desk", *arguments, "--config",
                     self.cluster.config(name), "--json"], capture_output=True, text=True,
                    timeout=60)
                if done.returncode == 0:
                    return json.loads(done.stdout)
            assert time.time() < end, "no desk answers"
            time.sleep(0.3)

    def said(self, name):
        return open(self.cluster.path(name, "log")).read()
