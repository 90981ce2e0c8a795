"""Good requests in unusual order: pipelined, ended by a stop. The bad ones stand in bad_requests.py."""

import time

from harness.wire import Wire, request

LOGIN = "/v1/auth/login"
JSON = "Content-Type: application/json"


def test_pipelined_requests_are_answered_in_order(server):
    with Wire(server) as wire:
        ids = [f"order-{i}" for i in range(20)]
        wire.send(b"".join(request("GET", "/livez" if i % 2 else "/readyz", [f"X-Request-Id: {name}"])
                           for i, name in enumerate(ids)))
        assert [wire.reply().headers["x-request-id"] for _ in ids] == ids


def test_head_has_no_body(server):
    with Wire(server) as wire:
        wire.send(request("HEAD", "/v1/nothing") + request("GET", "/livez"))
        assert wire.reply("HEAD").status == 404
        assert wire.reply().status == 200


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


def test_being_told_to_stop_again_changes_nothing(start_server):
    server = start_server()
    while server.process.poll() is None:
        server.terminate()
        time.sleep(0.0005)
    assert server.process.returncode == 0, server.log_tail()
