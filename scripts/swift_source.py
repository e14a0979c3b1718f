"""The declarations of Swift files, with their documentation, as far as documents need them.

It knows the lexical form of the language and no types: enough to tell what is declared where, under
which name with which labels, how visible it is, and whether a doc comment stands above it.
"""

import re
from bisect import bisect
from dataclasses import dataclass, field
from functools import cache

TYPES = ("struct", "class", "actor", "enum", "protocol", "extension")
MODIFIERS = (
    r"(?:(?:public|package|internal|fileprivate|private|open)(?:\(set\))?|static|class|final|lazy|weak"
    r"|nonisolated(?:\(\w+\))?|mutating|nonmutating|override|convenience|required|indirect|prefix"
    r"|postfix|infix|unowned|isolated|consuming|borrowing|unsafe)")
ATTRIBUTE = r"@\w+(?:\([^()\n]*(?:\([^()\n]*\))?[^()\n]*\))?"
HEAD = re.compile(
    rf"^(?P<indent> *)(?:{ATTRIBUTE} +)*(?P<modifiers>(?:{MODIFIERS} +)*)"
    r"(?P<keyword>struct|class|actor|enum|protocol|extension|func|init|subscript|var|let|case|typealias"
    r"|associatedtype)\b(?P<rest>[?!]?)", re.M)


@dataclass
class Declaration:
    """One declaration. `name` has the labels, as `value(forKey:)`; `owner` the names of the types around
    it, outermost first."""

    path: object
    line: int
    keyword: str
    name: str
    owner: tuple
    access: str
    doc: list = field(default_factory=list)
    #: Of a type, what it conforms to; of a member, what is written as its type.
    types: tuple = ()
    #: Of a property, whether it is stored.
    is_stored: bool = False
    #: Of a type, its text.
    body: str = ""


def blanked(text):
    """The text without comments and the contents of strings, every other character in its place."""
    out, position = list(text), 0

    def blank(start, end):
        for index in range(start, end):
            if out[index] != "\n":
                out[index] = " "

    def string(position):
        """Blanks a string from its first quote or `#`; the place behind it."""
        hashes = len(text) - position - len(text[position:].lstrip("#"))
        start = position + hashes
        quote = '"""' if text.startswith('"""', start) else '"'
        end, escape = quote + "#" * hashes, "\\" + "#" * hashes
        at = start + len(quote)
        while not text.startswith(end, at):
            if text.startswith(escape + "(", at):
                depth, at = 1, at + len(escape) + 1
                while depth:
                    if text[at] == '"':
                        at = string(at)
                        continue
                    depth += {"(": 1, ")": -1}.get(text[at], 0)
                    at += 1
            else:
                at += len(escape) + 1 if text.startswith(escape, at) else 1
        blank(position, at + len(end))
        return at + len(end)

    while position < len(text):
        if text.startswith("//", position):
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            blank(position, end)
            position = end
        elif text.startswith("/*", position):
            depth, end = 1, position + 2
            while depth:
                step = {"/*": 1, "*/": -1}.get(text[end:end + 2], 0)
                depth, end = depth + step, end + (2 if step else 1)
            blank(position, end)
            position = end
        elif text[position] == '"' or re.match(r'#+"', text[position:position + 8]):
            position = string(position)
        else:
            position += 1
    return "".join(out)


def closing(text, position):
    """The place of the bracket that closes the one at `position`."""
    pairs, depth = {"(": ")", "[": "]", "{": "}", "<": ">"}, 0
    opens, closes = text[position], pairs[text[position]]
    for at in range(position, len(text)):
        if text[at] == opens:
            depth += 1
        elif text[at] == closes and not (closes == ">" and text[at - 1] == "-"):
            depth -= 1
            if not depth:
                return at
    return len(text)


