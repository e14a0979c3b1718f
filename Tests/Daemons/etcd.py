"""Three members of etcd, on loopback if nothing else is said, with TLS and client certificates."""

import os
import subprocess
import time

from cluster import free_ports

PROGRAM = "/usr/bin/etcd"


class Members:
    def __init__(self, folder, listens=None, reached=None, under=lambda member: []):
        """
        - listens: (host, port for clients, port for members) of each.
        - reached: the same, where others reach it.
        - under: what a member is run under.
        """
        self.folder, self.under = folder, under
        os.makedirs(folder)
        if listens is None:
            ports = free_ports(6)
            listens = [("127.0.0.1", *pair) for pair in zip(ports[:3], ports[3:])]
        self.listens = listens
        self.hosts = sorted({host for host, _, _ in listens} | {"127.0.0.1"})
        self.certify()
        reached = reached or listens
        self.endpoints = ["https://%s:%d" % (host, port) for host, port, _ in reached]
        self.peers = ["https://%s:%d" % (host, port) for host, _, port in reached]
        self.processes = [None] * 3
        for member in range(3):
            self.start(member)
        end = time.time() + 60
        while self.control("endpoint", "health").returncode:
            assert time.time() < end, "etcd does not begin"
            time.sleep(0.5)

    @staticmethod
    def are_installed():
        return os.path.exists(PROGRAM)

    def path(self, name):
        return os.path.join(self.folder, name)

    def certify(self):
        """An authority, a certificate of members, and one of the hospital, which has no common name."""
        with open(self.path("extensions"), "w") as file:
            file.write("subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n" % ",".join(
                "IP:" + host for host in self.hosts))
        self.make_authority("ca")
        self.sign("member", "/CN=member")
        self.sign("hospital", "/O=hospital-1")

    KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def make_authority(self, name):
        self.openssl("req", "-x509", *self.KEY, "-keyout", self.path(name + ".key"), "-out",
                     self.path(name + ".pem"), "-subj", "/CN=test authority", "-days", "100")

    def sign(self, name, subject, days=90, authority="ca"):
        """Makes a key and a certificate, perhaps in the place of others."""
        self.openssl("req", *self.KEY, "-keyout", self.path(name + ".key"), "-out",
                     self.path(name + ".csr"), "-subj", subject)
        self.openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA",
                     self.path(authority + ".pem"), "-CAkey", self.path(authority + ".key"),
                     "-CAcreateserial", "-days", str(days), "-extfile", self.path("extensions"),
                     "-out", self.path(name + ".pem"))
        os.chmod(self.path(name + ".key"), 0o600)

    def part(self):
        """Of a configuration."""
        return {"endpoints": self.endpoints, "authority": self.path("ca.pem"),
                "certificate": self.path("hospital.pem"), "key": self.path("hospital.key")}

    def start(self, member):
        host, client, peer = self.listens[member]
        arguments = [
            *self.under(member), PROGRAM, "--name=m%d" % member,
            "--data-dir=" + self.path("m%d" % member),
            "--listen-client-urls=https://%s:%d" % (host, client),
            "--advertise-client-urls=" + self.endpoints[member],
            "--listen-peer-urls=https://%s:%d" % (host, peer),
            "--initial-advertise-peer-urls=" + self.peers[member],
            "--initial-cluster=" + ",".join("m%d=%s" % p for p in enumerate(self.peers)),
        ]
        for part in ("", "peer-"):
            arguments += [
                "--%scert-file=%s" % (part, self.path("member.pem")),
                "--%skey-file=%s" % (part, self.path("member.key")),
                "--%strusted-ca-file=%s" % (part, self.path("ca.pem")),
                "--%sclient-cert-auth" % part,
            ]
        log = open(self.path("log-%d" % member), "a")
        self.processes[member] = subprocess.Popen(arguments, stdout=log, stderr=log)

    def kill(self, member):
        self.processes[member].kill()
        self.processes[member].wait()

    def control(self, *words, members=(0, 1, 2)):
        endpoints = [self.endpoints[member] for member in members]
        return subprocess.run(
            ["etcdctl", "--endpoints=" + ",".join(endpoints), "--cacert", self.path("ca.pem"),
             "--cert", self.path("hospital.pem"), "--key", self.path("hospital.key"), *words],
            capture_output=True, text=True, timeout=60, env=dict(os.environ, ETCDCTL_API="3"))

    def stop(self):
        for process in self.processes:
            if process:
                process.kill()
                process.wait()
