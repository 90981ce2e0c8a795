/* A checked longjmp refuses to go to another stack. */
#undef _FORTIFY_SOURCE

#include "server/coro.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define WITH_TSAN 1
#endif

#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include) && !defined(WITH_ASAN) && !defined(WITH_TSAN)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define WITH_VALGRIND 1
#endif
#endif

#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define STACK_SIZE ((size_t)256 * 1024)
#else
#define STACK_SIZE ((size_t)64 * 1024)
#endif

/* swapcontext asks the kernel for the signal mask each time, and all sides of a loop have the same one. So
 * only the first switch onto a stack goes by its context, and all others by longjmp. The sanitizers look at
 * each longjmp as one on its own stack, and a shadow stack does not go along with it: there contexts serve
 * all switches. */
#if !defined(WITH_ASAN) && !defined(WITH_TSAN)
#define WITH_JUMPS 1
#endif

/* What a side of a switch must remember, for the sanitizers too. */
struct side {
#ifdef WITH_ASAN
    void *fake_stack;
    const void *stack;
    size_t stack_size;
#endif
#ifdef WITH_TSAN
    void *fiber;
#endif
#ifdef WITH_JUMPS
    jmp_buf place;
    bool has_place; /* it was left by a jump before */
#endif
    ucontext_t context;
};

struct srv_coro {
    struct srv_coro_pool *pool;
    struct srv_coro *next; /* in the pool's idle list */
    void (*run)(void *argument);
    void *argument;
    bool finished;
    char *mapping; /* the guard page, then the stack */
    size_t mapping_size;
    struct side inside;
    struct side outside;
#ifdef WITH_VALGRIND
    unsigned valgrind_id;
#endif
};

struct srv_coro_pool {
    struct srv_coro *idle;
    size_t idle_count;
    size_t keep;
    size_t running;
};

static _Thread_local struct srv_coro *running;

#ifdef WITH_JUMPS
/* Whether the kernel keeps a second stack of return addresses for this thread. */
static bool has_shadow_stack(void)
{
    unsigned long top = 0;

#ifdef __x86_64__
    /* does nothing where there is none */
    __asm__ volatile("rdsspq %0" : "+r"(top));
#endif
    return top != 0;
}

/* Apart from its callers: what they hold in registers is theirs again when it returns. */
static __attribute__((noinline)) bool jump(struct side *from, struct side *to)
{
    if (has_shadow_stack())
        return false;
    from->has_place = true;
    if (_setjmp(from->place))
        return true;
    if (to->has_place)
        _longjmp(to->place, 1);
    setcontext(&to->context);
    return false;
}
#endif

static void change_stack(struct side *from, struct side *to)
{
#ifdef WITH_JUMPS
    if (jump(from, to))
        return;
#endif
    if (swapcontext(&from->context, &to->context)) {
        perror("coro: swapcontext");
        abort();
    }
}

static void switch_to(struct side *from, struct side *to)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_size);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    change_stack(from, to);
#ifdef WITH_ASAN
    /* Back on `from`: what was left behind is told here, also where the thread's own stack lies. */
    __sanitizer_finish_switch_fiber(from->fake_stack, &to->stack, &to->stack_size);
#endif
}

/* The bottom frame of every stack. It never returns: a finished coroutine waits here for its next job, so
 * that taking one from the pool costs one switch and no new context. */
static void bottom(unsigned high, unsigned low)
{
    struct srv_coro *coro = (struct srv_coro *)(((uintptr_t)high << 32) | low);

#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &coro->outside.stack, &coro->outside.stack_size);
#endif
    for (;;) {
        coro->run(coro->argument);
        coro->finished = true;
        switch_to(&coro->inside, &coro->outside);
    }
}

