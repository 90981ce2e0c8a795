"""What `docker compose up --build` does, where there is no Docker: the Dockerfile's instructions, one after another, in
copies of a debootstrapped tree, then compose.yaml's services with their users, settings, secrets and health checks.

    unshare --mount-proc --pid --fork .venv/bin/python scripts/image-tree.py BASE RELEASE FOLDER [CERTIFICATES]

BASE is the tree to copy, archives/ beside it keeps packages, FOLDER holds what is made. Called by
scripts/debian-tree.sh, step `image`, as root."""

import json
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import yaml

from tree import PATH, PROJECT, Tree, build_image, command, fetch, instructions, lender, own_network, say, wait_until


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


def install_postgres(base, folder, service):
    """The tree of the service `postgres`, from the release's own package; it must be the version that the image has."""
    tree = Tree(base, folder / "postgres")
    quiet = tree.path / "etc/postgresql-common/createcluster.d/steward-none.conf"
    quiet.parent.mkdir(parents=True)
    quiet.write_text("create_main_cluster = false\n", encoding="utf-8")
    tree.install("postgresql")
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
    secrets = make_secrets(folder / "deploy")
    compose = interpolate(yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8")), secrets)
    compose["folder"] = folder / "deploy"
    for word, rest in instructions((PROJECT / "Dockerfile").read_text(encoding="utf-8")):
        assert word != "FROM" or rest.split()[0] == f"debian:{release}-slim", f"{rest} is not what {base} holds"
    image = build_image(base, folder, lender(certificates))
    (image.path / "tmp/certificates.crt").unlink(missing_ok=True)
    postgres = install_postgres(base, folder, compose["services"]["postgres"])
    # Where services find each other by name, there is one address here.
    with open(image.path / "etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.write("127.0.0.1 postgres\n")
    own_network()
    run_services(compose, image, postgres)
    say("every step passed")


main(*sys.argv[1:])
