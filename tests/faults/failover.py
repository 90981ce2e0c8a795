"""The primary dies, its synchronous standby takes over, and Steward finds it by itself."""

import random
import time

from harness.cluster import SERVING, Cluster, Standby
from outcome import Outcome
from place import Place, until
from restarts import first_success

DURABLE = {"synchronous_commit": "on"}
STREAMING = "select count(*) from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')"


class Next(Standby):
    """Takes over one day, and then has no standby until somebody gives it one."""

    def start(self, settings=None):
        super().start({"synchronous_standby_names": "", **(settings or {})})


def pair(primary, standby):
    """From now on the primary acknowledges nothing that the standby does not have."""
    standby.start()
    primary.configure({"synchronous_standby_names": "*"})
    with primary.connect("postgres") as db:
        db.execute("select pg_reload_conf()")
        until(lambda: db.execute(STREAMING).fetchone()[0], "a synchronous standby")


def url_of(clusters):
    hosts = ",".join(cluster.folder for cluster in clusters)
    return f"postgresql:///steward?host={hosts}&user={SERVING}&target_session_attrs=read-write"


def run(stage):
    count, draw = stage.pick(1, 3), random.Random(stage.seed)
    outcome, returned = Outcome(stage, "failover", f"{count} failovers to a synchronous standby"), []
    clusters = [Cluster()]
    try:
        for _ in range(count):
            clusters.append(Next(clusters[-1]))
        clusters[0].start(DURABLE)
        with Place(clusters[0], stage.folder, "failover", url_of(clusters)).closing() as place:
            pair(clusters[0], clusters[1])
            with outcome.driving(place) as driver:
                for old, new in zip(clusters, clusters[1:]):
                    time.sleep(draw.uniform(1, 2))
                    began = time.monotonic()
                    old.pause("immediate")
                    stopped = time.monotonic()
                    new.promote()
                    promoted = time.monotonic()
                    until(lambda: first_success(driver.ledger, promoted), "a write that succeeds", 60)
                    returned.append(first_success(driver.ledger, promoted) - promoted)
                    driver.windows.append((began, promoted + stage.pick(0.5, 3)))
                    outcome.note(f"{driver.ledger.in_flight(began)} requests in flight, first success "
                                 f"{returned[-1]:.2f} s after the promotion")
                    place.cluster = new
                    place.admin["STEWARD_ADMIN_DATABASE_URL"] = new.url("steward_owner")
                    following = clusters.index(new) + 1
                    if following < len(clusters):
                        pair(new, clusters[following])
                time.sleep(stage.pick(1, 4))
            outcome.note(f"refusals: {outcome.refusals(driver.ledger.requests)}")
            outcome.within(returned, 5, "writes after the promotion")
    finally:
        for cluster in clusters:
            cluster.stop()
    return outcome