/* Apart from its caller: getcontext may return twice, which would endanger the caller's variables. */
static bool make_context(struct srv_coro *coro, char *stack)
{
    ucontext_t *context = &coro->inside.context;

    if (getcontext(context))
        return false;
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_SIZE;
    context->uc_link = NULL;
    /* makecontext passes ints only, hence the pointer in two halves. */
    makecontext(context, (void (*)(void))bottom, 2, (unsigned)((uint64_t)(uintptr_t)coro >> 32),
                (unsigned)(uintptr_t)coro);
    return true;
}

static void destroy(struct srv_coro *coro)
{
#ifdef WITH_VALGRIND
    VALGRIND_STACK_DEREGISTER(coro->valgrind_id);
#endif
#ifdef WITH_TSAN
    __tsan_destroy_fiber(coro->inside.fiber);
#endif
    munmap(coro->mapping, coro->mapping_size);
    free(coro);
}

static struct srv_coro *create(struct srv_coro_pool *pool)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct srv_coro *coro = calloc(1, sizeof(*coro));

    if (!coro)
        return NULL;
    coro->pool = pool;
    coro->mapping_size = STACK_SIZE + page;
    coro->mapping = mmap(NULL, coro->mapping_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (coro->mapping == MAP_FAILED) {
        free(coro);
        return NULL;
    }
    if (mprotect(coro->mapping, page, PROT_NONE) || !make_context(coro, coro->mapping + page)) {
        munmap(coro->mapping, coro->mapping_size);
        free(coro);
        return NULL;
    }
#ifdef WITH_ASAN
    coro->inside.stack = coro->mapping + page;
    coro->inside.stack_size = STACK_SIZE;
#endif
#ifdef WITH_TSAN
    coro->inside.fiber = __tsan_create_fiber(0);
#endif
#ifdef WITH_VALGRIND
    coro->valgrind_id = VALGRIND_STACK_REGISTER(coro->mapping + page, coro->mapping + page + STACK_SIZE - 1);
#endif
    return coro;
}

struct srv_coro_pool *srv_coro_pool_new(size_t keep)
{
    struct srv_coro_pool *pool = calloc(1, sizeof(*pool));

    if (pool)
        pool->keep = keep;
    return pool;
}

void srv_coro_pool_free(struct srv_coro_pool *pool)
{
    if (!pool)
        return;
    if (pool->running) {
        fprintf(stderr, "coro: pool freed with %zu running\n", pool->running);
        abort();
    }
    while (pool->idle) {
        struct srv_coro *coro = pool->idle;

        pool->idle = coro->next;
        destroy(coro);
    }
    free(pool);
}

static void retire(struct srv_coro *coro)
{
    struct srv_coro_pool *pool = coro->pool;

    pool->running--;
    if (pool->idle_count >= pool->keep) {
        destroy(coro);
        return;
    }
    coro->next = pool->idle;
    pool->idle = coro;
    pool->idle_count++;
}

bool srv_coro_start(struct srv_coro_pool *pool, void (*run)(void *argument), void *argument)
{
    struct srv_coro *coro = pool->idle;

    if (coro) {
        pool->idle = coro->next;
        pool->idle_count--;
    } else {
        coro = create(pool);
        if (!coro)
            return false;
    }
    coro->next = NULL;
    coro->run = run;
    coro->argument = argument;
    coro->finished = false;
    pool->running++;
    srv_coro_resume(coro);
    return true;
}

void srv_coro_resume(struct srv_coro *coro)
{
    if (running) {
        fprintf(stderr, "coro: started or resumed inside a coroutine\n");
        abort();
    }
#ifdef WITH_TSAN
    coro->outside.fiber = __tsan_get_current_fiber();
#endif
    running = coro;
    switch_to(&coro->outside, &coro->inside);
    running = NULL;
    if (coro->finished)
        retire(coro);
}

void srv_coro_yield(void)
{
    struct srv_coro *coro = running;

    if (!coro) {
        fprintf(stderr, "coro: yield outside a coroutine\n");
        abort();
    }
    switch_to(&coro->inside, &coro->outside);
}

struct srv_coro *srv_coro_current(void)
{
    return running;
}
