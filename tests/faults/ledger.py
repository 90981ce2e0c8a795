"""What clients meant to write and what they were told: kept outside the server, written before the request is sent."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

LOST, NOT_SENT = "lost", "not sent"  # instead of a code, when there was no answer


@dataclass
class Try:
    what: str
    sent: float
    ended: float = 0.0
    status: int = 0  # 0: no answer
    code: str = ""
    owed: bool = False  # there was no answer, although the server had taken the request

    @property
    def is_done(self):
        return 200 <= self.status < 300

    @property
    def in_doubt(self):
        """May have taken effect; any other refusal says that nothing was done."""
        return not self.ended or self.code in (LOST, "outcome_unknown")


@dataclass
class Entry:
    """One intended write, sent as often as it takes. `mark`: a text that it leaves in the database and nothing else does."""
    kind: str
    mark: str
    record: str = ""  # the id of what it changes
    tries: list = field(default_factory=list)
    answer: bytes = b""  # of the first 2xx
    headers: tuple = ()
    repeat: tuple = ()  # what to send to have that answer again; (): has no key
    count: int = 1  # records with its mark

    @property
    def is_done(self):
        return any(one.is_done for one in self.tries)

    @property
    def in_doubt(self):
        return not self.is_done and any(one.in_doubt for one in self.tries)


class Ledger:
    """`name`: what all of its marks begin with."""

    def __init__(self, folder, name):
        self.name, self.entries, self.requests = name, [], []
        self._lock = threading.Lock()
        self._file = open(Path(folder) / f"{name}.ledger", "w", encoding="utf-8")

    def intend(self, entry):
        with self._lock:
            self.entries.append(entry)
            self._write(intent=entry.kind, mark=entry.mark, record=entry.record)
        return entry

    def sending(self, entry, what, request=True):
        """`entry` may be None: a read. Without `request` it is a look at what goes on by itself."""
        one = Try(what, time.monotonic())
        with self._lock:
            if request:
                self.requests.append(one)
            if entry:
                entry.tries.append(one)
                self._write(sent=entry.mark, what=what)
        return one

    def answered(self, entry, one, status, code="", owed=False):
        with self._lock:
            one.status, one.code, one.owed, one.ended = status, code, owed, time.monotonic()
            if entry:
                self._write(answered=entry.mark, status=status, code=code)

    def _write(self, **line):
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self):
        self._file.close()

    def in_flight(self, moment):
        return sum(one.sent <= moment and (not one.ended or one.ended >= moment) for one in list(self.requests))

    def cut(self, began, ended):
        """Requests that had no answer because of what happened in that time."""
        return sum(one.code == LOST and one.sent <= ended and one.ended >= began for one in list(self.requests))

    def succeeded(self, windows):
        """(good, all) of the requests that touch no fault window: 412 is the right answer to a version that is past."""
        outside = [one for one in self.requests if one.ended and
                   not any(one.sent <= end and one.ended >= begin for begin, end in windows)]
        return sum(one.is_done or one.status == 412 for one in outside), len(outside)
