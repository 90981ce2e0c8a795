"""What a break-in would meet: how the binary was built, what the shipped unit takes away, what the filter refuses."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.server import ROOT, binary, run_command, sanitized

UNIT = ROOT / "deploy" / "steward.service"
SOCKET = UNIT.with_suffix(".socket")
SCORE = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")
SOFT = ("-O0", "-no-pie", "-fno-pie", "-fno-stack-protector", "-fcf-protection=none", "-U_FORTIFY_SOURCE",
        "-Wl,-z,norelro", "-Wl,-z,lazy", "-Wl,-z,execstack")


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"})


def readelf(program, *options):
    done = run("readelf", "-W", *options, str(program))
    assert done.returncode == 0, done.stderr
    return done.stdout


def hardening(program):
    """{name: whether the program has it}."""
    header, segments, dynamic = readelf(program, "-h"), readelf(program, "-l"), readelf(program, "-d")
    symbols = readelf(program, "--dyn-syms")
    stack = re.search(r"GNU_STACK.* (\S+) +0x[0-9a-f]+$", segments, re.M)
    loads = re.findall(r"^ +LOAD .* ([R ][W ][E ]) +0x[0-9a-f]+$", segments, re.M)
    producers = re.findall(r"DW_AT_producer .*: (GNU C\d.*)$", readelf(program, "--debug-dump=info", "--dwarf-depth=1"), re.M)

    def each_with(flag):
        return bool(producers) and all(flag in line for line in producers)
    found = {
        "position independent": "DYN" in header and bool(re.search(r"FLAGS_1.*\bPIE\b", dynamic)),
        "relocations read-only": "GNU_RELRO" in segments and bool(re.search(r"FLAGS_1.*\bNOW\b", dynamic)),
        "stack not executable": stack is not None and "E" not in stack.group(1),
        "nothing writable and executable": bool(loads) and "RWE" not in loads,
        "no text relocations": "TEXTREL" not in dynamic,
        "libraries from the system's folders": not re.search(r"\((RPATH|RUNPATH)\)", dynamic),
        "stack protector": "__stack_chk_fail" in symbols,
        "stack protector in every unit": each_with("-fstack-protector-strong"),
        "fortified": bool(re.search(r"__(mem|str|read|fd|v?sn?printf|v?f?printf)\w*_chk\b", symbols)),
    }
    if platform.machine() == "x86_64":
        # Not the mark of the whole program: the linker sets that only when the C library's start files have it, and
        # Debian's have not.
        found["control flow in every unit"] = each_with("-fcf-protection=full")
    return found


def test_the_binary_is_hardened():
    found = hardening(binary())
    if sanitized():
        # Sanitizers watch themselves what fortify watches.
        assert found.pop("fortified") is False
    missing = [name for name, there in found.items() if not there]
    assert not missing, missing


def test_a_soft_program_is_told(tmp_path):
    """What the test above looks at is told apart: a program made without any of it has none of it."""
    source = tmp_path / "soft.c"
    source.write_text("#include <string.h>\nint main(int n, char **v) { char b[64]; strcpy(b, v[0]); return b[n]; }\n")
    run("gcc", "-g", *SOFT, "-Wl,-rpath,/tmp", "-o", str(tmp_path / "soft"), str(source))
    there = [name for name, there in hardening(tmp_path / "soft").items() if there]
    assert set(there) <= {"no text relocations", "nothing writable and executable"}, there


def score(unit):
    done = run("systemd-analyze", "security", "--offline=true", str(unit))
    found = SCORE.search(done.stdout)
    assert found, f"{done.stdout}\n{done.stderr}"
    return float(found.group(1))


def test_the_unit_leaves_little_exposed(tmp_path):
    assert score(UNIT) <= 2.0
    weaker = tmp_path / "weaker.service"
    weaker.write_text(re.sub(r"^(DynamicUser|User|CapabilityBoundingSet|SystemCallFilter)=.*\n", "",
                             UNIT.read_text(encoding="utf-8"), flags=re.M))
    assert score(weaker) > 2.0


def test_the_units_are_understood(tmp_path):
    """Every line of them by this release's systemd; with the binary where it is."""
    copy, socket = tmp_path / UNIT.name, tmp_path / SOCKET.name
    socket.write_text(SOCKET.read_text(encoding="utf-8"))
    text, found = re.subn(r"^ExecStart=/usr/local/bin/steward ", f"ExecStart={binary()} ",
                          UNIT.read_text(encoding="utf-8"), flags=re.M)
    assert found == 1
    copy.write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", str(copy), str(socket))
    said = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line or SOCKET.name in line]
    assert not said, said
    copy.write_text(text + "\n[Service]\nNoSuchSetting=1\n")
    done = run("systemd-analyze", "verify", "--man=no", str(copy))
    assert "NoSuchSetting" in done.stdout + done.stderr


