"""Keeps what the server answered during the session, for the conformance test that runs last."""

import re
from collections import Counter
from dataclasses import dataclass

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
KEPT_PER_KIND = 300
KEPT_BYTES = 512 * 1024


@dataclass(frozen=True)
class Reply:
    method: str
    path: str  # without the query
    status: int
    content_type: str
    body: bytes


class Recorder:
    def __init__(self):
        self.replies = []
        self.seen = Counter()

    def add(self, method, target, status, content_type, body):
        path = target.split("?")[0]
        kind = (method, UUID.sub("*", path), status)
        self.seen[kind] += 1
        if self.seen[kind] <= KEPT_PER_KIND and len(body) <= KEPT_BYTES:
            self.replies.append(Reply(method, path, status, content_type, body))
