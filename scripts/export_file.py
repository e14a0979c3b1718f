"""The parts of an export that are not DER: files, tiles, trees and notes; for scripts beside this one.

Written from docs/specification.md, sections 6.5 and 7.1.
"""

from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

BLOCK, WIDTH, HASH = 512, 256, 32
LARGEST = 2**63 - 1
GENESIS_BYTES, NOTE_BYTES, BUNDLE_BYTES = 1 << 20, 1 << 20, 256 * 65537


class Malformed(Exception):
    """These are not the bytes of an export."""


def require(holds, statement):
    if not holds:
        raise Malformed(statement)


# Files


def ustar_header(path, count):
    require(len(path.encode()) <= 100 and count < 1 << 33, f"{path}: too long")
    header = bytearray(BLOCK)
    for offset, field in ((0, path.encode()), (100, b"0000444"), (108, b"0000000"),
                          (116, b"0000000"), (124, b"%011o" % count), (136, b"%011o" % 0),
                          (148, b" " * 8), (156, b"0"), (257, b"ustar\0" b"00")):
        header[offset:offset + len(field)] = field
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def write_tar(files):
    """The tar file of (path, contents) pairs."""
    archive = b""
    for path, data in files:
        archive += ustar_header(path, len(data)) + data + bytes(-len(data) % BLOCK)
    return archive + bytes(2 * BLOCK)


class TarReader:
    """Gives the files of a tar file in their order; what cannot be read stops it for good."""

    def __init__(self, data):
        self.data, self.place, self.next, self.failure = data, 0, None, None

    def require(self, holds, statement):
        if not holds:
            self.failure = Malformed(statement)
            raise self.failure

    def peek(self):
        """Path and size of the next file; None behind the last."""
        if self.failure:
            raise self.failure
        if self.next is None:
            header = self.data[self.place:self.place + BLOCK]
            self.require(len(header) == BLOCK, "the file ends too early")
            if header == bytes(BLOCK):
                self.require(self.data[self.place:] == bytes(2 * BLOCK),
                             "the end of the tar file is not its end")
                return None
            try:
                path = header[:100].split(b"\0")[0].decode("utf-8")
                self.require(header[124:135].isdigit(), "a header is not one of an export")
                count = int(header[124:135], 8)
                is_header = bool(path) and ustar_header(path, count) == header
            except (ValueError, Malformed):
                is_header = False
            self.require(is_header, "a header is not one of an export")
            self.next = path, count
        return self.next

    def holds(self, path):
        return (self.peek() or ("",))[0] == path

    def file(self, path, limit):
        if not self.holds(path):
            return None
        count = self.next[1]
        self.require(count <= limit, f"{path}: the file is too long")
        start = self.place + BLOCK
        end = start + count + -count % BLOCK
        self.require(len(self.data) >= end and not any(self.data[start + count:end]),
                     f"{path}: the end or the padding")
        self.place, self.next = end, None
        return self.data[start:start + count]

    def finish(self):
        self.require(self.peek() is None, "a file is left that does not belong there")


class FolderReader:
    """Gives the files of a folder; there may be more in it."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def holds(self, path):
        return (self.folder / path).exists()

    def regular(self, path):
        require((self.folder / path).is_file(), f"{path}: this is no file")
        return self.folder / path

    def file(self, path, limit):
        if not self.holds(path):
            return None
        require(self.regular(path).stat().st_size <= limit, f"{path}: the file is too long")
        return self.regular(path).read_bytes()

    def finish(self):
        pass


def open_export(path):
    return FolderReader(path) if Path(path).is_dir() else TarReader(Path(path).read_bytes())


# Tiles and trees


def tile_path(kind, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{kind}/" + "/".join(groups) + (f".p/{width}" if width < WIDTH else "")


def tiles(kind, size):
    """Path, index and width of all tiles over so many leaves or hashes."""
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        yield tile_path(kind, index, width), index, width


def read_bundle(data, width):
    leaves = []
    for _ in range(width):
        count = int.from_bytes(data[:2], "big")
        require(len(data) >= 2 + count, "a bundle ends too early")
        leaves.append(data[2:2 + count])
        data = data[2 + count:]
    require(not data, "a bundle goes on behind its leaves")
    return leaves


def write_log(folder, note, leaves):
    """The files of one log."""
    yield f"{folder}/checkpoint", note.encode()
    for path, index, width in tiles("entries", len(leaves)):
        part = leaves[index * WIDTH:index * WIDTH + width]
        yield f"{folder}/{path}", b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in part)
    yield from hash_tiles(folder, [leaf_hash(leaf) for leaf in leaves])


def hash_tiles(folder, hashes):
    for level in range(8):
        for path, index, width in tiles(level, len(hashes)):
            yield f"{folder}/{path}", b"".join(hashes[index * WIDTH:index * WIDTH + width])
        hashes = [root(hashes[place:place + WIDTH])
                  for place in range(0, len(hashes) // WIDTH * WIDTH, WIDTH)]


def leaf_hash(leaf):
    return sha256(b"\0" + leaf).digest()


def node(left, right):
    return sha256(b"\1" + left + right).digest()


def split(count):
    return 1 << (count - 1).bit_length() - 1


def root(hashes):
    """MTH of RFC 6962 over hashes of leaves."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else sha256(b"").digest()
    middle = split(len(hashes))
    return node(root(hashes[:middle]), root(hashes[middle:]))


