#include "server/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct piece {
    void (*work)(void *what);
    void (*done)(void *what);
    void *what;
};

struct srv_workers {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct piece *pieces; /* a ring */
    int size;
    int first;
    int count;
    bool stopping;
    int thread_count;
    pthread_t threads[];
};

static void *serve(void *self)
{
    struct srv_workers *workers = self;

    pthread_mutex_lock(&workers->mutex);
    for (;;) {
        struct piece piece;

        while (!workers->count && !workers->stopping)
            pthread_cond_wait(&workers->filled, &workers->mutex);
        if (!workers->count)
            break;
        piece = workers->pieces[workers->first];
        workers->first = (workers->first + 1) % workers->size;
        workers->count--;
        pthread_mutex_unlock(&workers->mutex);
        piece.work(piece.what);
        if (piece.done)
            piece.done(piece.what);
        pthread_mutex_lock(&workers->mutex);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

struct srv_workers *srv_workers_new(int threads, int queue)
{
    struct srv_workers *workers = calloc(1, sizeof(*workers) + (size_t)threads * sizeof(workers->threads[0]));
    sigset_t all;
    sigset_t before;

    if (!workers)
        return NULL;
    workers->size = queue;
    workers->pieces = calloc((size_t)queue, sizeof(*workers->pieces));
    if (!workers->pieces) {
        free(workers);
        return NULL;
    }
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->filled, NULL);
    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (workers->thread_count < threads &&
           !pthread_create(&workers->threads[workers->thread_count], NULL, serve, workers))
        workers->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (workers->thread_count < threads) {
        srv_workers_free(workers);
        return NULL;
    }
    return workers;
}

void srv_workers_free(struct srv_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->mutex);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->filled);
    pthread_mutex_unlock(&workers->mutex);
    for (int i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->filled);
    pthread_mutex_destroy(&workers->mutex);
    free(workers->pieces);
    free(workers);
}

enum stw_code srv_workers_submit(struct srv_workers *workers, void (*work)(void *what),
                                 void (*done)(void *what), void *what)
{
    enum stw_code code = STW_OVERLOADED;

    pthread_mutex_lock(&workers->mutex);
    if (workers->count < workers->size && !workers->stopping) {
        workers->pieces[(workers->first + workers->count) % workers->size] = (struct piece){work, done, what};
        workers->count++;
        pthread_cond_signal(&workers->filled);
        code = STW_OK;
    }
    pthread_mutex_unlock(&workers->mutex);
    return code;
}
