"""schemathesis against a running daemon: what docs/openapi.yaml says, and what it does not, is asked of it."""

import os
import socket
import subprocess
import threading

from leftout import leave_out

HERE = os.path.dirname(os.path.abspath(__file__))
DESCRIPTION = os.path.join(HERE, "..", "..", "docs", "openapi.yaml")
EXAMPLES = 10


class SocketPort:
    """A port that leads to a socket of the operating system: schemathesis speaks TCP alone."""

    def __init__(self, path):
        self.path = path
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.path)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while True:
                data = one.recv(1 << 16)
                if not data:
                    break
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            other.close()

    def close(self):
        self.listening.close()


def answers_as_its_description_says(cluster):
    """Status, type and body of every answer are described, whatever is asked; nothing fails inside."""
    python = os.environ.get("BCEMR_PYTHON")
    program = os.path.join(os.path.dirname(python), "schemathesis") if python else ""
    if not os.path.exists(program):
        leave_out("schemathesis", "BCEMR_PYTHON names no Python with it")
        return
    desk = SocketPort(cluster.path("hospital-1", "data", "desk.sock"))
    try:
        for url, paths in (
            ("http://127.0.0.1:%d" % cluster.operations["hospital-1"],
             "^/(health|ready|metrics|version)$"),
            ("https://127.0.0.1:%d" % cluster.ports["hospital-1"],
             "^/v1/(messages/.*|chains/.*/(checkpoint|tile/.*))$"),
            ("http://127.0.0.1:%d" % desk.port, "^/v1/[a-z-]*$"),
        ):
            done = subprocess.run(
                [program, "--no-color", "run", DESCRIPTION, "--url", url, "--tls-verify", "false",
                 "--include-path-regex", paths, "--seed", "1", "-n", str(EXAMPLES),
                 "--phases", "coverage,fuzzing", "--generation-database", "none", "--no-shrink",
                 # Another method is no-such-path, as any other path is. What is wrong inside a message, its
                 # recipient says in the answer. A form may be refused for what no schema says.
                 "--exclude-checks",
                 "unsupported_method,negative_data_rejection,positive_data_acceptance,"
                 "missing_required_header,allow_header_conformance",
                 "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "40"],
                capture_output=True, text=True, timeout=300, cwd=cluster.folder)
            assert done.returncode == 0, (url, done.stdout[-6000:], done.stderr[-2000:])
            assert "No operations" not in done.stdout, done.stdout
    finally:
        desk.close()
    cluster.wait("the daemon is well", lambda: cluster.health("hospital-1")["status"] == "ok")


TESTS = [answers_as_its_description_says]
