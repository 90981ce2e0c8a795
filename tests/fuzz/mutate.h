#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* For targets whose inputs only pass when their parts fit each other. Returns the new size, at most
 * `max_size`. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* libFuzzer's own way with bytes. replay.c has one that leaves them as they are. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* 0 to sides - 1. All chance of a mutation comes from its seed, so that a run can be repeated. */
static inline unsigned dice(unsigned *state, unsigned sides)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % sides;
}

#endif
