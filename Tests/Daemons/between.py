"""Who stands between a daemon and all others with its own TLS key, as a dishonest member may, or a slow line."""

import contextlib
import http.client
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cluster import free_ports

ANY_KEY = ssl.create_default_context()
ANY_KEY.check_hostname, ANY_KEY.verify_mode = False, ssl.CERT_NONE


# DER, as much of it as a message needs

def element(tag, content):
    size = len(content)
    if size < 0x80:
        return tag + bytes([size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(length)]) + length + content


def octets(content):
    return element(b"\x04", content)


def integer(value):
    return element(b"\x02", value.to_bytes(value.bit_length() // 8 + 1, "big"))


def text(content):
    return element(b"\x0c", content)


def sequence(*parts):
    return element(b"\x30", b"".join(parts))


def elements(data):
    """Tag and content of each element of a content."""
    place, found = 0, []
    while place < len(data):
        start = place
        place += 2 if data[place] & 0x1F == 0x1F else 1
        tag, size = data[start:place], data[place]
        place += 1
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[place:place + count], "big")
            place += count
        found.append((tag, data[place:place + size]))
        place += size
    return found


class Message:
    """A `Message` (specification 8.1) whose payload's elements can be changed."""

    def __init__(self, encoded):
        [(self.tag, inner)] = elements(encoded)
        [(_, fields)] = elements(inner)
        self.version, (_, name), (_, payload) = elements(fields)
        self.name = name.decode()
        self.payload = [element(*each) for each in elements(payload)]

    def content(self, index):
        """Of an element of the payload, without tag and length."""
        [(_, content)] = elements(self.payload[index])
        return content

    def encoded(self):
        return element(self.tag, sequence(
            element(*self.version), text(self.name.encode()), sequence(*self.payload)))


def name_of(body):
    """What a request asks; nothing of one that is sealed."""
    try:
        return Message(body).name
    except (ValueError, IndexError):
        return None


class Between(ThreadingHTTPServer):
    """Listens at `port` with the certificate of a folder, and hands everything to the daemon at `target`, a port or
    host and port, and what that answers to `conduct(name, answer)`, which says what becomes of it, and may take its
    time."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder, port, target, conduct):
        super().__init__(("127.0.0.1", port), Handler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder + "/tls.pem", folder + "/tls-key.pem")
        self.target = target if isinstance(target, tuple) else ("127.0.0.1", target)
        self.conduct = conduct
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def instead(self, path, body):
        """What is answered without asking the daemon; None: it is asked."""

    def answered(self, path, body, answer):
        """What becomes of the daemon's answer."""
        return self.conduct(name_of(body), answer)

    def get_request(self):
        connection, peer = super().get_request()
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request, address):
        """Whoever asks goes away as it likes."""

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        # One for each connection that is kept.
        self.daemon = http.client.HTTPSConnection(
            *self.server.target, timeout=120, context=ANY_KEY)

    def finish(self):
        self.daemon.close()
        super().finish()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        instead = self.server.instead(self.path, body)
        if instead is not None:
            return self.respond(200, "application/octet-stream", instead)
        try:
            self.daemon.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
            reply = self.daemon.getresponse()
            status, kind, answer = reply.status, reply.getheader("Content-Type", ""), reply.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        if status == 200:
            answer = self.server.answered(self.path, body, answer)
        self.respond(status, kind, answer)

    def respond(self, status, kind, answer):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@contextlib.contextmanager
def between(cluster, name, conduct):
    """Puts `conduct` before the daemon of a party, which begins anew for that, and takes it away at the end."""
    path = cluster.config(name)
    with open(path) as file:
        own = file.read()
    [inner] = free_ports(1)
    config = json.loads(own)
    config["listen"]["port"] = inner

    def begin(text):
        if name in cluster.processes:
            cluster.stop(name)
        with open(path, "w") as file:
            file.write(text)

    begin(json.dumps(config))
    server = Between(cluster.path(name), cluster.ports[name], inner, conduct)
    try:
        cluster.start(name)
        yield
    finally:
        begin(own)
        server.close()
        cluster.start(name)
