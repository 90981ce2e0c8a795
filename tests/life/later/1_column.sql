-- A column, a rule that old rows are not asked about yet, and the view anew.
alter table steward.accounts add column nickname text collate "C";
alter table steward.accounts add constraint accounts_nickname_check check (char_length(nickname) between 1 and 100) not valid;
select steward.expose('accounts');
