"""What check-docs asks of the pages in Markdown.

* Every link leads to a file that is there, and to a heading that it has, by GitHub's rules for anchors. One
  that leaves the folder of documents has as its text where that is in the repository, for who has them alone.
* Every path in backquotes is there. In the pages of NAMING, so is every file that is named without its
  folder, and every Swift name: a type, or a type with its members, as `Patient.admit`.
* docs/architecture.md mentions every folder of Sources, and every key that a role stores something under.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = "Benchmarks|Examples|Sources|Tests|docs|scripts"
ARCHITECTURE = "docs/architecture.md"
# Where files and Swift names stand without their place.
NAMING = (ARCHITECTURE, "CONTRIBUTING.md", "docs/decisions/*.md")


def pages():
    return sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))


def name(path):
    return path.relative_to(ROOT).as_posix()


def prose(path):
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(path):
    """What `#…` may name in a page: of each heading the letters, digits, `-` and `_`, in lower case and
    with `-` for each space; of equal ones the later have `-1`, `-2` behind them."""
    found, counts = set(), {}
    for heading in re.findall(r"^#{1,6} +(.+?)(?: +#+)? *$", prose(path), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = counts.get(slug, 0)
        counts[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def links():
    for page in pages():
        for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)", prose(page)):
            path = page.parent / target if target else page
            if not path.exists():
                yield f"{name(page)}: there is no {target}"
            elif anchor and (path.suffix != ".md" or anchor not in anchors(path)):
                yield f"{name(page)}: {target or name(page)} has no heading #{anchor}"
    for page in sorted((ROOT / "docs").glob("**/*.md")):
        for text, target in re.findall(r"\[([^\]\n]*)\]\((?!\w+:)([^)#\s]+)", prose(page)):
            path = (page.parent / target).resolve()
            if not path.is_relative_to(ROOT / "docs") and text.strip("`") != name(path):
                yield f"{name(page)}: the text of the link to {target} is not where that is, {name(path)}"


def files():
    for page in pages():
        for path in re.findall(rf"`((?:{FOLDERS})/[\w/.+-]+)`", page.read_text(encoding="utf-8")):
            if not (ROOT / path).exists():
                yield f"{name(page)}: there is no {path}"


def quoted(page):
    return re.findall(r"`([^`\n]+)`", prose(page))


def names(index):
    """Files without a folder, and Swift names. `index` knows the declarations of Sources and Tests."""
    known = {path.name for folder in FOLDERS.split("|") for path in (ROOT / folder).rglob("*.*")}
    known |= {path.name for path in ROOT.iterdir()}
    folders_ = {path.name for folder in ("Sources", "Tests")
                for path in (ROOT / folder).rglob("*") if path.is_dir()}
    published = set(re.findall(r"^(\w+) ::=", (ROOT / "docs/BCEMR.asn1").read_text(), re.M))
    for page in (page for pattern in NAMING for page in sorted(ROOT.glob(pattern))):
        for text in quoted(page):
            if re.fullmatch(r"[\w+-]+\.(swift|py|md|asn1|json|txt)", text):
                if text not in known:
                    yield f"{name(page)}: there is no file {text}"
            elif re.fullmatch(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*(\.\w+)*", text):
                first, *members = text.split(".")
                if text in published or text in folders_:
                    continue
                if first not in index.types or not all(
                        any(each.split("(")[0] == member for type_ in index.inherited(owner)
                            for each in index.members[type_])
                        for owner, member in zip([first] + members, members)):
                    yield f"{name(page)}: nothing is called {text}"


def folders():
    page = ROOT / ARCHITECTURE
    mentioned = set(quoted(page))
    for module in sorted((ROOT / "Sources").iterdir()):
        if module.is_dir() and module.name not in mentioned:
            yield f"{ARCHITECTURE}: the module {module.name} is not in it"
        for folder in sorted(path for path in module.iterdir() if path.is_dir()):
            if folder.name != "include" and name(folder) not in mentioned:
                yield f"{ARCHITECTURE}: the folder {name(folder)} is not in it"


def stored_keys():
    """Keys of role stores: all texts of the source with a `/`, and constants called `…Key` or `…Name`."""
    page = prose(ROOT / ARCHITECTURE)
    table = page.split("Keys of the `RoleStore`:")[1].split("\n\n")[1]
    stated = {key for row in table.splitlines()[2:] for key in re.findall(r"`([a-z/-]+)`",
                                                                          row.split("|")[2])}
    text = "\n".join(path.read_text(encoding="utf-8")
                     for folder in ("Roles", "LedgerAccess", "Consensus", "Keys", "Mail")
                     for path in sorted((ROOT / "Sources/Consortium" / folder).glob("*.swift")))
    found = set(re.findall(r'"([a-z-]+/(?:[a-z-]+/?)*)', text))
    found |= set(re.findall(r'(?:Key|Name) = "([a-z-]+)"', text))
    found -= {"cosigner/"}  # a name in key files
    for key in sorted(found ^ stated):
        where = "the table of keys" if key in found else "the source"
        yield f"{ARCHITECTURE}: the key {key} of a role's store is not in {where}"
