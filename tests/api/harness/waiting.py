"""Waiting for what happens soon; a busy machine is slow, not wrong."""

import time


def until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
