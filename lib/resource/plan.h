#ifndef STW_RESOURCE_PLAN_H
#define STW_RESOURCE_PLAN_H

#include <stdint.h>

#include "resource/resource.h"

/*
 * What is derived from a descriptor once at start. Field indices are plan indices: 0 is id, then the
 * descriptor's fields in order (descriptor index + 1), then version, created_at, updated_at, deleted_at.
 */
#define STW_PLAN_ID                      0
#define STW_PLAN_FIELD(descriptor_index) ((descriptor_index) + 1)
#define STW_FIELDS_MAX                   60

struct stw_reference {
    int field;        /* plan index of the REF field in `from` */
    int from;         /* resource index that holds it */
    int to;           /* resource index it points to */
    const char *name; /* "owner" for owner_id: the name in expand and in one-hop filters; of a referrer:
                       * the path of the resource it comes from */
};

/* What rendering asks of a field, side by side. */
#define STW_KEY_PIECE 32 /* bytes */
struct stw_member {
    const char *key; /* ",\"name\":", readable for at least one piece */
    int key_length;
    int column; /* first_column */
    enum stw_type type;
};

struct stw_plan {
    const struct stw_resource *resource;
    int index;                /* of the resource in the engine */
    const char *segment;      /* the path in URLs: "api-keys" for api_keys */
    int field_count;          /* system fields included */
    struct stw_field *fields; /* plan order; each a copy of the descriptor's line */
    int version_field, created_at_field, updated_at_field, deleted_at_field;
    int owner_field, team_field;      /* plan index, -1: none; STW_PLAN_ID for users/teams themselves */
    int parent_field;                 /* PART_OF, -1: none */
    int source_field;                 /* SOURCE, -1: none */
    int seen_with_field;              /* SEEN_WITH, -1: none */
    int keys_field;                   /* of STW_TYPE_KEYS, -1: none */
    int first_column[STW_FIELDS_MAX]; /* column of the field in every SELECT of this plan; money takes two,
                                         write-only has none (-1) */
    int column_count;
    const char *columns; /* "t.id, t.name, t.annual_revenue, t.annual_revenue_currency, ..." */
    struct stw_member members[STW_FIELDS_MAX];
    struct stw_reference *references; /* of this resource to others */
    int reference_count;
    struct stw_reference *referrers; /* of others to this one; parts (PART_OF) are expandable collections */
    int referrer_count;
    uint64_t filterable, sortable, searchable, personal, writable,
        write_only;                 /* writable: not STW_SERVER_KEPT */
    const char *const *field_names; /* NULL-terminated, for nearest-name */
};

/* -1 when the plan has no such field. */
int stw_plan_field(const struct stw_plan *plan, const char *name);
/* Names of the fields in `bits`; returns their number. */
int stw_plan_names(const struct stw_plan *plan, uint64_t bits, const char *ret_names[STW_FIELDS_MAX]);

/* Fills in all that follows from the descriptor alone; references and referrers are the engine's. The
 * descriptor has passed the engine's checks. */
void stw_plan_build(struct stw_plan *plan, struct stw_arena *arena, const struct stw_resource *resource,
                    int index);

#endif
