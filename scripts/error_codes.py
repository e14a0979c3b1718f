#!/usr/bin/env python3
"""The codes of errors, in the source and in docs/errors.md.

    error_codes.py write | check

Those that libraries declare have their meaning from the doc comment, and `write` puts it into the page. Those
that programs give in place are explained on the page by hand: `check`, which check-docs makes too, finds what
is missing there, and what no program says any more.

Exit codes: 0 the page has all codes and no others, 1 not, 2 bad input.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/errors.md"
CODE = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
# Programs, and what their tables call them.
PROGRAMS = {"bcemr": "`bcemr`", "bcemrd": "`bcemrd`", "DeskInterface": "`bcemrd desk`", "HTTPTransport": "HTTP"}
# Not shown to anybody: the paper's scheme as it is printed, for its evaluation alone.
LEFT_OUT = ("PrintedScheme",)


def files(folder="*"):
    for path in sorted((ROOT / "Sources").glob(f"{folder}/**/*.swift")):
        yield path.relative_to(ROOT / "Sources").parts[0], path.read_text(encoding="utf-8")


def declared():
    """By type its codes, with their meaning as their doc comments say it; None without one."""
    found = {}
    code = re.compile(
        rf'((?:^ *///.*\n)*)^ *(?:\w+ )*static (?:var|let) \w+(?:: Self)?(?: \{{| =) (?:Self|Code|Refusal)'
        rf'\("({CODE})"\)', re.M)
    # Of each declaration of a file its name, if it has codes.
    owner = re.compile(
        r"^(?:\w+ )*(?:extension|struct|enum|class|actor|protocol) "
        r"(?:ErrorCode<(\w+)>|(?=(?:\w+Error|Refusal|StoreFinding)\b)(\w+)|\w)", re.M)
    for module, text in files():
        if module in LEFT_OUT:
            continue
        owners = [(match.start(), match[1] or match[2]) for match in owner.finditer(text)]
        for match in code.finditer(text):
            before = [name for place, name in owners if place < match.start()]
            if before and before[-1]:
                comment = " ".join(re.findall(r"/// ?(.*)", match[1])).strip()
                found.setdefault(before[-1], {})[match[2]] = comment or None
    return found


def named():
    """(Program, code) of what programs say in place."""
    found = set()
    for module in PROGRAMS:
        for _, text in files(module):
            patterns = [rf'\bcode: (?:String = )?"({CODE})"']
            # What is handed to a function of the file whose first parameter is a code.
            for name in re.findall(r"func (\w+)\(\s*_ code: String", text):
                patterns.append(rf'\b{name}\(\s*"({CODE})"')
            # A constant of the file that stands as a code.
            for name in set(re.findall(r"\bcode: (?:Self\.)?(\w+)", text)):
                patterns.append(rf'static let {name} = "({CODE})"')
            if "let (code, what)" in text:
                patterns.append(rf'\("({CODE})", "')
            for body in re.findall(r"var (?:code|reportedCode): String \{\n(.*?)\n  \}", text, re.S):
                found |= {(module, each) for each in re.findall(rf'"({CODE})"', body)}
            found |= {(module, each) for pattern in patterns for each in re.findall(pattern, text)}
    return found


def mark(name):
    return f"<!-- {name} -->\n", f"<!-- {name} end -->"


def rows(codes):
    return "| code | means |\n|---|---|\n" + "".join(
        f"| `{code}` | {escaped(meaning)} |\n" for code, meaning in sorted(codes.items()))


def escaped(text):
    """A doc comment as a cell: what it has in double backquotes in single ones."""
    return (text or "").replace("``", "`").replace("|", "\\|")


def typed(page, name):
    begin, end = mark(name)
    return page.split(begin)[1].split(end)[0] if begin in page and end in page else None


def write():
    page = PAGE.read_text(encoding="utf-8")
    for name, codes in declared().items():
        begin, end = mark(name)
        if typed(page, name) is not None:
            before, rest = page.split(begin)
            page = before + begin + rows(codes) + end + rest.split(end, 1)[1]
    PAGE.write_text(page, encoding="utf-8")


def failures():
    page = PAGE.read_text(encoding="utf-8")
    for name, codes in sorted(declared().items()):
        if typed(page, name) is None:
            yield f"docs/errors.md: {name} has codes, and no table"
        elif typed(page, name) != rows(codes):
            yield f"docs/errors.md: the table of {name} is not that of the source; run scripts/error_codes.py write"
        for code, meaning in codes.items():
            if not meaning:
                yield f"docs/errors.md: {name} does not say what {code} means"
    begin, end = mark("programs")
    stated = set()
    for code, users, meaning in re.findall(
            rf"^\| `({CODE})` \| (.*?) \| (.*) \|$", page.split(begin)[1].split(end)[0], re.M):
        stated |= {(module, code) for module, word in PROGRAMS.items() if word in users.split(", ")}
        if not meaning.strip():
            yield f"docs/errors.md: it does not say what {code} means"
    for module, code in sorted(named() - stated):
        yield f"docs/errors.md: {code} of {PROGRAMS[module]} is not in the table of programs"
    for module, code in sorted(stated - named()):
        yield f"docs/errors.md: {PROGRAMS[module]} never says {code}"


def main(arguments):
    if arguments == ["write"]:
        write()
    elif arguments != ["check"]:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(failures())
    for line in found:
        print(f"FAIL  {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
