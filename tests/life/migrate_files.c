/* migrate_files URL FILE...: the migrations of these files, by what `steward migrate` does with those inside
 * it: for tests/api/test_life.py, to stop at an older version and to go on to versions that are yet to come.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/migrate.h"

#define FILES 1000

static char *read_file(const char *path, size_t *ret_length)
{
    FILE *file = fopen(path, "rbe");
    char *text = NULL;
    size_t size = 0;
    ssize_t length = file ? getdelim(&text, &size, '\0', file) : -1;

    if (length < 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    *ret_length = (size_t)length;
    return text;
}

/* 0001_foundation of .../0001_foundation.sql */
static const char *name_of(char *path)
{
    char *name = strrchr(path, '/');

    name = name ? name + 1 : path;
    name[strcspn(name, ".")] = '\0';
    return name;
}

static void tell(void *self, const struct stw_migration *one)
{
    (void)self;
    printf("applied %s\n", one->name);
    fflush(stdout);
}

int main(int count, char **words)
{
    static struct stw_migration list[FILES];
    char error[1024] = "";
    enum stw_code code;

    if (count < 2 || count - 2 > FILES)
        return EXIT_FAILURE;
    for (int i = 0; i < count - 2; i++) {
        list[i].version = i + 1;
        list[i].sql = read_file(words[i + 2], &list[i].length);
        list[i].name = name_of(words[i + 2]);
    }
    code = stw_migrate(words[1], list, count - 2, tell, NULL, error, sizeof(error));
    for (int i = 0; i < count - 2; i++)
        free((char *)(uintptr_t)list[i].sql);
    if (code != STW_OK)
        fprintf(stderr, "%s: %s\n", stw_code_name(code), error);
    return code == STW_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
