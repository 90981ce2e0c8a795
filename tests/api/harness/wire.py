"""Requests byte by byte, for what no decent client sends."""

import ctypes
import errno
import functools
import re
import socket
import subprocess
from dataclasses import dataclass

import httpx

from .client import check_reply
from .server import binary


@functools.cache
def microhttpd():
    """The version of libmicrohttpd that the binary under test runs with, as numbers: (1, 0, 1)."""
    linked = subprocess.run(["ldd", binary()], capture_output=True, text=True, check=True).stdout
    library = ctypes.CDLL(re.search(r"libmicrohttpd\.so\S* => (\S+)", linked).group(1))
    library.MHD_get_version.restype = ctypes.c_char_p
    return tuple(int(number) for number in library.MHD_get_version().decode().split("."))


@dataclass
class WireReply:
    status: int
    headers: httpx.Headers
    body: bytes
    closed: bool  # the server closed the connection after it


class Wire:
    """One connection."""

    def __init__(self, server, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
        self.buffer = b""
        self.torn = False  # it was reset

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def more(self, most=65536):
        try:
            data = self.socket.recv(most)
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.ENOTCONN):
                raise
            data, self.torn = b"", True
        self.buffer += data
        return bool(data)

    def reply(self, method="GET", by_library=False):
        """The next reply, checked like every other one unless libmicrohttpd may have made it; None when the connection
        ended without one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert not self.buffer, f"half a reply: {self.buffer[:500]!r}"
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = httpx.Headers([tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]])
        if status == 100:
            return self.reply(method, by_library)
        body = b""
        if method != "HEAD" and status not in (204, 304):
            length = int(headers["content-length"])
            while len(self.buffer) < length:
                assert self.more(), "the body is cut"
            body, self.buffer = self.buffer[:length], self.buffer[length:]
        # 0.9.75 even writes the head of such an answer twice; it closes behind it, so nothing can be read wrongly.
        if not (by_library and b"<html>" in body):
            check_reply(method, status, headers, body)
        return WireReply(status, headers, body, headers.get("connection", "").lower() == "close")

    def ended(self):
        """True when the server closes the connection and sends nothing more."""
        try:
            while self.more():
                pass
        except TimeoutError:
            return False
        return self.buffer == b"" or self.buffer.endswith(b"</html>")


def request(method, path, headers=(), body=b"", version="HTTP/1.1", host="Host: localhost"):
    lines = [f"{method} {path} {version}", *([host] if host else []), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body.encode() if isinstance(body, str) else body)
