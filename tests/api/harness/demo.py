"""The demo organization, as `steward dev` serves it to a new user."""

import contextlib
import os
import shutil
import tempfile

from .server import Server


@contextlib.contextmanager
def demo_organization(log):
    """Gives the folder of its data while it is served."""
    folder = tempfile.mkdtemp(prefix="stw-dev-", dir="/tmp")
    os.chmod(folder, 0o755)  # as root PostgreSQL runs as another user
    server = Server({}, log, ("dev", "--data-dir", folder))
    try:
        server.start(timeout=240)
        yield folder
        server.stop()
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
