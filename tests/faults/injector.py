"""Lets one call of the server fail, which then is the program of injections.c."""

import ctypes
import mmap
from pathlib import Path

from harness.server import binary

INJECTING = str(Path(binary()).with_name("steward_with_injections"))
KINDS = ("send", "statement", "sync", "libpq", "jansson", "libmicrohttpd", "libjwt", "own")  # as in injections.c


class Control(ctypes.Structure):
    _fields_ = [("seen", ctypes.c_int64 * len(KINDS)), ("at", ctypes.c_int64 * len(KINDS)), ("jobs", ctypes.c_int64),
                ("held", ctypes.c_int64), ("how", ctypes.c_char * 8)]


class Injector:
    def __init__(self, path):
        Path(path).write_bytes(bytes(ctypes.sizeof(Control)))
        self.settings = {"STEWARD_TEST_INJECTIONS": str(path)}
        with open(path, "r+b") as file:
            self._control = Control.from_buffer(mmap.mmap(file.fileno(), 0))

    def hold_jobs(self, held):
        self._control.held = held

    def arm(self, kind, number, how="", jobs=False):
        """From now on the call of that number fails. `jobs`: of those that jobs make, else of those that requests make."""
        self.disarm(kind)
        self._control.jobs, self._control.how = jobs, how.encode()
        self._control.seen[KINDS.index(kind)] = 0
        self._control.at[KINDS.index(kind)] = number

    def disarm(self, kind):
        """Whether it came to that call."""
        at, self._control.at[KINDS.index(kind)] = self._control.at[KINDS.index(kind)], 0
        return 0 < at <= self._control.seen[KINDS.index(kind)]
