"""A mutation run over what keeps rows to an organisation and to a caller. The statements are those that the server is seen to send
while it is asked and told everything; each loses one predicate at a time. With the views standing no mutant may show or change anything
of another organisation. With the views open, or for a predicate about the caller at once, each must be noticed. Then each view is opened
by itself. Here one mutant for each place in the code; every mutant of every statement, deeds included, and the table of them with
STEWARD_MUTANTS=all and -s."""

import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from harness.server import ROOT, binary, sanitized
from mutant_range import Deed, Range
from mutants import written

ALL = os.environ.get("STEWARD_MUTANTS") == "all"
pytestmark = [pytest.mark.timeout(6 * 3600 if ALL else 900),
              pytest.mark.skipif(sanitized(), reason="finds nothing that the release does not show")]
AROUND = "the statement around it has it too, for the same rows"
# Predicates that decide nothing: (what stands before, what stands behind) -> why.
EQUIVALENT = {
    (r"", r"^\) k offset # ?\)"): "counts keys, to choose between two ways to the same page",
    (r"^select t\.account_id, .*", r""): "the same statement's WHERE has it too",
    (r"from (users|teams) r where r\.org_id = \$#::uuid and $", r"^ and r\.deleted_at is null"):
        "the rule `assign` has refused everybody else before",
    (r"^with swept as .* \(select hash from refresh_tokens where $", r"^ and user_id = "): AROUND,
    (r"^update accounts a .* from accounts t where $", r"^ and t\.id in \(.*\) n where a\.org_id = "): AROUND,
    (r" from stages s join organizations o on $", r" and s\.kind = 'open' "): "an open stage closes nothing: nobody looks at the day",
    (r"^select pg_advisory_xact_lock\(.* from refresh_tokens where $", r""): "takes a lock, and what is done under it names the organisation",
    (r"from users r where $", r"^ and r\.id = (t|old)\.\w+ and r"): "users are never deleted, so whom a record names is there",
}


def why_equivalent(mutant):
    before, after = (re.sub(r"\d+", "#", text) for text in
                     (mutant.text[:mutant.start], mutant.text[mutant.start + len(mutant.predicate):]))
    return next((why for (head, tail), why in EQUIVALENT.items() if re.search(head, before) and re.search(tail, after)), None)


