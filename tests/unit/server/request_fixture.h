#ifndef TEST_REQUEST_FIXTURE_H
#define TEST_REQUEST_FIXTURE_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <strings.h>

#include "resource/query.h"
#include "server/router.h"

/* A request as the loop would hand it over, and a reply, in one arena. */
struct fixture {
    struct stw_arena *arena;
    struct srv_request request;
    struct srv_reply reply;
    struct srv_header headers[8];
};

static inline int fixture_setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.arena = stw_arena_new((size_t)64 << 20)};
    stw_details_init(&fixture.request.details, fixture.arena);
    fixture.request.ctx.arena = fixture.arena;
    fixture.request.ctx.details = &fixture.request.details;
    fixture.request.ctx.request_id = "req-1";
    fixture.request.headers = fixture.headers;
    fixture.request.body = "";
    srv_reply_init(&fixture.reply, fixture.arena);
    *state = &fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    stw_arena_free(fixture->arena);
    return 0;
}

/* Forgets what the last case left. */
static inline void fixture_again(struct fixture *fixture)
{
    stw_details_init(&fixture->request.details, fixture->arena);
    fixture->request.header_count = 0;
    srv_reply_reset(&fixture->reply);
}

static inline void fixture_header(struct fixture *fixture, const char *name, const char *value)
{
    assert_true(fixture->request.header_count < 8);
    fixture->headers[fixture->request.header_count++] = (struct srv_header){name, value};
}

static inline const char *reply_header(const struct srv_reply *reply, const char *name)
{
    for (int i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
