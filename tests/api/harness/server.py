"""The binary under test: its commands, and serve as a process whose log is kept and judged."""

import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ROOT = Path(__file__).resolve().parents[3]
LISTENING = re.compile(r"listening on (http://\S+:(\d+))")
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:)")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "halt_on_error=1:abort_on_error=0:detect_leaks=1:strict_string_checks=1:"
                    "detect_stack_use_after_return=0:exitcode=23",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:exitcode=23",
}


# sd_listen_fds(3): descriptor 3, and the process must be the one that is named.
HAND_OVER = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
             "os.execvp(sys.argv[2], sys.argv[2:])")


def binary():
    return os.environ.get("STEWARD_BINARY") or str(ROOT / "build/release/steward")


def variant():
    """What the binary was built with, told by the folder it lies in: release, debug, asan, tsan."""
    return Path(binary()).parent.name


def sanitized():
    return variant() in ("asan", "tsan")


def command_line(*arguments, program=None):
    # ThreadSanitizer's shadow does not fit every address layout, so its binary runs without randomization.
    if variant() == "tsan":
        return ["setarch", platform.machine(), "-R", program or binary(), *arguments]
    return [program or binary(), *arguments]


def environment(settings):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEWARD_")}
    for name, value in SANITIZER_OPTIONS.items():
        kept.setdefault(name, value)
    kept.update({name: str(value) for name, value in settings.items()})
    return kept


def run_command(*arguments, settings=None, stdin="", check=True, timeout=120):
    done = subprocess.run(command_line(*arguments), env=environment(settings or {}), input=stdin, text=True,
                          capture_output=True, timeout=timeout, check=False)
    if SANITIZER.search(done.stderr) or (check and done.returncode != 0):
        raise AssertionError(f"steward {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def new_signing_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


class Server:
    """`steward serve` on a free port. Stopping it judges its exit status and its log. `under`: what runs it. `listens`: a socket
    that it is handed as systemd would."""

    def __init__(self, settings, log, arguments=("serve",), under=(), program=None, listens=None):
        self.settings = {"STEWARD_PORT": "0", **settings}
        self.log_path = Path(log)
        self.arguments = arguments
        self.program = program  # another one than the binary under test
        self.under = under if listens is None else (sys.executable, "-c", HAND_OVER, str(listens.fileno()), *under)
        self.inherited = () if listens is None else (listens.fileno(),)
        self.excused = None  # what an entry of the log may hold that tells of a 500
        self.process = None
        self.url = None
        self.port = None
        self._listening = threading.Event()

    def start(self, timeout=60):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*self.under, *command_line(*self.arguments, program=self.program)],
                                            env=environment(self.settings), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log, pass_fds=self.inherited)
        threading.Thread(target=self._read_output, daemon=True).start()
        end = time.monotonic() + timeout
        while not self._listening.wait(0.05):
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"the server does not listen:\n{self.log_tail()}")
        self.wait_ready(end)
        return self

    def _read_output(self):
        for line in self.process.stdout:
            found = LISTENING.search(line.decode(errors="replace"))
            if found:
                self.url, self.port = found.group(1), int(found.group(2))
                self._listening.set()

    def wait_ready(self, end):
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as reply:
                    if reply.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the server does not get ready:\n{self.log_tail()}")
            time.sleep(0.05)

    def terminate(self):
        self.process.terminate()

    def wait(self, timeout=60):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server does not stop:\n{self.log_tail()}") from None

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.terminate()
        status = self.wait()
        self.judge_log()
        assert status == 0, f"the server's exit status is {status}:\n{self.log_tail()}"

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_lines(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()

    def log_entries(self):
        """The log's JSON lines, as objects."""
        entries = []
        for line in self.log_lines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return [entry for entry in entries if isinstance(entry, dict)]

    def log_tail(self, lines=60):
        return "\n".join(self.log_lines()[-lines:]) if self.log_path.exists() else ""

    def judge_log(self):
        lines = self.log_lines()
        for number, line in enumerate(lines):
            if SANITIZER.search(line):
                raise AssertionError("a sanitizer's finding:\n" + "\n".join(lines[max(0, number - 2):number + 80]))
        broken = [entry for entry in self.log_entries() if entry.get("status") == 500 and
                  not (self.excused and self.excused in entry.get("internal", ""))]
        assert not broken, f"{len(broken)} answers of 500, the first: {broken[:5]}"
