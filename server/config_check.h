#ifndef SRV_CONFIG_CHECK_H
#define SRV_CONFIG_CHECK_H

#include <stdio.h>

/* Checks of single settings: what is wrong with `value` ("must be …"), or NULL. They never repeat the value.
 */
const char *srv_check_database_url(const char *value);
const char *srv_check_address(const char *value);
const char *srv_check_networks(const char *value);
const char *srv_check_signing_key(const char *value);
const char *srv_check_cursor_key(const char *value);
const char *srv_check_log_level(const char *value);
const char *srv_check_seccomp(const char *value);
const char *srv_check_line(const char *value);

/* Writes a connection string (URL or keywords) with every password in it as ***. In doubt it masks too much.
 */
void srv_mask_database_url(const char *url, FILE *out);

#endif
