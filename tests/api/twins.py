"""Twins of an organisation, row by row with the same ids: whoever forgets the organisation in a statement meets them."""

import psycopg

from registry import RESOURCES
from world import CANARY

MARKED = "00000000-0000-7000-8000-000000000001"  # before any other in an index, and in the tables too; full of canaries
EQUAL = "ffffffff-ffff-7fff-bfff-fffffffffffe"  # behind all others, and the same in every value
TWINS = {MARKED: "twin-marked", EQUAL: "twin-equal"}
# What is looked up by all processes together, and what the database itself looks after.
COMMON = {"organizations", "auth_changes"}
# What an import makes on its way: a trigger on two of them makes the twins then and there.
ALONG = ("imports", "jobs", "import_chunks")
# Of these the marked twin lives, even of what is deleted.
LIVING = ("teams", "accounts", "contacts", "leads", "products", "opportunities", "activities", "tasks", "stages")
PEOPLE = ("credentials", "refresh_tokens", "users", "roles", "teams", "api_keys")

# Before the row itself, so that who forgets the organisation finds this one first. The twin's job is as if a worker had just taken it.
MIRROR = f"""
create or replace function public.mirror() returns trigger language plpgsql security definer
    set session_replication_role = replica as $$
declare
    twin record := new;
begin
    if new.org_id <> tg_argv[0]::uuid then
        return new;
    end if;
    twin.org_id := '{MARKED}';
    if tg_table_name = 'imports' then
        twin.options := '{{"{CANARY}": 1}}';
        insert into steward.jobs (org_id, id, kind, state, lease_until, fence, progress, created_by)
            values (twin.org_id, twin.id, 'import', 'running', now() + interval '1 hour', 1, '{{"at": 999, "line": 9}}', twin.owner_id);
        insert into steward.import_chunks (org_id, import_id, content_id, start, content)
            values (twin.org_id, twin.id, gen_random_uuid(), 0, '{CANARY}');
    else
        twin.content := '{CANARY}';
    end if;
    execute format('insert into steward.%I select ($1).*', tg_table_name) using twin;
    return new;
end $$"""


class Twins:
    def __init__(self, cluster, database, org):
        self.org = org
        self.db = psycopg.connect(cluster.url("postgres", database), autocommit=True, options="-c search_path=steward,public")
        self.views = {}

    def _read(self, sql, *values):
        return self.db.execute(sql, values or None).fetchall()

    def tables(self):
        """Those whose rows belong to an organisation."""
        return [name for name, in self._read(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' "
            "where n.nspname = 'steward' and c.relkind in ('r', 'p') and not c.relispartition order by 1") if name not in COMMON]

    def columns(self, table):
        return [name for name, in self._read("select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
                                             "and not attisdropped order by attnum", f"steward.{table}")]

    def renew(self, caller, top, stage, account, people=True):
        """Twins of what stands there now. In the marked one everything is `caller`'s, under other words, rights and secrets: whoever is
        taken for their twin cannot do what they could, or reaches all teams below
        `top`; all sales are in `stage`, all activities about `account`. Without `people` nobody has a twin, and all can be done."""
        with self.db.transaction():
            self.db.execute("set local session_replication_role = replica")
            for org, slug in TWINS.items():
                self.db.execute("insert into organizations (id, slug, name, zone, currency) values (%s, %s, %s, 'Europe/Berlin', 'EUR') "
                                "on conflict do nothing", (org, slug, CANARY))
            for table in self.tables():
                self._renew(table, marks(table, caller, top, stage, account), people or table not in PEOPLE)
            self.db.execute("analyze")

    def _renew(self, table, changes, twins):
        names = self.columns(table)
        listed = ", ".join(names)
        self.db.execute(f"create temp table own on commit drop as select * from {table} where org_id = %s", (self.org,))
        self.db.execute(f"delete from {table} where org_id = any(%s)", ([self.org, *TWINS],))
        copied = {MARKED: [changes.get(name, name) for name in names], self.org: names, EQUAL: names}
        for org, values in copied.items() if twins else [(self.org, names)]:
            values = ", ".join(f"'{org}'" if name == "org_id" else value for name, value in zip(names, values))
            self.db.execute(f"insert into {table} ({listed}) select {values} from own")
        self.db.execute("drop table own")

    def fingerprint(self):
        """{table: digest} of all rows of all other organisations, but for those that `mirror` makes."""
        return {table: self._read(
            f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table} t where org_id <> %s "
            + (f"and org_id <> '{MARKED}'" if table in ALONG else ""), self.org)[0] for table in self.tables()}

    def locks(self):
        """{table: (count, sum)}: moves when a row of another organisation is locked or deleted, or when a change of it is rolled back."""
        return {table: (count, moved) for table, count, moved in self._read(" union all ".join(
            f"select '{table}', count(*), coalesce(sum(xmax::text::bigint), 0) from {table} where org_id <> '{self.org}'"
            for table in self.tables()))}

    # ---- twins of what a job makes ----

    def mirror(self):
        self.db.execute(MIRROR)
        for table in ("imports", "import_chunks"):
            self.db.execute(f"create or replace trigger mirror before insert on {table} for each row "
                            f"execute function public.mirror('{self.org}')")

    def along(self, import_id):
        """What became of an import's twin and its job, and whether its worker and content are those of before; how many chunks there are."""
        return self._read("select i.state, j.state, j.progress, j.fence = 1 and j.lease_until > now() + interval '10 minutes' and "
                          "i.content_id is null, (select count(*) from import_chunks c where c.org_id = i.org_id and "
                          "c.import_id = i.id) from imports i join jobs j on j.org_id = i.org_id and j.id = i.id "
                          "where i.org_id = %s and i.id = %s", MARKED, import_id)[0]

    # ---- the second wall ----

    def views_of_organizations(self):
        """{name: definition}"""
        return dict(self._read("select viewname, definition from pg_views where schemaname = 'app' "
                               "and definition like '%%steward.org%%' order by 1"))

    def others(self, table, schema="steward"):
        """How many rows of other organisations there are in a table, or in a view for who is of this one."""
        with self.db.transaction():
            if schema == "app":
                self.db.execute("set local role steward_app")
            self.db.execute("select set_config('steward.org', %s, true)", (self.org,))
            column = "id" if table == "organizations" else "org_id"
            return self._read(f"select count(*) from {schema}.{table} where {column} <> %s", self.org)[0][0]

    def open_views(self, *only):
        """Each view of schema app, or some, shows everything and takes everything. Their rights stay."""
        every = self.views_of_organizations()
        assert len(every) > 15
        for view, definition in every.items():
            if only and view not in only:
                continue
            head, _, condition = definition.partition("WHERE")
            assert "current_setting('steward.org'" in condition and " AND " not in condition, definition
            self.views[view] = definition
            # SELECT given anew: the options of the view, its check among them, are given anew too
            self.db.execute(f"create or replace view app.{view} as {head}")

    def close_views(self):
        for view, definition in self.views.items():
            check = "" if view == "organizations" else "with local check option"
            self.db.execute(f"create or replace view app.{view} as {definition.rstrip(';')} {check}")
        self.views = {}


