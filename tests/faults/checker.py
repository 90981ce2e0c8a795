"""Compares a ledger with the database: nothing acknowledged is lost, nothing refused is there, nothing is half done."""

from collections import Counter

RECORDS = ("accounts", "contacts", "leads", "opportunities")


class Stock:
    """What stands in the tables of one organization."""

    def __init__(self, db, org):
        def rows(query):
            return db.execute(query, (org,)).fetchall()
        self.leads = Counter(row[0].split(" ")[0] for row in rows("select name from leads where org_id = %s"))
        self.made = {path: Counter(row[0] for row in rows(f"select name from {path} where org_id = %s")) for path in RECORDS}
        self.converted = {str(row[0]): row[1:] for row in rows(
            "select l.id, a.name, c.name, o.name from leads l join accounts a on a.org_id = l.org_id and a.id = "
            "l.converted_account_id join contacts c on c.org_id = l.org_id and c.id = l.converted_contact_id "
            "join opportunities o on o.org_id = l.org_id and o.id = l.converted_opportunity_id "
            "where l.org_id = %s and l.status = 'converted'")}
        self.updates = Counter((str(row[0]), row[1]) for row in rows(
            "select record_id, after ->> 'city' from events where org_id = %s and resource = 'accounts' and type = 'updated'"))
        self.imports = Counter(str(row[0]) for row in rows("select id from imports where org_id = %s"))

    def count(self, entry):
        """How often an entry's effect is there: 0 or 1, or something between or beyond."""
        if entry.kind == "create":
            return self.leads[entry.mark]
        if entry.kind == "batch":
            return self.leads[entry.mark] / entry.count
        if entry.kind == "update":
            return self.updates[entry.record, entry.mark]
        if entry.kind == "import":
            return None  # told by its batch
        parts = [self.made[path][entry.mark] for path in ("accounts", "contacts", "opportunities")]
        return 1 if parts == [1, 1, 1] and self.converted.get(entry.record) == (entry.mark,) * 3 else \
            0 if parts == [0, 0, 0] and entry.record not in self.converted else 0.5


def judge(entry, count):
    """What is wrong with one entry, or None."""
    if count is None:
        return None
    if entry.is_done and count != 1:
        return f"acknowledged, but there {count} times"
    if count not in (0, 1):
        return f"half applied or repeated: there {count} times"
    if not entry.is_done and not entry.in_doubt and count and entry.kind != "batch":
        return f"refused by {', '.join(one.code for one in entry.tries)}, but there"
    return None


def gaps(db, org):
    """Records that have another number of events than versions."""
    for path in RECORDS:
        found = db.execute(
            f"select count(*) from {path} t left join (select record_id, count(*) as n, count(distinct version) as d, "
            "max(version) as m from events where org_id = %(org)s and resource = %(path)s group by record_id) e "
            "on e.record_id = t.id where t.org_id = %(org)s and (e.n, e.d, e.m) is distinct from "
            "(t.version::bigint, t.version::bigint, t.version)", {"org": org, "path": path}).fetchone()[0]
        if found:
            yield f"{found} {path} with a change that has no event, or an event without its change"


def compare(db, org, ledger):
    """A list of what does not agree, and the number of entries in doubt that have and have not taken effect."""
    stock = Stock(db, org)
    wrong, doubt = list(gaps(db, org)), Counter()
    for entry in ledger.entries:
        count = stock.count(entry)
        problem = judge(entry, count)
        if problem:
            wrong.append(f"{entry.kind} {entry.mark}: {problem}")
        if entry.in_doubt and count is not None:
            doubt["stored" if count else "not stored"] += 1
    known = {entry.mark for entry in ledger.entries}
    wrong += [f"lead {name}: nobody asked for it" for name in stock.leads
              if name.startswith(f"{ledger.name}-") and name not in known]
    return wrong, doubt
