"""Copies of a debootstrapped tree, and what the Dockerfile makes in them: shared by scripts/image-tree.py and
scripts/service-tree.py, which scripts/debian-tree.sh calls as root in namespaces of their own."""

import ctypes
import fcntl
import json
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1


def say(text):
    print(f"{time.strftime('%T')} {Path(sys.argv[0]).stem.removesuffix('-tree')}: {text}", flush=True)


def command(*arguments, **options):
    return subprocess.run([str(argument) for argument in arguments], check=True, **options)


class Tree:
    """A root file system and what the Dockerfile says of whoever runs in it."""

    def __init__(self, base, path):
        self.path = path
        self.user, self.workdir = "0:0", "/"
        self.settings = {}
        self.entrypoint, self.command, self.health, self.signal = [], [], [], "SIGTERM"
        command("rm", "-rf", "--one-file-system", path)
        command("cp", "-a", "--reflink=auto", base, path)
        command("mount", "-t", "proc", "proc", path / "proc")
        command("mount", "--rbind", "/dev", path / "dev")
        archives = base.parent / "archives"
        archives.mkdir(exist_ok=True)
        command("mount", "--bind", archives, path / "var/cache/apt/archives")
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", path / "etc" / name)

    def inside(self, *arguments, user=None, settings=None, confined=False):
        """The command line that runs these arguments in the tree, with no setting but its own and those given."""
        uid, gid = (user or self.user).split(":")
        known = {"PATH": PATH, "HOME": "/", **self.settings, **(settings or {})}
        strict = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"] if confined else []
        return ["chroot", str(self.path), "/usr/bin/env", "-i", *(f"{name}={value}" for name, value in known.items()),
                "/usr/bin/setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *strict,
                "/usr/bin/env", "-C", self.workdir, *arguments]

    def install(self, *packages):
        line = f"apt-get update -q && apt-get install -y -q --no-install-recommends {' '.join(packages)}"
        command(*self.inside("/bin/sh", "-c", line, settings={"DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}),
                stdin=subprocess.DEVNULL)


def lender(certificates):
    """A machine behind a proxy of its own trusts more authorities than a fresh Debian: they are lent by a copy."""
    def lent(tree):
        if not certificates:
            return {}
        shutil.copy(certificates, tree.path / "tmp/certificates.crt")
        return {"PIP_CERT": "/tmp/certificates.crt"}
    return lent


def instructions(text):
    """The pairs of word and rest; lines that end in a backslash go on."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*#", line)]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


def copy_context(target):
    """COPY . . with a .dockerignore that leaves out everything and names what comes back."""
    first, *patterns = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert first == "*" and all(pattern.startswith("!") for pattern in patterns), patterns
    for name in (pattern[1:] for pattern in patterns):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        command("cp", "-rT", "--preserve=mode,timestamps", PROJECT / name, place)


def copy(tree, stages, words):
    *options, source, target = words
    place = Path(f"{tree.path}{Path(tree.workdir, target)}")
    place.parent.mkdir(parents=True, exist_ok=True)
    if options:
        (name,) = options
        command("cp", "-a", f"{stages[name.removeprefix('--from=')].path}{source}", place)
    elif source == ".":
        copy_context(place)
    else:
        allowed = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
        assert f"!{source}" in allowed, f"{source} is not in the context"
        shutil.copy(PROJECT / source, place)


def build_image(base, folder, lent, stop=None):
    """The last stage's tree, or that of the stage with the name `stop`."""
    stages, tree = {}, None
    for word, rest in instructions((PROJECT / "Dockerfile").read_text(encoding="utf-8")):
        say(f"{word} {' '.join(rest.split())[:100]}")
        if word == "FROM":
            if stop in stages:
                break
            _, *name = rest.split()
            tree = Tree(base, folder / f"stage-{len(stages)}")
            stages[name[1] if name else ""] = tree
        elif word == "RUN":
            command(*tree.inside("/bin/sh", "-c", rest, settings={"DEBIAN_FRONTEND": "noninteractive", **lent(tree)}),
                    stdin=subprocess.DEVNULL)
        elif word == "WORKDIR":
            tree.workdir = rest
            Path(f"{tree.path}{rest}").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            copy(tree, stages, rest.split())
        elif word == "USER":
            tree.user = rest
        elif word == "ENV":
            tree.settings.update(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "HEALTHCHECK":
            tree.health = json.loads(rest[rest.index("CMD") + 3:])
        elif word == "STOPSIGNAL":
            tree.signal = rest
        elif word in ("ENTRYPOINT", "CMD"):
            setattr(tree, word.lower().replace("cmd", "command"), json.loads(rest))
        else:
            assert word == "EXPOSE", f"not understood: {word}"
    return tree


def own_network(also=None):
    """A network of our own, as a container has: the ports that compose.yaml names are free here. `also` is one more
    address of this machine."""
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0, "unshare"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        if also:
            request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(also))
            fcntl.ioctl(any_socket, SIOCSIFADDR, request)


def wait_until(what, done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what} does not come"
        time.sleep(0.2)


def fetch(url, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=10) as reply:
        return reply.read().decode()
