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
