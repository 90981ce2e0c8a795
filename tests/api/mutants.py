"""Statements with one of their predicates taken out, one at a time: which there are, and who notices."""

import os
import re
from dataclasses import dataclass, field

VALUE_END, TEXT_END = "\x1f", "\x1e"
# What keeps a row to its organisation, and what to the caller. `not` a longer name, `not` another parameter.
ORGANIZATION = re.compile(r"(?<![\w.])(?:\w+\.)?org_id = \$1(?:::uuid)?(?!\d)")
JOINED = re.compile(r"(?<![\w.])\w+\.(?:org_id|id) = \w+\.org_id(?!\w)")
CALLER = re.compile(r"(?<![\w.])(?:\w+\.)?\w+ = (?:any\()?\(?\$(\d+)(?:::(?:uuid|text)(?:\[\])?)?\)?(?:\[\d+\])?\)?")
# What stands before what a client asked for, which may be the caller too.
ASKED = re.compile(r"(?:deleted_at is (?:not )?null|\w+\.id = \w+\.\w+|\)|from users u where u\.org_id = \$1::uuid) and $")
ASSIGNING = re.compile(r"\bset (?:(?! where | from ).)*$", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    text: str
    values: tuple


@dataclass
class Mutant:
    kind: str  # organization: "org_id = $1"; join: of two tables; caller: whose or by whom
    text: str
    mutated: str
    predicate: str
    bomb: str  # the statement with a condition that fails on any row in the predicate's place
    start: int
    asks: list = field(default_factory=list)  # that run the statement
    verdicts: dict = field(default_factory=dict)  # what was tried -> what was noticed, None: nothing

    @property
    def site(self):
        """Where in the code it comes from, near enough: the same predicate of the same table in the same surroundings, whatever was
        asked for besides."""
        before = max(self.text.rfind(word, 0, self.start) for word in (" from ", " join ", "update ", "insert "))
        return self.kind, plain(self.text[before:self.start]), self.predicate and plain(self.predicate), \
            plain(self.text[self.start + len(self.predicate):][:25])

    def __str__(self):
        return f"{self.kind}: {self.predicate!r} at {self.start} of {self.text}"


def plain(text):
    return re.sub(r"\d+", "#", text)


def log_of(path):
    """[Statement] that ran since the log was taken away last."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return []
    os.truncate(path, 0)
    parts = [entry.split(VALUE_END) for entry in text.split(TEXT_END)[:-1]]
    return [Statement(sql, tuple(values[:-1])) for sql, *values in parts]


def predicates(statement, identity):
    """[(kind, start, text, what is true in its place)]; `identity`: the values by which statements know the caller."""
    text = statement.text
    for found in ORGANIZATION.finditer(text):
        yield "organization", found.start(), found.group(), "($1::uuid is not null)"
    for found in JOINED.finditer(text):
        yield "join", found.start(), found.group(), "true"
    for found in CALLER.finditer(text):
        number, whole = int(found.group(1)), found.group()
        if number == 1 or number > len(statement.values) or statement.values[number - 1] not in identity:
            continue
        if ASSIGNING.search(text[:found.start()]) or ASKED.search(text[:found.start()]):
            continue
        whole = whole[:len(whole) - max(0, whole.count(")") - whole.count("("))]
        kind = "uuid[]" if "[]" in whole else "text" if "::text" in whole else "uuid" if "::uuid" in whole else None
        yield "caller", found.start(), whole, f"(${number}{'::' + kind if kind else ''} is not null)"


def mutants_of(statement, identity):
    for kind, start, predicate, nothing in predicates(statement, identity):
        before, after = statement.text[:start], statement.text[start + len(predicate):]
        # of the parameter too, which otherwise might have no type
        bomb = f"({nothing} and 1 / (length({predicate.split(' = ')[0]}::text) / 1000) = 1)"
        yield Mutant(kind, statement.text, before + nothing + after, predicate, before + bomb + after, start)


def written(binary, but=()):
    """The pieces of SQL in a binary that name an organisation, as patterns of the statements that are made of them; `but` not those of
    which the first words stand in one of these sources."""
    sources = " ".join(re.sub(r'"\s*"', "", path.read_text(encoding="utf-8")) for path in but)
    pieces = [piece.decode() for piece in re.findall(rb"[\x20-\x7e]{8,}", binary.read_bytes()) if b"org_id = $1" in piece]
    return {piece: re.compile(".*?".join(map(re.escape, re.split(r"%[sdc]", piece))), re.DOTALL) for piece in pieces
            if piece[:25] not in sources}


class Swap:
    """Tells a running server which statement it sends otherwise."""

    def __init__(self, path):
        self.path, self.pair = str(path), ()
        self.set()

    def set(self, *pair):
        """Nothing, or a text and what is sent in its place."""
        self.pair = pair
        with open(self.path + "~", "w", encoding="utf-8") as file:
            file.writelines(text + TEXT_END for text in pair)
        os.replace(self.path + "~", self.path)

    def hold(self):
        """Nothing for a while; gives what to release."""
        pair = self.pair
        self.set()
        return pair

    def release(self, pair):
        self.set(*pair)
