#ifndef STW_TESTS_PG_H
#define STW_TESTS_PG_H

/*
 * A database for one test program. With STEWARD_TEST_DATABASE_URL (a superuser's connection) a database is
 * made there and dropped at exit; without it a throw-away cluster on a unix socket in /tmp is started and
 * removed at exit.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char pg_folder_[64];
static char pg_bin_[256];
static char pg_admin_[1024];
static char pg_url_[1200];
static pid_t pg_owner_;

__attribute__((format(printf, 1, 2))) static inline int pg_shell_(const char *format, ...)
{
    char command[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    fflush(NULL);
    return system(command);
}

static inline void pg_need_(int status, const char *what)
{
    if (status == 0)
        return;
    fprintf(stderr, "pg.h: %s failed\n", what);
    _exit(99);
}

static inline void pg_drop_(void)
{
    if (getpid() == pg_owner_)
        (void)!pg_shell_(
            "'%s/psql' -qX -d \"%s\" -c 'drop database if exists unit_%d with (force)' >/dev/null 2>&1",
            pg_bin_, pg_admin_, (int)pg_owner_);
}

/* A shell that waits for the end of this process, however it ends, and then removes the cluster. */
static inline void pg_mourn_(void)
{
    int ends[2];
    pg_need_(pipe2(ends, O_CLOEXEC), "pipe");
    char command[1024];
    snprintf(command, sizeof command,
             "cat >/dev/null; cd /; %s '%s/pg_ctl' -D %s/data -m immediate stop >/dev/null 2>&1; rm -rf %s",
             geteuid() == 0 ? "runuser -u postgres --" : "", pg_bin_, pg_folder_, pg_folder_);
    pid_t child = fork();
    pg_need_(child < 0, "fork");
    if (child == 0) {
        dup2(ends[0], 0);
        setsid();
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(99);
    }
    close(ends[0]);
}

static inline void pg_find_bin_(void)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0 && found.gl_pathc > 0)
        snprintf(pg_bin_, sizeof pg_bin_, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static inline void pg_start_cluster_(void)
{
    const char *as = geteuid() == 0 ? "runuser -u postgres --" : "";
    snprintf(pg_folder_, sizeof pg_folder_, "/tmp/stw-unit-XXXXXX");
    pg_need_(mkdtemp(pg_folder_) == NULL, "mkdtemp");
    pg_mourn_();
    if (geteuid() == 0)
        pg_need_(pg_shell_("chown postgres %s", pg_folder_), "chown");
    pg_need_(chmod(pg_folder_, 0755), "chmod");
    pg_need_(
        pg_shell_("cd %s && %s '%s/initdb' -D %s/data -U postgres -A trust -E UTF8 --locale=C -N >/dev/null",
                  pg_folder_, as, pg_bin_, pg_folder_),
        "initdb");
    pg_need_(
        pg_shell_(
            "cd %s && %s '%s/pg_ctl' -D %s/data -w -l %s/log -o \"-k %s -h '' -F -c max_connections=100\" "
            "start >/dev/null",
            pg_folder_, as, pg_bin_, pg_folder_, pg_folder_, pg_folder_),
        "pg_ctl start");
    snprintf(pg_admin_, sizeof pg_admin_, "host=%s user=postgres dbname=postgres", pg_folder_);
}

/* The URL of a fresh database; the same one for the whole program. */
static inline const char *pg_url(void)
{
    if (pg_url_[0] != '\0')
        return pg_url_;
    pg_find_bin_();
    pg_owner_ = getpid();
    const char *given = getenv("STEWARD_TEST_DATABASE_URL");
    if (given == NULL || given[0] == '\0') {
        pg_start_cluster_();
    } else {
        snprintf(pg_admin_, sizeof pg_admin_, "%s", given);
        atexit(pg_drop_);
    }
    pg_need_(
        pg_shell_("'%s/psql' -qX -d \"%s\" -c 'create database unit_%d'", pg_bin_, pg_admin_, (int)pg_owner_),
        "create database");
    /* A later dbname wins in both forms. */
    const char *joint = strstr(pg_admin_, "://") == NULL ? " " : strchr(pg_admin_, '?') == NULL ? "?" : "&";
    snprintf(pg_url_, sizeof pg_url_, "%s%sdbname=unit_%d", pg_admin_, joint, (int)pg_owner_);
    return pg_url_;
}

/* Runs a script as the owner, by another client; stops the program when it fails. */
__attribute__((unused)) static inline void pg_sql(const char *sql)
{
    char name[] = "/tmp/stw-sql-XXXXXX";
    const char *url = pg_url();
    int fd = mkstemp(name);
    pg_need_(fd < 0 || write(fd, sql, strlen(sql)) != (ssize_t)strlen(sql), "writing a script");
    close(fd);
    int status = pg_shell_("PGOPTIONS='-c client_min_messages=warning' '%s/psql' -qX -v ON_ERROR_STOP=1 -d "
                           "\"%s\" -f %s >/dev/null",
                           pg_bin_, url, name);
    unlink(name);
    pg_need_(status, sql);
}

/* The first value of a query's answer, "" when there is none. Static storage. */
__attribute__((unused)) static inline const char *pg_value(const char *sql)
{
    static char answer[4096];
    char command[8192];
    snprintf(command, sizeof command, "'%s/psql' -qXAt -d \"%s\" -c \"%s\"", pg_bin_, pg_url(), sql);
    fflush(NULL);
    FILE *pipe = popen(command, "r");
    pg_need_(pipe == NULL, "popen");
    if (fgets(answer, sizeof answer, pipe) == NULL)
        answer[0] = '\0';
    pclose(pipe);
    answer[strcspn(answer, "\n")] = '\0';
    return answer;
}

#endif
