-- A table that refers to one in use, and a function that statements call, in another way.
create table steward.nicknames (
    org_id uuid not null,
    id uuid not null,
    account_id uuid not null,
    constraint nicknames_pkey primary key (org_id, id),
    constraint nicknames_account_id_fkey foreign key (org_id, account_id) references steward.accounts (org_id, id)
);
select steward.expose('nicknames');
create or replace function app.uuid7() returns uuid language sql volatile parallel safe
    return (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' ||
            substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid;
