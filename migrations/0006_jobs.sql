-- Work that goes on after the answer: jobs, and imports as the first kind of them.

create table steward.jobs (
    org_id uuid not null,
    id uuid not null,
    kind text collate "C" not null,
    state text collate "C" not null default 'queued',
    progress jsonb not null default '{}', -- where to go on; written by each step's transaction
    input jsonb not null default '{}',
    result jsonb,
    attempts integer not null default 0,  -- times taken since it last got on
    run_after timestamptz not null default now(),
    lease_until timestamptz,
    fence bigint not null default 0,      -- grows with each taking: who holds an older one has lost it
    created_by uuid not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint jobs_pkey primary key (org_id, id),
    constraint jobs_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint jobs_created_by_fkey foreign key (org_id, created_by) references steward.users (org_id, id),
    constraint jobs_kind_check check (char_length(kind) between 1 and 63),
    constraint jobs_state_check check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    constraint jobs_lease_until_check check ((state = 'running') = (lease_until is not null))
);
create index jobs_queued_idx on steward.jobs (run_after) where state = 'queued';
create index jobs_running_idx on steward.jobs (lease_until) where state = 'running';
select steward.expose('jobs');

-- The next due job of any organization: the one look across them, and it yields no more than what to ask for next. A job
-- whose lease has run out is due too; one whose worker is in the middle of a step is locked and left alone.
create function app.job_take(kinds text[], lease interval)
    returns table (org_id uuid, id uuid, kind text, fence bigint, created_by uuid, attempts integer)
    language sql volatile security definer set search_path = pg_catalog, steward as $$
    update steward.jobs j
        set state = 'running', lease_until = clock_timestamp() + lease, fence = j.fence + 1, attempts = j.attempts + 1,
            updated_at = clock_timestamp()
        from (select d.org_id, d.id from steward.jobs d
              where d.kind = any(kinds) and (d.state = 'queued' and d.run_after <= now() or
                                             d.state = 'running' and d.lease_until < now())
              order by d.run_after limit 1 for update skip locked) due
        where j.org_id = due.org_id and j.id = due.id
        returning j.org_id, j.id, j.kind, j.fence, j.created_by, j.attempts
$$;
revoke all on function app.job_take(text[], interval) from public;
grant execute on function app.job_take(text[], interval) to steward_app;

create table steward.imports (
    org_id uuid not null,
    id uuid not null,
    collection text collate "C" not null,
    mode text collate "C" not null,
    state text collate "C" not null default 'waiting_for_content',
    failure text collate "C",
    options jsonb not null,
    progress jsonb not null,
    owner_id uuid not null,
    started_at timestamptz,
    finished_at timestamptz,
    content_id uuid, -- the upload that counts
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint imports_pkey primary key (org_id, id),
    constraint imports_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint imports_owner_id_fkey foreign key (org_id, owner_id) references steward.users (org_id, id),
    constraint imports_collection_check check (char_length(collection) between 1 and 63),
    constraint imports_mode_check check (mode in ('create', 'update', 'upsert')),
    constraint imports_state_check
        check (state in ('waiting_for_content', 'queued', 'running', 'done', 'failed', 'cancelled')),
    constraint imports_failure_check
        check (failure in ('no_content', 'missing_columns', 'malformed_header', 'access_lost', 'user_inactive', 'broken')),
    constraint imports_options_check check (jsonb_typeof(options) = 'object'),
    constraint imports_progress_check check (jsonb_typeof(progress) = 'object')
);
create index imports_owner_id_id_idx on steward.imports (org_id, owner_id, id);
create index imports_collection_idx on steward.imports (org_id, collection, id);
create index imports_mode_idx on steward.imports (org_id, mode, id);
create index imports_state_idx on steward.imports (org_id, state, id);
create index imports_created_at_idx on steward.imports (org_id, created_at, id);
create index imports_updated_at_idx on steward.imports (org_id, updated_at, id);
select steward.expose('imports');

-- What is to be imported, as UTF-8, until it is done. Of several uploads at once each has its own pieces.
create table steward.import_chunks (
    org_id uuid not null,
    import_id uuid not null,
    content_id uuid not null,
    start bigint not null, -- its first byte's place in the whole
    content bytea not null,
    created_at timestamptz not null default now(),
    constraint import_chunks_pkey primary key (org_id, import_id, content_id, start),
    constraint import_chunks_import_id_fkey foreign key (org_id, import_id) references steward.imports (org_id, id)
);
alter table steward.import_chunks alter column content set storage external; -- compressing costs more than it saves here
create index import_chunks_created_at_idx on steward.import_chunks (created_at);
select steward.expose('import_chunks');

-- Uploads that were broken off and never taken up again.
create function app.import_chunks_forget() returns void
    language sql security definer set search_path = pg_catalog, steward as $$
    delete from steward.import_chunks c using steward.imports i
    where c.created_at < now() - interval '1 day' and i.org_id = c.org_id and i.id = c.import_id
        and i.state = 'waiting_for_content'
$$;
revoke all on function app.import_chunks_forget() from public;
grant execute on function app.import_chunks_forget() to steward_app;

create table steward.import_errors (
    org_id uuid not null,
    import_id uuid not null,
    number integer not null,
    line integer not null,
    column_name text,
    code text collate "C" not null,
    argument text,
    constraint import_errors_pkey primary key (org_id, import_id, number),
    constraint import_errors_import_id_fkey foreign key (org_id, import_id) references steward.imports (org_id, id)
);
select steward.expose('import_errors');
