-- Failed sign-ins of an address or an account in the present ten seconds, for all processes: a limit that each counts by
-- itself is worth as many times more as there are processes. Not logged, since it need not outlive a crash.
create unlogged table steward.sign_in_attempts (
    name text collate "C" not null, -- a hash: neither addresses nor accounts stand here
    period bigint not null,
    failed integer not null,
    constraint sign_in_attempts_pkey primary key (name)
);

-- Adds to the count of each name; gives the greatest.
create function app.sign_in_attempt(names text[], change integer) returns integer
    language sql volatile security definer set search_path = pg_catalog, steward as $$
    with counted as (
        insert into steward.sign_in_attempts as a (name, period, failed)
            -- in one order, so that two of them cannot wait for each other
            select n, floor(extract(epoch from clock_timestamp()) / 10), greatest(change, 0) from unnest(names) n order by n
            on conflict (name) do update
                set failed = greatest(case when a.period = excluded.period then a.failed else 0 end + change, 0),
                    period = excluded.period
            returning failed)
    select max(failed) from counted
$$;
revoke all on function app.sign_in_attempt(text[], integer) from public;
grant execute on function app.sign_in_attempt(text[], integer) to steward_app;

create function app.sign_in_attempts_forget() returns void
    language sql security definer set search_path = pg_catalog, steward as $$
    delete from steward.sign_in_attempts where period < floor(extract(epoch from clock_timestamp()) / 10) - 1
$$;
revoke all on function app.sign_in_attempts_forget() from public;
grant execute on function app.sign_in_attempts_forget() to steward_app;
