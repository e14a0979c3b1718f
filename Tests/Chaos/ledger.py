"""The ledger at the end of a run, read from an export by the specification and not by the programs' own code."""

import sys
import tarfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

# Tags of a Demand and of a VoteEquivocationReport, which alone are looked for on the consortium chain.
DEMAND, REPORT = b"\x7f\x36", b"\x7f\x3e"
KINDS = {
    "partialSignature": "signature", "visitCompletion": "completion", "visitReceipt": "receipt",
    "consentNotice": "consent", "revocation": "revocation", "accessNotice": "access",
    "visitOpening": "opening", "visitAbandonment": "abandonment", "accessRequestNotice": "request",
}


@dataclass
class Entry:
    index: int
    kind: str
    digest: str
    visit: str
    document: str = ""
    signer: str = ""
    team: list = field(default_factory=list)  # of an opening


@dataclass
class Report:
    """That somebody has signed two things; who, says the key."""

    index: int
    statements: list  # (object as it was signed, signature)


@dataclass
class View:
    chains: dict = field(default_factory=dict)  # of each hospital: entries in order
    final: dict = field(default_factory=dict)  # of each hospital: how many leaves are final
    demands: list = field(default_factory=list)  # of all hospitals: entries, by index on the consortium chain
    reports: list = field(default_factory=list)

    def find(self, **wanted):
        """Entries of hospitals' chains that have these values, with their hospitals."""
        return [
            (hospital, entry) for hospital, entries in self.chains.items() for entry in entries
            if all(getattr(entry, name) == value for name, value in wanted.items())]


def entry_of(value, index, digest):
    """None of entries that are of no visit."""
    content = value["content"]
    kind, body = content["body"]
    if kind not in KINDS:
        return None
    context = body.get("context")
    signer = content["signer"]
    return Entry(
        index, KINDS[kind], digest.hex(), (context["visitID"] if context else body["visit"]).hex(),
        body["document"].hex() if "document" in body else "",
        signer.get("party") or signer["visit"].hex(),
        [one["doctor"] for one in context["signers"]] if kind == "visitOpening" else [])


def read(path, final):
    """- final: of each hospital, as another program has found it."""
    import export_file as files
    from asn1_module import decode, encode
    archive = tarfile.open(path)
    names = archive.getnames()
    view = View(final=final)
    for folder in [name[:-len("/checkpoint")] for name in names if name.endswith("/checkpoint")]:
        def contents(name):
            return archive.extractfile(folder + "/" + name).read()

        size = files.Note(contents("checkpoint").decode()).size
        leaves = []
        for name, _, width in files.tiles("entries", size):
            leaves += files.read_bundle(contents(name), width)
        if folder == "consortium":
            for index, leaf in enumerate(leaves):
                if leaf[:1] == b"\1" and (DEMAND in leaf or REPORT in leaf):
                    kind, body = decode("Entry", leaf[1:])["content"]["body"]
                    if kind == "voteEquivocationReport":
                        view.reports.append(Report(index, [
                            (body[each]["object"], body[each]["signature"]) for each in ("first", "second")]))
                    if kind == "demand":
                        inner = encode("Entry", body["entry"])
                        view.demands.append(entry_of(body["entry"], index, sha256(inner).digest()))
            continue
        hospital = folder.split("/")[0]
        entries = [
            entry_of(decode("Entry", leaf[1:]), index, sha256(leaf[1:]).digest())
            for index, leaf in enumerate(leaves) if leaf[:1] == b"\1"]
        view.chains[hospital] = [entry for entry in entries if entry]
    return view
