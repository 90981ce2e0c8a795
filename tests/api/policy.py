"""policy.txt, read for the tests: who may do what, as people wrote it down."""

from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROLES
from harness.server import run_command

TABLE = Path(__file__).with_name("policy.txt")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REFUSED = "-"
COMMON = "common"  # the fields that every collection has


@dataclass(frozen=True)
class Cell:
    """`word`: what the caller reaches; `seen`: what they see of it besides."""
    word: str
    seen: str
    masked: bool = False

    @classmethod
    def read(cls, text):
        word, _, seen = text.rstrip("~").partition("<")
        return cls(word, seen or word, text.endswith("~"))

    @property
    def refused(self):
        return self.word == REFUSED


@dataclass(frozen=True)
class Line:
    method: str
    pattern: str
    verb: str  # None: the route has a line of its own
    key: str
    cells: dict

    @property
    def route(self):
        return self.method, self.pattern

    @property
    def segment(self):
        """The collection that the route's record belongs to."""
        return self.pattern.split("/")[2]


@dataclass(frozen=True)
class FieldLine:
    segment: str
    name: str
    kind: str  # write, once, kept, secret
    filters: bool
    sorts: bool
    personal: bool


@dataclass
class Policy:
    words: dict = field(default_factory=dict)  # word -> relations that it reaches
    relations: tuple = ()
    verbs: dict = field(default_factory=dict)  # verb -> [(method, suffix)]
    keyed: dict = field(default_factory=dict)  # the same, of collections with external ids
    with_keys: list = field(default_factory=list)  # those collections
    anyone: list = field(default_factory=list)  # routes
    lines: list = field(default_factory=list)
    cells: dict = field(default_factory=dict)  # (segment, verb) -> {role: Cell}
    keys: dict = field(default_factory=dict)  # (segment, verb) -> scope
    fields: list = field(default_factory=list)

    def reaches(self, word, relation):
        return relation in self.words.get(word, ())

    def fields_of(self, segment):
        return [line for line in self.fields if line.segment in (segment, COMMON)]


class Reader:
    def __init__(self):
        self.policy, self.columns = Policy(), []

    def read(self, text):
        for number, line in enumerate(text.splitlines(), 1):
            parts = line.split("#")[0].split()
            if parts:
                try:
                    self._line(parts)
                except (ValueError, KeyError, AssertionError) as fault:
                    raise ValueError(f"{TABLE.name}:{number}: {line.strip()}: {fault!r}") from fault
        return self.policy

    def _line(self, parts):
        kind, policy = parts[0], self.policy
        if kind == "word":
            policy.relations = tuple(parts[1:])
        elif kind == "verb":
            policy.verbs[parts[1]] = routes(parts[2:])
        elif kind == "keyed" and parts[1] in policy.verbs:
            policy.keyed[parts[1]] = routes(parts[2:])
        elif kind == "keyed":
            policy.with_keys += parts[1:]
        elif kind == "anyone":
            policy.anyone += routes(parts[1:])
        elif kind in ("route", "collection"):
            self.columns = parts[2 if kind == "collection" else 1:]
            assert self.columns == ["key", *ROLES]
        elif kind == "fields":
            self._fields(*parts[1:3], parts[3:])
        elif kind in METHODS:
            key, cells = self._cells(parts[2:])
            policy.lines.append(Line(kind, parts[1], None, key, cells))
        elif len(parts) == 1 + len(policy.relations):
            assert set(parts[1:]) <= {"yes", "."}
            policy.words[kind] = {name for name, mark in zip(policy.relations, parts[1:]) if mark == "yes"}
        else:
            self._collection(*parts[:2], parts[2:])

    def _cells(self, texts):
        key, *cells = texts
        assert len(cells) == len(ROLES), f"{len(cells)} cells"
        made = {role: Cell.read(text) for role, text in zip(ROLES, cells)}
        for cell in made.values():
            assert {cell.word, cell.seen} <= {REFUSED, *self.policy.words}, cell
        return key, made

    def _collection(self, segment, verb, texts):
        policy = self.policy
        key, cells = self._cells(texts)
        assert (segment, verb) not in policy.cells, "a second line"
        policy.cells[segment, verb], policy.keys[segment, verb] = cells, key
        for method, suffix in policy.verbs[verb] + policy.keyed.get(verb, []) * (segment in policy.with_keys):
            policy.lines.append(Line(method, f"/v1/{segment}{suffix.removeprefix('.')}", verb, key, cells))

    def _fields(self, segment, kind, names):
        assert kind in ("write", "once", "kept", "secret")
        for text in names:
            name, _, marks = text.partition(":")
            assert set(marks) <= set("fsp")
            self.policy.fields.append(FieldLine(segment, name, kind, "f" in marks, "s" in marks, "p" in marks))


def routes(parts):
    return list(zip(parts[::2], parts[1::2], strict=True))


def served():
    """{route: public or bearer}, as the binary lists them."""
    return {(method, pattern): auth for method, pattern, auth in
            (line.split()[:3] for line in run_command("routes").stdout.splitlines() if line)}


POLICY = Reader().read(TABLE.read_text(encoding="utf-8"))
