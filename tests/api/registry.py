"""The resources as the binary describes them, and values for their fields: good ones, at their bounds, wrong ones."""

import json
import uuid
from dataclasses import dataclass, field as member
from itertools import count

from harness.server import run_command

SYSTEM = ("id", "version", "created_at", "updated_at", "deleted_at")
MISSING = "019de000-0000-7000-8000-000000000000"  # the id of nothing
serial = count(1)

# What a type alone does not tell: fields that a hook looks into.
SPECIAL = {
    ("roles", "key"): lambda n: f"role_{n}",
    ("roles", "permissions"): lambda n: {"accounts": {"read": "team"}},
    ("api_keys", "source"): lambda n: f"source-{n}",
    ("api_keys", "scopes"): lambda n: ["leads:create", "leads:read"],
    ("contacts", "is_primary"): lambda n: False,
    ("pipelines", "is_default"): lambda n: False,
    ("leads", "status"): lambda n: "working",
    ("leads", "disqualified_reason"): lambda n: f"no budget {n}",
    ("tasks", "status"): lambda n: "in_progress",
    ("users", "password"): lambda n: f"correct horse {n}",
    # of a closed opportunity all can be said
    ("stages", "kind"): lambda n: "won",
}
# What a hook fills in when it is left out, and which cannot be null then.
FILLED = {("stages", "probability"), ("opportunities", "stage_id"), ("opportunities", "probability"), ("opportunities", "closed_on")}
# Left out beside the other one, from which it follows and with which it must agree.
FOLLOWS = {("activities", "account_id"): "contact_id", ("tasks", "account_id"): "contact_id"}
# Given with every create: what is left out would be another kind of record.
ALWAYS = {("stages", "kind"), ("opportunities", "stage_id")}


@dataclass
class Field:
    name: str
    type: str
    min: int = 0
    max: int = 0
    words: list = None
    refers: str = None
    flags: list = member(default_factory=list)
    initial: str = None
    operators: list = member(default_factory=list)
    doc: str = None
    resource: object = None

    def has(self, *flags):
        return any(flag in self.flags for flag in flags)

    @property
    def system(self):
        return self.name in SYSTEM

    @property
    def writable(self):
        return not self.system and not self.has("server_kept")

    @property
    def nullable(self):
        return not self.has("mandatory", "not_null") and not self.filled

    @property
    def filled(self):
        return (self.resource.path, self.name) in FILLED

    @property
    def always(self):
        return self.has("mandatory") or (self.resource.path, self.name) in ALWAYS

    @property
    def follows(self):
        return FOLLOWS.get((self.resource.path, self.name))

    @property
    def special(self):
        return SPECIAL.get((self.resource.path, self.name))

    @property
    def default(self):
        """What a create stores when the field is left out."""
        if self.initial is None:
            return None
        return {"bool": lambda text: text == "true", "int": int, "texts": lambda text: [], "object": json.loads, "keys": json.loads}.get(
            self.type, str)(self.initial)

    def value(self, n, world):
        """A valid value in its canonical form; another n gives another one where the type has several."""
        if self.special:
            return self.special(n)
        if self.type == "ref":
            return world.reference(self.refers)
        if self.type == "enum":
            return self.words[n % len(self.words)]
        if self.type == "int":
            least, most = self.range
            return least + n % min(most - least + 1, 1000)
        return VALUES[self.type](n)

    @property
    def range(self):
        bounded = self.min or self.max
        least = self.min if bounded else -2**31
        return least, self.max if self.max or self.min < 0 else 2**31 - 1

    @property
    def length(self):
        return self.max or {"note": 10000}.get(self.type, 200)


