/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen: TCP, and Unix sockets that replace a stale file. */
#ifndef LR_NET_BIND_H
#define LR_NET_BIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "core/err.h"

struct lr_bound {
	int fd; /* not blocking */
	bool local;
	uint16_t port;
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	dev_t dev; /* the socket file as we made it */
	ino_t ino;
};

/* "host:port", "[address]:port" ("[::]" takes IPv4 too; port 0: any free), or
 * "/path" with `mode`. Not OK: `why` says it, nothing is left. */
enum lr_err lr_bind(struct lr_bound *b, const char *where, unsigned mode,
		    char *why, size_t cap);
/* The file goes, too. */
void lr_unbind(struct lr_bound *b);

#endif
