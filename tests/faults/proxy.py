"""A TCP proxy before PostgreSQL that knows enough of its protocol to see a commit go by, and then cuts, or stalls, or dawdles."""

import asyncio
import itertools
import re
import threading
import time

STARTUP, CANCEL, ENCRYPTION = 196608, 80877102, (80877103, 80877104)
WRITES = re.compile(r"\b(insert\s+into|update\s+\S+\s|delete\s+from|job_take)", re.IGNORECASE)
BEGIN, COMMIT, WRITE = 1, 2, 4
# Where the connection is cut, seen from a commit: its Sync is not passed on; it is, and that is all; what it answers is
# lost; rows and tags still arrive and only the answer to the Sync is lost.
CUTS = ("unsent", "sent", "unheard", "untold")


def kind_of(sql):
    word = sql.strip().lower()
    return BEGIN if word == "begin" else COMMIT if word == "commit" else WRITE if WRITES.search(sql) else 0


class Messages:
    """Cuts a stream into messages: (type, payload, end in the buffer)."""

    def __init__(self):
        self.buffer = b""

    def add(self, data):
        self.buffer += data
        at = 0
        while len(self.buffer) >= at + 5:
            end = at + 1 + int.from_bytes(self.buffer[at + 1:at + 5], "big")
            if len(self.buffer) < end:
                break
            yield self.buffer[at:at + 1], self.buffer[at:end]
            at = end
        self.buffer = self.buffer[at:]


class Link:
    """One connection of the server's."""

    def __init__(self, proxy, client):
        self.proxy, self.client, self.server = proxy, client, None
        self.kinds, self.segment, self.status, self.cut = {}, 0, b"I", None
        self.flowing = proxy.flowing

    async def run(self):
        try:
            first = await self.greet()
            if first is None:
                return
            await self.flowing.wait()
            self.server = await asyncio.open_unix_connection(self.proxy.path)
            self.server[1].write(first)
            both = [asyncio.ensure_future(self.up()), asyncio.ensure_future(self.down())]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for side in (self.client, self.server):
                if side:
                    side[1].transport.abort()

    async def greet(self):
        """The first message that PostgreSQL is to have; there is no encryption here."""
        while True:
            await self.flowing.wait()
            head = await self.client[0].readexactly(8)
            length, code = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
            if code not in ENCRYPTION:
                return head + await self.client[0].readexactly(length - 8)
            self.client[1].write(b"N")

    async def pass_time(self):
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        await self.flowing.wait()

    def look(self, kind, message):
        """True when it is the Sync of something that commits."""
        if kind == b"P":
            name, sql = message[5:].split(b"\0")[:2]
            self.kinds[name] = kind_of(sql.decode())
        elif kind == b"B":
            self.segment |= self.kinds.get(message[5:].split(b"\0")[1], 0)
        elif kind == b"S":
            segment, self.segment = self.segment, 0
            return bool(segment & COMMIT) or (segment & (WRITE | BEGIN) == WRITE and self.status == b"I")
        return False

    async def up(self):
        messages = Messages()
        while data := await self.client[0].read(1 << 16):
            await self.pass_time()
            for kind, message in messages.add(data):
                if self.look(kind, message):
                    self.cut = self.cut or self.proxy.next_cut()
                    if self.cut == "unsent":
                        return
                self.server[1].write(message)
                if kind == b"S" and self.cut == "sent":
                    await self.server[1].drain()
                    return
            await self.server[1].drain()

    async def down(self):
        messages = Messages()
        while data := await self.server[0].read(1 << 16):
            await self.pass_time()
            for kind, message in messages.add(data):
                if kind == b"Z":
                    self.status = message[5:6]
                    if self.cut:
                        return
                if self.client[1].transport.is_closing():
                    return
                if self.cut != "unheard":
                    self.client[1].write(message)
            await self.client[1].drain()


class Proxy:
    """`url`: the way through it; `cuts`: (when, where) of each one so far."""

    def __init__(self, cluster, user):
        self.path, self.every, self.delay = f"{cluster.folder}/.s.PGSQL.5432", 0, 0.0
        self.cuts, self._commits, self._places = [], 0, itertools.cycle(CUTS)
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.ready.wait()
        self.url = f"postgresql://{user}@127.0.0.1:{self.port}/steward"

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        self.loop.run_forever()

    async def _listen(self):
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.server = await asyncio.start_server(lambda *client: Link(self, client).run(), "127.0.0.1", 0, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]
        self.ready.set()

    def next_cut(self):
        """Where to cut at this commit; None: not at all."""
        self._commits += 1
        if not self.every or self._commits % self.every:
            return None
        self.cuts.append((time.monotonic(), next(self._places)))
        return self.cuts[-1][1]

    def black_hole(self):
        """From now on everything is taken and nothing answered, new connections included."""
        self.loop.call_soon_threadsafe(self.flowing.clear)

    def release(self, revive):
        """New connections work; those that fell into the hole do too, or (not `revive`) are never heard of again."""
        def go():
            if revive:
                self.flowing.set()
            else:
                self.flowing = asyncio.Event()
                self.flowing.set()
        self.loop.call_soon_threadsafe(go)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        async def end():
            self.server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
