-- What was done with customers, and what is to be done.

create table steward.activities (
    org_id uuid not null,
    id uuid not null,
    kind text collate "C" not null,
    subject text collate steward.name_order not null,
    body text,
    contact_id uuid,
    opportunity_id uuid,
    lead_id uuid,
    account_id uuid,
    happened_at timestamptz not null default now(),
    duration_minutes integer,
    participants text[] collate "C" not null default '{}',
    outcome text collate "C",
    next_action text collate "C",
    next_action_on date,
    checked_in_at timestamptz,
    latitude numeric(19,4),
    longitude numeric(19,4),
    source text collate "C",
    owner_id uuid,
    team_id uuid,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint activities_pkey primary key (org_id, id),
    constraint activities_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint activities_contact_id_fkey foreign key (org_id, contact_id) references steward.contacts (org_id, id),
    constraint activities_opportunity_id_fkey
        foreign key (org_id, opportunity_id) references steward.opportunities (org_id, id),
    constraint activities_lead_id_fkey foreign key (org_id, lead_id) references steward.leads (org_id, id),
    constraint activities_account_id_fkey foreign key (org_id, account_id) references steward.accounts (org_id, id),
    constraint activities_owner_id_fkey foreign key (org_id, owner_id) references steward.users (org_id, id),
    constraint activities_team_id_fkey foreign key (org_id, team_id) references steward.teams (org_id, id),
    constraint activities_kind_check check (kind in ('call', 'visit', 'mail', 'meeting', 'chat', 'note')),
    constraint activities_subject_check check (char_length(subject) between 1 and 200),
    constraint activities_body_check check (char_length(body) between 1 and 10000),
    constraint activities_duration_minutes_check check (duration_minutes between 0 and 10080),
    constraint activities_participants_check check (cardinality(participants) <= 20),
    constraint activities_outcome_check
        check (outcome in ('reached', 'no_answer', 'positive', 'neutral', 'negative', 'follow_up')),
    constraint activities_next_action_check check (char_length(next_action) between 1 and 200),
    constraint activities_checked_in_at_check
        check ((checked_in_at is null) = (latitude is null) and (checked_in_at is null) = (longitude is null)),
    constraint activities_latitude_check check (latitude between -90 and 90),
    constraint activities_longitude_check check (longitude between -180 and 180),
    constraint activities_source_check check (char_length(source) between 1 and 63),
    constraint activities_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create index activities_owner_id_id_idx on steward.activities (org_id, owner_id, id);
create index activities_team_id_id_idx on steward.activities (org_id, team_id, id);
create index activities_kind_idx on steward.activities (org_id, kind, id);
create index activities_subject_idx on steward.activities (org_id, subject, id);
create index activities_contact_id_idx on steward.activities (org_id, contact_id, id);
create index activities_opportunity_id_idx on steward.activities (org_id, opportunity_id, id);
create index activities_lead_id_idx on steward.activities (org_id, lead_id, id);
create index activities_account_id_idx on steward.activities (org_id, account_id, id);
create index activities_happened_at_idx on steward.activities (org_id, happened_at, id);
create index activities_duration_minutes_idx on steward.activities (org_id, duration_minutes, id);
create index activities_outcome_idx on steward.activities (org_id, outcome, id);
create index activities_next_action_on_idx on steward.activities (org_id, next_action_on, id);
create index activities_checked_in_at_idx on steward.activities (org_id, checked_in_at, id);
create index activities_source_idx on steward.activities (org_id, source, id);
create index activities_created_at_idx on steward.activities (org_id, created_at, id);
create index activities_updated_at_idx on steward.activities (org_id, updated_at, id);
create index activities_participants_idx on steward.activities using gin (org_id, participants);
create index activities_search_idx on steward.activities using gin (org_id, app.grams(app.fold(subject)));
-- The last touch of an account is one look at the end of this.
create index activities_account_id_happened_at_idx on steward.activities (org_id, account_id, happened_at)
    where deleted_at is null;
select steward.track_external_ids('activities');
select steward.expose('activities');

create table steward.tasks (
    org_id uuid not null,
    id uuid not null,
    subject text collate steward.name_order not null,
    notes text,
    status text collate "C" not null default 'open',
    priority text collate "C" not null default 'normal',
    due_at timestamptz,
    contact_id uuid,
    opportunity_id uuid,
    lead_id uuid,
    account_id uuid,
    assignee_id uuid,
    team_id uuid,
    completed_at timestamptz,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint tasks_pkey primary key (org_id, id),
    constraint tasks_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint tasks_contact_id_fkey foreign key (org_id, contact_id) references steward.contacts (org_id, id),
    constraint tasks_opportunity_id_fkey
        foreign key (org_id, opportunity_id) references steward.opportunities (org_id, id),
    constraint tasks_lead_id_fkey foreign key (org_id, lead_id) references steward.leads (org_id, id),
    constraint tasks_account_id_fkey foreign key (org_id, account_id) references steward.accounts (org_id, id),
    constraint tasks_assignee_id_fkey foreign key (org_id, assignee_id) references steward.users (org_id, id),
    constraint tasks_team_id_fkey foreign key (org_id, team_id) references steward.teams (org_id, id),
    constraint tasks_subject_check check (char_length(subject) between 1 and 200),
    constraint tasks_notes_check check (char_length(notes) between 1 and 10000),
    constraint tasks_status_check check (status in ('open', 'in_progress', 'done', 'cancelled')),
    constraint tasks_priority_check check (priority in ('low', 'normal', 'high', 'urgent')),
    constraint tasks_completed_at_check check ((status = 'done') = (completed_at is not null)),
    constraint tasks_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create index tasks_assignee_id_id_idx on steward.tasks (org_id, assignee_id, id);
create index tasks_team_id_id_idx on steward.tasks (org_id, team_id, id);
create index tasks_subject_idx on steward.tasks (org_id, subject, id);
create index tasks_status_idx on steward.tasks (org_id, status, id);
create index tasks_priority_idx on steward.tasks (org_id, priority, id);
create index tasks_due_at_idx on steward.tasks (org_id, due_at, id);
create index tasks_contact_id_idx on steward.tasks (org_id, contact_id, id);
create index tasks_opportunity_id_idx on steward.tasks (org_id, opportunity_id, id);
create index tasks_lead_id_idx on steward.tasks (org_id, lead_id, id);
create index tasks_account_id_idx on steward.tasks (org_id, account_id, id);
create index tasks_completed_at_idx on steward.tasks (org_id, completed_at, id);
create index tasks_created_at_idx on steward.tasks (org_id, created_at, id);
create index tasks_updated_at_idx on steward.tasks (org_id, updated_at, id);
create index tasks_search_idx on steward.tasks using gin (org_id, app.grams(app.fold(subject)));
select steward.track_external_ids('tasks');
select steward.expose('tasks');
