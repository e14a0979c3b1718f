"""What anybody may read of the chains of running daemons: tiles, checkpoints, and streams of these."""

import hashlib
import ssl
import http.client
import urllib.error
import urllib.request

ANY_KEY = ssl._create_unverified_context()


def read(cluster, name, path):
    """Status and body of what a daemon shows at its public port."""
    url = "https://127.0.0.1:%d/v1/chains/%s" % (cluster.ports[name], path)
    try:
        with urllib.request.urlopen(url, timeout=10, context=ANY_KEY) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def checkpoint(text):
    """Size and root that a checkpoint names."""
    lines = text.decode().split("\n")
    return int(lines[1]), lines[2], lines[0]


def path(kind, index, width):
    digits, index = ["%03d" % (index % 1000)], index // 1000
    while index:
        digits, index = ["x%03d" % (index % 1000)] + digits, index // 1000
    return "tile/%s/%s%s" % (kind, "/".join(digits), ".p/%d" % width if width < 256 else "")


def leaves_of(bundle):
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= 2 + length
        yield bundle[2 : 2 + length]
        bundle = bundle[2 + length :]


def root(hashes):
    """RFC 6962."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:])).digest()


def shows_its_logs_to_everybody(cluster):
    """The leaves of the consortium chain lead to its checkpoint; of a hospital's chain there are hashes alone."""
    import base64

    cluster.wait("there is a checkpoint", lambda: read(cluster, "cloud", "consortium/checkpoint")[0] == 200)
    note = read(cluster, "cloud", "consortium/checkpoint")[1]
    size, expected, _ = checkpoint(note)
    hashes = []
    for first in range(0, size, 256):
        width = min(256, size - first)
        status, bundle = read(cluster, "cloud", "consortium/" + path("entries", first // 256, width))
        assert status == 200, (status, bundle)
        own = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves_of(bundle)]
        assert len(own) == width
        assert read(cluster, "manager", "consortium/" + path("0", first // 256, width))[1] == b"".join(own)
        hashes += own
    assert base64.b64encode(root(hashes)).decode() == expected
    for wrong in ("consortium/tile/0/000.p/0", "consortium/tile/0/999", "consortium/tile/0/../checkpoint",
                  "nobody/checkpoint", "consortium/tile/9/000", "consortium/nothing"):
        assert read(cluster, "cloud", wrong)[0] == 404, wrong
    # A tile of earlier, narrower ones stays.
    assert read(cluster, "cloud", "consortium/" + path("0", 0, 1))[1] == hashes[0]
    status, body = read(cluster, "hospital-1", "hospital-1/tile/entries/000.p/1")
    assert status in (403, 404), (status, body)


def has_its_logs_followed(cluster):
    """Who follows is told of each checkpoint, and goes on behind the last one."""
    port = cluster.ports["hospital-1"]

    def follow(last):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=ANY_KEY)
        connection.request(
            "GET", "/v1/chains/consortium/follow", headers={"Last-Event-ID": str(last)} if last else {})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["content-type"] == "text/event-stream"
        return connection, answer

    def event(answer):
        fields = {}
        while True:
            line = answer.readline().decode().rstrip("\n")
            assert line or fields, "the stream has ended"
            if not line:
                return fields
            if not line.startswith(":"):
                name, value = line.split(": ", 1)
                fields.setdefault(name, []).append(value)
            else:
                answer.readline()

    connection, answer = follow(0)
    first = event(answer)
    second = event(answer)
    assert first["event"] == second["event"] == ["checkpoint"]
    assert int(first["id"][0]) == int(first["data"][1]) < int(second["id"][0])
    connection.close()
    connection, answer = follow(int(second["id"][0]))
    third = event(answer)
    assert int(third["id"][0]) > int(second["id"][0])
    connection.close()
    # Nobody takes all places.
    held = []
    for _ in range(40):
        try:
            held.append(follow(1 << 62))
        except AssertionError:
            break
    assert len(held) <= 16, len(held)
    for connection, _ in held:
        connection.close()
    cluster.wait("places are given back", lambda: _may_follow(follow))


def _may_follow(follow):
    try:
        follow(0)[0].close()
        return True
    except AssertionError:
        return False


TESTS = [shows_its_logs_to_everybody, has_its_logs_followed]
