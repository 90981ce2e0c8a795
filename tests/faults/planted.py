"""The checker's own test: losses that are planted into the database, each in a transaction that is rolled back, must be seen."""

from checker import compare

# What, and whose entry: (kind, acknowledged, SQL).
LOSSES = (
    ("create", True, "delete from leads where org_id = %(org)s and name = %(mark)s"),
    ("create", True, "update leads set name = %(mark)s where org_id = %(org)s and id = (select id from leads where org_id = "
                     "%(org)s and name = %(other)s)"),
    ("create", True, "update leads set version = version + 1 where org_id = %(org)s and name = %(mark)s"),
    ("batch", True, "delete from leads where org_id = %(org)s and name = %(mark)s || ' 7'"),
    ("update", True, "delete from events where org_id = %(org)s and after ->> 'city' = %(mark)s"),
    ("update", False, "update events set after = jsonb_set(after, '{city}', to_jsonb(%(mark)s::text)) where seq = (select max(seq) "
                      "from events where org_id = %(org)s and resource = 'accounts' and record_id::text = %(record)s)"),
    ("conversion", True, "update opportunities set name = 'another' where org_id = %(org)s and name = %(mark)s"),
)


def last(ledger, kind, acknowledged, skip=0):
    found = [entry for entry in ledger.entries if entry.kind == kind and entry.tries and not entry.in_doubt and
             entry.is_done == acknowledged]
    return found[-1 - skip] if len(found) > skip else None


def unseen(db, org, ledger):
    """(losses planted, those that the checker did not see)."""
    planted, missed = 0, []
    for kind, acknowledged, query in LOSSES:
        entry, other = last(ledger, kind, acknowledged), last(ledger, "create", True, skip=1)
        if entry is None or other is None:
            continue
        with db.transaction(force_rollback=True):
            changed = db.execute(query, {"org": org, "mark": entry.mark, "record": entry.record, "other": other.mark}).rowcount
            assert changed == 1, f"planted {changed} times: {query}"
            planted += 1
            if not any(entry.mark in text or "no event" in text for text in compare(db, org, ledger)[0]):
                missed.append(query)
    return planted, missed
