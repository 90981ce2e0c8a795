"""Throughput, latency and memory of the server, as ratios to what PostgreSQL itself does in the same run."""

import argparse
import os
import shutil
import signal
import sys
import time

import cases
import data
import report
from cluster import OWNER, SERVING, Cluster
from load import Load
from server import Server, command

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read_arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--only", choices=cases.ALL, action="append", help="this case (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="three short pairs of each: under two minutes, less exact")
    parser.add_argument("--pairs", type=int, help="pairs of runs (default 5; 3 with --quick)")
    parser.add_argument("--seconds", type=int, help="length of a run (default 5; 2 with --quick)")
    parser.add_argument("--rebuild", action="store_true", help="build the data anew")
    parser.add_argument("--hold", action="store_true", help="start everything, print how to reach it, and wait")
    return parser.parse_args()


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def hold(cluster, server, load):
    print(f"url={server.url}\npid={server.process.pid}\nsockets={cluster.sockets}\n"
          f"organization={load.organizations[cases.READER]}\ntoken={load.tokens[cases.READER]}\n"
          f"writer_token={load.tokens[data.WRITERS]}", flush=True)
    signal.pause()


def measure(arguments, cluster, server, organizations):
    tokens = {slug: server.login(slug, data.PASSWORD) for slug in (cases.READER, data.WRITERS)}
    load = Load(cluster, server, organizations, tokens)
    try:
        if arguments.hold:
            hold(cluster, server, load)
        pairs = arguments.pairs or (3 if arguments.quick else 5)
        seconds = arguments.seconds or (2 if arguments.quick else 5)
        bench = cases.Bench(load, pairs, seconds, say)
        results = []
        for name in arguments.only or cases.ALL:
            results += getattr(bench, name)()
        about = {"pairs": pairs, "seconds": seconds, "cores": os.cpu_count(),
                 "seconds_to_ready": round(server.seconds_to_ready, 3)}
        return results, about
    finally:
        shutil.rmtree(load.folder, ignore_errors=True)


def main():
    arguments = read_arguments()
    binary = os.environ.get("STEWARD_BINARY") or f"{ROOT}/build/release/steward"
    folder = f"{ROOT}/bench/data"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    cluster = Cluster(folder)
    server = None
    if arguments.rebuild:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)

    def steward(*words, password=None):
        return command(binary, {"STEWARD_ADMIN_DATABASE_URL": cluster.url(OWNER)}, *words, password=password)

    began = time.monotonic()
    try:
        organizations = data.prepare(cluster, steward, ROOT, say)
        server = Server(binary, cluster.url(SERVING), folder)
        server.start()
        results, about = measure(arguments, cluster, server, organizations)
    except KeyboardInterrupt:
        return 1
    finally:
        if server:
            server.stop()
        cluster.stop()
    if not arguments.only:
        report.write(f"{ROOT}/bench/results.json", results, about)
    print(report.table(results))
    say(f"{time.monotonic() - began:.0f} s")
    return 0 if all(report.is_met(result) for result in results) else 3


if __name__ == "__main__":
    sys.exit(main())
