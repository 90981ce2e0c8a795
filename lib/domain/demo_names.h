#ifndef STW_DOMAIN_DEMO_NAMES_H
#define STW_DOMAIN_DEMO_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"

/* Names for the demo organization, put together from syllables and words of our own; no real person or
 * company is meant. */

/* A generator with a fixed beginning (splitmix64): demo data must not change from one load to the next. */
struct stw_demo_random {
    uint64_t state;
};
uint64_t stw_demo_next(struct stw_demo_random *random);
/* 0 to bound - 1. */
int stw_demo_pick(struct stw_demo_random *random, int bound);
/* A moment of the last `days` days before `now_us`, in the working hours of one of them. */
int64_t stw_demo_moment(struct stw_demo_random *random, int64_t now_us, int days);
/* An id whose time lies back: the order of lists then is that of a grown organization. */
void stw_demo_id(struct stw_demo_random *random, int64_t at_us, char ret_id[37]);

struct stw_demo_place {
    const char *city;
    const char *country;
};

struct stw_demo_company {
    const char *name;
    const char *domain; /* below .example */
    const char *industry;
    struct stw_demo_place place;
    bool chinese;
};
/* The company of that number; different numbers below 400 have different names. */
struct stw_demo_company stw_demo_company(struct stw_arena *arena, int number);

struct stw_demo_person {
    const char *name;
    const char *mailbox; /* the local part of an address */
};
struct stw_demo_person stw_demo_person(struct stw_arena *arena, struct stw_demo_random *random, bool chinese);
const char *stw_demo_position(struct stw_demo_random *random, bool chinese);
/* In blocks that no subscriber has. */
const char *stw_demo_phone(struct stw_arena *arena, struct stw_demo_random *random, bool chinese);

#endif
