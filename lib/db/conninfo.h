#ifndef STW_DB_CONNINFO_H
#define STW_DB_CONNINFO_H

/*
 * What is wrong with a connection string (a URL, or keywords and values), or NULL when libpq can read it.
 * libpq's own complaints repeat the part that they are about, and that may be a password; these here never
 * do.
 */
const char *stw_conninfo_fault(const char *text);

#endif
