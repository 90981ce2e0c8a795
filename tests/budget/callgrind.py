"""What callgrind wrote, added up by function."""

import re
from collections import Counter

NAME = re.compile(r"(fn|fl|ob|cob|cfn|cfi|cfl|fi|fe)=\((\d+)\)(?: (.*))?$")
SPACE = {"cob": "ob", "cfn": "fn", "cfi": "fl", "cfl": "fl", "fi": "fl", "fe": "fl"}  # whose names these share
COST = re.compile(r"[+*-]?\d*\s+(\d+)$")


def instructions(path):
    """{(object, function): instructions spent in the function itself}. A function is told as name (file), as far as
    the object tells."""
    names, spent = {"fn": {}, "ob": {}, "fl": {}}, Counter()
    at = {"ob": "", "fl": "", "fn": None}
    is_call = False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            named = NAME.match(line)
            if named:
                kind, number, text = named.groups()
                known = names[SPACE.get(kind, kind)]
                if text is not None:
                    known[number] = text
                if kind in at:
                    at[kind] = known[number].rsplit("/", 1)[-1]
                    here = (at["ob"], _told(at["fn"], at["fl"]))
            elif line.startswith("calls="):
                is_call = True  # the next line is what the callee spent
            elif at["fn"] and (cost := COST.match(line)):
                if not is_call:
                    spent[here] += int(cost.group(1))
                is_call = False
    return spent


def _told(function, file):
    name = re.sub("^0x0+", "0x", (function or "").split("'")[0])  # without the mark of a recursion
    return name if file == "???" else f"{name} ({file})"


def by_object(spent):
    total = Counter()
    for (name, _), count in spent.items():
        total[re.sub(r"\.so.*", "", name)] += count
    return total
