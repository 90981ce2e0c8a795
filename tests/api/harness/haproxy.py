"""HAProxy with the shipped configuration, before servers of the suite."""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from .server import ROOT

CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program():
    # Its folder is not in everybody's PATH.
    return shutil.which("haproxy") or "/usr/sbin/haproxy"


def configuration(port, ports):
    """What is shipped, with nothing changed but where it listens and where the servers are."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text, found = re.subn(r"^(    bind ):8080$", rf"\g<1>127.0.0.1:{port}", text, flags=re.M)
    assert found == 1, "the configuration listens elsewhere"
    lines = "".join(f"    server s{number} 127.0.0.1:{to}\n" for number, to in enumerate(ports))
    text, found = re.subn(r"(?:^    server \w+ 127\.0\.0\.1:\d+\n)+", lines, text, flags=re.M)
    assert found == 1, "the configuration has its servers elsewhere"
    return text


class Haproxy:
    def __init__(self, ports, folder, name):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = Path(folder) / f"{name}.cfg"
        self.file.write_text(configuration(self.port, ports), encoding="utf-8")
        self.log_path = Path(folder) / f"{name}.log"
        self.process = None

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([program(), "-db", "-f", str(self.file)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.log_path.read_text(errors="replace")
                time.sleep(0.02)

    def tried_twice(self):
        """The lines of its log for requests that it sent, or tried to send, more than once."""
        requests = [(line, found.group(1)) for line in self.log_path.read_text(errors="replace").splitlines()
                    if (found := re.search(r' (?:\d+/){4}(\+?\d+) \d+/\d+ "', line))]
        assert requests, "no request in the log"
        return [line for line, retries in requests if retries != "0"]

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
