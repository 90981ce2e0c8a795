-- apart: the indexes that 0010 replaced.
drop index concurrently if exists steward.accounts_search_old_idx;

drop index concurrently if exists steward.activities_search_old_idx;

drop index concurrently if exists steward.contacts_search_old_idx;

drop index concurrently if exists steward.leads_search_old_idx;

drop index concurrently if exists steward.opportunities_search_old_idx;

drop index concurrently if exists steward.products_search_old_idx;

drop index concurrently if exists steward.tasks_search_old_idx;

drop index concurrently if exists steward.users_search_old_idx;

drop function if exists app.grams_of_text(text);
