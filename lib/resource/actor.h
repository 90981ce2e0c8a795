#ifndef STW_RESOURCE_ACTOR_H
#define STW_RESOURCE_ACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/code.h"
#include "resource/resource.h"

/* Who asks: resolved once per token, read-only afterwards; everything access needs without another query. */
enum stw_actor_kind { STW_ACTOR_USER, STW_ACTOR_KEY, STW_ACTOR_SYSTEM };

/* What the actor may do with one resource. Bits are field indices of its plan. */
struct stw_grant {
    uint8_t scope[STW_VERB_COUNT];
    uint64_t hidden;   /* not rendered, filtered, sorted, written */
    uint64_t masked;   /* rendered masked; may be matched whole only */
    uint64_t locked;   /* may be read, not written */
    bool source_bound; /* KEY: only records that bear its source; no word of the resource had ":all" */
};

struct stw_actor {
    enum stw_actor_kind kind;
    char org_id[37];
    char id[37]; /* user or key */
    char role_id[37];
    char team_id[37];     /* "" without a team */
    enum stw_role role;   /* the shipped role it builds on */
    const char *role_key; /* its own key, e.g. "account_manager" or "inside_sales" */
    const char *tree;     /* "{uuid,...}": own team and all below, as an array literal; "{}" without a team */
    const char *zone;     /* IANA name of the organisation's zone */
    const char *source;   /* KEY: what it creates bears this source; NULL for users */
    int session_version;
    const struct stw_grant *grants; /* by resource index of the engine */
};

struct stw_engine;
struct json_t;

/* STW_OVERLOADED without memory, else the grants of a shipped role with the overrides of a stored one laid
 * over it. `permissions` is the text of
 *   {"accounts":{"read":"tree","fields":{"annual_revenue":"hide","phone":"mask","tier":"read"}}}
 * or NULL. Verbs take the words of stw_scope_name; fields take hide, mask, read (not write) and write
 * (nothing of these). Unknown resources, verbs and fields in it are ignored here (a newer process may know
 * them), an unknown word closes what it stands for, and a text that is no JSON object closes everything;
 * writing a role validates by stw_actor_permissions_check. From STW_ADMIN nothing is ever hidden or masked. A
 * part has the scopes that its parent ends up with, reading by read and all else by update, before its own
 * overrides. */
enum stw_code stw_actor_grants(const struct stw_engine *engine, struct stw_arena *arena, enum stw_role role,
                               const char *permissions, const struct stw_grant **ret_grants) STW_MUST_CHECK;
/* Adds one violation per fault at #/permissions/... ; STW_VALIDATION_FAILED then. System fields take no word.
 */
enum stw_code stw_actor_permissions_check(struct stw_context *ctx, const char *permissions) STW_MUST_CHECK;

#endif
