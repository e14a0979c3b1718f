"""What the scripts share that make a file of vectors, and of it a part of docs/specification.md."""

import sys

from envelope import ROOT

SPECIFICATION = ROOT / "docs/specification.md"


def printable(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: printable(each) for name, each in value.items()}
    return [printable(each) for each in value] if isinstance(value, list) else value


class Page:
    """`vectors` and `appendix` make the texts; `script` is the name that stands in the page's marks."""

    def __init__(self, script, section, path, vectors, appendix):
        self.section, self.path = section, path
        self.vectors, self.appendix = vectors, appendix
        self.begin = f"<!-- {script}: values -->\n"
        self.end = f"<!-- {script}: values end -->"

    @property
    def text(self):
        return self.begin + self.appendix() + self.end

    def write(self):
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(self.vectors(), encoding="utf-8")
        before, rest = SPECIFICATION.read_text(encoding="utf-8").split(self.begin)
        SPECIFICATION.write_text(
            before + self.text + rest.split(self.end)[1], encoding="utf-8")

    def checks(self):
        yield self.path.name, self.path.read_text(encoding="utf-8") == self.vectors()
        yield f"appendix {self.section}", self.text in SPECIFICATION.read_text(encoding="utf-8")

    def main(self, arguments, usage, content, checks):
        """`write` or `check`; `checks` are of the script's own, before those of the page."""
        if arguments == ["write"]:
            self.write()
            return 0
        if arguments != ["check"]:
            print(usage, file=sys.stderr)
            return 2
        failures = [name for name, holds in (*checks, *self.checks()) if not holds]
        for name in failures:
            print(f"FAIL  {name}")
        if not failures:
            print(f"ok    {content} of appendix {self.section}")
        return 1 if failures else 0