def marks(table, caller, top, stage, account):
    """{column: what the marked twin has there}, in SQL."""
    made = {
        "credentials": {"session_version": "session_version + 7", "password_hash": "'$argon2id$'"},
        "refresh_tokens": {"session_version": "session_version + 7"},
        "external_ids": {"record_id": "(select max(o.record_id::text)::uuid from own o where o.resource = own.resource)"},
        "idempotency_keys": {"body": f"'{CANARY}'", "request_hash": "'other'", "location": f"'/{CANARY}'"},
        "events": {"changes": f"'{{\"name\": \"{CANARY}\"}}'", "after": f"'{{\"name\": \"{CANARY}\"}}'"},
        "import_errors": {"column_name": f"'{CANARY}'", "argument": f"'{CANARY}'"},
        "import_chunks": {"content": f"'{CANARY}'"},
        "imports": {"owner_id": f"'{caller.id}'"},
        # all teams below the caller's, and all people in the topmost
        "teams": {"parent_id": f"case when id <> '{caller.team}' then '{caller.team}'::uuid end"},
        "users": {"team_id": f"'{top}'",
                  "role_id": "(select r.id from roles r where r.org_id = own.org_id and r.key = 'service_agent')"},
        "roles": {"base": "'admin'", "permissions": "'{}'"},
        "api_keys": {"scopes": "'{leads:read:all}'", "expires_at": "'2020-01-01'"},
        "activities": {"happened_at": "now() + interval '1 year'", "account_id": f"'{account}'"},
        "opportunities": {"stage_id": f"'{stage}'", "account_id": f"'{account}'"},
        # all accounts above this one are below it too
        "accounts": {"parent_id": f"case when id <> '{account}' then '{account}'::uuid end", "version": "version + 7"},
        "pipelines": {"deleted_at": "case when is_default then deleted_at end",
                      "is_default": f"id = (select s.pipeline_id from stages s where s.org_id = own.org_id and s.id = '{stage}')"},
        "stages": {"kind": "case name when 'Second' then kind else 'lost' end", "position": "0"},
    }.get(table, {})
    resource = RESOURCES.get(table)
    for field in resource.fields if resource else ():
        if field.name in made or field.system or field.has("write_only"):
            continue
        if field.type in ("name", "text", "note") and not field.special and field.length >= 60:
            made[field.name] = f"'{CANARY} ' || id"
        elif field.has("owner"):
            made[field.name] = f"'{caller.id}'::uuid"
        elif field.has("team"):
            made[field.name] = f"'{caller.team}'::uuid"
    if table in LIVING:
        made["deleted_at"] = "null"
    return {name: value for name, value in made.items() if name != "id"}

