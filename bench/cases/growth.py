"""The same requests on more data and on less, each with a server and a PostgreSQL of its own."""

import data
from cases.base import Bench, busy, p99, reading
from cases.reads import ROWS
from cases.writes import CREATE, forget


def growth(bench: Bench):
    """How many times longer a request takes here than beside 10,000 accounts, or, with more organisations, than with 20."""
    found = []
    with bench.beside() as less:
        for name in ("point_read", "page", "create"):
            traffic = busy({**{row: ROWS[row][0] for row in ROWS}, "create": CREATE}[name])
            ones, others = bench.rounds(f"growth {name}", bench.http(traffic), less.http(traffic))
            found.append(bench.against(f"growth_{name}", ones, others, f"with {less.load.shape.words}",
                                       lambda one, other: other.rate / one.rate, most=None, goal=1.2))
        if bench.load.shape.small:
            found.append(organizations(bench, less))
        forget(bench)
    return found


def organizations(bench, less):
    """Point reads of two hundred of the small organisations in turn, against twenty where there are no others."""
    slugs = tuple(f"small-{number}" for number in range(1, bench.load.shape.small, max(bench.load.shape.small // 200, 1)))
    ones, others = bench.rounds(
        "organizations", bench.http(busy(reading("/v1/accounts/{few}", slugs))),
        less.http(busy(reading("/v1/accounts/{account}", tuple(data.slug(number) for number in range(data.BIG))))))
    return bench.against("organizations_p99", ones, others, "20 organisations",
                         p99, most=None, goal=1.2)


CASES = {"growth": growth}
