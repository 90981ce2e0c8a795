#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/internal.h"

#define IDLE_MOST_MS 60000LL

/* `options` of the URL: they must come after ours to win, and libpq would let one value replace the other. */
static char *options_of_url(const char *url)
{
    char *copy = NULL;
    PQconninfoOption *all = PQconninfoParse(url, NULL);
    for (PQconninfoOption *one = all; one != NULL && one->keyword != NULL && copy == NULL; one++)
        if (strcmp(one->keyword, "options") == 0 && one->val != NULL)
            copy = strdup(one->val);
    PQconninfoFree(all);
    return copy;
}

static void settings_of(const struct stw_pool *pool, char *ret_text, size_t size)
{
    char *more = options_of_url(pool->url);
    long long limit_ms = (pool->db->statement_timeout_us + 999) / 1000;
    int length = snprintf(ret_text, size,
                          "-c search_path=app -c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601"
                          " -c bytea_output=hex");
    if (pool->kind == STW_POOL_LANES)
        /* Point reads by key have one plan only; and what waits on a lane, waits for everybody. */
        length += snprintf(ret_text + length, size - (size_t)length,
                           " -c statement_timeout=250ms -c lock_timeout=250ms"
                           " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off");
    else
        /* The check ends the backend of a caller who is gone for good; the idle timeout does when that cannot
         * be told, since the network is gone too, and frees the locks that repeats of the request wait for.
         */
        length += snprintf(ret_text + length, size - (size_t)length,
                           " -c statement_timeout=%lldms -c lock_timeout=5s"
                           " -c client_connection_check_interval=2s"
                           " -c idle_in_transaction_session_timeout=%lldms",
                           limit_ms, limit_ms < IDLE_MOST_MS ? limit_ms : IDLE_MOST_MS);
    if (more != NULL)
        snprintf(ret_text + length, size - (size_t)length, " %s", more);
    free(more);
}

PGconn *stw_connect_start(const struct stw_pool *pool)
{
    char settings[2048];
    settings_of(pool, settings, sizeof settings);
    /* A keyword is overridden by a later one, so what stands before dbname is only a default. */
    const char *const words[] = {"client_encoding",
                                 "tcp_user_timeout",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "dbname",
                                 "options",
                                 "fallback_application_name",
                                 NULL};
    const char *const values[] = {
        "UTF8", "10000", "30", "5", "3", pool->url, settings, pool->db->application_name, NULL};
    return PQconnectStartParams(words, values, 1);
}
