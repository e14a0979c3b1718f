"""Takes an export of a ledger apart, for transcripts.

    python3 export.py list FILE               print the names of its files, a line each
    python3 export.py file FILE NAME          print one of them
    python3 export.py note FILE LOG           print the checkpoint of a log, as consortium or
                                              hospital-1/0
    python3 export.py leaf FILE LOG INDEX     print a leaf
    python3 export.py spoil FILE PART > NEW   change one byte of a part
    python3 export.py drop FILE NAME > NEW    leave files out whose names begin so

PART is genesis, LOG/leaf/INDEX, LOG/root or LOG/signature for the checkpoint, LOG/hash for the first
hash. The change keeps the form of the file, so that it is for the checks of the ledger to find it.
"""

import base64
import sys

BLOCK = 512


def files(data):
    """(name, place of the contents, their length) of a tar file of exports."""
    place = 0
    while any(data[place:place + BLOCK]):
        name = data[place:place + 100].rstrip(b"\0").decode()
        size = int(data[place + 124:place + 135], 8)
        yield name, place + BLOCK, size
        place += BLOCK + -(-size // BLOCK) * BLOCK


def found(data, name):
    return next((place, size) for known, place, size in files(data) if known == name)


def leaf(data, log, index):
    """The place and the length of a leaf: in bundles of 256, each with its length in two bytes."""
    bundles = [file for file in files(data) if file[0].startswith(f"{log}/tile/entries/")]
    _, place, _ = bundles[index // 256]
    for _ in range(index % 256):
        place += 2 + int.from_bytes(data[place:place + 2], "big")
    return place + 2, int.from_bytes(data[place:place + 2], "big")


def last_primitive(data, place, end):
    """The place of the last byte of the last DER element that holds no others."""
    while True:
        tag, long_tag = data[place], data[place] & 0x1F == 0x1F
        inner = place + (2 if long_tag else 1)
        length = data[inner]
        inner += 1
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[inner:inner + count], "big")
            inner += count
        if inner + length < end:
            place = inner + length
        elif tag & 0x20:
            place = inner
        else:
            return inner + length - 1


def spoiled(data, part):
    if part == "genesis":
        place, size = found(data, "genesis.der")
        place = last_primitive(data, place, place + size)
    else:
        log, detail = part.rsplit("/", 1)
        if log.endswith("/leaf"):
            place, size = leaf(data, log.removesuffix("/leaf"), int(detail))
            place = last_primitive(data, place + 1, place + size)
        elif detail == "hash":
            place, _ = found(data, next(f[0] for f in files(data) if f"{log}/tile/0/" in f[0]))
        else:
            note, size = found(data, f"{log}/checkpoint")
            lines = data[note:note + size].split(b"\n")
            number = 2 if detail == "root" else len(lines) - 2
            start = note + sum(len(line) + 1 for line in lines[:number])
            word = lines[number].rsplit(b" ", 1)[-1]
            start += len(lines[number]) - len(word)
            value = bytearray(base64.b64decode(word))
            value[-1] ^= 1
            return data[:start] + base64.b64encode(bytes(value)) + data[start + len(word):]
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


def dropped(data, prefix):
    kept, end = b"", 0
    for name, place, size in files(data):
        end = place + -(-size // BLOCK) * BLOCK
        if not name.startswith(prefix):
            kept += data[place - BLOCK:end]
    return kept + data[end:]


def main():
    verb, path, *arguments = sys.argv[1:]
    data = open(path, "rb").read()
    if verb == "list":
        sys.stdout.buffer.write("".join(f"{file[0]}\n" for file in files(data)).encode())
    elif verb in ("file", "note"):
        name = arguments[0] if verb == "file" else f"{arguments[0]}/checkpoint"
        place, size = found(data, name)
        sys.stdout.buffer.write(data[place:place + size])
    elif verb == "leaf":
        place, size = leaf(data, arguments[0], int(arguments[1]))
        sys.stdout.buffer.write(data[place:place + size])
    elif verb == "drop":
        sys.stdout.buffer.write(dropped(data, arguments[0]))
    else:
        sys.stdout.buffer.write(spoiled(data, arguments[0]))


main()
