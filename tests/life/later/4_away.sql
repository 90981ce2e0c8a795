-- Something that nobody uses any more, and another trigger.
drop table steward.nicknames cascade;
alter index steward.accounts_nickname_idx rename to accounts_nick_idx;
create function steward.nothing_more() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger accounts_nothing after update of nickname on steward.accounts
    for each row execute function steward.nothing_more();
