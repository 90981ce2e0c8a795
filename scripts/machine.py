"""A copy of a debootstrapped tree as a machine: its systemd is process 1 of namespaces of its own. Used by
scripts/service-tree.py."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tree import PATH, command, wait_until

# $1 is the tree, $2 the file that is its console, $3 a control group that becomes the machine's root.
ENTER = """
echo $$ >"$3/cgroup.procs"
exec unshare --cgroup --fork --kill-child --pid --mount --uts --ipc --propagation private /bin/sh -ec "$BOOT" boot "$@"
"""
# Nothing of the kernel that this machine shares with the one around it can be set, and after pivot_root the files
# around it are not there. systemd of Debian 13 wants cgroup2 alone, that of Debian 12 takes it. Mounts are shared, as
# systemd makes them where it is no container: that is how credentials come from the folder where they are made.
BOOT = """
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
for name in null zero full random urandom tty; do
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
touch dev/console
mount --bind "$2" dev/console
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname steward
pivot_root . .
umount -l .
cd /
mount --make-rshared /
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot --inh-caps=-all \
    /usr/bin/env -i container=other "PATH=$PATH" /lib/systemd/systemd --system --unit=multi-user.target
"""


class Machine:
    """Its network is that of the caller, who should have one of its own. Whoever kills the caller, being process 1 of
    its namespace, kills all of it."""

    def __init__(self, path, folder):
        self.path, self.console = path, folder / "console"
        self.groups, self.outer, self.pid = folder / "cgroup", None, None
        # What the machine mounts itself must not lie below.
        for name in ("dev", "proc", "var/cache/apt/archives"):
            command("umount", "-R", path / name)
        self.write("etc/hostname", "steward\n")
        # There is nobody at the console.
        (path / "etc/systemd/system/console-getty.service").symlink_to("/dev/null")
        self.groups.mkdir(exist_ok=True)
        command("mount", "-t", "cgroup2", "cgroup2", self.groups)
        for left in self.groups.glob("steward-tree-*"):
            self.remove_group(left)

    @staticmethod
    def remove_group(group):
        """One that still has processes stays: another run's."""
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                return

    def boot(self):
        # The process numbers here are those of a namespace, so that two runs may have the same.
        group = self.groups / f"steward-tree-{time.time_ns()}"
        group.mkdir()
        with open(self.console, "ab") as console:
            self.outer = subprocess.Popen(["/bin/sh", "-ec", ENTER, "enter", self.path, self.console, group],
                                          stdin=subprocess.DEVNULL, stderr=console, env={"PATH": PATH, "BOOT": BOOT})
        children = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        wait_until("systemd", lambda: children.read_text())
        self.pid = children.read_text().split()[0]
        wait_until("multi-user.target", lambda: self.up("is-active", "multi-user.target") == "active", 180)

    def up(self, *words):
        """What systemctl says, which fails while there is nobody to ask."""
        assert self.outer.poll() is None, "the machine is down"
        return self.run("systemctl", *words, check=False).stdout.strip()

    def told(self):
        """For whoever looks for what went wrong."""
        lines = self.console.read_text(errors="replace") if self.console.exists() else ""
        return lines + (self.run("journalctl", "--no-pager", "-n", "80", check=False).stdout if self.pid else "")

    def halt(self):
        """By force: systemd takes SIGTERM for an order to start itself anew."""
        if self.outer is None:
            return
        if self.outer.poll() is None:
            os.kill(int(self.pid or self.outer.pid), signal.SIGKILL)
        self.outer.wait(60)
        self.outer = self.pid = None
        for group in self.groups.glob("steward-tree-*"):
            self.remove_group(group)

    def enter(self, *arguments, settings=None):
        names = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", **(settings or {})}
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "/usr/bin/env", "-i",
                *(f"{name}={value}" for name, value in names.items()), *(str(one) for one in arguments)]

    def run(self, *arguments, settings=None, given=None, check=True):
        done = subprocess.run(self.enter(*arguments, settings=settings), check=False, input=given or "", text=True,
                              capture_output=True, timeout=120)
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def systemctl(self, *words):
        return self.run("systemctl", *words).stdout.strip()

    def show(self, unit, name):
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def journal(self, *options):
        return self.run("journalctl", "--quiet", "--no-pager", *options).stdout

    def write(self, name, text, mode=0o644):
        place = self.path / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        place.chmod(mode)
        place.write_text(text, encoding="utf-8")
