#include <string.h>

#include "domain/activities.h"
#include "resource/engine.h"
#include "resource/store.h"

enum { LATITUDE, LONGITUDE };
static const struct stw_field in_fields[] = {
    [LATITUDE] = {.name = "latitude",
                  .type = STW_TYPE_DECIMAL,
                  .min = -90,
                  .max = 90,
                  .flags = STW_MANDATORY,
                  .doc = "WGS 84, in degrees to four places (11 meters)."},
    [LONGITUDE] = {.name = "longitude",
                   .type = STW_TYPE_DECIMAL,
                   .min = -180,
                   .max = 180,
                   .flags = STW_MANDATORY,
                   .doc = "The same for the longitude."},
};

enum { OUT_ACTIVITY_ID, OUT_CHECKED_IN_AT, OUT_LATITUDE, OUT_LONGITUDE };
static const struct stw_field out_fields[] = {
    [OUT_ACTIVITY_ID] = {.name = "activity_id",
                         .type = STW_TYPE_REF,
                         .refers = "activities",
                         .flags = STW_NOT_NULL,
                         .doc = "The visit."},
    [OUT_CHECKED_IN_AT] = {.name = "checked_in_at",
                           .type = STW_TYPE_TIMESTAMP,
                           .flags = STW_NOT_NULL,
                           .doc = "When, by the server's clock."},
    [OUT_LATITUDE] = {.name = "latitude", .type = STW_TYPE_DECIMAL, .flags = STW_NOT_NULL, .doc = "Where."},
    [OUT_LONGITUDE] = {.name = "longitude", .type = STW_TYPE_DECIMAL, .flags = STW_NOT_NULL, .doc = "Where."},
};

/* Once and only for a visit: a proof of presence that could be moved later would be none. */
static enum stw_code check_in(struct stw_context *ctx, const char *id, const struct stw_value *in,
                              struct stw_value *out)
{
    const struct stw_plan *plan = stw_engine_find(ctx->engine, "activities");
    struct stw_input input = stw_input_new(ctx, plan);
    struct stw_record activity;
    enum stw_code code = stw_store_lock(ctx, plan, STW_UPDATE, id, NULL, &activity);

    if (code != STW_OK)
        return code;
    if (strcmp(stw_record_text(&activity, STW_ACTIVITY_KIND), "visit") != 0) {
        stw_details_field(ctx->details, "kind", STW_NOT_ALLOWED, NULL);
        return STW_CONFLICT;
    }
    if (stw_record_text(&activity, STW_ACTIVITY_CHECKED_IN_AT)) {
        stw_details_field(ctx->details, "checked_in_at", STW_IMMUTABLE, NULL);
        return STW_CONFLICT;
    }
    stw_input_give(&input, STW_ACTIVITY_CHECKED_IN_AT, "now");
    stw_input_give(&input, STW_ACTIVITY_LATITUDE, in[LATITUDE].text);
    stw_input_give(&input, STW_ACTIVITY_LONGITUDE, in[LONGITUDE].text);
    code = stw_store_set(ctx, &input, id, &activity);
    if (code != STW_OK)
        return code;
    out[OUT_ACTIVITY_ID].text = id;
    out[OUT_CHECKED_IN_AT].text = stw_record_text(&activity, STW_ACTIVITY_CHECKED_IN_AT);
    out[OUT_LATITUDE].text = stw_record_text(&activity, STW_ACTIVITY_LATITUDE);
    out[OUT_LONGITUDE].text = stw_record_text(&activity, STW_ACTIVITY_LONGITUDE);
    return STW_OK;
}

const struct stw_action stw_activity_check_in = {
    .name = "check_in_activity",
    .doc = "Keeps when and where a visit took place, once.",
    .in_fields = in_fields,
    .in_count = sizeof in_fields / sizeof in_fields[0],
    .out_fields = out_fields,
    .out_count = sizeof out_fields / sizeof out_fields[0],
    .status = 200,
    .resource = "activities",
    .suffix = "check-in",
    .verb = STW_UPDATE,
    .run = check_in,
};
