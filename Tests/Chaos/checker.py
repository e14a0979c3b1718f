"""What was acknowledged against what is on the ledger: each way in which they contradict each other, in words.

Judges a history and a view of the ledger alone, so that it can be tried with false ones (selftest.py).
"""

from dataclasses import dataclass, field

from liar import is_signed

# From these on nobody can say that it is not there.
DURABLE = ("confirmed", "final")
ORDER = {"sent": 0, "written": 1, "refused": 1, "demanded": 2, "confirmed": 3, "final": 4}


@dataclass
class Facts:
    """What the runner knows besides."""

    hospitals: dict = field(default_factory=dict)  # of each doctor: the hospital
    restored: dict = field(default_factory=dict)  # of each party that was put back: as of when
    tickets: dict = field(default_factory=dict)  # of each hospital: tickets that its desk knows at the end
    visits: dict = field(default_factory=dict)  # of each patient: the visits that the program knows
    cut_short: int = 0  # operations that did not end
    halted: dict = field(default_factory=dict)  # of each hospital: since when and until when it could store nothing
    liars: dict = field(default_factory=dict)  # of each party that signed two statements: its voting key
    copies: dict = field(default_factory=dict)  # of each chain, by who has it: the hashes of its leaves


@dataclass
class Acknowledged:
    """Something that was submitted, as a program has said at a time that it stands."""

    at: float
    who: str
    kind: str
    visit: str
    document: str
    entry: str
    standing: str
    index: int | None
    code: str | None

    def __str__(self):
        return "%s of %s in visit %s: %s at %s" % (
            self.kind, self.who, self.visit[:12], self.standing, self.index)


def acknowledged(history):
    """All that programs have said of what was submitted, in the order of time."""
    said = []

    def add(operation, kind, stands, visit, document="", entry=""):
        if stands:
            said.append(Acknowledged(
                operation.ended, operation.who, kind, visit, document, entry, stands["standing"],
                stands.get("index"), stands.get("code")))

    for operation in history.operations:
        result, about = operation.result or {}, operation.about
        if operation.verb == "sign":
            add(operation, "signature", result.get("signature"), about.get("visit"))
            add(operation, "completion", result.get("completion"), about.get("visit"))
        elif operation.verb == "collect":
            add(operation, "receipt", result.get("receipt"), about.get("visit"))
        elif operation.verb == "consent" and "consent" in result:
            add(operation, "consent", result.get("stands"), about["visit"], result["consent"])
        elif operation.verb == "revoke":
            add(operation, "revocation", result.get("stands"), about["visit"], about["consent"])
        for each in result.get("submissions", []):
            add(operation, each["kind"], each["stands"], each["visit"], each.get("consent") or "",
                each["entry"])
    return sorted(said, key=lambda one: one.at)


def check(history, view, facts):
    """Every contradiction; none, if all is well."""
    said = acknowledged(history)
    return [
        *_nothing_is_lost(said, view), *_final_stays(said), *_visits(history, view, facts),
        *_sharing(history, view), *_openings(history, view), *_tickets(history, view, facts),
        *_halts(history, facts), *_forks(facts), *_reports(view, facts)]


# Entries


def _at(view, index):
    return [entry for entries in view.chains.values() for entry in entries if entry.index == index]


