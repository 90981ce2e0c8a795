"""What a million updates leave behind: the room that table and indexes take, and whether reads still cost the same."""

import time

import data
from cases.base import BUSY, Bench, busy, ratios, reading, spread, told
from cases.reads import FEW
from cases.writes import forget, make_records, patch_script, versions
from load import Request, Script, Traffic

UPDATES = 1_000_000
LATEST = 10_000  # updates after the last vacuum, so that reads find what is new as it lies
STEPS = 10
FIRST = data.FIRST["account"]  # so that the reads draw from the records that are updated
# Of a hundred updates: fields that have indexes of their own, one that has none, the name with its search index, and the last
# touch that an activity moves.
NUMBERS = '{"employee_count":{n},"city":"Lyon"}'
MIX = {NUMBERS: 35, '{"description":"asked for an offer of {n} pieces"}': 20, '{"name":"海河科技 {n}"}': 10,
       '{"annual_revenue":{"amount":"{n}.50","currency":"CNY"},"tier":"key"}': 15}
TOUCH = ("""\\set r random({first}, {last})
update accounts a set last_touch_at = clock_timestamp() where a.org_id = :org::uuid and a.id = (:prefix || :r)::uuid;
""", 20)
# What is searched for is in no name, before and afterwards.
READS = {"point_read": ("/v1/accounts/{account}", BUSY), "page": ("/v1/accounts", BUSY),
         "page_sorted": ("/v1/accounts?sort=-updated_at", BUSY), "search": ("/v1/accounts?q=璞玉", FEW)}


def updates_script(bench: Bench, count):
    parts, variables = [], {"org": bench.load.organizations[data.WRITERS], "prefix": data.PREFIX}
    for number, (body, weight) in enumerate(MIX.items()):
        script = patch_script(bench, body, FIRST, count)
        parts.append((script.parts[0][0].replace(":v0_", f":p{number}_"), weight))
        variables |= {name.replace("v0_", f"p{number}_"): value for name, value in script.variables.items()}
    touch, weight = TOUCH
    return Script([*parts, (touch.format(first=FIRST, last=FIRST + count - 1), weight)], variables)


def sizes(cluster, table):
    """Bytes of the table's rows and of each of its indexes."""
    rows = cluster.sql(f"""
        select '', pg_table_size('steward.{table}'::regclass)
        union all select indexrelid::regclass::text, pg_relation_size(indexrelid)
        from pg_index where indrelid = 'steward.{table}'::regclass""")
    return {name.split(".")[-1]: int(size) for name, size in (row.split("|") for row in rows.splitlines())}


def counters(cluster, table):
    """Rows, dead ones, updates, those without index entries of their own (HOT), and vacuums, since statistics began."""
    cluster.sql("select pg_stat_force_next_flush()")
    row = cluster.sql(f"""select n_live_tup, n_dead_tup, n_tup_upd, n_tup_hot_upd, autovacuum_count
                          from pg_stat_all_tables where relid = 'steward.{table}'::regclass""")
    return dict(zip(("live", "dead", "updated", "hot", "vacuums"), map(int, row.split("|"))))


def restart(bench: Bench, settings=None):
    """PostgreSQL with other settings; the server finds it again by itself."""
    cluster, server = bench.load.cluster, bench.load.server
    cluster.halt()
    cluster.start(settings)
    end = time.monotonic() + 60
    while server.request("GET", "/readyz")[0] != 200:
        if time.monotonic() > end:
            raise SystemExit("bench: the server does not come back after PostgreSQL's restart")
        time.sleep(0.1)


def settle(cluster):
    """Until autovacuum has nothing more to do at the moment."""
    end = time.monotonic() + 300
    while time.monotonic() < end and cluster.sql("select 1 from pg_stat_progress_vacuum limit 1", "postgres"):
        time.sleep(1)
    cluster.sql("checkpoint", "postgres")


def megabytes(size):
    return f"{size / 2**20:,.0f} MB"


def tell(bench, done, cluster, before):
    now, found = sizes(cluster, "accounts"), counters(cluster, "accounts")
    rows, indexes = now.pop(""), sum(now.values())
    bench.say(f"bloat: {done:,} updates: table {megabytes(rows)}, indexes {megabytes(indexes)}, {found['live']:,} rows, "
              f"{found['dead']:,} dead, {found['vacuums'] - before['vacuums']} autovacuums")


def tell_all(bench, small, large):
    for name in sorted((name for name in small if name), key=lambda name: large[name] / small[name]):
        bench.say(f"bloat: {name}: {small[name] / 2**20:.1f} to {large[name] / 2**20:.1f} MB, {large[name] / small[name]:.2f} times")
    events = sizes(bench.load.cluster, f"events_{time.strftime('%Y_%m', time.gmtime())}")
    bench.say(f"bloat: events of this month: {megabytes(events.pop(''))}, their indexes {megabytes(sum(events.values()))}")


