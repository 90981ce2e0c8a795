/* Stands in for libFuzzer where it is not linked: every file of a kept corpus runs once, as a test. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "mutate.h"

/* For the custom mutators, which nobody calls here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data, (void)max_size;
    return size;
}

static int run_file(const char *path, size_t size)
{
    /* Exactly as large as the file, so that a sanitizer sees a read behind the end. */
    uint8_t *data = malloc(size ? size : 1);
    FILE *file = fopen(path, "rb");
    int good = data && file && fread(data, 1, size, file) == size;

    if (good)
        LLVMFuzzerTestOneInput(data, size);
    else
        fprintf(stderr, "%s: cannot be read\n", path);
    if (file)
        fclose(file);
    free(data);
    return good;
}

static int run_folder(DIR *folder, const char *name)
{
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(folder))) {
        char path[4096];
        struct stat about;

        if ((size_t)snprintf(path, sizeof(path), "%s/%s", name, entry->d_name) >= sizeof(path)) {
            fprintf(stderr, "%s: name too long\n", name);
            return -1;
        }
        if (stat(path, &about) != 0 || !S_ISREG(about.st_mode))
            continue;
        if (!run_file(path, (size_t)about.st_size))
            return -1;
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    DIR *folder;
    int count;

    if (argc != 2) {
        fprintf(stderr, "usage: %s <corpus folder>\n", argv[0]);
        return 2;
    }
    folder = opendir(argv[1]);
    if (!folder) {
        perror(argv[1]);
        return 1;
    }
    count = run_folder(folder, argv[1]);
    closedir(folder);
    if (count <= 0) {
        fprintf(stderr, "%s: nothing replayed\n", argv[1]);
        return 1;
    }
    printf("%d inputs replayed\n", count);
    return 0;
}
