-- What every table stands on: the serving role, the second wall between organisations, search keys, events, repeats.
--
-- Tables live in schema steward, which the serving role cannot even look into. It sees schema app: one simple updatable
-- view per table, bound to the organisation of the current transaction, and the functions that statements use.

do $$
begin
    create role steward_app nologin;
exception when duplicate_object or unique_violation then
    null; -- roles belong to the cluster: another database made it
end $$;

create extension if not exists btree_gin with schema public;

grant usage on schema app to steward_app;
grant select on app.schema_version to steward_app;
revoke all on schema steward from public;

-- The organisation of this transaction; null when none is set (a local setting reads '' afterwards, not null).
create function app.current_org() returns uuid language sql stable parallel safe
    return nullif(current_setting('steward.org', true), '')::uuid;

-- (Re)makes the view of a table after its columns changed.
create function steward.expose(table_name text) returns void language plpgsql as $$
begin
    execute format('drop view if exists app.%I', table_name);
    execute format(
        'create view app.%1$I as select * from steward.%1$I '
        'where org_id = nullif(current_setting(''steward.org'', true), '''')::uuid with local check option', table_name);
    execute format('grant select, insert, update, delete on app.%I to steward_app', table_name);
end $$;

-- Sorting of names: Chinese by pinyin, everything else by the root collation.
create collation steward.name_order (provider = icu, locale = 'zh-u-co-pinyin');

-- The search key of a text: full width and compatibility forms unified, lower case.
create function app.fold(value text) returns text language sql immutable strict parallel safe
    return lower(normalize(value, nfkc) collate "und-x-icu");

-- All one- and two-character pieces of a folded key, so that one or two Chinese characters find a name by index.
create function app.grams(key text) returns text[] language sql immutable strict parallel safe
    return array(select distinct substr(key, start, size)
                 from generate_series(1, length(key)) as start, (values (1), (2)) as sizes (size));

create table steward.organizations (
    id uuid primary key,
    slug text collate "C" not null,
    name text not null,
    zone text not null default 'Asia/Shanghai',
    currency text collate "C" not null default 'CNY',
    created_at timestamptz not null default now(),
    constraint organizations_slug_key unique (slug),
    constraint organizations_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint organizations_name_check check (char_length(name) between 1 and 200),
    constraint organizations_currency_check check (currency ~ '^[A-Z]{3}$')
);
create view app.organizations as
    select * from steward.organizations where id = nullif(current_setting('steward.org', true), '')::uuid;
grant select on app.organizations to steward_app;
-- Sign-in knows a slug only: the one look-up across organisations, and it yields nothing but the id.
create view app.organization_slugs as select slug, id from steward.organizations;
grant select on app.organization_slugs to steward_app;

-- One row per committed write, in the write's own transaction. Ranges of the UUIDv7 key are ranges of time.
create sequence steward.event_seq;
grant usage on sequence steward.event_seq to steward_app;
create table steward.events (
    org_id uuid not null,
    id uuid not null,
    seq bigint not null default nextval('steward.event_seq'),
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null default now(),
    actor_kind text collate "C" not null,
    actor_id uuid,
    request_id text collate "C",
    resource text collate "C" not null,
    record_id uuid not null,
    type text collate "C" not null,
    version integer not null,
    changes jsonb,
    after jsonb,
    constraint events_pkey primary key (org_id, id),
    constraint events_actor_kind_check check (actor_kind in ('user', 'key', 'system')),
    constraint events_type_check check (type in ('created', 'updated', 'deleted', 'restored', 'merged'))
) partition by range (id);
create index events_record_idx on steward.events (org_id, resource, record_id, seq);
create index events_xid_idx on steward.events (xid);
create table steward.events_default partition of steward.events default;

-- The smallest UUIDv7 of a moment.
create function steward.uuid_floor(moment timestamptz) returns uuid language sql immutable strict
    return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

-- RFC 7396: objects merge, null takes a member away, anything else replaces.
create function app.merge_patch(target jsonb, patch jsonb) returns jsonb language plpgsql immutable parallel safe as $$
declare
    name text;
    value jsonb;
    result jsonb := case when jsonb_typeof(target) = 'object' then target else '{}' end;
begin
    if jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    for name, value in select * from jsonb_each(patch) loop
        if jsonb_typeof(value) = 'null' then
            result := result - name;
        else
            result := result || jsonb_build_object(name, app.merge_patch(result -> name, value));
        end if;
    end loop;
    return result;
end $$;

-- A new UUIDv7, for statements that write many events at once.
create function app.uuid7() returns uuid language sql volatile parallel safe
    return (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' ||
            substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid;

-- The columns whose value differs, with their old value; what every write moves is left out.
create function app.changed(before jsonb, after jsonb) returns jsonb language sql immutable strict parallel safe
    return (select jsonb_object_agg(b.key, b.value)
            from jsonb_each(before) b
            where b.value is distinct from after -> b.key and b.key not in ('version', 'updated_at'));

-- Makes the monthly partitions from this month to `ahead` months from now; safe to run at any time.
create function app.events_extend(ahead integer) returns void
    language plpgsql security definer set search_path = pg_catalog, steward as $$
declare
    month timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
    upper_end timestamptz;
    name text;
begin
    perform pg_advisory_xact_lock(hashtext('steward.events_extend'));
    for step in 0..least(ahead, 24) loop
        upper_end := ((month at time zone 'UTC') + interval '1 month') at time zone 'UTC';
        name := 'events_' || to_char(month at time zone 'UTC', 'YYYY_MM');
        if to_regclass('steward.' || name) is null then
            begin
                execute format('create table steward.%I partition of steward.events for values from (%L) to (%L)', name,
                               steward.uuid_floor(month), steward.uuid_floor(upper_end));
            exception when check_violation then
                null; -- the default partition already holds rows of that month: they stay there
            end;
        end if;
        month := upper_end;
    end loop;
end $$;
revoke all on function app.events_extend(integer) from public;
grant execute on function app.events_extend(integer) to steward_app;
select app.events_extend(3);
select steward.expose('events');
-- What happened stays as it was written.
revoke update, delete on app.events from steward_app;

-- Which live record a key of another system means. Kept by triggers from the records' own column external_ids, so that no
-- way of writing can forget it; a deleted record frees its keys.
create table steward.external_ids (
    org_id uuid not null,
    resource text collate "C" not null,
    source text collate "C" not null,
    key text collate "C" not null,
    record_id uuid not null,
    constraint external_ids_pkey primary key (org_id, resource, source, key)
);
create index external_ids_record_id_idx on steward.external_ids (org_id, resource, record_id);
select steward.expose('external_ids');
revoke insert, update, delete on app.external_ids from steward_app;

create function steward.external_ids_keep() returns trigger language plpgsql security definer
    set search_path = pg_catalog, steward as $$
begin
    delete from steward.external_ids
        where org_id = new.org_id and resource = tg_table_name and record_id = new.id;
    if new.deleted_at is null then
        insert into steward.external_ids (org_id, resource, source, key, record_id)
            select new.org_id, tg_table_name, e.key, e.value, new.id from jsonb_each_text(new.external_ids) e;
    end if;
    return null;
end $$;

create function steward.track_external_ids(table_name text) returns void language plpgsql as $$
begin
    execute format('create trigger %1$s_external_ids_insert after insert on steward.%1$I for each row '
                   'when (new.external_ids <> ''{}'') execute function steward.external_ids_keep()', table_name);
    execute format('create trigger %1$s_external_ids_update after update of external_ids, deleted_at on steward.%1$I '
                   'for each row when (old.external_ids is distinct from new.external_ids '
                   'or (old.deleted_at is null) <> (new.deleted_at is null)) '
                   'execute function steward.external_ids_keep()', table_name);
end $$;

-- The live record that has what a deleted one would take back under a unique index: the index's own columns, expressions and
-- condition say what "the same" is. Organisation: that of the transaction.
create function app.unique_holder(index_name text, record_id uuid) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, steward, public as $$
declare
    index_id oid := to_regclass('steward.' || quote_ident(index_name));
    columns text;
    condition text;
    holder uuid;
begin
    select string_agg(pg_get_indexdef(i.indexrelid, k, true), ', ' order by k), pg_get_expr(i.indpred, i.indrelid)
        into columns, condition
        from pg_index i, generate_series(1, i.indnkeyatts) k
        where i.indexrelid = index_id and i.indisunique group by i.indpred, i.indrelid;
    if columns is null then
        return null;
    end if;
    execute format('select id from steward.%1$I where org_id = app.current_org() and id <> $1 and (%3$s) and row(%2$s) = '
                   '(select %2$s from steward.%1$I where org_id = app.current_org() and id = $1) limit 1',
                   (select relname from pg_class c join pg_index i on i.indrelid = c.oid where i.indexrelid = index_id),
                   columns, coalesce(condition, 'true'))
        into holder using record_id;
    return holder;
end $$;
revoke all on function app.unique_holder(text, uuid) from public;
grant execute on function app.unique_holder(text, uuid) to steward_app;

-- A repeated request gets the stored answer of its first effect.
create table steward.idempotency_keys (
    org_id uuid not null,
    principal_id uuid not null,
    scope text collate "C" not null, -- method and route template
    key text collate "C" not null,
    request_hash text collate "C" not null,
    status integer not null,
    location text,
    etag text,
    body text not null,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (org_id, principal_id, scope, key),
    constraint idempotency_keys_key_check check (char_length(key) between 1 and 255)
);
create index idempotency_keys_created_at_idx on steward.idempotency_keys (created_at);
select steward.expose('idempotency_keys');

-- Which organisations' rights changed lately. Processes poll it by transaction id, so that none is missed whatever the
-- commit order; it names organisations and nothing else.
create table steward.auth_changes (
    xid xid8 not null default pg_current_xact_id(),
    org_id uuid not null,
    at timestamptz not null default now()
);
create index auth_changes_xid_idx on steward.auth_changes (xid);
create function steward.auth_changed() returns trigger language plpgsql security definer
    set search_path = pg_catalog, steward as $$
begin
    insert into steward.auth_changes (org_id) values (new.org_id);
    return null;
end $$;
create function app.auth_changes_since(since xid8) returns table (org_id uuid, next xid8)
    language sql stable security definer set search_path = pg_catalog, steward as $$
    select null::uuid, pg_snapshot_xmin(pg_current_snapshot())
    union all
    select distinct c.org_id, null::xid8 from steward.auth_changes c where c.xid >= since
$$;
create function app.auth_changes_forget() returns void
    language sql security definer set search_path = pg_catalog, steward as $$
    delete from steward.auth_changes where at < now() - interval '1 hour'
$$;
revoke all on function app.auth_changes_since(xid8), app.auth_changes_forget() from public;
grant execute on function app.auth_changes_since(xid8), app.auth_changes_forget() to steward_app;