def update(bench: Bench, count, script, total):
    """Each step a while through the server, the rest by pgbench; gives how many went through the server."""
    cluster, served, done = bench.load.cluster, 0, 0
    before = counters(cluster, "accounts")
    traffic = Traffic([Request("/v1/accounts/{record}", "PATCH", NUMBERS, (data.WRITERS,), match=True)],
                      records=lambda: versions(bench, FIRST, count))
    tell(bench, 0, cluster, before)
    for step in range(1, STEPS + 1):
        bench.load.http(traffic, bench.seconds)
        by_server = counters(cluster, "accounts")["updated"] - before["updated"] - done
        served += by_server
        bench.load.times(script, max(total * step // STEPS - done - by_server, 8))
        done = counters(cluster, "accounts")["updated"] - before["updated"]
        tell(bench, done, cluster, before)
    return served, done


def reads(bench: Bench):
    """Of the organisation whose records are updated."""
    return {name: bench.rounds(f"bloat {name}", bench.http(busy(reading(path, (data.WRITERS,)), connections)))[0]
            for name, (path, connections) in READS.items()}


def cheaper(one, other):
    return (other.server_us + other.postgres_us) / (one.server_us + one.postgres_us)


def bloat(bench: Bench):
    """A million updates of half as many records as there are others, with autovacuum as PostgreSQL and Steward's tables
    have it, against the same table packed anew."""
    cluster, count = bench.load.cluster, bench.load.shape.scale // 2
    total = UPDATES if bench.warm else UPDATES // 20
    restart(bench, {"autovacuum_naptime": "1min"})
    try:
        make_records(bench, FIRST, count)
        script = updates_script(bench, count)
        cluster.sql("vacuum (full, analyze) steward.accounts; checkpoint;", "postgres")
        small, counted, quick = sizes(cluster, "accounts"), counters(cluster, "accounts"), reads(bench)
        served, done = update(bench, count, script, total)
        settle(cluster)
        bench.load.times(script, LATEST)
        now, large, slow = counters(cluster, "accounts"), sizes(cluster, "accounts"), reads(bench)
        tell(bench, done, cluster, counted)
        tell_all(bench, small, large)
        bench.say(f"bloat: {served:,} of {done:,} updates by the server, {now['hot'] - counted['hot']:,} without new index entries")
        indexes = [name for name in small if name]
        return [
            {"name": "bloat_table", "against": "packed anew", "ratio": spread([large[""] / small[""]]), "most": None},
            {"name": "bloat_indexes", "against": "each packed anew", "most": None,
             "ratio": spread([large[one] / small[one] for one in indexes])},
            {"name": "bloat_all", "against": "packed anew", "ratio": spread([sum(large.values()) / sum(small.values())]),
             "most": None},
            *[{"name": f"bloat_{name}", "against": "before the updates", "most": None,
               "ratio": spread(ratios(slow[name], quick[name])), "processor": spread(ratios(slow[name], quick[name], cheaper)),
               "server": told(slow[name]), "limit": told(quick[name])} for name in quick]]
    finally:
        forget(bench)
        cluster.sql("vacuum full steward.accounts; vacuum full steward.events; checkpoint;", "postgres")
        restart(bench)


# What comes and goes all day: counts of failed sign-ins by account, sessions that are renewed and end, jobs.
CHURN = {
    "sign_in_attempts": """
\\set r random(1, 2000)
select app.sign_in_attempt(array['churn-' || :r], 1);
""",
    "refresh_tokens": """
\\set r random(1, 5000)
\\set u random({first}, {last})
begin;
update refresh_tokens set used_at = now()
    where org_id = :org::uuid and family_id = (:prefix || :r + 100000000000)::uuid and used_at is null;
insert into refresh_tokens (org_id, hash, user_id, family_id, session_version, expires_at)
    values (:org::uuid, encode(sha256(gen_random_uuid()::text::bytea), 'hex'), (:prefix || :u)::uuid,
            (:prefix || :r + 100000000000)::uuid, 1, now() + interval '1 second');
delete from refresh_tokens where org_id = :org::uuid and hash in (
    select hash from refresh_tokens where org_id = :org::uuid and family_id = (:prefix || :r + 100000000000)::uuid
    and expires_at < now() - interval '10 seconds' for update skip locked);
commit;
""",
    "jobs": """
insert into jobs (org_id, id, kind, created_by) values (:org::uuid, app.uuid7(), 'churn', :user::uuid);
select coalesce((select id from app.job_take(array['churn'], interval '1 minute')), app.uuid7()) as job \\gset
update jobs set lease_until = clock_timestamp() + interval '1 minute', progress = '{"rows": 100}'
    where org_id = :org::uuid and id = :job::uuid;
update jobs set state = 'done', lease_until = null, finished_at = now(), result = '{"rows": 100}'
    where org_id = :org::uuid and id = :job::uuid;
"""}
CHURNS = 50_000


def churn(bench: Bench):
    """The tables whose rows are short-lived or change often, against the same packed anew."""
    cluster, load = bench.load.cluster, bench.load
    count, found = CHURNS if bench.warm else CHURNS // 20, []
    user = load.server.expect(200, "GET", "/v1/users?email=admin@bench-writes.example", None, load.token(data.WRITERS))
    variables = {"org": load.organizations[data.WRITERS], "prefix": data.PREFIX, "user": user["data"][0]["id"]}
    restart(bench, {"autovacuum_naptime": "1min"})
    try:
        for table, text in CHURN.items():
            text = text.replace("{first}", str(data.FIRST["user"])).replace("{last}", str(data.FIRST["user"] + data.USERS - 1))
            script = Script([(text, 1)], variables)
            load.times(script, count // 20)
            cluster.sql(f"analyze steward.{table}")  # or what is prepared for the empty table is kept for a while
            before, run = counters(cluster, table), load.times(script, count)
            now, large = counters(cluster, table), sizes(cluster, table)
            changed = max(now["updated"] - before["updated"], 1)
            cluster.sql(f"vacuum full steward.{table}", "postgres")
            small = sizes(cluster, table)
            bench.say(f"churn {table}: {count:,} rounds at {run.rate:,.0f}/s: {sum(large.values()) / 1024:,.0f} kB for "
                      f"{sum(small.values()) / 1024:,.0f} kB packed, {(now['hot'] - before['hot']) / changed:.0%} of updates "
                      f"without new index entries, {now['vacuums'] - before['vacuums']} autovacuums")
            found.append({"name": f"churn_{table}", "against": "packed anew", "most": None,
                          "ratio": spread([sum(large.values()) / max(sum(small.values()), 1)])})
        return found
    finally:
        cluster.sql("delete from steward.sign_in_attempts; delete from steward.jobs where kind = 'churn';"
                    f"delete from steward.refresh_tokens where family_id > '{data.PREFIX}100000000000' and "
                    f"family_id < '{data.PREFIX}100000009999'; vacuum full steward.jobs; vacuum full steward.refresh_tokens;",
                    "postgres")
        restart(bench)


# How much may wait in a GIN index before it is sorted in.
LISTS = {"4mb": "gin_pending_list_limit = 4096, fastupdate = on", "256kb": "gin_pending_list_limit = 256, fastupdate = on",
         "none": "fastupdate = off"}


def lists(bench: Bench):
    """Searches after ten thousand updates of other fields, against the same after a vacuum, and what those updates cost, for
    each limit of what waits in a GIN index."""
    cluster, count = bench.load.cluster, bench.load.shape.scale // 2
    traffic = busy(reading(READS["search"][0], (data.WRITERS,)), FEW)
    clean, runs, late = ({name: [] for name in LISTS} for _ in range(3))

    def let(options):
        for index in ("accounts_search_idx", "accounts_tags_idx"):
            cluster.sql(f"alter index steward.{index} reset (fastupdate); alter index steward.{index} set ({options});")

    make_records(bench, FIRST, count)
    try:
        script = patch_script(bench, NUMBERS, FIRST, count)
        for number in range(bench.pairs):
            for name, options in LISTS.items():
                let(options)
                cluster.sql("vacuum steward.accounts; checkpoint;", "postgres")
                clean[name].append(bench.load.http(traffic, bench.seconds))
                runs[name].append(bench.load.times(script, LATEST))
                late[name].append(bench.load.http(traffic, bench.seconds))
                bench.say(f"lists {name} {number + 1}/{bench.pairs}: {clean[name][-1].rate:,.0f} searches/s, then "
                          f"{late[name][-1].rate:,.0f}/s; {runs[name][-1].rate:,.0f} updates/s")
    finally:
        let("gin_pending_list_limit = 256")
        forget(bench)
    return [bench.against(f"lists_{name}_search", late[name], clean[name], "after a vacuum", most=None) for name in LISTS] + [
        bench.against(f"lists_{name}_patch", runs[name], runs["4mb"], "lists of 4 MB", most=None) for name in LISTS]


CASES = {"bloat": bloat, "churn": churn, "lists": lists}
