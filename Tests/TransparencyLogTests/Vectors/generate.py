"""Writes the vector files in this folder; needs the package `cryptography`.

Written from RFC 6962, C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof alone, in
another language than the code it tests. The trees are those of the Certificate Transparency
reference implementation; PUBLISHED holds the roots that it publishes for them.
"""
import base64, functools, hashlib, json, pathlib
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent
LEAVES = [bytes.fromhex(leaf) for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f")]
PUBLISHED = """
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
""".split()


def sha(data): return hashlib.sha256(data).digest()
def b64(data): return base64.b64encode(data).decode()


class Tree:
    """Leaves by a function from (start, count) to the root over them."""
    def __init__(self, mth): self.mth = mth

    @staticmethod
    def split(n): return 1 << ((n - 1).bit_length() - 1)

    def path(self, m, start, n):
        if n == 1: return []
        k = self.split(n)
        if m < k: return self.path(m, start, k) + [self.mth(start + k, n - k)]
        return self.path(m - k, start + k, n - k) + [self.mth(start, k)]

    def subproof(self, m, start, n, b):
        if m == n: return [] if b else [self.mth(start, n)]
        k = self.split(n)
        if m <= k: return self.subproof(m, start, k, b) + [self.mth(start + k, n - k)]
        return self.subproof(m - k, start + k, n - k, False) + [self.mth(start, k)]


def listed(start, n):
    if n == 0: return sha(b"")
    if n == 1: return sha(b"\0" + LEAVES[start])
    k = Tree.split(n)
    return sha(b"\1" + listed(start, k) + listed(start + k, n - k))


@functools.cache
def repeated(n):
    if n == 1: return sha(b"\0")
    k = Tree.split(n)
    return sha(b"\1" + repeated(k) + repeated(n - k))


def inclusion(tree, index, size):
    return {"index": index, "size": size, "leafHash": tree.mth(index, 1).hex(),
            "root": tree.mth(0, size).hex(),
            "hashes": [h.hex() for h in tree.path(index, 0, size)]}


def consistency(tree, old, new):
    hashes = tree.subproof(old, 0, new, True) if old else []
    return {"oldSize": old, "newSize": new, "oldRoot": tree.mth(0, old).hex(),
            "newRoot": tree.mth(0, new).hex(), "hashes": [h.hex() for h in hashes]}


def write(name, about, sources, cases):
    cases = [{"id": i} | case for i, case in enumerate(cases, 1)]
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({"about": about, "sources": sources}, indent=2)[:-2]
    (HERE / f"{name}.json").write_text(f'{head},\n  "cases": [\n{lines}\n]}}\n', encoding="utf-8")


small, huge = Tree(listed), Tree(lambda _, n: repeated(n))
assert [listed(0, n).hex() for n in range(9)] == PUBLISHED
RFC = ["RFC 6962 section 2.1", "python hashlib"]
SIZES = [2**62, 2**62 + 1, 2**62 + 12345, 2**63 - 1]
write("roots", "the trees of Certificate Transparency's reference implementation",
      RFC + ["google/certificate-transparency"],
      [{"leaves": [leaf.hex() for leaf in LEAVES[:n]], "root": root}
       for n, root in enumerate(PUBLISHED)])
write("inclusion", "PATH(m, D[n]): all n <= 8; then trees of empty leaves up to 2^63 - 1", RFC,
      [inclusion(small, i, n) for n in range(1, 9) for i in range(n)]
      + [inclusion(huge, i, n) for n in SIZES for i in (0, n // 3, n - 1)])
write("consistency", "PROOF(m, D[n]): all n <= 8; then trees of empty leaves up to 2^63 - 1", RFC,
      [consistency(small, m, n) for n in range(9) for m in range(n + 1)]
      + [consistency(huge, m, n) for n in SIZES for m in (1, n // 3, 2**62, n - 1, n)])


class Cosigner:
    def __init__(self, name, seed):
        self.name, self.seed = name, seed
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = sha(name.encode() + b"\n\4" + public)[:4]
        self.vkey = f"{name}+{self.id.hex()}+" + b64(b"\4" + public)

    def line(self, body, time):
        message = f"cosignature/v1\ntime {time}\n{body}".encode()
        signature = self.id + time.to_bytes(8, "big") + self.key.sign(message)
        return f"— {self.name} {b64(signature)}\n"


cosigners = [Cosigner(f"example.com/cosigner-{i}", sha(b"cosigner %d" % i)) for i in range(3)]
cases = []
for n, origin in [(0, "example.com/log"), (1, "example.com/log"), (7, "bcemr/00/consortium"),
                  (8, "protocollo è più lungo")]:
    body = f"{origin}\n{n}\n{b64(listed(0, n))}\n"
    for time in (0, 1, 1764000000 + n, 2**63 - 1):
        note = body + "\n" + "".join(c.line(body, time) for c in cosigners)
        proofs = []
        for i in range(n):
            lines = "".join(b64(h) + "\n" for h in small.path(i, 0, n))
            proofs.append(f"c2sp.org/tlog-proof@v1\nindex {i}\n{lines}\n{note}")
        cases.append({"origin": origin, "size": n, "root": listed(0, n).hex(), "time": time,
                      "seeds": [c.seed.hex() for c in cosigners],
                      "vkeys": [c.vkey for c in cosigners], "note": note, "proofs": proofs[:2]})
write("cosigned", "checkpoints with three cosignatures each, and inclusion proofs under them",
      ["C2SP tlog-checkpoint", "C2SP tlog-cosignature", "C2SP tlog-proof", "python cryptography"],
      cases)

ROOT = b64(listed(0, 8))
CHECKPOINT = f"example.com/log\n8\n{ROOT}\n"
NOTE = CHECKPOINT + "\n" + cosigners[0].line(CHECKPOINT, 5)
LINE = NOTE.split("\n")[4]
VKEY = cosigners[0].vkey
HASHES = "".join(b64(h) + "\n" for h in small.path(2, 0, 8))
PROOF = f"c2sp.org/tlog-proof@v1\nindex 2\n{HASHES}\n{NOTE}"
name, key_id, material = VKEY.split("+", 2)


def malformed(kind, good, changes):
    for comment, code, old, new in changes:
        text = good.replace(old, new, 1)
        assert text != good, (kind, comment)
        yield {"kind": kind, "comment": comment, "code": code, "text": text}


E, R, L, K = "encoding", "range", "too-large", "key"
write("malformed", "texts that are refused, each one change away from one that is read",
      ["C2SP signed-note", "C2SP tlog-checkpoint", "C2SP tlog-cosignature", "C2SP tlog-proof"],
      list(malformed("checkpoint", CHECKPOINT, [
          ("nothing", E, CHECKPOINT, ""),
          ("only a newline", E, CHECKPOINT, "\n"),
          ("no final newline", E, ROOT + "\n", ROOT),
          ("one newline more", E, ROOT + "\n", ROOT + "\n\n"),
          ("no root", E, ROOT + "\n", ""),
          ("empty origin", E, "example.com/log", ""),
          ("control character in the origin", E, "/log", "/l\u0001og"),
          ("carriage returns", E, "\n8", "\r\n8"),
          ("tab after the origin", E, "\n8", "\t\n8"),
          ("empty extension line", E, ROOT + "\n", ROOT + "\n\nextension\n"),
          ("no size", E, "\n8\n", "\n\n"),
          ("leading zero", E, "\n8\n", "\n08\n"),
          ("plus sign", E, "\n8\n", "\n+8\n"),
          ("negative", E, "\n8\n", "\n-8\n"),
          ("space before the size", E, "\n8\n", "\n 8\n"),
          ("hexadecimal", E, "\n8\n", "\n0x8\n"),
          ("digits of another script", E, "\n8\n", "\n٨\n"),
          ("size 2^63", E, "\n8\n", f"\n{2**63}\n"),
          ("size 2^64 + 8", E, "\n8\n", f"\n{2**64 + 8}\n"),
          ("size of 40 digits", E, "\n8\n", "\n" + "1" * 40 + "\n"),
          ("size 0 with the root of 8", R, "\n8\n", "\n0\n"),
          ("31 bytes of root", E, ROOT, b64(bytes(31))),
          ("33 bytes of root", E, ROOT, b64(bytes(33))),
          ("no root hash", E, ROOT, ""),
          ("root without padding", E, ROOT, ROOT.rstrip("=")),
          ("root with more padding", E, ROOT, ROOT + "="),
          ("root with unused bits", E, ROOT, ROOT[:-2] + "B="),
          ("root in the URL alphabet", E, ROOT, ROOT.replace("/", "_").replace("+", "-")),
          ("space in the root", E, ROOT, ROOT[:8] + " " + ROOT[8:]),
          ("space after the root", E, ROOT, ROOT + " "),
      ])) + list(malformed("note", NOTE, [
          ("nothing", E, NOTE, ""),
          ("no text", E, CHECKPOINT, ""),
          ("no empty line", E, "\n\n", "\n"),
          ("no signature", E, LINE + "\n", ""),
          ("no final newline", E, LINE + "\n", LINE),
          ("empty line at the end", E, LINE + "\n", LINE + "\n\n"),
          ("text after the signature", E, LINE + "\n", LINE + "\nmore\n"),
          ("hyphen for the dash", E, "— ", "- "),
          ("en dash for the dash", E, "— ", "– "),
          ("no space after the dash", E, "— ", "—"),
          ("two spaces after the dash", E, "— ", "—  "),
          ("space at the end of the line", E, LINE, LINE + " "),
          ("no name", K, "— " + name, "— "),
          ("plus in the name", K, "— " + name, "— a+b"),
          ("no-break space in the name", K, "— " + name, "— a\u00a0b"),
          ("line separator in the name", K, "— " + name, "— a\u2028b"),
          ("no signature bytes", E, LINE, f"— {name} "),
          ("only a key ID", E, LINE, f"— {name} {b64(bytes(4))}"),
          ("not base64", E, LINE, f"— {name} ????????"),
          ("signature without padding", E, LINE, LINE.rstrip("=")),
          ("carriage returns", E, LINE + "\n", LINE + "\r\n"),
          ("zero byte in the text", E, "\n8\n", "\n8\u0000\n"),
      ])) + list(malformed("vkey", VKEY, [
          ("nothing", E, VKEY, ""),
          ("two parts", E, f"+{key_id}+", f"{key_id}+"),
          ("no name", K, name, ""),
          ("space in the name", K, "example", "exa mple"),
          ("control character in the name", K, "example", "exa\u0007mple"),
          ("another name", E, "cosigner-0", "cosigner-1"),
          ("another ID", E, key_id, "00000000"),
          ("short ID", E, key_id, key_id[1:]),
          ("long ID", E, key_id, "0" + key_id),
          ("no key", E, material, ""),
          ("only a type", K, material, b64(b"\4")),
          ("another type", E, material, b64(b"\1" + base64.b64decode(material)[1:])),
          ("key without padding", E, material, material.rstrip("=") + "%"),
          ("newline at the end", E, material, material + "\n"),
      ])) + list(malformed("proof", PROOF, [
          ("nothing", E, PROOF, ""),
          ("another version", E, "@v1", "@v2"),
          ("space after the version", E, "@v1", "@v1 "),
          ("no index", E, "index 2\n", ""),
          ("index after the hashes", E, "index 2\n" + HASHES, HASHES + "index 2\n"),
          ("two indices", E, "index 2\n", "index 2\nindex 2\n"),
          ("two spaces before the index", E, "index 2", "index  2"),
          ("leading zero", E, "index 2", "index 02"),
          ("index 2^63", E, "index 2", f"index {2**63}"),
          ("extra after the index", E, "index 2\n", "index 2\nextra AA==\n"),
          ("two lines of extra", E, "index 2\n", "extra AA==\nextra AA==\nindex 2\n"),
          ("extra that is not base64", E, "index 2\n", "extra ?\nindex 2\n"),
          ("a hash of 31 bytes", E, HASHES, HASHES + b64(bytes(31)) + "\n"),
          ("65 hashes", L, HASHES, (b64(bytes(32)) + "\n") * 65),
          ("no empty line before the checkpoint", E, HASHES + "\n", HASHES),
          ("no checkpoint", E, NOTE, ""),
          ("no signature", E, LINE + "\n", ""),
          ("carriage returns", E, "index 2\n", "index 2\r\n"),
      ])))
write("readable", "what the malformed texts were made from", ["python"],
      [{"kind": kind, "comment": "", "code": "", "text": text} for kind, text in (
          ("checkpoint", CHECKPOINT), ("checkpoint", CHECKPOINT + "extension\n"),
          ("note", NOTE), ("note", "\n\n" + LINE + "\n"), ("note", "a\n\n\nb\n\n" + LINE + "\n"),
          ("vkey", VKEY), ("proof", PROOF),
          ("proof", PROOF.replace("index", "extra \nindex")),
          ("proof", PROOF.replace("index", "extra AAE=\nindex")))])