def _nothing_is_lost(said, view):
    refused = {(one.kind, one.visit, one.document) for one in said if one.standing == "refused"}
    ended = {entry.visit for _, entry in view.find(kind="abandonment")}
    for one in said:
        here = [(hospital, entry) for hospital, entry in
                view.find(kind=one.kind, visit=one.visit, document=one.document)
                if not one.entry or entry.digest == one.entry]
        if one.kind == "signature" and not one.entry and one.who:
            here = [(hospital, entry) for hospital, entry in here if entry.signer == one.who]
        demanded = [entry for entry in view.demands if entry.kind == one.kind
                    and (entry.visit, entry.document) == (one.visit, one.document)]
        if one.standing in DURABLE:
            placed = [entry for _, entry in here if entry.index == one.index]
            if not placed:
                yield "lost: %s, and the ledger has no such entry there" % one
            elif one.standing == "final" and not any(
                    entry.index == one.index and one.index < view.final.get(hospital, 0)
                    for hospital, entry in here):
                yield "lost: %s, and it is not final any more" % one
        elif one.standing == "demanded" and not any(entry.index == one.index for entry in demanded):
            yield "lost: %s, and the consortium chain has no such demand" % one
        elif one.standing == "written" and not here and not demanded and one.visit not in ended \
                and (one.kind, one.visit, one.document) not in refused:
            # Its signer keeps it, and submits it again until it is confirmed.
            yield "lost: %s, and nothing of it came after that" % one


def _final_stays(said):
    last = {}
    for one in said:
        # Without its digest a second signature cannot be told from the first.
        if not one.entry:
            continue
        before = last.get((one.who, one.entry))
        if before and before.standing in DURABLE and ORDER[one.standing] < ORDER[before.standing]:
            yield "taken back: %s was %s" % (one, before.standing)
        if before and before.standing == one.standing == "final" and before.index != one.index:
            yield "moved: %s was at %s" % (one, before.index)
        last[(one.who, one.entry)] = one


# Visits


def _visits(history, view, facts):
    known = {visit for visits in facts.visits.values() for visit in visits}
    admitted = {}
    for operation in history.of("ticket"):
        if operation.code == 0:
            admitted[operation.result["visit"]] = operation
    for hospital, entry in view.find(kind="opening"):
        if entry.visit not in known | set(admitted) and not facts.cut_short:
            yield "invented: %s opened visit %s, of which no patient knows" % (hospital, entry.visit[:12])
        operation = admitted.get(entry.visit)
        if operation and entry.team != operation.about["team"]:
            yield "invented: visit %s has the team %s" % (entry.visit[:12], entry.team)
    findings = {}
    for operation in history.of("sign"):
        findings.setdefault(operation.about["visit"], {})[operation.who] = operation.about["finding"]
    for hospital, entry in view.find(kind="completion"):
        if len(view.find(kind="completion", visit=entry.visit)) > 1:
            yield "doubled: visit %s is complete twice" % entry.visit[:12]
        opening = view.find(kind="opening", visit=entry.visit)
        if not opening or opening[0][1].index > entry.index:
            yield "invented: visit %s is complete and was not opened" % entry.visit[:12]
            continue
        for doctor in opening[0][1].team:
            signed = [e for _, e in view.find(kind="signature", visit=entry.visit, signer=doctor)
                      if e.index < entry.index]
            if not signed or doctor not in findings.get(entry.visit, {}):
                yield "invented: visit %s is complete without %s" % (entry.visit[:12], doctor)
    for operation in history.of("collect"):
        visit = operation.about["visit"]
        if operation.error == "disputed":
            yield "disputed: the record of visit %s is not what the team signed" % visit[:12]
        if "collected" in operation.about:
            if operation.about["collected"] != findings.get(visit):
                yield "changed: the record of visit %s is not what was signed" % visit[:12]
            if not view.find(kind="completion", visit=visit):
                yield "lost: visit %s was collected and is not complete" % visit[:12]


# Sharing


def _sharing(history, view):
    """What the ledger itself says of consents, revocations and accesses."""
    wanted = {operation.about["visit"] for operation in history.of("consent")}
    asked = {operation.about["consent"] for operation in history.of("open")}
    for hospital, access in view.find(kind="access"):
        name = "consent %s" % access.document[:12]
        same = view.find(kind="access", document=access.document)
        if len(same) > 1:
            yield "doubled: %s was used twice" % name
        consents = [e for h, e in view.find(kind="consent", document=access.document, visit=access.visit)
                    if h == hospital and e.index < access.index]
        if not consents:
            yield "opened without consent: %s is used before it is given" % name
        if any(h == hospital and e.index < access.index
               for h, e in view.find(kind="revocation", document=access.document)):
            yield "opened after revocation: %s is used after it was taken back" % name
        if access.document not in asked:
            yield "invented: %s is used, and no doctor has asked" % name
    for _, consent in view.find(kind="consent"):
        if consent.visit not in wanted:
            yield "invented: a consent to visit %s, which nobody wanted" % consent.visit[:12]


