"""A caller that costs little: many connections in one thread, one request at a time on each."""

import collections
import selectors
import socket


class Connection:
    def __init__(self, port):
        self.port, self.socket, self.buffer = port, None, b""
        self.open()

    def open(self):
        self.close()
        self.socket = socket.create_connection(("127.0.0.1", self.port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def take(self):
        """(status, body) once a whole answer is there, else None. The connection is opened anew where the answer ends it."""
        data = self.socket.recv(1 << 18)
        assert data, "closed without an answer"
        self.buffer += data
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        head = self.buffer[:head_end].lower()
        status = int(head[9:12])
        length_at = head.find(b"\r\ncontent-length:")
        length = int(head[length_at + 17:].split(b"\r\n", 1)[0]) if length_at >= 0 and status != 204 else 0
        end = head_end + 4 + length
        if len(self.buffer) < end:
            return None
        assert len(self.buffer) == end, "more than one answer"
        body, self.buffer = self.buffer[head_end + 4:end], b""
        if b"\r\nconnection: close" in head:
            self.open()
        return status, body


def drive(port, connections, count, make):
    """Sends `count` requests, each what make(number) gives; {status: how many}."""
    statuses, sent, taken = collections.Counter(), 0, 0
    selector = selectors.DefaultSelector()

    def send(connection):
        nonlocal sent
        connection.socket.sendall(make(sent))
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        sent += 1
    made = [Connection(port) for _ in range(min(connections, count))]
    for connection in made:
        send(connection)
    while taken < count:
        ready = selector.select(60)
        assert ready, "no answer for a minute"
        for key, _ in ready:
            connection = key.data
            selector.unregister(connection.socket)
            answer = connection.take()
            if answer is None:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                continue
            statuses[answer[0]] += 1
            taken += 1
            if sent < count:
                send(connection)
    selector.close()
    for connection in made:
        connection.close()
    return statuses


def request(method, path, token=None, body=None, headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        if not any(line.startswith("Content-Type:") for line in lines):
            lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()
