#include "server/metrics_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server/memory.h"

#ifndef STEWARD_VERSION
#define STEWARD_VERSION "0.1.0"
#endif

void srv_metrics_family(struct stw_buf *out, const char *name, const char *type, const char *help)
{
    stw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length;

    if (!file)
        return false;
    length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

static double seconds(clockid_t clock)
{
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double srv_metrics_started(void)
{
    char stat[1024];
    double since_boot;
    const char *at = read_file("/proc/self/stat", stat, sizeof(stat)) ? strrchr(stat, ')') : NULL;

    /* The second field is the program's name and may hold spaces; the start is the twentieth behind it. */
    for (int field = 0; field < 20 && at; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return seconds(CLOCK_REALTIME);
    since_boot = (double)strtoull(at, NULL, 10) / (double)sysconf(_SC_CLK_TCK);
    return seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + since_boot;
}

/* Descriptors of this process, the one that looks not counted; -1 when they cannot be seen. */
static long open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    long count = -1;

    if (!folder)
        return -1;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.')
            count++;
    }
    closedir(folder);
    return count;
}

static void gauge(struct stw_buf *out, const char *name, const char *help, double value)
{
    srv_metrics_family(out, name, "gauge", help);
    stw_buf_printf(out, "%s %.17g\n", name, value);
}

void srv_metrics_process(struct stw_buf *out, double started)
{
    size_t mapped, resident;
    struct rlimit limit;
    struct rusage usage;
    long descriptors = open_descriptors();

    srv_metrics_family(out, "steward_build_info", "gauge", "What was built; always 1.");
    stw_buf_add_text(out,
                     "steward_build_info{version=\"" STEWARD_VERSION "\",compiler=\"" __VERSION__ "\"} 1\n");
    if (srv_memory_size(&mapped, &resident)) {
        gauge(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.", (double)mapped);
        gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.", (double)resident);
    }
    if (descriptors >= 0)
        gauge(out, "process_open_fds", "Number of open file descriptors.", (double)descriptors);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        gauge(out, "process_max_fds", "Maximum number of open file descriptors.", (double)limit.rlim_cur);
    gauge(out, "process_start_time_seconds", "Start time of the process in seconds since 1970.", started);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        srv_metrics_family(out, "process_cpu_seconds_total", "counter",
                           "User and system CPU time in seconds.");
        stw_buf_printf(out, "process_cpu_seconds_total %.6f\n",
                       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    }
}