def inclusion(index, hashes):
    """PATH of RFC 6962."""
    if len(hashes) <= 1:
        return []
    middle = split(len(hashes))
    if index < middle:
        return inclusion(index, hashes[:middle]) + [root(hashes[middle:])]
    return inclusion(index - middle, hashes[middle:]) + [root(hashes[:middle])]


def consistency(old, hashes, whole=True):
    """PROOF of RFC 6962."""
    if old == len(hashes):
        return [] if whole else [root(hashes)]
    middle = split(len(hashes))
    if old <= middle:
        return consistency(old, hashes[:middle], whole) + [root(hashes[middle:])]
    return consistency(old - middle, hashes[middle:], False) + [root(hashes[:middle])]


def included(leaf, index, size, proof):
    """The root to which an inclusion proof leads; None if it cannot be one."""
    if index >= size:
        return None
    proof, sides = list(proof), []
    place, count = index, size
    while count > 1:
        middle = split(count)
        sides.append(place >= middle)
        place, count = (place - middle, count - middle) if place >= middle else (place, middle)
    if len(sides) != len(proof):
        return None
    for is_right, sibling in zip(reversed(sides), proof):
        leaf = node(sibling, leaf) if is_right else node(leaf, sibling)
    return leaf


def extends(old, old_root, size, new_root, proof):
    """Whether a consistency proof, of an old tree that is not empty, leads from one root to the other."""
    proof = list(proof)

    def roots(old, size, known):
        if old == size:
            return (known, known) if known else (proof.pop(),) * 2
        middle = split(size)
        sibling = proof.pop()
        if old <= middle:
            before, after = roots(old, middle, known)
            return before, node(after, sibling)
        before, after = roots(old - middle, size - middle, None)
        return node(sibling, before), node(sibling, after)

    try:
        return old <= size and roots(old, size, old_root) == (old_root, new_root) and not proof
    except IndexError:
        return False


# Notes and checkpoints


def base64(text):
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise Malformed("a value is not base64") from None
    require(b64encode(data).decode() == text, "a value is not canonical base64")
    return data


def key_id(name, kind, key):
    return sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


class Note:
    """A C2SP signed note whose text is a checkpoint without extension lines."""

    def __init__(self, text):
        require(len(text.encode()) <= NOTE_BYTES, "the note is too long")
        lines = text.split("\n")
        require(len(lines) > 1 and lines.pop() == ""
                and all(byte >= 0x20 for line in lines for byte in line.encode()),
                "a line of the note does not end, or has a control character")
        require("" in lines, "the note has no signature")
        end = len(lines) - 1 - lines[::-1].index("")
        require(0 < end < len(lines) - 1 and len(lines) - 1 - end <= 1024,
                "the note has no text, no signature or too many")
        self.body = "".join(line + "\n" for line in lines[:end])
        self.signatures = []
        for line in lines[end + 1:]:
            parts = line.split(" ")
            require(len(parts) == 3 and parts[0] == "\u2014" and parts[1] and "+" not in parts[1]
                    and not any(character.isspace() for character in parts[1]),
                    "a signature line is not '\u2014 name base64'")
            signature = base64(parts[2])
            require(len(signature) > 4, "a signature is too short")
            self.signatures.append((parts[1], signature[:4], signature[4:]))
        require(end == 3, "the text is not a checkpoint of three lines")
        self.origin, size, encoded = lines[:3]
        require(self.origin and len(size) <= 19 and size.isascii() and size.isdigit()
                and str(int(size)) == size
                and int(size) <= LARGEST, "the size is not a decimal number below 2^63")
        self.size, self.root = int(size), base64(encoded)
        require(len(self.root) == HASH and (self.size or self.root == root([])),
                "the root is not one of this size")