def parts(text):
    """The text between commas that stand in no bracket."""
    depth, part, found = 0, "", []
    for index, character in enumerate(text):
        depth += {"(": 1, "[": 1, "{": 1, "<": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        depth -= character == ">" and text[index - 1:index] != "-"
        if character == "," and depth == 0:
            found.append(part)
            part = ""
        else:
            part += character
    return [part for part in found + [part] if part.strip()]


def signature(code, position, name):
    """A name with the labels of the parameters that follow it."""
    while position < len(code) and code[position] in " \n":
        position += 1
    if position < len(code) and code[position] == "<":
        position = closing(code, position) + 1
        while code[position] in " \n":
            position += 1
    if position >= len(code) or code[position] != "(":
        return name
    inside = code[position + 1:closing(code, position)]
    labels = [re.match(rf"\s*(?:{ATTRIBUTE}\s+)*`?(\w+)", part) for part in parts(inside)]
    return f"{name}({''.join(label[1] + ':' for label in labels if label)})"


def names(keyword, code, end):
    """The names that a declaration introduces, whose keyword ends at `end`."""
    if keyword == "init":
        yield signature(code, end, "init")
    elif keyword == "subscript":
        yield signature(code, end, "subscript")
    elif keyword == "func":
        name = re.match(r"\s*`?(\w+|[-/=+!*%<>&|^~?.]+)`?", code[end:])
        yield signature(code, end + name.end(), name[1])
    elif keyword == "case":
        line, depth = "", 0
        for character in code[end:]:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if character == "\n" and depth == 0 and not line.rstrip().endswith(","):
                break
            line += character
        for part in parts(line):
            name = re.match(r"\s*`?(\w+)", part)
            if name:
                yield signature(part, name.end(), name[1])
    elif keyword in ("var", "let"):
        tuple_ = re.match(r"\s*\(([^)]*)\)", code[end:])
        line = tuple_[1] if tuple_ else re.split(r"[={\n]", code[end:], maxsplit=1)[0]
        for part in parts(line):
            name = re.match(r"\s*`?(\w+)", part)
            if name:
                yield name[1]
    else:
        name = re.match(r"\s*`?([\w.]+)", code[end:])
        yield name[1] if name else "Array"  # an extension of [Element]


def documentation(lines, index):
    """The doc comment above a line, attributes between them passed over."""
    index -= 1
    while index >= 0 and re.match(rf"\s*(?:{ATTRIBUTE}\s*)+$", lines[index]):
        index -= 1
    found = []
    while index >= 0 and lines[index].strip().startswith("///"):
        found.insert(0, lines[index].strip()[3:].strip())
        index -= 1
    return found


def access(modifiers):
    for level in ("public", "open", "package", "fileprivate", "private"):
        if re.search(rf"\b{level}\b(?!\(set\))", modifiers):
            return "public" if level == "open" else level
    return "internal"


@cache
def declarations(path):
    """All declarations of a file that stand outside of functions."""
    return list(scan(path))


def scan(path):
    text = path.read_text(encoding="utf-8")
    code, lines = blanked(text), text.splitlines()
    starts = [0] + [index + 1 for index, character in enumerate(text) if character == "\n"]
    levels, depth = [0], 0  # at each brace, the depth behind it
    braces = []
    for index, character in enumerate(code):
        if character in "{}":
            depth += 1 if character == "{" else -1
            braces.append(index)
            levels.append(depth)
    scopes = []  # of types: first and last place, depth inside, names, kind, access
    for head in HEAD.finditer(code):
        keyword, start = head["keyword"], head.start("keyword")
        level = levels[bisect(braces, start)]
        scopes = [scope for scope in scopes if scope[1] > start]
        around = scopes[-1] if scopes else None
        if level != (around[2] if around else 0):
            continue
        owner = around[3] if around else ()
        line = bisect(starts, start) - 1
        doc = documentation(lines, line)
        level_of_access = access(head["modifiers"])
        if around and around[4] == "protocol" or keyword == "case":
            level_of_access = around[5] if around else "internal"
        for name in names(keyword, code, head.end()):
            found = Declaration(path, line + 1, keyword, name, owner, level_of_access, doc)
            if keyword in TYPES:
                opening = code.index("{", start)
                end = closing(code, opening)
                inherits = re.search(r":(.*?)(?:\bwhere\b|$)", code[head.end():opening], re.S)
                found.types = tuple(
                    re.sub(r"<.*", "", part).split()[-1] for part in parts(inherits[1])
                ) if inherits else ()
                found.body = text[opening:end]
                scopes.append((opening, end, level + 1, owner + tuple(name.split(".")),
                               keyword, level_of_access))
            elif keyword in ("var", "let"):
                rest = code[head.end():].split("\n", 1)[0]
                type_ = re.search(r":\s*(.*?)\s*(?:[={]|$)", rest)
                found.types = (type_[1],) if type_ else ()
                before = rest.split("=", 1)[0]
                found.is_stored = "{" not in before and not (around and around[4] == "protocol")
            yield found
