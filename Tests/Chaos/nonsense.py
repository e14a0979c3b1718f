"""Well-formed objects without sense, by docs/BCEMR.asn1: numbers, sizes and counts at their extremes."""

import re

import paths  # noqa: F401
import asn1tools
from asn1_module import TEXT
from between import element

DEEPEST = 24
# Of numbers, beside those of their bounds.
NUMBERS = [0, 1, -1, 127, 128, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63),
           1 << 521]
[_MODULE] = asn1tools.parse_string(TEXT).values()
TYPES = _MODULE["types"]
# Of each kind of request: the type of its payload, and of what is answered.
REQUESTS = {name: (kind, reply) for kind, name, reply in re.findall(
    r'^(\w+) ::= SEQUENCE \{.*-- "([a-z-]+)" -> (\w+)', TEXT, re.M)}
# Of each kind of request that members sign: name and type of what is signed.
QUERIES = {
    "fetch-outbox": ("consortium-query", "ConsortiumQuery"), "fetch-block": ("block-query", "BlockQuery"),
    "fetch-consortium": ("consortium-query", "ConsortiumQuery"),
    "fetch-leaves": ("leaves-query", "LeavesQuery"),
    "take-over-record": ("record-takeover", "RecordTakeover"),
}


def number(value):
    return element(b"\x02", value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


class Nonsense:
    """Objects that a random choice makes.

    - known: of fields by their names, what may stand there; else what is refused is refused for the least of reasons.
    """

    def __init__(self, choice, known):
        self.choice, self.known = choice, known
        self.room = 0

    def object(self, kind, room=None):
        """The DER of a type, of about so many bytes at most."""
        self.room = room or self.choice.choice([300, 3000, 3000, 30000])
        return self._value(TYPES[kind], "", 0)

    def noise(self, count):
        """Of this many bytes, of which none, or each, says something."""
        return self.choice.choice([bytes(count), b"\xff" * count, self.choice.randbytes(count)])

    def _value(self, kind, name, depth):
        if name in self.known and self.choice.random() < 0.9:
            return self.choice.choice(self.known[name])
        make = {
            "INTEGER": self._integer, "OCTET STRING": self._octets, "UTF8String": self._text,
            "SEQUENCE": self._sequence, "SEQUENCE OF": self._list, "CHOICE": self._choice,
            "ANY": self._any, "ANY DEFINED BY": self._any,
        }.get(kind["type"])
        inner = make(kind, depth + 1) if make else self._value(TYPES[kind["type"]], name, depth + 1)
        if "tag" not in kind:
            return inner
        tag = kind["tag"]["number"]
        return element(bytes([0x60 | tag]) if tag < 31 else bytes([0x7F, tag]), inner)

    def _bounds(self, kind, most):
        """The least and the most of a size."""
        sizes = kind.get("size") or [[0, most]]
        low, high = sizes[0] if isinstance(sizes[0], (list, tuple)) else (sizes[0], sizes[0])
        return low, high if isinstance(high, int) else most

    def _size(self, kind):
        low, high = self._bounds(kind, self.room)
        if self.choice.random() < 0.05:
            low, high = max(low - 1, 0), high + 1
        high = max(min(high, self.room), min(low, 4096))
        return self.choice.choice([low, high, self.choice.randint(min(low, high), high)]) if low < high else high

    def _integer(self, kind, depth):
        bounds = kind.get("restricted-to") or [[0, 1 << 63]]
        low, high = bounds[0] if isinstance(bounds[0], (list, tuple)) else (bounds[0], bounds[0])
        place = self.choice.random()
        if place < 0.1:
            return number(self.choice.choice([low - 1, high + 1, *NUMBERS]))
        return number(self.choice.choice([low, high, self.choice.randint(low, high)]))

    def _octets(self, kind, depth):
        size = self._size(kind)
        self.room -= min(size, self.room)
        return element(b"\x04", self.noise(size))

    def _text(self, kind, depth):
        size = self._size(kind)
        self.room -= min(size, self.room)
        letters = "a" if "from" in kind and self.choice.random() < 0.9 else self.choice.choice("a\0\n\u202e\U0001f9ea")
        return element(b"\x0c", (letters * size).encode()[:max(size, 1)])

    def _sequence(self, kind, depth):
        if depth > DEEPEST:
            return element(b"\x30", b"")
        parts = []
        for member in kind["members"]:
            if "components-of" in member:
                parts += [self._value(each, each["name"], depth)
                          for each in TYPES[member["components-of"]]["members"]]
            elif not member.get("optional") or self.choice.random() < 0.5:
                parts.append(self._value(member, member["name"], depth))
        return element(b"\x30", b"".join(parts))

    def _list(self, kind, depth):
        low, high = self._bounds(kind, 1 << 16)
        count = self.choice.choice([low, min(high, low + 1), min(high, 20), high])
        parts = []
        while len(parts) < count and self.room > 0 and depth <= DEEPEST:
            parts.append(self._value(kind["element"], "", depth))
            self.room -= 2
        return element(b"\x30", b"".join(parts))

    def _choice(self, kind, depth):
        member = self.choice.choice(kind["members"])
        return self._value(member, member["name"], depth)

    def _any(self, kind, depth):
        if depth > DEEPEST or self.choice.random() < 0.2:
            return element(b"\x04", self.noise(min(20, max(self.room, 0))))
        return self._value(TYPES[self.choice.choice(list(TYPES))], "", depth + 4)
