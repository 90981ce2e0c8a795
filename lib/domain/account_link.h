#ifndef STW_DOMAIN_ACCOUNT_LINK_H
#define STW_DOMAIN_ACCOUNT_LINK_H

#include "resource/store.h"

/* Fields of a record that hangs on an account and names people or deals there. */
struct stw_account_link {
    int account, contact, opportunity;
};

/* For check_write, needs the old row. The account is that of the contact and of the opportunity: it is taken
 * from them when the record names none; STW_VALIDATION_FAILED when they disagree, or when a change takes it
 * away and leaves them. An opportunity without an account goes with any. */
enum stw_code stw_account_link_check(struct stw_context *ctx, struct stw_write *write,
                                     const struct stw_account_link *link) STW_MUST_CHECK;

#endif
