"""What check-docs asks of the doc comments in Sources.

* A public declaration of a library has a doc comment, unless another place says what it is: the
  requirement that it meets, the published field that it is encoded as, the properties that an initializer
  only takes, or the name of its type. A case is explained with its enum, or by itself.
* What stands in ``double backquotes`` names a declaration: a type, a module, or a member of a type around
  the comment, with the labels if it has parameters.
"""

import re
from collections import defaultdict
from pathlib import Path

from swift_source import TYPES, declarations

ROOT = Path(__file__).resolve().parent.parent
# What is part of no library.
UNDOCUMENTED = ("PaperEvaluation", "PrintedScheme", "TestSupport", "bcemr")
# Requirements of the standard library.
STANDARD = re.compile(r"[-+*=<]+\(.*|hash\(into:\)|description|debugDescription|customMirror")


class Index:
    """All declarations of some folders, and what follows from them together."""

    def __init__(self, *folders):
        self.all = [declaration for folder in folders
                    for path in sorted((ROOT / folder).glob("**/*.swift"))
                    for declaration in declarations(path)]
        self.modules = {path.name for path in (ROOT / "Sources").iterdir()}
        self.types = defaultdict(list)  # by their own name
        self.members = defaultdict(set)  # of a type, by its own name
        self.properties = defaultdict(set)
        self.conformances = defaultdict(set)
        self.encoded = defaultdict(set)
        self.protocols = set()
        for declaration in self.all:
            around = declaration.owner[-1] if declaration.owner else ""
            self.members[around].add(declaration.name)
            if declaration.keyword in ("var", "let"):
                self.properties[declaration.owner].add(declaration.name)
            if declaration.keyword in TYPES:
                name = declaration.name.split(".")[-1]
                self.types[name].append(declaration)
                self.conformances[name] |= set(declaration.types)
                self.encoded[declaration.owner + tuple(declaration.name.split("."))] |= set(
                    re.findall(r'fields\.\w+\(\s*"(\w+)"', declaration.body))
                if declaration.keyword == "protocol":
                    self.protocols.add(name)
            elif declaration.keyword in ("typealias", "associatedtype"):
                self.types[declaration.name].append(declaration)

    def inherited(self, name):
        """A type and the protocols of this package that it conforms to."""
        found, waiting = set(), [name]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [each for each in self.conformances[name] if each in self.types]
        return found

    def requirements(self, name):
        return {declaration.name for each in self.inherited(name) & self.protocols
                for declaration in self.types[each] if declaration.keyword == "protocol"
                for declaration in self.inside(declaration)}

    def inside(self, protocol):
        return [each for each in self.all if each.owner[-1:] == (protocol.name,)
                and each.path == protocol.path and protocol.line <= each.line
                and each.line <= protocol.line + protocol.body.count("\n")]

    def has_member(self, type_name, member):
        names = {name for each in self.inherited(type_name) for name in self.members[each]}
        return member in names

    def names(self, link, scope):
        """Whether a link, as `Type/member(label:)`, names something, seen from inside these types."""
        first, *rest = re.sub(r"-\(.*\)$", "", link).split("/")  # without what tells overloads apart
        if rest:
            if first not in self.types and first not in self.modules:
                return False
            for member in rest:
                if first in self.types and not self.has_member(first, member):
                    return False
                first = member
            return True
        return (first in self.types or first in self.modules or first in self.members[""]
                or any(self.has_member(each, first) for each in scope))


def is_explained_elsewhere(declaration, index, requirements):
    owner = declaration.owner[-1] if declaration.owner else ""
    if STANDARD.fullmatch(declaration.name):
        return True
    if declaration.name in requirements.get(owner, ()):
        return owner not in index.protocols or not is_requirement(declaration, index)
    if declaration.keyword == "init":
        labels = re.findall(r"(\w+):", declaration.name)
        return bool(labels) and set(labels) <= index.properties[declaration.owner]
    if declaration.is_stored and declaration.name in index.encoded[declaration.owner]:
        return True
    if declaration.keyword in ("var", "let") and declaration.types:
        kind = re.sub(r"<.*|[\[\]?()]|\b(any|some) ", "", declaration.types[0]).split(".")[-1].lower()
        name = declaration.name.lower()
        return kind.endswith(name) or kind + "s" == name
    return False


def is_requirement(declaration, index):
    """Whether it stands in a protocol itself, not in an extension."""
    return any(declaration in index.inside(each) for each in index.types[declaration.owner[-1]]
               if each.keyword == "protocol")


def place(path, line):
    return f"{path.relative_to(ROOT)}:{line}"


def missing(index):
    """Public declarations that say nowhere what they are."""
    requirements = {name: index.requirements(name) for name in list(index.types)}
    for declaration in index.all:
        module = declaration.path.relative_to(ROOT).parts[1]
        if (module not in UNDOCUMENTED and declaration.access == "public" and not declaration.doc
                and declaration.keyword not in ("extension", "case")
                and not is_explained_elsewhere(declaration, index, requirements)):
            yield (f"{place(declaration.path, declaration.line)}: {declaration.keyword} "
                   f"{'.'.join(declaration.owner + (declaration.name,))} has no doc comment")


def links(index):
    """``Links`` that lead nowhere."""
    by_path = defaultdict(list)
    for declaration in index.all:
        by_path[declaration.path].append(declaration)
    for path, inside in by_path.items():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip().startswith("///"):
                continue
            for link in re.findall(r"``([^`]+)``", line):
                next_ = next((each for each in inside if each.line > number), None)
                scope = next_.owner if next_ else ()
                if next_ and next_.keyword in TYPES:
                    scope += tuple(next_.name.split("."))
                if not index.names(link, scope):
                    yield f"{place(path, number)}: ``{link}`` names nothing"
