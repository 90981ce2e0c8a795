-- The customer base: accounts, their contacts, and leads on the way to becoming accounts.

create table steward.accounts (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    kind text collate "C" not null default 'company',
    industry text collate "C",
    employee_count integer,
    annual_revenue numeric(19,4),
    annual_revenue_currency text collate "C",
    founded_year integer,
    country text collate "C",
    city text collate "C",
    website text collate "C",
    phone text collate "C",
    email text collate "C",
    tier text collate "C",
    lifecycle_stage text collate "C" not null default 'potential',
    description text,
    tags text[] collate "C" not null default '{}',
    source text collate "C",
    parent_id uuid,
    owner_id uuid,
    team_id uuid,
    last_touch_at timestamptz,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint accounts_pkey primary key (org_id, id),
    constraint accounts_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint accounts_parent_id_fkey foreign key (org_id, parent_id) references steward.accounts (org_id, id),
    constraint accounts_owner_id_fkey foreign key (org_id, owner_id) references steward.users (org_id, id),
    constraint accounts_team_id_fkey foreign key (org_id, team_id) references steward.teams (org_id, id),
    constraint accounts_name_check check (char_length(name) between 1 and 200),
    constraint accounts_kind_check check (kind in ('company', 'person')),
    constraint accounts_industry_check check (char_length(industry) between 1 and 100),
    constraint accounts_employee_count_check check (employee_count between 0 and 100000000),
    constraint accounts_annual_revenue_check check ((annual_revenue is null) = (annual_revenue_currency is null)),
    constraint accounts_annual_revenue_currency_check check (annual_revenue_currency ~ '^[A-Z]{3}$'),
    constraint accounts_founded_year_check check (founded_year between 1000 and 2200),
    constraint accounts_country_check check (country ~ '^[A-Z]{2}$'),
    constraint accounts_city_check check (char_length(city) between 1 and 100),
    constraint accounts_website_check check (octet_length(website) between 1 and 2048),
    constraint accounts_phone_check check (phone ~ '^\+[0-9]{7,15}$'),
    constraint accounts_email_check check (octet_length(email) between 3 and 254),
    constraint accounts_tier_check check (tier in ('strategic', 'key', 'standard', 'basic')),
    constraint accounts_lifecycle_stage_check
        check (lifecycle_stage in ('potential', 'first_purchase', 'repeat', 'loyal', 'lapsed')),
    constraint accounts_description_check check (char_length(description) between 1 and 10000),
    constraint accounts_source_check check (char_length(source) between 1 and 63),
    constraint accounts_tags_check check (cardinality(tags) <= 20),
    constraint accounts_parent_id_check check (parent_id <> id),
    constraint accounts_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create index accounts_owner_id_id_idx on steward.accounts (org_id, owner_id, id);
create index accounts_team_id_id_idx on steward.accounts (org_id, team_id, id);
create index accounts_name_idx on steward.accounts (org_id, name, id);
create index accounts_kind_idx on steward.accounts (org_id, kind, id);
create index accounts_industry_idx on steward.accounts (org_id, industry, id);
create index accounts_employee_count_idx on steward.accounts (org_id, employee_count, id);
create index accounts_annual_revenue_idx on steward.accounts (org_id, annual_revenue, id);
create index accounts_founded_year_idx on steward.accounts (org_id, founded_year, id);
create index accounts_country_idx on steward.accounts (org_id, country, id);
create index accounts_city_idx on steward.accounts (org_id, city, id);
create index accounts_phone_idx on steward.accounts (org_id, phone, id);
create index accounts_email_idx on steward.accounts (org_id, email, id);
create index accounts_tier_idx on steward.accounts (org_id, tier, id);
create index accounts_lifecycle_stage_idx on steward.accounts (org_id, lifecycle_stage, id);
create index accounts_source_idx on steward.accounts (org_id, source, id);
create index accounts_parent_id_idx on steward.accounts (org_id, parent_id, id);
create index accounts_last_touch_at_idx on steward.accounts (org_id, last_touch_at, id);
create index accounts_created_at_idx on steward.accounts (org_id, created_at, id);
create index accounts_updated_at_idx on steward.accounts (org_id, updated_at, id);
create index accounts_tags_idx on steward.accounts using gin (org_id, tags);
create index accounts_search_idx on steward.accounts using gin (org_id, app.grams(app.fold(name)));
select steward.track_external_ids('accounts');
select steward.expose('accounts');

create table steward.contacts (
    org_id uuid not null,
    id uuid not null,
    account_id uuid not null,
    name text collate steward.name_order not null,
    position text collate "C",
    phone text collate "C",
    email text collate "C",
    decision_role text collate "C",
    is_primary boolean not null default false,
    language text collate "C",
    notes text,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint contacts_pkey primary key (org_id, id),
    constraint contacts_account_id_fkey foreign key (org_id, account_id) references steward.accounts (org_id, id),
    constraint contacts_name_check check (char_length(name) between 1 and 200),
    constraint contacts_position_check check (char_length(position) between 1 and 200),
    constraint contacts_phone_check check (phone ~ '^\+[0-9]{7,15}$'),
    constraint contacts_email_check check (octet_length(email) between 3 and 254),
    constraint contacts_decision_role_check
        check (decision_role in ('decision_maker', 'influencer', 'champion', 'user', 'buyer', 'gatekeeper')),
    constraint contacts_language_check check (octet_length(language) between 2 and 35),
    constraint contacts_notes_check check (char_length(notes) between 1 and 10000),
    constraint contacts_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
-- One primary contact an account.
create unique index contacts_is_primary_key on steward.contacts (org_id, account_id)
    where is_primary and deleted_at is null;
create index contacts_account_id_idx on steward.contacts (org_id, account_id, id);
create index contacts_name_idx on steward.contacts (org_id, name, id);
create index contacts_phone_idx on steward.contacts (org_id, phone, id);
create index contacts_email_idx on steward.contacts (org_id, email, id);
create index contacts_decision_role_idx on steward.contacts (org_id, decision_role, id);
create index contacts_is_primary_idx on steward.contacts (org_id, is_primary, id);
create index contacts_created_at_idx on steward.contacts (org_id, created_at, id);
create index contacts_updated_at_idx on steward.contacts (org_id, updated_at, id);
create index contacts_search_idx on steward.contacts using gin (org_id, app.grams(app.fold(name)));
select steward.track_external_ids('contacts');
select steward.expose('contacts');

create table steward.leads (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    company text collate steward.name_order,
    title text collate "C",
    phone text collate "C",
    email text collate "C",
    source text collate "C",
    score integer,
    status text collate "C" not null default 'new',
    disqualified_reason text collate "C",
    notes text,
    owner_id uuid,
    team_id uuid,
    converted_at timestamptz,
    converted_account_id uuid,
    converted_contact_id uuid,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint leads_pkey primary key (org_id, id),
    constraint leads_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint leads_owner_id_fkey foreign key (org_id, owner_id) references steward.users (org_id, id),
    constraint leads_team_id_fkey foreign key (org_id, team_id) references steward.teams (org_id, id),
    constraint leads_converted_account_id_fkey
        foreign key (org_id, converted_account_id) references steward.accounts (org_id, id),
    constraint leads_converted_contact_id_fkey
        foreign key (org_id, converted_contact_id) references steward.contacts (org_id, id),
    constraint leads_name_check check (char_length(name) between 1 and 200),
    constraint leads_company_check check (char_length(company) between 1 and 200),
    constraint leads_title_check check (char_length(title) between 1 and 200),
    constraint leads_phone_check check (phone ~ '^\+[0-9]{7,15}$'),
    constraint leads_email_check check (octet_length(email) between 3 and 254),
    constraint leads_source_check check (char_length(source) between 1 and 63),
    constraint leads_score_check check (score between 0 and 100),
    constraint leads_status_check check (status in ('new', 'working', 'qualified', 'converted', 'disqualified')),
    constraint leads_disqualified_reason_check check (char_length(disqualified_reason) between 1 and 200),
    constraint leads_notes_check check (char_length(notes) between 1 and 10000),
    constraint leads_converted_at_check check ((status = 'converted') = (converted_at is not null)),
    constraint leads_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create index leads_owner_id_id_idx on steward.leads (org_id, owner_id, id);
create index leads_team_id_id_idx on steward.leads (org_id, team_id, id);
create index leads_name_idx on steward.leads (org_id, name, id);
create index leads_company_idx on steward.leads (org_id, company, id);
create index leads_phone_idx on steward.leads (org_id, phone, id);
create index leads_email_idx on steward.leads (org_id, email, id);
create index leads_source_idx on steward.leads (org_id, source, id);
create index leads_score_idx on steward.leads (org_id, score, id);
create index leads_status_idx on steward.leads (org_id, status, id);
create index leads_converted_at_idx on steward.leads (org_id, converted_at, id);
create index leads_converted_account_id_idx on steward.leads (org_id, converted_account_id, id);
create index leads_converted_contact_id_idx on steward.leads (org_id, converted_contact_id, id);
create index leads_created_at_idx on steward.leads (org_id, created_at, id);
create index leads_updated_at_idx on steward.leads (org_id, updated_at, id);
create index leads_search_idx on steward.leads using gin (org_id, app.grams(app.fold(coalesce(name, '') || e'\n' || coalesce(company, ''))));
select steward.track_external_ids('leads');
select steward.expose('leads');
