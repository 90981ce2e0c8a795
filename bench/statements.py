"""The statements that an endpoint runs, as PostgreSQL logged them: what the limit runs cannot drift from the server."""

import re
import time
from dataclasses import dataclass

EXECUTED = re.compile(r"LOG:  execute (\S+): (.*)", re.DOTALL)
PARAMETERS = re.compile(r"DETAIL:  parameters: (.*)", re.DOTALL)
PARAMETER = re.compile(r"\$(\d+) = (?:NULL|'((?:[^']|'')*)')")
# What the server does for itself now and then, and for the second wall, which the limit does not have.
APART = re.compile(r"set_config\('steward\.org'|auth_changes|app\.job_|\bjobs\b|events_extend|_forget\(\)|^\s*(begin|commit)", re.I)


@dataclass
class Statement:
    sql: str
    values: dict  # by number; None is null
    named: bool  # prepared once; the server plans others anew with their values each time


def _entries(text):
    """The log's entries: a line that starts with a tab goes on with the one before."""
    entries = []
    for line in text.splitlines():
        if line.startswith("\t") and entries:
            entries[-1] += "\n" + line[1:]
        else:
            entries.append(line)
    return entries


def read(text):
    """The statements in a piece of the log, in order."""
    found = []
    for entry in _entries(text):
        executed = EXECUTED.search(entry)
        parameters = PARAMETERS.search(entry)
        if executed and not APART.search(executed.group(2)):
            found.append(Statement(executed.group(2), {}, executed.group(1) != "<unnamed>"))
        elif executed:
            found.append(None)  # so that its parameters go nowhere
        elif parameters and found and found[-1]:
            for number, value in PARAMETER.findall(parameters.group(1)):
                found[-1].values[int(number)] = value.replace("''", "'")
            for number in re.findall(r"\$(\d+) = NULL", parameters.group(1)):
                found[-1].values[int(number)] = None
    return [statement for statement in found if statement]


def record(cluster, send):
    """What PostgreSQL executes for `send()`, once the caller's session is known. It is sent until two in a row had the same
    executed: the server does things of its own in between."""
    send()
    cluster.sql("alter system set log_statement = 'all'; select pg_reload_conf();", "postgres")
    time.sleep(0.3)
    before = None
    with open(f"{cluster.folder}/postgresql.log", encoding="utf-8", errors="replace") as log:
        try:
            for _ in range(10):
                log.seek(0, 2)
                send()
                time.sleep(0.1)
                found = read(log.read())
                if found and before == [one.sql for one in found]:
                    return found
                before = [one.sql for one in found]
        finally:
            cluster.sql("alter system reset log_statement; select pg_reload_conf();", "postgres")
    raise SystemExit(f"bench: the same request has other statements each time: {before}")


def script(statements, replacements=None):
    """The statements for pgbench, and the variables they need. `replacements` gives SQL, and what must be set for it, in
    place of a value that was sent: {value: (sql, set)}."""
    lines, variables = [], {}
    for place, statement in enumerate(statements):
        if re.search(r"(?<![:\w]):[A-Za-z_]", statement.sql):
            raise SystemExit(f"bench: pgbench would take a piece of this for its variable: {statement.sql}")

        def value_of(found, place=place, statement=statement):
            value = statement.values[int(found.group(1))]
            if value in (replacements or {}):
                sql, setting = replacements[value]
                if setting and setting not in lines:
                    lines.insert(0, setting)
                return sql
            if value is None:
                return "null"
            name = f"v{place}_{found.group(1)}"
            variables[name] = value
            return f":{name}"

        # pgbench ends a command at a semicolon, and a line of its own at the line's end
        lines.append(re.sub(r"\$(\d+)", value_of, statement.sql) + ";")
    return "\n".join(lines) + "\n", variables
