-- Teams, roles, users and what they sign in with. Secrets stand in tables of their own: no event can carry them.

create table steward.teams (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    parent_id uuid,
    description text,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint teams_pkey primary key (org_id, id),
    constraint teams_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint teams_parent_id_fkey foreign key (org_id, parent_id) references steward.teams (org_id, id),
    constraint teams_parent_id_check check (parent_id <> id),
    constraint teams_name_check check (char_length(name) between 1 and 200),
    constraint teams_description_check check (char_length(description) between 1 and 10000),
    constraint teams_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create unique index teams_name_key on steward.teams (org_id, app.fold(name)) where deleted_at is null;
create index teams_name_idx on steward.teams (org_id, name, id);
create index teams_parent_id_idx on steward.teams (org_id, parent_id, id);
create index teams_created_at_idx on steward.teams (org_id, created_at, id);
create index teams_updated_at_idx on steward.teams (org_id, updated_at, id);
select steward.track_external_ids('teams');
select steward.expose('teams');

create table steward.roles (
    org_id uuid not null,
    id uuid not null,
    key text collate "C" not null,
    name text collate steward.name_order not null,
    base text collate "C" not null,
    permissions jsonb not null default '{}',
    description text,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint roles_pkey primary key (org_id, id),
    constraint roles_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint roles_key_check check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint roles_name_check check (char_length(name) between 1 and 200),
    constraint roles_base_check check (base in ('account_manager', 'key_account_manager', 'team_lead', 'director',
                                                'service_agent', 'analyst', 'admin', 'integration')),
    constraint roles_permissions_check check (jsonb_typeof(permissions) = 'object'),
    constraint roles_description_check check (char_length(description) between 1 and 10000)
);
create unique index roles_key_key on steward.roles (org_id, key) where deleted_at is null;
create index roles_key_idx on steward.roles (org_id, key, id);
create index roles_name_idx on steward.roles (org_id, name, id);
create index roles_base_idx on steward.roles (org_id, base, id);
create index roles_created_at_idx on steward.roles (org_id, created_at, id);
create index roles_updated_at_idx on steward.roles (org_id, updated_at, id);
select steward.expose('roles');

create table steward.users (
    org_id uuid not null,
    id uuid not null,
    email text collate "C" not null,
    name text collate steward.name_order not null,
    role_id uuid not null,
    team_id uuid,
    status text collate "C" not null default 'active',
    title text collate "C",
    phone text collate "C",
    language text collate "C",
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint users_pkey primary key (org_id, id),
    constraint users_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint users_role_id_fkey foreign key (org_id, role_id) references steward.roles (org_id, id),
    constraint users_team_id_fkey foreign key (org_id, team_id) references steward.teams (org_id, id),
    constraint users_email_check check (octet_length(email) between 3 and 254),
    constraint users_name_check check (char_length(name) between 1 and 200),
    constraint users_status_check check (status in ('active', 'disabled')),
    constraint users_title_check check (char_length(title) between 1 and 200),
    constraint users_phone_check check (phone ~ '^\+[0-9]{7,15}$'),
    constraint users_language_check check (octet_length(language) between 2 and 35),
    constraint users_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create unique index users_email_key on steward.users (org_id, lower(email)) where deleted_at is null;
create index users_email_idx on steward.users (org_id, email, id);
create index users_name_idx on steward.users (org_id, name, id);
create index users_role_id_idx on steward.users (org_id, role_id, id);
create index users_team_id_idx on steward.users (org_id, team_id, id);
create index users_status_idx on steward.users (org_id, status, id);
create index users_created_at_idx on steward.users (org_id, created_at, id);
create index users_updated_at_idx on steward.users (org_id, updated_at, id);
create index users_search_idx on steward.users using gin (org_id, app.grams(app.fold(name)));
select steward.track_external_ids('users');
select steward.expose('users');

-- A password and the version that all of a user's sessions must carry; raising it ends them.
create table steward.credentials (
    org_id uuid not null,
    user_id uuid not null,
    password_hash text collate "C",
    session_version integer not null default 1,
    changed_at timestamptz not null default now(),
    constraint credentials_pkey primary key (org_id, user_id),
    constraint credentials_user_id_fkey foreign key (org_id, user_id) references steward.users (org_id, id)
);
select steward.expose('credentials');

-- Refresh tokens are single use. A family is one sign-in; using a spent one again revokes its family.
create table steward.refresh_tokens (
    org_id uuid not null,
    hash text collate "C" not null, -- SHA-256 of the secret part, hexadecimal
    user_id uuid not null,
    family_id uuid not null,
    session_version integer not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    constraint refresh_tokens_pkey primary key (org_id, hash),
    constraint refresh_tokens_user_id_fkey foreign key (org_id, user_id) references steward.users (org_id, id)
);
create index refresh_tokens_family_id_idx on steward.refresh_tokens (org_id, family_id);
create index refresh_tokens_user_id_idx on steward.refresh_tokens (org_id, user_id);
create index refresh_tokens_expires_at_idx on steward.refresh_tokens (expires_at);
select steward.expose('refresh_tokens');

create table steward.api_keys (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    source text collate "C" not null,
    scopes text[] collate "C" not null,
    prefix text collate "C" not null,
    expires_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint api_keys_pkey primary key (org_id, id),
    constraint api_keys_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint api_keys_name_check check (char_length(name) between 1 and 200),
    constraint api_keys_source_check check (source ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint api_keys_scopes_check check (cardinality(scopes) between 1 and 50),
    constraint api_keys_prefix_check check (char_length(prefix) between 1 and 20)
);
create unique index api_keys_name_key on steward.api_keys (org_id, app.fold(name)) where deleted_at is null;
create index api_keys_name_idx on steward.api_keys (org_id, name, id);
create index api_keys_source_idx on steward.api_keys (org_id, source, id);
create index api_keys_created_at_idx on steward.api_keys (org_id, created_at, id);
create index api_keys_updated_at_idx on steward.api_keys (org_id, updated_at, id);
select steward.expose('api_keys');

create table steward.api_key_secrets (
    org_id uuid not null,
    api_key_id uuid not null,
    hash text collate "C" not null, -- SHA-256 of the secret part, hexadecimal
    last_used_at timestamptz,
    constraint api_key_secrets_pkey primary key (org_id, api_key_id),
    constraint api_key_secrets_api_key_id_fkey foreign key (org_id, api_key_id) references steward.api_keys (org_id, id)
);
create unique index api_key_secrets_hash_key on steward.api_key_secrets (org_id, hash);
select steward.expose('api_key_secrets');

-- Whatever changes what somebody may do is announced to all processes.
create trigger teams_auth after update of parent_id, deleted_at on steward.teams
    for each row execute function steward.auth_changed();
create trigger roles_auth after update of base, permissions, deleted_at on steward.roles
    for each row execute function steward.auth_changed();
create trigger users_auth after update of role_id, team_id, status, deleted_at on steward.users
    for each row execute function steward.auth_changed();
create trigger credentials_auth after update of session_version on steward.credentials
    for each row execute function steward.auth_changed();
create trigger api_key_secrets_auth after update of hash on steward.api_key_secrets
    for each row execute function steward.auth_changed();
create trigger api_keys_auth after update of scopes, source, expires_at, deleted_at on steward.api_keys
    for each row execute function steward.auth_changed();
