-- apart: the index of an account's last touch is for that alone.

drop index concurrently if exists steward.activities_account_id_happened_at_new_idx;

-- That version > 0 always holds; who does not ask for it, as no list does, cannot take this index. A list of the newest
-- activities of each account took its forerunner, whose order is another, and sorted all that the account has.
create index concurrently activities_account_id_happened_at_new_idx on steward.activities (org_id, account_id, happened_at)
    where deleted_at is null and version > 0;

drop index concurrently if exists steward.activities_account_id_happened_at_idx;

alter index steward.activities_account_id_happened_at_new_idx rename to activities_account_id_happened_at_idx;
