#ifndef SRV_DEV_H
#define SRV_DEV_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * `steward dev`: everything on one machine without anything set up before. Used by the files dev*.c alone.
 *
 *   <data>/lock          held while one runs
 *   <data>/signing.pem   <data>/cursor.key   <data>/demo.env
 *   <data>/cluster       where the cluster lies: <data>/postgres unless its user cannot get there
 */
struct srv_dev {
    char data[PATH_MAX];    /* absolute */
    char cluster[PATH_MAX]; /* holds data/, log, and the socket */
    char socket[PATH_MAX];  /* the folder of the socket */
    bool socket_is_own;     /* made for this run under /tmp, because the cluster's path is too long for one */
    uid_t uid;              /* who PostgreSQL runs as */
    gid_t gid;
    char user[64];
    int lock_fd;
    char bin[PATH_MAX]; /* PostgreSQL's programs */
    pid_t postmaster;
};

/* Each says on stderr what went wrong, then returns false. */

/* dev_folder.c */
/* Makes the data folder and its lock; finds who PostgreSQL runs as and where its cluster goes. */
bool srv_dev_open(struct srv_dev *dev, const char *path);
void srv_dev_close(struct srv_dev *dev);
/* "<data>/<name>" */
void srv_dev_path(const struct srv_dev *dev, const char *name, char ret_path[PATH_MAX]);
/* Writes a file of mode 0600 in one step: it is there whole or not at all. */
bool srv_dev_write(const struct srv_dev *dev, const char *name, const char *text);
/* Makes signing.pem and cursor.key where they are missing. */
bool srv_dev_keys(const struct srv_dev *dev);

/* dev_postgres.c */
/* Chooses the folder of the socket; made for this run when it is under /tmp, and removed after it. */
bool srv_dev_socket(struct srv_dev *dev);
void srv_dev_socket_remove(struct srv_dev *dev);
/* Makes the cluster where it is missing, starts it and waits until it takes connections. */
bool srv_dev_postgres_start(struct srv_dev *dev);
/* Fast shutdown; waits for its end. */
void srv_dev_postgres_stop(struct srv_dev *dev);
/* In the child: becomes the user PostgreSQL runs as, standing in the cluster's folder. */
bool srv_dev_become(const struct srv_dev *dev);

/* dev_demo.c */
/* Loads the demo organization once, and leaves demo.env with how to get in. */
bool srv_dev_demo(const struct srv_dev *dev, const char *admin_url);
/* Writes the URL into demo.env and shows how to begin. */
void srv_dev_show(const struct srv_dev *dev, const char *address, int port);

#endif
