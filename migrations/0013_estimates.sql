-- How many rows PostgreSQL expects does not depend on whether it has heard of an organisation.

-- Statistics know the organisations that had rows when they were made. Of any other PostgreSQL expects one row, and takes every
-- index that begins with org_id for as good as the key: it may read all of a newcomer's rows to find one. A sub-select hides
-- from the planner for whom it plans; it then expects as many rows as an organisation has on average.
create function steward.view_of(table_name text) returns text language sql immutable
    return format('create or replace view app.%1$I as select * from steward.%1$I where org_id = '
                  '(select nullif(current_setting(''steward.org'', true), '''')::uuid) with local check option', table_name);

-- What is planned with its values, as lists are, knows a newcomer as soon as some hundred rows are there, whatever others have.
-- A partition is small for long, and gets what PostgreSQL has as default.
create function steward.analyze_soon(table_name text) returns void language plpgsql as $$
begin
    if (select relkind = 'r' from pg_class where oid = format('steward.%I', table_name)::regclass) then
        execute format('alter table steward.%I set (autovacuum_analyze_threshold = 500, autovacuum_analyze_scale_factor = 0.01)',
                       table_name);
    end if;
end $$;

create or replace function steward.expose(table_name text) returns void language plpgsql as $$
begin
    execute format('drop view if exists app.%I', table_name);
    execute steward.view_of(table_name);
    execute format('grant select, insert, update, delete on app.%I to steward_app', table_name);
    perform steward.analyze_soon(table_name);
end $$;

do $$
declare
    one name;
begin
    for one in select viewname from pg_views where schemaname = 'app' and definition like '%steward.org%'
               and viewname <> 'organizations' loop
        execute steward.view_of(one);
        perform steward.analyze_soon(one);
    end loop;
end $$;
create or replace view app.organizations as
    select * from steward.organizations where id = (select nullif(current_setting('steward.org', true), '')::uuid);