def system_calls(*words):
    """What SystemCallFilter='s words name, groups taken apart."""
    calls = set()
    for word in words:
        if not word.startswith("@"):
            calls.add(word)
            continue
        lines = run("systemd-analyze", "syscall-filter", word).stdout.splitlines()
        named = [line.strip() for line in lines[1:] if line.strip() and not line.strip().startswith("#")]
        assert named, f"systemd knows no {word}"
        calls |= system_calls(*named)
    return calls


def test_the_unit_allows_what_the_filter_allows():
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(encoding="utf-8"), re.M):
        named = system_calls(*line.removeprefix("~").split())
        allowed = allowed - named if line.startswith("~") else allowed | named
    source = (ROOT / "server" / "confine.c").read_text(encoding="utf-8")
    plain = re.search(r"allowed\[\] = \{.*?#endif(.*?)\};", source, re.S).group(1)  # without what sanitizers need
    own = set(re.findall(r'"(\w+)"', plain)) | set(re.findall(r'^    \{"(\w+)",', source, re.M))
    assert len(own) > 50
    assert own - allowed == set()


def seccomp_of_threads(process):
    modes = {}
    for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
        found = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        modes[status.parent.name] = found["Seccomp"], found["NoNewPrivs"]
    return modes


@pytest.mark.subset
@pytest.mark.parametrize("word, mode", [("refuse", "2"), ("kill", "2"), ("off", "0")])
def test_every_thread_is_confined(start_server, word, mode):
    server = start_server(STEWARD_SECCOMP=word)
    modes = seccomp_of_threads(server.process)
    assert len(modes) >= 5, "loops, workers, jobs, sessions, main"
    assert {seen for seen, _ in modes.values()} == {mode}, modes
    if mode == "2":
        assert {privileges for _, privileges in modes.values()} == {"1"}, modes


def test_the_setting_is_shown_and_checked(settings):
    shown = run_command("config", settings={name: value for name, value in settings.items() if name != "STEWARD_SECCOMP"})
    assert "STEWARD_SECCOMP=refuse\n" in shown.stdout, "on unless somebody says otherwise"
    assert "STEWARD_SECCOMP=off\n" in run_command("config", settings={**settings, "STEWARD_SECCOMP": "off"}).stdout
    refused = run_command("config", settings={**settings, "STEWARD_SECCOMP": "on"}, check=False)
    assert refused.returncode != 0 and "STEWARD_SECCOMP: must be refuse, kill or off" in refused.stderr


SANITIZERS = {"libasan", "libubsan", "libtsan"}
LISTED = re.compile(r"^\| (lib(?!rary)\w+) \| [^|]+ \| (\S+) [^|]+ \| (\S+) [^|]+ \|", re.M)


def listed():
    """{library: (package of Debian 12, of Debian 13)} as SECURITY.md says."""
    rows = LISTED.findall((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert rows
    return {library: packages for library, *packages in rows}


def test_security_md_lists_what_the_binary_links():
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf(binary(), "-d"))
    linked = {name.split(".so")[0]: name for name in needed if not name.startswith("ld-linux")}
    assert linked.keys() - SANITIZERS == listed().keys()
    release = re.search(r'^VERSION_ID="(\d+)"', Path("/etc/os-release").read_text(encoding="utf-8"), re.M).group(1)
    for library, packages in listed().items():
        owners = re.findall(r"^(\S+?)(?::\w+)?: ", run("dpkg-query", "-S", f"*/{linked[library]}").stdout, re.M)
        assert packages[{"12": 0, "13": 1}[release]] in owners, library


def test_the_image_installs_what_security_md_lists():
    last = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("FROM debian:trixie-slim\n")[2]
    installed = re.search(r"--no-install-recommends ([^&]*)&&", last).group(1).replace("\\", "").split()
    assert set(installed) - {"ca-certificates", "tzdata"} == {new for _, new in listed().values()} - {"libc6"}


def test_what_the_image_is_built_from_is_in_its_context(tmp_path):
    """Its first step, which misses every file that is named and not there."""
    for name in re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.M):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    configure = re.search(r"^RUN (cmake [^&]*)&&", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M).group(1)
    done = subprocess.run(configure.split(), cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