@pytest.fixture(scope="module")
def range_(cluster, world, settings, run_folder, tmp_path_factory):
    made = Range(cluster, settings, run_folder, tmp_path_factory.mktemp("mutants"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def sites(range_):
    """{place in the code: its mutants}"""
    made = defaultdict(list)
    for mutant in range_.mutants.values():
        made[mutant.site].append(mutant)
    for mutants in made.values():
        range_.dice.shuffle(mutants)
    assert Counter(site[0] for site in made).keys() == {"organization", "join", "caller"} and len(made) > 300
    return made


def tell(mutants):
    return "\n".join(f"{mutant}\n    {mutant.verdicts}\n    {'; '.join(map(str, mutant.asks[:3]))}" for mutant in mutants)


def about_organizations(sites):
    return {site: mutants for site, mutants in sites.items() if site[0] != "caller"}


def notice(range_, mutants, opened, name):
    """Tries them until one is noticed, or all of them; True when one was."""
    for mutant in mutants:
        mutant.verdicts[name] = range_.try_one(mutant, opened)
        if mutant.verdicts[name] and not ALL:
            return True
    return any(mutant.verdicts.get(name) for mutant in mutants)


def test_none_leaks_by_itself(range_, sites):
    """What a statement forgets the views still know."""
    tried = [mutant for mutants in about_organizations(sites).values() for mutant in (mutants if ALL else mutants[:1])]
    for mutant in tried:
        mutant.verdicts["alone"] = range_.try_one(mutant, False)
    leaks = [mutant for mutant in tried if mutant.verdicts["alone"]]
    assert not leaks, tell(leaks)


def test_what_the_caller_may_not_reach_is_noticed(range_, sites):
    missed = [mutants for site, mutants in sites.items() if site[0] == "caller"
              and not notice(range_, mutants, False, "noticed") and not why_equivalent(mutants[0])]
    shown = [mutant for site, mutants in sites.items() if site[0] == "caller" for mutant in mutants
             if "the other organisation shows" in (mutant.verdicts.get("noticed") or "")]
    assert not missed, tell(mutants[0] for mutants in missed)
    assert not shown, tell(shown)


def test_with_the_views_open_each_is_noticed(range_, sites):
    twins = range_.place.twins
    twins.open_views()
    try:
        missed = [mutants for mutants in about_organizations(sites).values() if not notice(range_, mutants, True, "noticed")]
    finally:
        twins.close_views()
    # what only a deed notices is the long run's
    missed = [mutants for mutants in missed if not why_equivalent(mutants[0]) and not BY_DEEDS.search(mutants[0].text)]
    assert not missed, tell(mutants[0] for mutants in missed)


# Of these statements the rows have no twin until somebody signs in, and what others did is seen by reading it again.
BY_DEEDS = re.compile(r"refresh_tokens|max\(v\.happened_at\)")


def test_a_view_by_itself(range_):
    """Each view opened alone: the statements keep to their organisation all the same, and whoever looks at the view notices."""
    twins = range_.place.twins
    checks = list({str(asks): asks for mutant in range_.mutants.values() for asks in range_.looks_of(mutant)[:1]}.values())
    checks = range_.dice.sample(checks, 300 if ALL else 60)
    views = twins.views_of_organizations()
    assert sum(twins.others(view) > 0 for view in views) > 20
    for view in views:
        twins.open_views(view)
        try:
            assert twins.others(view, "app") == twins.others(view), f"{view} is open and does not show everybody"
            for asks in checks:
                assert asks.notices() is None, f"{view}: {asks}"
        finally:
            twins.close_views()
        assert twins.others(view, "app") == 0


# Whoever runs these commands is no caller; and what is tried elsewhere.
COMMANDS = [*(ROOT / "lib/domain").glob("demo*.c"), ROOT / "lib/domain/organization.c"]
ELSEWHERE = {"update jobs set state = 'queued'": "a job that failed is put back: test_jobs.py"}


def unsent(range_):
    """Pieces of statements in the binary that no mutant was made of."""
    texts = [mutant.text for mutant in range_.mutants.values()]
    return [piece for piece, pattern in written(Path(binary()), COMMANDS).items()
            if not any(map(pattern.search, texts)) and not piece.startswith(tuple(ELSEWHERE))]


@pytest.mark.skipif(not ALL, reason="takes minutes: STEWARD_MUTANTS=all")
def test_deeds_and_the_table(range_):
    """The statements of what cannot be asked without doing it, and what no look has noticed."""
    seen = set(range_.mutants)
    range_.add_deeds()
    unseen = unsent(range_)
    assert not unseen, "statements that nothing here makes the server send:\n" + "\n".join(unseen)
    noticed = {mutant.site for mutant in range_.mutants.values() if mutant.verdicts.get("noticed")}
    for key, mutant in range_.mutants.items():
        deeds = [asks for asks in mutant.asks if isinstance(asks, Deed)]
        if not deeds or mutant.kind == "caller" or (key in seen and mutant.site in noticed) or why_equivalent(mutant):
            continue
        for opened, name in ((False, "alone"), (True, "noticed")):
            for deed in deeds:
                if mutant.verdicts.get(name):
                    break
                deed.opened = opened
                mutant.verdicts[name] = range_.try_one(mutant, opened, [deed])
                spoiled = deed.notices() if mutant.verdicts[name] and not opened else None
                assert not spoiled, f"{deed} is noticed without any mutant too: {spoiled}"
    table = defaultdict(Counter)
    survivors = []
    for key, mutant in range_.mutants.items():
        row = f"{mutant.kind}, {'asked' if key in seen else 'done'}"
        verdict = "noticed" if mutant.verdicts.get("noticed") else "decides nothing" if why_equivalent(mutant) else \
            "no row gets there" if range_.looks_of(mutant) and not range_.reached(mutant) else "survived"
        table[row].update({"mutants": 1, "leaked": bool(mutant.kind != "caller" and mutant.verdicts.get("alone")), verdict: 1})
        survivors += [mutant] if verdict == "survived" else []
    columns = ("mutants", "leaked", "noticed", "decides nothing", "no row gets there", "survived")
    print("\n" + " ".join(f"{text:>20}" for text in ("", *columns)))
    for row, counts in sorted(table.items()):
        print(" ".join(f"{text!s:>20}" for text in (row, *(counts[column] for column in columns))))
    print(f"{range_.asked} looks\nsurvived:\n{tell(survivors)}")
    assert not sum(counts["leaked"] for counts in table.values())
    sites = defaultdict(set)
    for mutant in range_.mutants.values():
        sites[mutant.site].add(bool(mutant.verdicts.get("noticed") or why_equivalent(mutant)))
    missed = [site for site, verdicts in sites.items() if True not in verdicts]
    assert not missed, "\n".join(map(str, missed))
