"""Where one request ends and the next begins: nothing may be read in two ways."""

import pytest

from harness.wire import Wire, microhttpd, request

LOGIN = "/v1/auth/login"
JSON = "Content-Type: application/json"
SMUGGLED = "GET /v1/nothing-smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"

REFUSED = {
    "both framings": (request("POST", LOGIN, [JSON, "Content-Length: 4", CHUNKED], "0\r\n\r\n"), 400),
    "both framings, length last": (request("POST", LOGIN, [JSON, CHUNKED, "Content-Length: 5"], "0\r\n\r\n"), 400),
    "two lengths": (request("POST", LOGIN, [JSON, "Content-Length: 2", "Content-Length: 40"], "{}"), 400),
    "the same length twice": (request("POST", LOGIN, [JSON, "Content-Length: 2", "Content-Length: 2"], "{}"), 400),
    "list of lengths": (request("POST", LOGIN, [JSON, "Content-Length: 2, 2"], "{}"), 400),
    "space before the colon": (request("POST", LOGIN, [JSON, "Content-Length : 2"], "{}"), 400),
    "negative length": (request("POST", LOGIN, [JSON, "Content-Length: -1"], "{}"), 400),
    "signed length": (request("POST", LOGIN, [JSON, "Content-Length: +2"], "{}"), 400),
    "hexadecimal length": (request("POST", LOGIN, [JSON, "Content-Length: 0x2"], "{}"), 400),
    "huge length": (request("POST", LOGIN, [JSON, "Content-Length: 99999999999999999999999"], "{}"), (400, 413)),
    "unknown coding": (request("POST", LOGIN, [JSON, "Transfer-Encoding: gzip"], "{}"), 501),
    "coding before chunked": (request("POST", LOGIN, [JSON, "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"), 501),
    "chunked twice": (request("POST", LOGIN, [JSON, CHUNKED, CHUNKED], "0\r\n\r\n"), 400),
    "coding with a tail": (request("POST", LOGIN, [JSON, "Transfer-Encoding: chunked;x=1"], "0\r\n\r\n"), 501),
    "chunked in HTTP/1.0": (request("POST", LOGIN, [JSON, CHUNKED], "0\r\n\r\n", version="HTTP/1.0"), 400),
    "no host": (request("GET", "/livez", host=None), 400),
    "two hosts": (request("GET", "/livez", ["Host: elsewhere"]), 400),
    "two authorizations": (request("GET", "/v1/accounts", ["Authorization: Bearer a", "Authorization: Bearer b"]), 400),
    "two content types": (request("POST", LOGIN, [JSON, "Content-Type: text/plain", "Content-Length: 2"], "{}"), 400),
    "two idempotency keys": (request("POST", LOGIN, [JSON, "Idempotency-Key: a", "Idempotency-Key: b",
                                                    "Content-Length: 2"], "{}"), 400),
    "name outside the alphabet": (request("GET", "/livez", ["X(y): 1"]), 400),
    "name with a space": (request("GET", "/livez", ["X Y: 1"]), 400),
    "empty name": (request("GET", "/livez", [": 1"]), 400),
    "more than 8 KiB of headers": (request("GET", "/livez", [f"X-Pad-{i}: {'x' * 1000}" for i in range(9)]), 431),
    "65 fields": (request("GET", "/livez", [f"X-{i}: 1" for i in range(64)]), 431),
    "a long target": (request("GET", "/livez?" + "x" * 9000), (414, 431)),
    "a body over 1 MiB": (request("POST", LOGIN, [JSON, f"Content-Length: {1024 * 1024 + 1}"]), 413),
    "an unknown method": (request("BREW", "/livez"), (405, 501)),
}

# libmicrohttpd answers these before it shows the request to anybody: the status holds, the body is its own HTML.
BY_LIBRARY = {"list of lengths", "negative length", "signed length", "hexadecimal length", "huge length"}
# From 1.0 on it is strict by itself, here too, and has 400 where Steward would say 501.
BY_STRICT_LIBRARY = {"both framings", "both framings, length last", "space before the colon", "unknown coding",
                     "coding before chunked", "coding with a tail", "no host", "name with a space", "empty name"}


def expected(name):
    """The statuses that may come, and whether libmicrohttpd may have made the answer."""
    status = REFUSED[name][1]
    if microhttpd() >= (1, 0) and name in BY_STRICT_LIBRARY:
        return (400,), True
    return status if isinstance(status, tuple) else (status,), name in BY_LIBRARY


@pytest.mark.subset
@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_closed(server, name):
    statuses, by_library = expected(name)
    with Wire(server) as wire:
        wire.send(REFUSED[name][0])
        reply = wire.reply(by_library=by_library)
        if reply is None:
            # libmicrohttpd 0.9 may end a request by itself whose first lines it cannot read at all.
            assert microhttpd() < (1, 0) and name in ("empty name", "name with a space")
        else:
            assert reply.status in statuses, reply
        if name not in ("an unknown method",):
            assert wire.ended(), "the connection stays open, what follows could be read as another request"


@pytest.mark.parametrize("name", ["both framings", "two lengths", "space before the colon", "unknown coding",
                                  "chunked in HTTP/1.0"])
def test_nothing_is_smuggled(server, name):
    with Wire(server) as wire:
        wire.send(REFUSED[name][0] + SMUGGLED.encode())
        wire.reply(by_library=expected(name)[1])
        assert wire.reply() is None, "the smuggled request was answered"
    assert "nothing-smuggled" not in "\n".join(server.log_lines())


def test_the_limits_themselves_are_allowed(server):
    with Wire(server) as wire:
        wire.send(request("GET", "/livez", [f"X-{i}: 1" for i in range(63)]))
        assert wire.reply().status == 200, "64 fields with Host"
    with Wire(server) as wire:
        wire.send(request("GET", "/livez", [f"X-Pad-{i}: {'x' * 1000}" for i in range(7)]))
        assert wire.reply().status == 200, "7 KiB of headers"
    filler = b'{"organization":"' + b"x" * (1024 * 1024 - 19) + b'"}'
    assert len(filler) == 1024 * 1024
    with Wire(server) as wire:
        wire.send(request("POST", LOGIN, [JSON, f"Content-Length: {len(filler)}"], filler))
        assert wire.reply("POST").status == 422, "a body of 1 MiB is read"


def test_chunked_bodies(server):
    body = "4\r\n{\"or\r\n3\r\ngan\r\n1\r\n\"\r\n3\r\n:1}\r\n0\r\n\r\n"
    with Wire(server) as wire:
        wire.send(request("POST", LOGIN, [JSON, CHUNKED], body))
        assert wire.reply("POST").status == 422
        wire.send(request("GET", "/livez"))
        assert wire.reply().status == 200, "the connection goes on"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    with Wire(server) as wire:
        wire.send(request("POST", LOGIN, [JSON, CHUNKED]))
        try:
            for _ in range(40):
                wire.send(chunk)
            wire.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        reply = wire.reply("POST")
        assert reply is None or reply.status == 413, "chunks add up to more than 1 MiB"


@pytest.mark.parametrize("body", ["e;x=1\r\n{\"password\":1}\r\n0\r\n\r\n", "e\r\n{\"password\":1}\r\n0;x=1\r\n\r\n"])
def test_chunk_extensions(server, body):
    with Wire(server) as wire:
        wire.send(request("POST", LOGIN, [JSON, CHUNKED], body) + SMUGGLED.encode())
        if microhttpd() < (1, 0):
            assert wire.reply("POST").status == 422, "an extension changes nothing"
            assert wire.reply().status == 404
        else:
            # 1.0 takes the LF behind an extension for data, and so refuses every chunk that has one.
            assert wire.reply("POST", by_library=True).status == 400
            assert wire.ended()
            assert "nothing-smuggled" not in "\n".join(server.log_lines())


def test_pipelined_requests_are_answered_in_order(server):
    with Wire(server) as wire:
        ids = [f"order-{i}" for i in range(20)]
        wire.send(b"".join(request("GET", "/livez" if i % 2 else "/readyz", [f"X-Request-Id: {name}"])
                           for i, name in enumerate(ids)))
        assert [wire.reply().headers["x-request-id"] for _ in ids] == ids


def test_expect_continue(server):
    with Wire(server) as wire:
        wire.send(request("POST", LOGIN, [JSON, "Content-Length: 2", "Expect: 100-continue"]))
        wire.send(b"{}")
        assert wire.reply("POST").status == 422


def test_head_has_no_body(server):
    with Wire(server) as wire:
        wire.send(request("HEAD", "/v1/nothing") + request("GET", "/livez"))
        assert wire.reply("HEAD").status == 404
        assert wire.reply().status == 200


def test_a_slow_request_is_ended(start_server):
    server = start_server(STEWARD_HEADER_TIMEOUT_MS="1000", STEWARD_BODY_TIMEOUT_MS="1000")
    with Wire(server) as wire:
        wire.send("GET /livez HTTP/1.1\r\nHost: loc")
        reply = wire.reply()
        assert reply is None or reply.status == 408
        assert wire.ended()
    with Wire(server) as wire:
        wire.send(request("POST", LOGIN, [JSON, "Content-Length: 20"], "{"))
        reply = wire.reply("POST")
        assert reply is None or reply.status == 408
        assert wire.ended()


def test_a_stop_answers_what_is_in_flight(start_server, world):
    server = start_server()
    user = world.users["acme", "admin"]
    body = ('{"organization":"acme","email":"%s","password":"%s"}' % (user.email, user.password)).encode()
    with Wire(server) as begun, Wire(server) as idle:
        idle.send(request("GET", "/livez"))
        assert idle.reply().status == 200
        begun.send(request("POST", LOGIN, [JSON, f"Content-Length: {len(body)}"], body[:10]))
        idle.send(request("GET", "/livez"))
        assert idle.reply().status == 200, "the server has seen both connections"
        server.terminate()
        assert idle.ended(), "an idle connection is closed"
        assert server.process.poll() is None, "the request in flight keeps the server"
        begun.send(body[10:])
        reply = begun.reply("POST")
        assert reply.status == 200 and reply.closed
    assert server.wait(30) == 0


def test_a_second_start_takes_the_database_over(start_server):
    for _ in range(2):
        start_server().stop()
