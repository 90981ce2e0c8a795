-- apart: the indexes of 0007, built while others read and write.

drop index concurrently if exists steward.accounts_search_new_idx;

create index concurrently accounts_search_new_idx on steward.accounts
    using gin (org_id, app.grams_as_numbers(app.fold(name)));

drop index concurrently if exists steward.activities_search_new_idx;

create index concurrently activities_search_new_idx on steward.activities
    using gin (org_id, app.grams_as_numbers(app.fold(subject)));

drop index concurrently if exists steward.contacts_search_new_idx;

create index concurrently contacts_search_new_idx on steward.contacts
    using gin (org_id, app.grams_as_numbers(app.fold(name)));

drop index concurrently if exists steward.leads_search_new_idx;

create index concurrently leads_search_new_idx on steward.leads
    using gin (org_id, app.grams_as_numbers(app.fold(coalesce(name, '') || e'\n' || coalesce(company, ''))));

drop index concurrently if exists steward.opportunities_search_new_idx;

create index concurrently opportunities_search_new_idx on steward.opportunities
    using gin (org_id, app.grams_as_numbers(app.fold(name)));

drop index concurrently if exists steward.products_search_new_idx;

create index concurrently products_search_new_idx on steward.products
    using gin (org_id, app.grams_as_numbers(app.fold(name)));

drop index concurrently if exists steward.tasks_search_new_idx;

create index concurrently tasks_search_new_idx on steward.tasks
    using gin (org_id, app.grams_as_numbers(app.fold(subject)));

drop index concurrently if exists steward.users_search_new_idx;

create index concurrently users_search_new_idx on steward.users
    using gin (org_id, app.grams_as_numbers(app.fold(name)));

-- An index of an expression has no statistics before.
analyze steward.accounts, steward.activities, steward.contacts, steward.leads, steward.opportunities, steward.products,
    steward.tasks, steward.users;
