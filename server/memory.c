#include "server/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT_BYTES ((size_t)32 << 20)

void srv_memory_keep(void)
{
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
}

bool srv_memory_size(size_t *ret_mapped, size_t *ret_resident)
{
    FILE *file = fopen("/proc/self/statm", "re");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char line[256];
    char *second;
    bool is_read;

    if (!file)
        return false;
    is_read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    if (!is_read)
        return false;
    *ret_mapped = strtoul(line, &second, 10) * page;
    *ret_resident = strtoul(second, NULL, 10) * page;
    return true;
}

/* What is resident and not in use: stacks and libraries, and what the C library keeps. */
static size_t spare_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    size_t used = info.uordblks + info.hblkhd;
    size_t mapped, resident;

    return srv_memory_size(&mapped, &resident) && resident > used ? resident - used : 0;
}

void srv_memory_give_back(void)
{
    static size_t least = SIZE_MAX - KEPT_BYTES; /* seen so far: what cannot be given back */
    size_t spare = spare_bytes();

    if (spare < least)
        least = spare;
    if (spare < least + KEPT_BYTES)
        return;
    malloc_trim(0);
    least = spare_bytes();
}
