"""What `docker compose up --build` does, where there is no Docker: the Dockerfile's instructions, one after another, in
copies of a debootstrapped tree, then compose.yaml's services with their users, settings, secrets and health checks.

    unshare --mount-proc --pid --fork .venv/bin/python scripts/image-tree.py BASE RELEASE FOLDER [CERTIFICATES]

BASE is the tree to copy, archives/ beside it keeps packages, FOLDER holds what is made. Called by
scripts/debian-tree.sh, step `image`, as root."""

import ctypes
import fcntl
import json
import re
import shlex
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def say(text):
    print(f"{time.strftime('%T')} image: {text}", flush=True)


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


def build_image(base, release, folder, lent):
    """The last stage's tree."""
    stages, tree = {}, None
    for word, rest in instructions((PROJECT / "Dockerfile").read_text(encoding="utf-8")):
        say(f"{word} {' '.join(rest.split())[:100]}")
        if word == "FROM":
            image, *name = rest.split()
            assert image == f"debian:{release}-slim", f"{image} is not what {base} holds"
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


def make_secrets(folder):
    """scripts/compose-secrets.sh in a folder of its own: the settings of .env; a second run changes nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "scripts").mkdir(parents=True)
    script = shutil.copy(PROJECT / "scripts/compose-secrets.sh", folder / "scripts")
    files = [".env", "secrets/signing.pem", "secrets/cursor.hex"]
    command(script)
    before = [(folder / name).read_bytes() for name in files]
    command(script)
    assert before == [(folder / name).read_bytes() for name in files], "compose-secrets.sh changes what is there"
    for name in (".env", "secrets"):
        assert not (folder / name).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), f"{name} is open to others"
    return dict(line.split("=", 1) for line in before[0].decode().split())


def interpolate(value, settings):
    """compose.yaml's ${NAME}, ${NAME:-default} and ${NAME:?complaint}."""
    if isinstance(value, dict):
        return {name: interpolate(one, settings) for name, one in value.items()}
    if isinstance(value, list):
        return [interpolate(one, settings) for one in value]
    if not isinstance(value, str):
        return value

    def replace(found):
        name, kind, text = found.group(1), found.group(2), found.group(3)
        assert name in settings or kind == ":-", f"{name}: {text}"
        return settings.get(name, text)
    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", replace, value)