def _openings(history, view):
    """What doctors' programs have opened."""
    revoked = {}
    for operation in history.of("revoke"):
        stands = operation.result.get("stands") or {}
        if stands.get("standing") in DURABLE + ("demanded",) and operation.code == 0:
            consent = operation.about["consent"]
            revoked[consent] = min(revoked.get(consent, operation.ended), operation.ended)
    for operation in history.of("open"):
        about = operation.about
        consent = about["consent"]
        name = "consent %s" % consent[:12]
        if "opened" not in about:
            if operation.code == 0:
                yield "lost: %s opened a record that is not there" % name
            continue
        if about["opened"] != about["findings"]:
            yield "changed: what %s opened is not what was signed" % name
        if not view.find(kind="consent", document=consent, visit=about["visit"]):
            yield "opened without consent: %s is not on the ledger" % name
        if not view.find(kind="access", document=consent):
            yield "unnoticed: %s opened a record, and the ledger has no notice" % name
        if operation.began > revoked.get(consent, operation.began):
            yield "opened after revocation: %s opened a record %.1f s after the receipt" % (
                name, operation.began - revoked[consent])


# Counters


def _tickets(history, view, facts):
    """Tickets that were handed out are good, or were used."""
    used = {(operation.about["encounter"]) for operation in history.of("ticket") if operation.code == 0}
    for operation in history.of("desk-ticket", "probe-ticket"):
        if operation.code != 0 or operation.about["encounter"] in used:
            continue
        hospital = operation.about["hospital"]
        if operation.ended > facts.restored.get(hospital, operation.ended):
            continue
        if hospital in facts.tickets and operation.result["ticket"] not in facts.tickets[hospital]:
            if operation.about["patient"] in facts.visits and _may_have_opened(operation, history):
                continue
            yield "lost: a ticket of %s for %s is not known any more" % (
                hospital, operation.about["patient"])


def _may_have_opened(operation, history):
    """Whether a form with this ticket was sent and its answer is not known."""
    return any(o.about["encounter"] == operation.about["encounter"] and o.code != 0
               for o in history.of("ticket"))


def _halts(history, facts):
    """Who can store nothing says of nothing that it stands."""
    for operation in history.of("desk-ticket", "probe-ticket"):
        since, until = facts.halted.get(operation.about["hospital"], (0, 0))
        if operation.code == 0 and since < operation.began and operation.ended < until:
            yield "acknowledged: %s handed out a ticket without etcd, at %.1f s of %.1f" % (
                operation.about["hospital"], operation.ended - since, until - since)


# Lies


def _forks(facts):
    """Of two leaves at one place one is not there, whoever has them."""
    for chain, copies in facts.copies.items():
        (first, reference), *others = copies.items()
        for name, leaves in others:
            for index, (one, other) in enumerate(zip(reference, leaves)):
                if one != other:
                    yield "forked: leaf %d of %s is one at %s and another at %s" % (index, chain, first, name)
                    break


def _reports(view, facts):
    """Who has signed two statements is reported, and nobody else."""
    known = set()
    for report in view.reports:
        (first, one), (second, other) = report.statements
        culprits = {name for name, key in facts.liars.items()
                    if first != second and is_signed(key, one, first) and is_signed(key, other, second)}
        if not culprits:
            yield "framed: the report at %d is of nobody who has signed two statements" % report.index
        known |= culprits
    for name in set(facts.liars) - known:
        yield "unreported: %s has signed two statements, and nobody says so" % name
