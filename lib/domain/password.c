#include "domain/password.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "core/text.h"
#include "db/db.h"

#define OPERATIONS 2
#define MEMORY     ((size_t)19 * 1024 * 1024)

_Static_assert(STW_PASSWORD_HASH_TEXT >= crypto_pwhash_STRBYTES, "room for a hash");

/* Of a random text that nobody kept, with the parameters above: verifying against it costs what a real one
 * costs. */
static const char nobodys_hash[] =
    "$argon2id$v=19$m=19456,t=2,p=1$N4gEZ/5IHV88gLmuOXGu6Q$KoYG4J3dmmZq/WEmY97oJh8jGDP+aggJieZy79jH5Pw";

enum stw_code stw_password_check(struct stw_context *ctx, const char *field, const char *plain)
{
    size_t length = stw_text_length(plain, strlen(plain));

    if (length < STW_PASSWORD_MIN)
        stw_details_field(ctx->details, field, STW_TOO_SHORT, "8");
    else if (length > STW_PASSWORD_MAX)
        stw_details_field(ctx->details, field, STW_TOO_LONG, "200");
    else
        return STW_OK;
    return STW_VALIDATION_FAILED;
}

struct hashing {
    const char *plain;
    char hash[crypto_pwhash_STRBYTES];
    bool done;
};

static void hash_work(void *what)
{
    struct hashing *job = what;

    job->done =
        sodium_init() >= 0 && crypto_pwhash_str_alg(job->hash, job->plain, strlen(job->plain), OPERATIONS,
                                                    MEMORY, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

enum stw_code stw_password_hash(struct stw_context *ctx, const char *plain,
                                char ret_hash[STW_PASSWORD_HASH_TEXT])
{
    struct hashing job = {.plain = plain};
    enum stw_code code = stw_offload_run(ctx, hash_work, &job);

    if (code == STW_OK && !job.done)
        code = STW_UNAVAILABLE; /* no 19 MiB to be had */
    if (code == STW_OK)
        memcpy(ret_hash, job.hash, sizeof(job.hash));
    sodium_memzero(&job, sizeof(job));
    return code;
}

struct verifying {
    const char *hash;
    const char *plain;
    bool matches;
    bool failed;
};

static void verify_work(void *what)
{
    struct verifying *job = what;

    errno = 0;
    job->failed = sodium_init() < 0;
    job->matches = !job->failed && crypto_pwhash_str_verify(job->hash, job->plain, strlen(job->plain)) == 0;
    /* libsodium tells "wrong" (EINVAL) from "could not try" by errno alone. */
    if (!job->matches && errno != EINVAL)
        job->failed = true;
}

enum stw_code stw_password_verify(struct stw_context *ctx, const char *hash, const char *plain,
                                  bool *ret_matches)
{
    struct verifying job = {.hash = hash ? hash : nobodys_hash, .plain = plain};
    enum stw_code code;

    /* Nobody can have set a longer one, and hashing a megabyte is not for free. */
    if (strlen(plain) > (size_t)STW_PASSWORD_MAX * 4) {
        job.plain = "";
        job.hash = nobodys_hash;
    }
    code = stw_offload_run(ctx, verify_work, &job);
    if (code == STW_OK && job.failed)
        code = STW_UNAVAILABLE;
    if (code == STW_OK)
        *ret_matches = job.matches && job.hash == hash;
    return code;
}

static const struct stw_stmt set_password = {
    .name = "password_set",
    .sql = "insert into credentials (org_id, user_id, password_hash) "
           "select u.org_id, u.id, $3 from users u where u.org_id = $1::uuid and u.id = $2::uuid and "
           "u.deleted_at is null "
           "on conflict (org_id, user_id) do update set password_hash = excluded.password_hash, "
           "session_version = credentials.session_version + 1, changed_at = now() returning session_version",
    .param_count = 3,
    .kind = STW_STMT_WRITE,
};

enum stw_code stw_password_set(struct stw_context *ctx, const char *user_id, const char *plain)
{
    char hash[STW_PASSWORD_HASH_TEXT];
    const char *params[] = {ctx->org_id, user_id, hash};
    struct stw_rows *rows;
    enum stw_code code = stw_password_hash(ctx, plain, hash);

    if (code != STW_OK)
        return code;
    code = stw_db_run(ctx, &set_password, params, &rows);
    sodium_memzero(hash, sizeof(hash));
    if (code != STW_OK)
        return code;
    return stw_rows_count(rows) == 1 ? STW_OK : STW_NOT_FOUND;
}