def own_network():
    """A network of our own, as a container has: the ports that compose.yaml names are free here."""
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0, "unshare"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def wait_until(what, done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, f"{what} does not come"
        time.sleep(0.2)


def install_postgres(base, folder, service):
    """The tree of the service `postgres`, from the release's own package; it must be the version that the image has."""
    tree = Tree(base, folder / "postgres")
    quiet = tree.path / "etc/postgresql-common/createcluster.d/steward-none.conf"
    quiet.parent.mkdir(parents=True)
    quiet.write_text("create_main_cluster = false\n", encoding="utf-8")
    install = "apt-get update -q && apt-get install -y -q --no-install-recommends postgresql"
    command(*tree.inside("/bin/sh", "-c", install, settings={"DEBIAN_FRONTEND": "noninteractive"}),
            stdin=subprocess.DEVNULL)
    version = service["image"].removeprefix("postgres:")
    programs = f"/usr/lib/postgresql/{version}/bin"
    assert (tree.path / programs[1:]).is_dir(), f"PostgreSQL {version} is not this release's"
    tree.settings["PATH"] = f"{programs}:{PATH}"
    entry = next(line for line in (tree.path / "etc/passwd").read_text().splitlines() if line.startswith("postgres:"))
    tree.user = ":".join(entry.split(":")[2:4])
    return tree


def start_postgres(tree, service, configs):
    """What the image's entry point does: initdb with the settings, the database, the scripts of initdb.d."""
    settings = service["environment"]
    user, database = settings["POSTGRES_USER"], settings["POSTGRES_DB"]
    (tree.path / "tmp/password").write_text(settings["POSTGRES_PASSWORD"] + "\n", encoding="utf-8")
    (tree.path / "tmp/roles.sql").write_text("".join(configs[one["source"]]["content"] for one in service["configs"]),
                                             encoding="utf-8")

    def run(*arguments):
        command(*tree.inside(*arguments), stdout=subprocess.DEVNULL)

    run("initdb", "-D", "/tmp/data", "-U", user, "--pwfile=/tmp/password", "--auth-local=trust",
        "--auth-host=scram-sha-256", *settings["POSTGRES_INITDB_ARGS"].split())
    server = subprocess.Popen(tree.inside("postgres", "-D", "/tmp/data", "-k", "/tmp"), stderr=subprocess.DEVNULL)
    health = service["healthcheck"]["test"]
    wait_until("PostgreSQL", lambda: subprocess.run(tree.inside(*health[1:]), check=False).returncode == 0)
    run("psql", "-h", "/tmp", "-U", user, "-d", "postgres", "-c", f"create database {database}")
    run("psql", "-h", "/tmp", "-U", user, "-d", database, "-v", "ON_ERROR_STOP=1", "-f", "/tmp/roles.sql")
    return server


def prepare_run(tree, service, secrets, folder):
    """Mounts the service's secrets and makes its root read-only, as it says of itself."""
    for name in service["secrets"]:
        place = tree.path / "run/secrets" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        command("mount", "--bind", folder / secrets[name]["file"], place)
    if service["read_only"]:
        command("mount", "--rbind", tree.path, tree.path)
        command("mount", "-o", "remount,bind,ro", tree.path)


def fetch(url, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=10) as reply:
        return reply.read().decode()


def try_it(url, password):
    """From outside, as the person whom the comment in compose.yaml makes."""
    assert "swagger-ui-bundle.js" in fetch(f"{url}/docs"), "/docs has no Swagger UI in it"
    signed_in = json.loads(fetch(f"{url}/v1/auth/login", {"organization": "acme", "email": "admin@acme.example",
                                                          "password": password}))
    token = signed_in["access_token"]
    made = json.loads(fetch(f"{url}/v1/accounts", {"name": "远山科技"}, token))
    assert made["name"] == "远山科技", made
    assert made["id"] in fetch(f"{url}/v1/accounts", token=token)


def healthy(tree, settings):
    return subprocess.run(tree.inside(*tree.health, settings=settings, confined=True), check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def run_services(compose, image, postgres):
    """As `docker compose up --wait` and the two `run --rm migrate` of the comment there; then a stop by its signal."""
    services = compose["services"]
    owner, app = services["migrate"]["environment"], services["steward"]["environment"]
    password = "correct horse battery staple"
    server = start_postgres(postgres, services["postgres"], compose["configs"])

    def steward(*arguments, **more):
        say(f"steward {' '.join(arguments)}")
        command(*image.inside(*image.entrypoint, *arguments, settings={**owner, **more}))

    try:
        steward(*services["migrate"]["command"])
        steward(*services["migrate"]["command"])
        steward("org", "create", "--slug", "acme", "--name", "Acme")
        steward("user", "create", "--org", "acme", "--email", "admin@acme.example", "--name", "Admin",
                "--role", "admin", STEWARD_PASSWORD=password)
        prepare_run(image, services["steward"], compose["secrets"], compose["folder"])
        assert services["steward"]["command"] == image.command and services["steward"]["cap_drop"] == ["ALL"]
        assert not healthy(image, app), "the health check passes with no server"
        serving = subprocess.Popen(image.inside(*image.entrypoint, *image.command, settings=app, confined=True))
        try:
            wait_until("a passing health check", lambda: serving.poll() is not None or healthy(image, app))
            status = Path(f"/proc/{serving.pid}/status").read_text(encoding="utf-8")
            assert re.search(r"^Uid:(\t10001){4}$", status, re.M) and re.search(r"^CapBnd:\t0+$", status, re.M), status
            # The port inside, as the service's line says: address:outside:inside.
            port = services["steward"]["ports"][0].rsplit(":", 1)[1]
            try_it(f"http://127.0.0.1:{port}", password)
            serving.send_signal(getattr(signal, image.signal))
            grace = int(services["steward"]["stop_grace_period"].removesuffix("s"))
            assert serving.wait(grace) == 0, f"serve ends with {serving.returncode}"
            assert not healthy(image, app), "the health check passes after the end"
        finally:
            if serving.poll() is None:
                serving.kill()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def main(base, release, folder, certificates=""):
    base, folder = Path(base).resolve(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    # A machine behind a proxy of its own trusts more authorities than a fresh Debian: they are lent by a copy.
    def lent(tree):
        if not certificates:
            return {}
        shutil.copy(certificates, tree.path / "tmp/certificates.crt")
        return {"PIP_CERT": "/tmp/certificates.crt"}

    secrets = make_secrets(folder / "deploy")
    compose = interpolate(yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8")), secrets)
    compose["folder"] = folder / "deploy"
    image = build_image(base, release, folder, lent)
    (image.path / "tmp/certificates.crt").unlink(missing_ok=True)
    postgres = install_postgres(base, folder, compose["services"]["postgres"])
    # Where services find each other by name, there is one address here.
    with open(image.path / "etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.write("127.0.0.1 postgres\n")
    own_network()
    run_services(compose, image, postgres)
    say("every step passed")


main(*sys.argv[1:])
