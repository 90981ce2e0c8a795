"""What every case is made of: rounds that are run interleaved, and their ratios."""

import statistics
from urllib.parse import quote

import data
import statements
from load import Request, Run, Script, Traffic, percentile

READER = data.slug(7)
LIMIT = "limit (pgbench)"
BUSY = 64  # connections


def spread(values):
    return {"min": round(min(values), 4), "median": round(statistics.median(values), 4), "max": round(max(values), 4)}


def told(runs):
    names = ("rate", "p50_ms", "p99_ms", "p999_ms", "server_us", "postgres_us", "load_us", "rss_mb", "pss_mb")
    return {name: round(statistics.median(getattr(run, name) for run in runs), 3) for name in names}


def ratios(ones, others, of=lambda one, other: one.rate / other.rate):
    return [of(one, other) for one, other in zip(ones, others)]


def p99(one, other):
    return one.p99_ms / other.p99_ms


def run_of(taken, seconds, spent):
    """A run of this process: how long each piece took, all together, and the processor time."""
    ordered = sorted(one * 1000 for one in taken)
    return Run(len(ordered) / seconds, *[percentile(ordered, share) for share in (0.5, 0.99, 0.999)],
               load_us=spent * 1e6 / len(ordered))


def reading(path, slugs=(READER,), user="admin", **more):
    return Request(quote(path, safe="/?=&[]{}-,_"), slugs=slugs, user=user, **more)


class Bench:
    def __init__(self, load, pairs, seconds, warm, say, beside=None):
        self.load = load
        self.pairs = pairs
        self.seconds = seconds
        self.warm = warm  # one unmeasured round, since the first fills caches and prepares statements
        self.say = say
        self.beside = beside  # opens smaller data, see growth

    def rounds(self, name, *sides):
        """Each side is called with the seconds that it has, A B A B (or A B C A B C); gives the runs of each."""
        runs = [[] for _ in sides]
        if self.warm:
            for side in sides:
                side(1)
        for number in range(self.pairs):
            for side, taken in zip(sides, runs):
                taken.append(side(self.seconds))
            rates = " against ".join(f"{taken[-1].rate:,.0f}/s (p99 {taken[-1].p99_ms:.1f} ms)" for taken in runs)
            self.say(f"{name} {number + 1}/{self.pairs}: {rates}")
        return runs

    def http(self, traffic):
        return lambda seconds: self.load.http(traffic, seconds)

    def against_limit(self, name, traffic, script, target=None, goal=None):
        """The server's requests a second in those of PostgreSQL alone, and the same by processor time."""
        ones, others = self.rounds(name, self.http(traffic), lambda seconds: self.load.limit(script, seconds, self.warm))
        spent = ratios(ones, others, lambda one, other: (other.postgres_us + other.load_us) /
                       (one.server_us + one.postgres_us + one.load_us))
        return [{"name": name, "ratio": spread(ratios(ones, others)), "target": target, "goal": goal,
                 "processor": spread(spent), "against": LIMIT, "server": told(ones), "limit": told(others)}]

    def against(self, name, ones, others, what, of=None, **wanted):
        """A result that compares two figures of the server. `wanted`: target (at least) or most (at most), and goal."""
        values = ratios(ones, others, of) if of else ratios(ones, others)
        return {"name": name, "ratio": spread(values), "against": what, "server": told(ones), "limit": told(others), **wanted}

    def script(self, request, sample=None):
        """The statements that the server runs for such a request, for pgbench; what wrk draws at random is drawn there."""
        account = data.account_id(self.load.shape.each // 3)
        path = request.path.replace("{account}", account)
        token = self.load.token(request.slugs[0], request.user)
        found = statements.record(self.load.cluster,
                                  lambda: self.load.server.expect(200, request.method, path, request.body, token))
        first, last = data.FIRST["account"], data.FIRST["account"] + self.load.shape.each - 1
        drawn = {account: (f"('{data.PREFIX}' || :n)::uuid", f"\\set n random({first}, {last})")}
        text, variables = statements.script(found, {**drawn, **(sample or {})})
        return Script([(text, 1)], variables, not all(one.named for one in found))


def busy(request, connections=BUSY, **more):
    return Traffic([request], connections, **more)
