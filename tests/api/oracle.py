"""What a list must answer, worked out in Python over the rows that stand in the database."""

import unicodedata
from datetime import date, datetime, timezone
from decimal import Decimal

LISTS = ("in", "nin", "any", "all", "none")


def fold(text):
    return unicodedata.normalize("NFKC", text).lower()


def parsed(field, text):
    """A value of the query as the database's column has it."""
    if field.type in ("int",):
        return int(text)
    if field.type in ("decimal", "percent", "money"):
        return Decimal(text)
    if field.type == "timestamp":
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    if field.type == "date":
        return date.fromisoformat(text)
    if field.type == "bool":
        return text == "true"
    return text


def written(value):
    """A column's value as a query has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def holds(field, value, operator, texts):
    """`texts`: one value, or several for an operator that takes a list. A comparison with null is false."""
    if operator == "null":
        return (value is None) == (texts == "true")
    if field.type in ("ref", "id") and value is not None:
        value = str(value)
    given = [parsed(field, text) for text in texts] if operator in LISTS else parsed(field, texts) \
        if operator not in ("contains", "starts") else texts
    if operator == "ne":
        return value != given
    if operator == "nin":
        return value not in given
    if value is None:
        return False
    return {
        "eq": lambda: value == given, "in": lambda: value in given, "gt": lambda: value > given,
        "gte": lambda: value >= given, "lt": lambda: value < given, "lte": lambda: value <= given,
        "contains": lambda: fold(given) in fold(value), "starts": lambda: value.startswith(given),
        "any": lambda: bool(set(value) & set(given)), "all": lambda: set(given) <= set(value),
        "none": lambda: not set(value) & set(given),
    }[operator]()


def samples(field, operator, rows, dice):
    """Values worth asking for: some that stand in rows, some that do not. Lists for list operators."""
    if operator == "null":
        return ["true", "false"]
    present = [row[field.name] for row in rows if row[field.name] is not None]
    if field.type == "texts":
        words = sorted({word for value in present for word in value}) + ["nothing of it"]
        return [dice.sample(words, min(size, len(words))) for size in (1, 1, 2, 3)]
    texts = sorted({written(value) for value in present})
    texts = dice.sample(texts, min(4, len(texts))) + absent(field)
    if operator in ("contains", "starts"):
        long = [text for text in texts if len(text) > 3]
        return [piece for text in long for piece in ((text[1:3], text[-2:], text.upper()) if operator == "contains"
                                                     else (text[:1], text[:3], text[1:3]))][:6] or ["x"]
    if operator in LISTS:
        usable = [text for text in texts if "," not in text] or ["x"]
        return [dice.sample(usable, min(size, len(usable))) for size in (1, 2, 3)]
    return texts


def absent(field):
    return {"int": [str(field.range[0]), str(field.range[1])], "money": ["-1", "0.0001"], "decimal": ["-1"], "percent": ["0"],
            "timestamp": ["2001-01-01T00:00:00+02:00"], "date": ["2001-01-01"], "bool": ["true", "false"],
            "enum": (field.words or [])[-1:], "country": ["FR"], "currency": ["GBP"], "language": ["fr"],
            "ref": ["019de000-0000-7000-8000-000000000000"], "id": ["019de000-0000-7000-8000-000000000000"],
            "email": ["no@body.example"], "phone": ["+999999999"], "url": ["https://no.body"]}.get(field.type, ["nothing of it"])


def parameter(field, operator, value, hop=""):
    """One parameter of a query."""
    name = hop + field.name + ("" if operator == "eq" else f"[{operator}]")
    return {name: ",".join(value) if isinstance(value, list) else value}


def in_json(field, operator, value):
    """A value of POST search."""
    if operator == "null" or field.type == "bool":
        return value == "true"
    one = int if field.type == "int" else str
    return [one(item) for item in value] if isinstance(value, list) else one(value)


class Key:
    """A value in a sort order: null is the largest, either way."""

    def __init__(self, value, descending):
        self.value, self.descending = value, descending

    def __lt__(self, other):
        if self.value is None or other.value is None:
            return (self.value is None) == self.descending and self.value is not other.value
        return other.value < self.value if self.descending else self.value < other.value

    def __eq__(self, other):
        return self.value == other.value


def ordered(rows, sort, ranks):
    """Ids in the order of `sort`, a text like "-name,city". `ranks`: of columns with a collation, {name: {id: rank}}."""
    names = [name for name in sort.split(",") if name]
    if "id" not in [name.lstrip("-") for name in names]:
        names.append("-id" if not names or names[-1].startswith("-") else "id")

    def keys(row):
        found = []
        for name in names:
            plain = name.lstrip("-")
            value = ranks[plain][row["id"]] if plain in ranks and row[plain] is not None else row[plain]
            found.append(Key(value, name.startswith("-")))
        return found
    return [str(row["id"]) for row in sorted(rows, key=keys)]
