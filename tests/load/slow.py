"""Clients that send a byte a second or read a few: kept up in numbers, a new one for each that the server has let go."""

import collections
import select
import socket
import struct
import threading
import time

from client import request

KINDS = ("head", "body", "reader")
TURN = 1.0  # seconds between two of their bytes
SEGMENT = 1400  # as on a real network: on the loopback the kernel would take megabytes for each reader
ROOM = 4096  # bytes that a reader's kernel takes for it
PAGES = 20  # that it asks for at once


def dial(port, room=None):
    made = socket.socket()
    # closed by a reset, or as many ports would wait for minutes
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if room:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    made.settimeout(30)
    made.connect(("127.0.0.1", port))
    return made


class One:
    def __init__(self, kind, port, token):
        self.kind, self.since = kind, time.monotonic()
        self.socket = dial(port, ROOM if kind == "reader" else None)
        if kind == "head":
            data = b"GET /v1/leads HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
        elif kind == "body":
            data = request("POST", "/v1/leads", token, "x" * 10000)[:-9990]
        else:
            data = request("GET", "/v1/leads?limit=200", token) * PAGES
        self.socket.sendall(data)
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN if kind != "reader" else 0)

    def step(self):
        """What the server said at the end, None while it goes on."""
        try:
            if self.poll.poll(0):
                return self.socket.recv(4096)
            if self.kind == "reader":
                self.socket.recv(8)
            else:
                self.socket.send(b"x")
        except OSError:
            return b""
        return None


class Slow(threading.Thread):
    """with Slow(...) as slow: `each` of each kind are there. `lives`: {kind: seconds until it was let go}, `said`: what senders
    were told."""

    def __init__(self, port, token, each):
        super().__init__(daemon=True)
        self.port, self.token, self.ended, self.failure = port, token, threading.Event(), None
        self.lives, self.said = collections.defaultdict(list), collections.Counter()
        self.ones = [One(kind, port, token) for kind in KINDS for _ in range(each)]

    def run(self):
        try:
            while not self.ended.wait(TURN):
                for number, one in enumerate(self.ones):
                    said = one.step()
                    if said is not None:
                        self.lives[one.kind].append(time.monotonic() - one.since)
                        if one.kind != "reader":
                            self.said[said[9:12].decode()] += 1
                        one.socket.close()
                        self.ones[number] = One(one.kind, self.port, self.token)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = repr(error)

    def oldest(self):
        """{kind: the longest that one was held, those that are still there among them}."""
        now = time.monotonic()
        return {kind: max([*self.lives[kind], *(now - one.since for one in self.ones if one.kind == kind)]) for kind in KINDS}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        for one in self.ones:
            one.socket.close()
