-- apart: values for the rows that are there, some at a time, so that no writer waits for all of them; and an index.

do $$
declare
    org uuid := '00000000-0000-0000-0000-000000000000';
    account uuid := org;
begin
    loop
        with part as (
            select org_id, id from steward.accounts where (org_id, id) > (org, account) order by org_id, id limit 1000),
        filled as (
            update steward.accounts a set nickname = left(a.name, 20) from part
            where a.org_id = part.org_id and a.id = part.id and a.nickname is null)
        select org_id, id into org, account from part order by org_id desc, id desc limit 1;
        exit when not found;
        commit;
    end loop;
end $$;

drop index concurrently if exists steward.accounts_nickname_idx;

create index concurrently accounts_nickname_idx on steward.accounts (org_id, nickname, id);

alter table steward.accounts validate constraint accounts_nickname_check;

analyze steward.accounts;
