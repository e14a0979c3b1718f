"""Somebody on the way who has the TLS key of a daemon: reads, doubles, damages and loses messages and answers.

TLS keeps messages private, and nothing else: whoever carries them can do all this, and nothing may come of it.
"""

import http.client
import random
import ssl
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How likely each is, of a request.
LIKELY = {
    "doubled": 0.12, "answer lost": 0.12, "request lost": 0.05, "damaged": 0.08,
    "answer damaged": 0.06, "repeated later": 0.1, "former answer": 0.05,
}
# How many messages and answers it remembers.
MEMORY = 200


class Carrier(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder, target, seed):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder + "/tls.pem", folder + "/tls-key.pem")
        self.target, self.random = target, random.Random(seed)
        self.counts, self.requests, self.answers = Counter(), [], []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, peer = super().get_request()
        # The handshake is that of the thread that serves the connection.
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request, address):
        """Connections break here all the time."""

    def draw(self):
        """What is done to the next request."""
        with self.lock:
            place = self.random.random()
            for what, likely in LIKELY.items():
                if place < likely:
                    return what
                place -= likely
        return None

    def damaged(self, data):
        if not data:
            return b"\0"
        with self.lock:
            place, bit = self.random.randrange(len(data)), self.random.randrange(8)
        return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1:]

    def one_of(self, remembered, path):
        with self.lock:
            same = [each for each in remembered if each[0] == path]
            return self.random.choice(same) if same else None

    def remember(self, remembered, each):
        with self.lock:
            remembered.append(each)
            del remembered[:-MEMORY]

    def forward(self, path, headers, body):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(*self.target, timeout=60, context=context)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            connection.close()

    def end(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def do_POST(self):
        carrier, path = self.server, self.path
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {"Content-Type": self.headers.get("Content-Type", "application/octet-stream")}
        what = carrier.draw()
        if what == "request lost":
            carrier.counts[what] += 1
            return self.hang_up()
        if what == "repeated later" and (former := carrier.one_of(carrier.requests, path)):
            carrier.counts[what] += 1
            self.aside(path, headers, former[1])
        carrier.remember(carrier.requests, (path, body))
        if what == "damaged":
            carrier.counts[what] += 1
            body = carrier.damaged(body)
        if what == "doubled":
            carrier.counts[what] += 1
            self.aside(path, headers, body)
        try:
            status, kind, answer = carrier.forward(path, headers, body)
        except (OSError, http.client.HTTPException):
            return self.hang_up()
        if what == "answer lost":
            carrier.counts[what] += 1
            return self.hang_up()
        if what == "answer damaged":
            carrier.counts[what] += 1
            answer = carrier.damaged(answer)
        elif what == "former answer" and (former := carrier.one_of(carrier.answers, path)):
            carrier.counts[what] += 1
            answer = former[1]
        else:
            carrier.remember(carrier.answers, (path, answer))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def aside(self, path, headers, body):
        """Sends it too, and tells nobody what the answer was."""
        def send():
            try:
                self.server.forward(path, headers, body)
            except (OSError, http.client.HTTPException):
                pass

        threading.Thread(target=send, daemon=True).start()

    def hang_up(self):
        self.close_connection = True
        self.connection.close()
