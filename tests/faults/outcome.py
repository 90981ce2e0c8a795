"""What one scenario showed: figures for the reader, and the list of what does not hold."""

import contextlib
import statistics
import time
from collections import Counter

from checker import compare
from driver import Driver
from harness.server import run_command
from ledger import Ledger
from planted import unseen

SUCCEEDED = 0.95  # of the requests outside the fault windows
CONFLICTS = {"version_mismatch", "idempotency_in_progress",
             "invalid_transition"}  # of a second upload, when the answer to the first was lost
AWAY = {"unavailable", "outcome_unknown", "overloaded", "deadline_exceeded"}  # all of them 503


class Outcome:
    def __init__(self, stage, name, title):
        self.stage, self.name, self.wrong, self.began = stage, name, [], time.monotonic()
        print(f"{name}: {title}", flush=True)

    def note(self, text):
        print(f"    {text}", flush=True)

    def expect(self, holds, text):
        if not holds:
            self.wrong.append(text)

    def within(self, figures, limit, what):
        """Seconds against the promised ones: half of them must be, and none far off, whoever else uses the machine."""
        median, most = statistics.median(figures), max(figures)
        self.note(f"{what}: median {median:.2f} s, at most {most:.2f} s (promised {limit:g} s)")
        self.expect(median <= limit * self.stage.pick(5, 1) and most <= limit * 5, f"{what}: {median:.2f} s, {most:.2f} s")

    def refusals(self, requests, expected=AWAY):
        """{code: how many}; besides the conflicts of clients with each other there may be only the expected ones."""
        told = Counter(one.code for one in requests if one.status >= 400)
        self.expect(set(told) <= CONFLICTS | expected, f"refusals of another kind: {dict(told)}")
        self.expect(all(one.status == 503 for one in requests if one.code in AWAY), "a refusal of these with another status")
        return dict(told)

    @contextlib.contextmanager
    def driving(self, place, **options):
        """The clients are at work in the body; behind it the ledger is compared."""
        ledger = Ledger(self.stage.folder, self.name)
        driver = Driver(place, ledger, **options)
        with driver:
            yield driver
        place.settle_jobs()
        driver.see_imports()
        driver.repeat_all(self.stage.pick(60, 5000))
        self.judge(place, driver)
        ledger.close()

    def judge(self, place, driver):
        ledger = driver.ledger
        with place.cluster.connect() as db:
            wrong, doubt = compare(db, place.org, ledger)
            if not wrong:
                planted, missed = unseen(db, place.org, ledger)
                self.note(f"of {planted} planted losses {planted - len(missed)} are seen")
                self.wrong += [f"the checker does not see: {query}" for query in missed]
        self.wrong += driver.wrong + wrong
        found = run_command("check", settings=place.admin, check=False)
        self.expect(found.returncode == 0, f"steward check: {found.stdout[-2000:]}{found.stderr[-2000:]}")
        done = sum(entry.is_done for entry in ledger.entries)
        kinds = {kind: sum(entry.is_done for entry in ledger.entries if entry.kind == kind)
                 for kind in ("create", "update", "batch", "conversion")}
        self.note(f"{len(ledger.entries)} writes intended, {done} acknowledged "
                  f"({', '.join(f'{count} {kind}' for kind, count in kinds.items())}); left in doubt: "
                  f"{doubt['stored']} stored, {doubt['not stored']} not; {driver.repeated} repeats byte-equal")
        self.expect(all(kinds.values()), f"not every kind of write was acknowledged: {kinds}")
        good, count = ledger.succeeded(driver.windows)
        self.note(f"{good} of {count} requests outside the fault windows succeeded ({100 * good / max(count, 1):.2f} %)")
        self.expect(count and good / count >= SUCCEEDED, f"only {good} of {count} requests outside the fault windows succeeded")

    def end(self):
        """True when all holds."""
        took = time.monotonic() - self.began
        for text in self.wrong[:20]:
            print(f"    WRONG: {text}", flush=True)
        if len(self.wrong) > 20:
            print(f"    and {len(self.wrong) - 20} more", flush=True)
        print(f"{self.name}: {'holds' if not self.wrong else 'FAILS'} ({took:.0f} s)", flush=True)
        return not self.wrong