@dataclass
class Resource:
    path: str
    segment: str
    singular: str
    operations: list
    parent: str
    needs_precondition: bool
    self: list
    fields: list
    access: dict
    expand: list

    def __post_init__(self):
        self.fields = [Field(**row, resource=self) for row in self.fields]
        self.by_name = {field.name: field for field in self.fields}
        self.url = f"/v1/{self.segment}"

    def can(self, operation):
        return operation in self.operations

    @property
    def shown(self):
        """The keys of every record."""
        return [field for field in self.fields if not field.has("write_only")]

    @property
    def writable(self):
        return [field for field in self.fields if field.writable]

    def with_flag(self, *flags):
        return [field for field in self.fields if field.has(*flags)]

    def flagged(self, flag):
        return next(iter(self.with_flag(flag)), None)

    def label(self):
        """A text field that any create gives and any update may change; None where the server writes all by itself."""
        return next((field for field in self.writable if field.type == "name" and not field.has("create_only")), None)


def load():
    described = json.loads(run_command("describe").stdout)["resources"]
    return {row["path"]: Resource(**{name: value for name, value in row.items() if name in Resource.__annotations__})
            for row in described}


# Made neither by POST nor along with another record: these have tests of their own.
APART = {"imports"}
RESOURCES = load()
EACH = [resource for resource in RESOURCES.values() if resource.path not in APART]
FIELDS = [field for resource in EACH for field in resource.fields]


def resources(*operations):
    """For parametrize: the resources that can do all of it."""
    return [resource for resource in EACH if all(resource.can(operation) for operation in operations)]


def name_of(item):
    return f"{item.resource.path}.{item.name}" if isinstance(item, Field) else getattr(item, "path", None)


def references():
    """All writable references: fields."""
    return [field for field in FIELDS if field.type == "ref" and field.writable]


CANONICAL = {"country": ["CN", "DE", "US", "JP", "BR"], "currency": ["CNY", "EUR", "JPY", "USD"],
             "language": ["zh-CN", "de", "en-US", "zh-Hant-TW"]}
VALUES = {
    "text": lambda n: f"text {n}",
    "note": lambda n: f"line {n}\nand 第二行",
    "name": lambda n: f"海风 {n}",
    "bool": lambda n: n % 2 == 0,
    "decimal": lambda n: f"{n}.5",
    "percent": lambda n: f"{n % 100}.25",
    "money": lambda n: {"amount": f"{n}.50", "currency": CANONICAL["currency"][n % 4]},
    "date": lambda n: f"20{n % 90 + 10}-02-{n % 28 + 1:02}",
    "timestamp": lambda n: f"20{n % 70 + 30}-03-04T05:06:{n % 60:02}.000000Z",
    "email": lambda n: f"person{n}@example.com",
    "phone": lambda n: f"+8613{n % 10**9:09}",
    "url": lambda n: f"https://example.com/{n}",
    "country": lambda n: CANONICAL["country"][n % 5],
    "currency": lambda n: CANONICAL["currency"][n % 4],
    "language": lambda n: CANONICAL["language"][n % 4],
    "texts": lambda n: [f"tag{n % 5}", f"标签{n % 3}"],
    "object": lambda n: {"number": n},
    "keys": lambda n: {"erp": f"C-{n}"},
}


def valid_body(resource, world, **given):
    """The least that a create takes."""
    n = next(serial)
    body = {field.name: field.value(n, world) for field in resource.writable if field.always}
    return {**body, **given}


def full_body(resource, world, **given):
    """A value for each field that a create takes; of a secret there is none."""
    n = next(serial)
    body = {field.name: field.value(n, world) for field in resource.writable if not field.has("write_only")}
    return {**body, **given}


def letters(field, length):
    """Characters, not bytes, are counted; where a hook wants letters it gets such."""
    return ("x" if field.special else "海") * length


