"""Throughput, latency and memory of the server, as ratios to what PostgreSQL itself does in the same run."""

import argparse
import contextlib
import os
import resource
import signal
import sys
import time

import cases
import data
import report
from cases.base import READER, Bench, busy
from cases.reads import ROWS
from cluster import OWNER, SERVING, Cluster
from load import Load
from server import Server, command

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LITTLE = 10_000  # accounts, beside which growth is measured


def read_arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--only", choices=[*cases.ALL, *cases.MORE], action="append", help="this case (may be repeated)",
                        metavar="NAME")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--quick", action="store_true", help="two pairs of a second each: under two minutes, less exact")
    parser.add_argument("--pairs", type=int, help="pairs of runs (default 5; 2 with --quick)")
    parser.add_argument("--seconds", type=int, help="length of a run (default 5; 1 with --quick)")
    parser.add_argument("--scale", type=int, default=data.SCALE, help="accounts (default 1000000)")
    parser.add_argument("--orgs", type=int, default=data.BIG, help="organisations (default 20)")
    parser.add_argument("--bare", action="store_true", help="accounts without activities and opportunities")
    parser.add_argument("--rebuild", action="store_true", help="build the data anew")
    parser.add_argument("--hold", action="store_true", help="start everything, print how to reach it, and wait")
    return parser.parse_args()


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def started(shape, rebuild=False):
    """A PostgreSQL with such data, a server on it, and the generators of load for both."""
    binary = os.environ.get("STEWARD_BINARY") or f"{ROOT}/build/release/steward"
    folder = f"{ROOT}/bench/data/{shape}"
    if rebuild:
        data.remove(folder)
    os.makedirs(folder, exist_ok=True)
    with contextlib.ExitStack() as stack:
        cluster = Cluster(folder)
        stack.callback(cluster.stop)

        def steward(*words, password=None):
            return command(binary, {"STEWARD_ADMIN_DATABASE_URL": cluster.url(OWNER)}, *words, password=password)

        organizations = data.prepare(cluster, steward, ROOT, shape, say)
        server = Server(binary, cluster.url(SERVING), folder)
        stack.callback(server.stop)
        server.start()
        load = Load(cluster, server, organizations, shape)
        stack.callback(load.close)
        # who has just started is slow for a moment
        data.warm(cluster, organizations[READER])
        for name in ("point_read", "page"):
            load.http(busy(ROWS[name][0]), 1)
        yield load


def hold(load):
    print(f"url={load.server.url}\npid={load.server.process.pid}\nsockets={load.cluster.sockets}\n"
          f"organization={load.organizations[READER]}\ntoken={load.token(READER)}\n"
          f"lead_token={load.token(READER, f'user{data.LEAD}')}\nmanager_token={load.token(READER, f'user{data.MANAGER}')}\n"
          f"writer_token={load.token(data.WRITERS)}", flush=True)
    signal.pause()


def measure(arguments, load, shape):
    pairs = arguments.pairs or (2 if arguments.quick else 5)
    seconds = arguments.seconds or (1 if arguments.quick else 5)
    usual = (shape.scale, shape.organizations, shape.bare) == (data.SCALE, data.BIG, False)

    def made(on, beside=None):
        return Bench(on, pairs, seconds, not arguments.quick, say, beside)

    @contextlib.contextmanager
    def beside():
        with started(data.Shape(shape.scale if shape.small else LITTLE, data.BIG, shape.bare)) as less:
            yield made(less)

    bench, results = made(load, beside), []
    everything = {**cases.ALL, **cases.MORE}
    for name in arguments.only or (cases.ALL if usual else {**cases.ALL, **cases.BESIDE}):
        began = time.monotonic()
        results += everything[name](bench)
        say(f"{name}: {time.monotonic() - began:.0f} s")
    about = {"accounts": shape.scale, "organizations": shape.organizations, "pairs": pairs, "seconds": seconds,
             "cores": os.cpu_count(), "seconds_to_ready": round(load.server.seconds_to_ready, 3)}
    return results, about, usual


def main():
    arguments = read_arguments()
    if arguments.list:
        print("\n".join([*cases.ALL, *cases.MORE]))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # ours, and inherited by server and wrk: ten thousand connections are as many files in two of them
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    shape = data.Shape(arguments.scale, arguments.orgs, arguments.bare)
    began = time.monotonic()
    try:
        with started(shape, arguments.rebuild) as load:
            if arguments.hold:
                hold(load)
            results, about, usual = measure(arguments, load, shape)
    except KeyboardInterrupt:
        return 1
    if usual and not arguments.quick:
        report.write(f"{ROOT}/bench/results.json", results, about, some=bool(arguments.only))
    print(report.table(results))
    say(f"{time.monotonic() - began:.0f} s")
    return 0 if all(report.is_met(result) for result in results) else 3


if __name__ == "__main__":
    sys.exit(main())
