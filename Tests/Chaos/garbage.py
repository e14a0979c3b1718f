"""What strangers and damaged peers send to a public port: noise, half of TLS, half of HTTP, damaged messages."""

import random
import socket
import ssl
import time

PATHS = [
    "/v1/messages/%s", "/v1/messages/", "/v1/messages/%s/../manager", "/v1/messages/" + "a" * 5000,
    "/", "/health", "/metrics", "/v1/ticket", "/v1/messages/%%00", "/v1/messages/consortium",
    "/v1/messages/%s?x=1",
]
METHODS = ["POST", "GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PRI", "\0\0"]


def der(tag, *parts):
    body = b"".join(parts)
    length = len(body)
    size = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return tag + size + body


def message(choice):
    """Something that begins like one of the system's objects."""
    noise = choice.randbytes(choice.choice([0, 1, 32, 64, 200, 5000]))
    number = choice.randrange(31, 128)
    tag = bytes([0x7F, number]) if choice.random() < 0.7 else bytes([0x60 | choice.randrange(31)])
    inner = der(b"\x30", der(b"\x02", bytes([choice.randrange(6)])),
                der(b"\x04", choice.randbytes(32)), der(b"\x0c", b"hospital-1"), der(b"\x04", noise))
    whole = bytearray(der(tag, inner))
    for _ in range(choice.choice([0, 0, 1, 3])):
        whole[choice.randrange(len(whole))] ^= 1 << choice.randrange(8)
    deep = b"".join(b"\x30\x80" for _ in range(choice.choice([0, 0, 3000])))
    return deep + bytes(whole)


def request(choice, name):
    """One of HTTP, mostly to the path of messages; whether its form is right."""
    body = message(choice) if choice.random() < 0.7 else choice.randbytes(choice.randrange(3000))
    isWell = choice.random() < 0.6
    path = PATHS[0] if isWell else choice.choice(PATHS)
    path = path % name if "%s" in path else path.replace("%%", "%")
    method = "POST" if isWell else choice.choice(METHODS)
    length = len(body) if isWell else choice.choice([len(body), -1, 1 << 62, 0, len(body) + 5])
    kind = "application/octet-stream" if choice.random() < 0.8 else "text/\x7fplain"
    head = "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
        method, path, kind, length)
    if not isWell and choice.random() < 0.3:
        head += "Transfer-Encoding: chunked\r\n" + "X: " + "y" * choice.choice([10, 100000]) + "\r\n"
    return (head + "\r\n").encode("latin-1") + body, isWell


def send(make, address, name, seconds, seed, stop):
    """Sends for so many seconds; counts what was answered, and names what was answered well."""
    choice = random.Random(seed)
    counts = {"sent": 0, "refused": 0, "taken": []}
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    end = time.time() + seconds
    while time.time() < end and not stop.wait(0.05):
        counts["sent"] += 1
        try:
            with make() as plain:
                plain.settimeout(1)
                plain.connect(address)
                if choice.random() < 0.3:
                    plain.sendall(choice.randbytes(choice.choice([1, 5, 300, 20000])))
                    plain.recv(100)
                    continue
                with context.wrap_socket(plain) as secure:
                    data, isWell = request(choice, name)
                    if choice.random() < 0.2:
                        data, isWell = data[:choice.randrange(len(data))], False
                    secure.sendall(data)
                    answer = secure.recv(65536)
        except (OSError, socket.timeout, ValueError):
            continue
        status = answer.split(b" ", 2)[1:2]
        if status and status[0] != b"200":
            counts["refused"] += 1
        elif status and isWell and b"\r\n\r\n" in answer:
            # The answer to what nobody has signed is a short refusal, in its own form.
            body = answer.split(b"\r\n\r\n", 1)[1]
            if len(body) > 400:
                counts["taken"].append(data[:200].hex())
            else:
                counts["refused"] += 1
    return counts