def extremes(field):
    """The smallest and largest values that are still good."""
    if field.type in ("text", "note", "name"):
        return [letters(field, max(field.min, 1)), letters(field, field.length)]
    if field.type == "int":
        return list(field.range)
    if field.type in ("decimal", "money"):
        texts = [str(bound) for bound in field.range] if field.min or field.max else \
            ["999999999999999.9999", "-999999999999999.9999"]
        return [{"amount": text, "currency": "CNY"} if field.type == "money" else text for text in texts]
    if field.type == "texts":
        return None if field.special else [[], ["海" * 100] * (field.max or 20)]
    return {
        "bool": [True, False],
        "percent": ["0", "100"],
        "date": ["0001-01-01", "9999-12-31", "2024-02-29"],
        "timestamp": ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"],
        "enum": None if field.special else field.words,
        "email": ["a@b.c", email_of(254)],
        "phone": ["+1234567", "+123456789012345"],
        "url": ["http://a", "https://a/" + "x" * 2038],
        "language": ["de", "yue", "zh-Hans-CN"],
        "keys": [{}, {f"source-{n}": "海" * 200 for n in range(20)}, {"s" * 63: "1"}],
    }.get(field.type)


def email_of(length):
    labels = length - 65
    domain = ".".join(["d" * 60] * (labels // 61)) + "." + "e" * (labels % 61)
    return "l" * 64 + "@" + domain[:labels].ljust(labels, "e")


# (sent, shown): more than one spelling of a value.
SPELLINGS = {
    "phone": [("+86 (138) 0013-8000", "+8613800138000")],
    "url": [("HTTPS://Example.COM/Path", "https://example.com/Path")],
    "language": [("ZH-hans-cn", "zh-Hans-CN")],
    "timestamp": [("2024-02-29T23:30:00+08:00", "2024-02-29T15:30:00.000000Z"),
                  ("2024-12-31t23:59:59.5-01:00", "2025-01-01T00:59:59.500000Z")],
    "money": [({"amount": "+0012.5000", "currency": "JPY"}, {"amount": "12.50", "currency": "JPY"}),
              ({"amount": "-0", "currency": "EUR"}, {"amount": "0.00", "currency": "EUR"})],
    "decimal": [("012.500", "12.5"), ("-0.0", "0")],
    "percent": [("12.5000", "12.5")],
}

NOT_STRINGS = [(1, "invalid_type", ""), (True, "invalid_type", ""), ([], "invalid_type", ""), ({}, "invalid_type", "")]
NOT_LINES = [("", "too_short", ""), (" \u3000 ", "too_short", ""), ("a\u0000b", "invalid_format", ""),
             ("a\u0007b", "invalid_format", ""), ("a\u0085b", "invalid_format", "")]
FORMATS = {
    "date": ["2023-02-29", "2023-13-01", "20230101", "2023-1-1", "0000-01-01", "2023-01-01T00:00:00Z", ""],
    "timestamp": ["2023-01-01", "2023-01-01T00:00:00", "2023-01-01 00:00:00Z", "2023-02-30T00:00:00Z",
                  "2023-01-01T24:00:00Z", "2023-01-01T00:00:60Z", "2023-01-01T00:00:00.Z", "infinity", "now"],
    "email": ["a", "a@b", "@b.c", "a b@c.d", "a@b..c", "a@-b.c", "a@b.c ", ""],
    "phone": ["13800138000", "+0123456789", "+123456", "+1234567890123456", "+12345678x", ""],
    "url": ["example.com", "ftp://a.b", "javascript:alert(1)", "https://", "https://u:p@a.b", "https://a b", "http://a/\""],
    "country": ["cn", "CHN", "ZZ", ""],
    "currency": ["cny", "CNYX", "QQQ", ""],
    "language": ["x", "zh_CN", "chinese-language", "de-", ""],
    "ref": ["x", "", "00000000-0000-0000-0000-00000000000", "{" + MISSING + "}"],
}


def wrong_values(field):
    """(value, code, what the pointer has behind the field's name)"""
    kind = field.type
    if kind in ("text", "note", "name"):
        cases = NOT_STRINGS + NOT_LINES + [(letters(field, field.length + 1), "too_long", "")]
        if field.min > 1:
            cases.append((letters(field, field.min - 1), "too_short", ""))
        return cases + ([("a\nb", "invalid_format", ""), ("a\tb", "invalid_format", "")] if kind != "note" else [])
    if kind == "bool":
        return [(value, "invalid_type", "") for value in ("true", 1, 0, [], {})]
    if kind == "int":
        least, most = field.range
        return [(least - 1, "too_small", ""), (most + 1, "too_large", ""), (2**63 - 1, "too_large", ""), (2**64, "too_large", ""),
                (-2**64, "too_small", ""), (1.5, "invalid_type", ""), (1.0, "invalid_type", ""), ("1", "invalid_type", ""),
                (True, "invalid_type", "")]
    if kind in ("decimal", "percent"):
        return NOT_STRINGS + [(text, code, "") for text, code in amounts(kind)]
    if kind == "money":
        money = [({"amount": text, "currency": "CNY"}, code, "/amount") for text, code in amounts(kind)]
        return money + [("12", "invalid_type", ""), (12, "invalid_type", ""), ([], "invalid_type", ""),
                        ({"amount": 12, "currency": "CNY"}, "invalid_type", "/amount"),
                        ({"amount": 1.5, "currency": "CNY"}, "invalid_type", "/amount"),
                        ({"amount": "1"}, "required", "/currency"), ({"currency": "CNY"}, "required", "/amount"),
                        ({"amount": None, "currency": "CNY"}, "not_nullable", "/amount"),
                        ({"amount": "1", "currency": "QQQ"}, "invalid_format", "/currency"),
                        ({"amount": "1", "currency": "CNY", "unit": 1}, "unknown_field", "/unit")]
    if kind == "enum":
        return NOT_STRINGS + [("nothing_of_it", "not_allowed", ""), (field.words[0].upper(), "not_allowed", ""), ("", "not_allowed", "")]
    if kind == "texts":
        return [("a", "invalid_type", ""), ({}, "invalid_type", ""), (["a", 1], "invalid_type", "/1"),
                (["a", None], "invalid_type", "/1"), (["x" * 101], "too_long", "/0"), ([" "], "too_short", "/0"),
                (["a\nb"], "invalid_format", "/0"), (["a"] * ((field.max or 20) + 1), "too_many", "")]
    if kind == "object":
        return [("{}", "invalid_type", ""), ([], "invalid_type", ""), (1, "invalid_type", ""),
                ({"a": {"b": [1, 0.5]}}, "invalid_type", "/a/b/1")]
    if kind == "keys":
        return [("{}", "invalid_type", ""), ([], "invalid_type", ""), ({"erp": 1}, "invalid_type", "/erp"),
                ({"erp": ["a"]}, "invalid_type", "/erp"), ({"erp": ""}, "too_short", "/erp"),
                ({"erp": "x" * 201}, "too_long", "/erp"), ({"ERP": "1"}, "invalid_format", "/ERP"),
                ({"": "1"}, "invalid_format", "/"), ({"s" * 64: "1"}, "invalid_format", "/" + "s" * 64),
                ({f"s{n}": "1" for n in range(21)}, "too_many", "")]
    cases = NOT_STRINGS + [(text, "invalid_format", "") for text in FORMATS[kind]]
    if kind == "email":
        cases.append((email_of(255), "too_long", ""))
    if kind == "url":
        cases.append(("https://a/" + "x" * 2039, "too_long", ""))
    return cases


def amounts(kind):
    large = {"percent": ("100.0001", "-0.0001")}.get(kind, ("1000000000000000", "-1000000000000000"))
    return [(large[0], "too_large"), (large[1], "too_small"), ("1.23456", "too_long"), ("", "invalid_format"),
            ("1e3", "invalid_format"), ("1,5", "invalid_format"), (".5", "invalid_format"), ("5.", "invalid_format"),
            ("NaN", "invalid_format"), ("0x1", "invalid_format")]


def uuid7(moment_ms):
    """A UUIDv7 of that moment."""
    number = (moment_ms << 80) | (0x7 << 76) | (uuid.uuid4().int & ((1 << 76) - 1))
    return str(uuid.UUID(int=(number & ~(0x3 << 62)) | (0x2 << 62)))
