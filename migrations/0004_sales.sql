-- Selling: products, pipelines with their stages, opportunities and the way each took through the stages.

create table steward.products (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    sku text collate "C",
    family text collate "C",
    list_price numeric(19,4),
    list_price_currency text collate "C",
    active boolean not null default true,
    description text,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint products_pkey primary key (org_id, id),
    constraint products_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint products_name_check check (char_length(name) between 1 and 200),
    constraint products_sku_check check (char_length(sku) between 1 and 100),
    constraint products_family_check check (char_length(family) between 1 and 100),
    constraint products_list_price_check check ((list_price is null) = (list_price_currency is null)),
    constraint products_list_price_currency_check check (list_price_currency ~ '^[A-Z]{3}$'),
    constraint products_description_check check (char_length(description) between 1 and 10000),
    constraint products_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create unique index products_name_key on steward.products (org_id, app.fold(name)) where deleted_at is null;
create unique index products_sku_key on steward.products (org_id, sku) where deleted_at is null;
create index products_name_idx on steward.products (org_id, name, id);
create index products_sku_idx on steward.products (org_id, sku, id);
create index products_family_idx on steward.products (org_id, family, id);
create index products_list_price_idx on steward.products (org_id, list_price, id);
create index products_active_idx on steward.products (org_id, active, id);
create index products_created_at_idx on steward.products (org_id, created_at, id);
create index products_updated_at_idx on steward.products (org_id, updated_at, id);
create index products_search_idx on steward.products using gin (org_id, app.grams(app.fold(name)));
select steward.track_external_ids('products');
select steward.expose('products');

create table steward.pipelines (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    is_default boolean not null default false,
    position integer not null default 0,
    description text,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint pipelines_pkey primary key (org_id, id),
    constraint pipelines_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint pipelines_name_check check (char_length(name) between 1 and 200),
    constraint pipelines_position_check check (position between 0 and 10000),
    constraint pipelines_description_check check (char_length(description) between 1 and 10000),
    constraint pipelines_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create unique index pipelines_name_key on steward.pipelines (org_id, app.fold(name)) where deleted_at is null;
-- One default pipeline an organisation.
create unique index pipelines_is_default_key on steward.pipelines (org_id) where is_default and deleted_at is null;
create index pipelines_name_idx on steward.pipelines (org_id, name, id);
create index pipelines_is_default_idx on steward.pipelines (org_id, is_default, id);
create index pipelines_position_idx on steward.pipelines (org_id, position, id);
create index pipelines_created_at_idx on steward.pipelines (org_id, created_at, id);
create index pipelines_updated_at_idx on steward.pipelines (org_id, updated_at, id);
select steward.track_external_ids('pipelines');
select steward.expose('pipelines');

create table steward.stages (
    org_id uuid not null,
    id uuid not null,
    pipeline_id uuid not null,
    name text collate steward.name_order not null,
    kind text collate "C" not null default 'open',
    probability numeric(7,4) not null default 0,
    position integer not null default 0,
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint stages_pkey primary key (org_id, id),
    constraint stages_pipeline_id_fkey foreign key (org_id, pipeline_id) references steward.pipelines (org_id, id),
    constraint stages_name_check check (char_length(name) between 1 and 200),
    constraint stages_kind_check check (kind in ('open', 'won', 'lost')),
    constraint stages_probability_check check (probability between 0 and 100),
    constraint stages_position_check check (position between 0 and 10000),
    constraint stages_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create unique index stages_name_key on steward.stages (org_id, pipeline_id, app.fold(name)) where deleted_at is null;
create index stages_pipeline_id_idx on steward.stages (org_id, pipeline_id, id);
create index stages_name_idx on steward.stages (org_id, name, id);
create index stages_kind_idx on steward.stages (org_id, kind, id);
create index stages_probability_idx on steward.stages (org_id, probability, id);
create index stages_position_idx on steward.stages (org_id, position, id);
create index stages_created_at_idx on steward.stages (org_id, created_at, id);
create index stages_updated_at_idx on steward.stages (org_id, updated_at, id);
select steward.track_external_ids('stages');
select steward.expose('stages');

create table steward.opportunities (
    org_id uuid not null,
    id uuid not null,
    name text collate steward.name_order not null,
    account_id uuid,
    product_id uuid,
    stage_id uuid not null,
    status text collate "C" not null default 'open',
    amount numeric(19,4),
    amount_currency text collate "C",
    probability numeric(7,4) not null,
    engaged_on date,
    expected_close_on date,
    closed_on date,
    reason text collate "C",
    description text,
    source text collate "C",
    owner_id uuid,
    team_id uuid,
    stage_changed_at timestamptz not null default now(),
    external_ids jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint opportunities_pkey primary key (org_id, id),
    constraint opportunities_org_id_fkey foreign key (org_id) references steward.organizations (id),
    constraint opportunities_account_id_fkey foreign key (org_id, account_id) references steward.accounts (org_id, id),
    constraint opportunities_product_id_fkey foreign key (org_id, product_id) references steward.products (org_id, id),
    constraint opportunities_stage_id_fkey foreign key (org_id, stage_id) references steward.stages (org_id, id),
    constraint opportunities_owner_id_fkey foreign key (org_id, owner_id) references steward.users (org_id, id),
    constraint opportunities_team_id_fkey foreign key (org_id, team_id) references steward.teams (org_id, id),
    constraint opportunities_name_check check (char_length(name) between 1 and 200),
    constraint opportunities_status_check check (status in ('open', 'won', 'lost')),
    constraint opportunities_amount_check check ((amount is null) = (amount_currency is null)),
    constraint opportunities_amount_currency_check check (amount_currency ~ '^[A-Z]{3}$'),
    constraint opportunities_probability_check check (probability between 0 and 100),
    constraint opportunities_closed_on_check check ((status = 'open') = (closed_on is null)),
    constraint opportunities_reason_check
        check (char_length(reason) between 1 and 200 and (status <> 'lost' or reason is not null)),
    constraint opportunities_description_check check (char_length(description) between 1 and 10000),
    constraint opportunities_source_check check (char_length(source) between 1 and 63),
    constraint opportunities_external_ids_check check (jsonb_typeof(external_ids) = 'object')
);
create index opportunities_owner_id_id_idx on steward.opportunities (org_id, owner_id, id);
create index opportunities_team_id_id_idx on steward.opportunities (org_id, team_id, id);
create index opportunities_name_idx on steward.opportunities (org_id, name, id);
create index opportunities_account_id_idx on steward.opportunities (org_id, account_id, id);
create index opportunities_product_id_idx on steward.opportunities (org_id, product_id, id);
create index opportunities_stage_id_idx on steward.opportunities (org_id, stage_id, id);
create index opportunities_status_idx on steward.opportunities (org_id, status, id);
create index opportunities_amount_idx on steward.opportunities (org_id, amount, id);
create index opportunities_probability_idx on steward.opportunities (org_id, probability, id);
create index opportunities_engaged_on_idx on steward.opportunities (org_id, engaged_on, id);
create index opportunities_expected_close_on_idx on steward.opportunities (org_id, expected_close_on, id);
create index opportunities_closed_on_idx on steward.opportunities (org_id, closed_on, id);
create index opportunities_reason_idx on steward.opportunities (org_id, reason, id);
create index opportunities_source_idx on steward.opportunities (org_id, source, id);
create index opportunities_stage_changed_at_idx on steward.opportunities (org_id, stage_changed_at, id);
create index opportunities_created_at_idx on steward.opportunities (org_id, created_at, id);
create index opportunities_updated_at_idx on steward.opportunities (org_id, updated_at, id);
create index opportunities_search_idx on steward.opportunities using gin (org_id, app.grams(app.fold(name)));
select steward.track_external_ids('opportunities');
select steward.expose('opportunities');

-- One row for each step of an opportunity; rows are added, never changed.
create table steward.stage_changes (
    org_id uuid not null,
    id uuid not null,
    opportunity_id uuid not null,
    from_stage_id uuid,
    to_stage_id uuid not null,
    at timestamptz not null default now(),
    actor_id uuid,
    reopened boolean not null default false,
    seconds_in_stage integer,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint stage_changes_pkey primary key (org_id, id),
    constraint stage_changes_opportunity_id_fkey
        foreign key (org_id, opportunity_id) references steward.opportunities (org_id, id),
    constraint stage_changes_from_stage_id_fkey foreign key (org_id, from_stage_id) references steward.stages (org_id, id),
    constraint stage_changes_to_stage_id_fkey foreign key (org_id, to_stage_id) references steward.stages (org_id, id),
    constraint stage_changes_actor_id_fkey foreign key (org_id, actor_id) references steward.users (org_id, id),
    constraint stage_changes_seconds_in_stage_check check (seconds_in_stage >= 0)
);
create index stage_changes_opportunity_id_idx on steward.stage_changes (org_id, opportunity_id, id);
create index stage_changes_from_stage_id_idx on steward.stage_changes (org_id, from_stage_id, id);
create index stage_changes_to_stage_id_idx on steward.stage_changes (org_id, to_stage_id, id);
create index stage_changes_at_idx on steward.stage_changes (org_id, at, id);
create index stage_changes_actor_id_idx on steward.stage_changes (org_id, actor_id, id);
create index stage_changes_reopened_idx on steward.stage_changes (org_id, reopened, id);
create index stage_changes_seconds_in_stage_idx on steward.stage_changes (org_id, seconds_in_stage, id);
create index stage_changes_created_at_idx on steward.stage_changes (org_id, created_at, id);
create index stage_changes_updated_at_idx on steward.stage_changes (org_id, updated_at, id);
select steward.expose('stage_changes');

alter table steward.leads
    add column converted_opportunity_id uuid,
    add constraint leads_converted_opportunity_id_fkey
        foreign key (org_id, converted_opportunity_id) references steward.opportunities (org_id, id);
create index leads_converted_opportunity_id_idx on steward.leads (org_id, converted_opportunity_id, id);
select steward.expose('leads');
