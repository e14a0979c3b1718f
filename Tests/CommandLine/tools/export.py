"""Takes an export of a ledger apart, for transcripts.

    python3 export.py note FILE CHAIN         print the checkpoint of a chain, a signed note
    python3 export.py spoil FILE PART > NEW   change one byte of a part

PART is genesis, CHAIN/HEIGHT for a block, CHAIN/root or CHAIN/signature for the checkpoint. The
change keeps the form of the file, so that it is for the checks of the ledger to find it.
"""

import sys


def children(data, start, end):
    """(tag, start of content, end) of the DER elements in a range."""
    while start < end:
        tag = data[start]
        start += 1
        if tag & 0x1F == 0x1F:
            start += 1
        length = data[start]
        start += 1
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[start:start + count], "big")
            start += count
        yield tag, start, start + length
        start += length


def fields(data, element):
    """The elements in an object or a SEQUENCE, without an object's version."""
    inner = list(children(data, element[1], element[2]))
    if element[0] & 0xE0 == 0x60:
        return fields(data, inner[0])[1:]
    return inner


def last_primitive(data, element):
    while element[0] & 0x20:
        element = list(children(data, element[1], element[2]))[-1]
    return element


def chains(data):
    (export,) = children(data, 0, len(data))
    genesis, consortium, hospitals = fields(data, export)
    found = {}
    for chain in [consortium, *fields(data, hospitals)]:
        name, blocks, note = fields(data, chain)
        found[data[name[1]:name[2]].decode()] = (fields(data, blocks), note)
    return genesis, found


def spoiled(data, part):
    genesis, found = chains(data)
    if part == "genesis":
        place = last_primitive(data, genesis)[2] - 1
    else:
        name, detail = part.split("/")
        blocks, note = found[name]
        if detail == "root":
            place = data.index(b"\n", data.index(b"\n", note[1]) + 1) + 3
        elif detail == "signature":
            place = note[2] - 40
        else:
            place = last_primitive(data, blocks[int(detail)])[2] - 1
    # Still a letter in a text, and still the shortest form of a number.
    byte = data[place] + 1 if chr(data[place]) in "Aa0" or data[place] < 0x30 else data[place] - 1
    return data[:place] + bytes([byte]) + data[place + 1:]


def main():
    verb, path, argument = sys.argv[1:]
    data = open(path, "rb").read()
    if verb == "note":
        note = chains(data)[1][argument][1]
        sys.stdout.buffer.write(data[note[1]:note[2]])
    else:
        sys.stdout.buffer.write(spoiled(data, argument))


main()
