"""Asks for /livez fifty times a second until its input ends; prints the milliseconds that each answer took, as JSON.

A process of its own: whoever measures must not wait for the clients.
"""

import http.client
import json
import select
import sys
import time


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        began = time.monotonic()
        connection.request("GET", "/livez")
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200, reply.status
        yield (time.monotonic() - began) * 1000


if __name__ == "__main__":
    print(json.dumps(list(ask(int(sys.argv[1])))))
