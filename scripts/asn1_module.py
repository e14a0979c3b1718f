"""docs/BCEMR.asn1, compiled, for scripts beside this one."""

import sys
from pathlib import Path

try:
    import asn1tools
    from asn1tools.codecs import ber, constraints_checker, der
except ImportError:
    print("the Python package asn1tools is missing (scripts/vectors/requirements.txt)",
          file=sys.stderr)
    sys.exit(2)


def decode_elements(array, data, offset, length):
    """What asn1tools 0.169 has instead never ends where an element is of another type."""
    elements, end = [], offset + length
    while offset < end:
        element, offset = array.element_type.decode(data, offset)
        if element is ber.TAG_MISMATCH:
            raise asn1tools.DecodeError(f"byte {offset}: an element is of another type")
        elements.append(element)
    return elements, offset


def check_text(checker, text):
    """The sizes of the module count bytes of UTF-8 (specification 2); asn1tools counts characters."""
    if not checker.is_in_range(len(text.encode())):
        raise asn1tools.ConstraintsError(f"a text has {len(text.encode())} bytes")
    count_characters(checker, text)


der.ArrayType.decode_content = decode_elements
count_characters = constraints_checker.String.encode
constraints_checker.String.encode = check_text

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "BCEMR.asn1").read_text(encoding="utf-8")
_MODULE = asn1tools.compile_string(TEXT, "der")


def encode(kind, value):
    return bytes(_MODULE.encode(kind, value, check_constraints=True))


def decode(kind, data):
    """Decodes the canonical form of a value, and no other.

    Raises ValueError for anything else.
    """
    try:
        value = _MODULE.decode(kind, data, check_constraints=True)
        again = encode(kind, value)
    except (asn1tools.Error, LookupError, ValueError, TypeError) as error:
        raise ValueError(f"{kind}: {error}") from error
    if again != data:
        raise ValueError(f"{kind}: {len(data)} bytes come out as {len(again)} others")
    return value


def check_structure(data, level=1):
    """What holds of every encoding (specification 2), where a type leaves open what is inside.

    Raises ValueError for lengths that are not definite and minimal, for the universal tag 0, tags above
    127 and more than 40 levels.
    """
    while data:
        head = 2 if data[0] & 0x1f == 0x1f else 1
        tag, rest = data[:head], data[head:]
        if level > 40 or not rest or tag[0] & 0xdf == 0 or head == 2 and not 0x1f <= tag[1] <= 0x7f:
            raise ValueError("an element has no tag that any has, or stands too deep")
        count = rest[0] & 0x7f if rest[0] & 0x80 else 0
        size = int.from_bytes(rest[1:1 + count], "big") if count else rest[0]
        if rest[0] & 0x80 and (not 1 <= count <= 7 or len(rest) <= count or not rest[1]
                               or size < 0x80) or len(rest) < 1 + count + size:
            raise ValueError("a length is not definite and minimal, or there is less than it says")
        if tag[0] & 0x20:
            check_structure(rest[1 + count:1 + count + size], level + 1)
        data = rest[1 + count + size:]
