-- Tables and indexes that are written to all the time stay small and quick.

-- What is new waits in a list that every search reads to its end. At the usual 4 MB searches became three to four
-- times slower after some thousand updates, of whatever field; with a sixteenth of that they keep nine tenths of their rate,
-- and so do updates (docs/operations.md).
do $$
declare
    one name;
begin
    for one in select i.relname from pg_class i join pg_namespace n on n.oid = i.relnamespace join pg_am a on a.oid = i.relam
               where n.nspname = 'steward' and i.relkind = 'i' and a.amname = 'gin' loop
        execute format('alter index steward.%I set (gin_pending_list_limit = 256)', one);
    end loop;
end $$;

-- Answers that are kept for no repeat any more, some at a time: more than a process makes meanwhile.
create function app.idempotency_keys_forget() returns void
    language sql security definer set search_path = pg_catalog, steward as $$
    delete from steward.idempotency_keys k using (
        select org_id, principal_id, scope, key from steward.idempotency_keys
        where created_at < now() - interval '24 hours' order by created_at limit 2000 for update skip locked) old
    where k.org_id = old.org_id and k.principal_id = old.principal_id and k.scope = old.scope and k.key = old.key
$$;
revoke all on function app.idempotency_keys_forget() from public;
grant execute on function app.idempotency_keys_forget() to steward_app;
