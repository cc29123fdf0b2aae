/* SPDX-License-Identifier: Apache-2.0 */
/* From what mDNS says to what there is: one row a pool, its addresses in the
 * order to be tried. Pure: no avahi, no sockets. Everything read here comes
 * from strangers: it is bounded, and made printable. */
#ifndef LR_DISCOVERY_MERGE_H
#define LR_DISCOVERY_MERGE_H

#include "discovery/discovery.h"

#define LR_SEEN_ADDRS_MAX 16

struct lr_txt {
	struct lr_dev pool; /* zero: there was none, or no good one */
	char pool_name[LR_NAME_MAX];
	char version[32];
};

struct lr_seen_addr {
	bool v6;
	bool on_link;  /* in the subnet of one of our own addresses there */
	uint8_t b[16]; /* network order; v4 uses the first four */
};

/* One service on one interface and protocol. */
struct lr_seen {
	unsigned ifindex;
	bool virtual_if; /* docker0 and the like */
	uint16_t port;
	struct lr_txt txt;
	char service[LR_NAME_MAX]; /* the instance's name, made printable */
	char host[256];
	struct lr_seen_addr addr[LR_SEEN_ADDRS_MAX];
	size_t n_addr;
};

/* One "key=value" of a TXT record; unknown keys are passed over. */
void lr_txt_read(struct lr_txt *t, const char *key, const void *value,
		 size_t len);
/* Copies text from outside: control characters and broken UTF-8 become '?',
 * and what does not fit is cut between characters. */
void lr_text_copy(char *out, size_t cap, const void *text, size_t len);
/* Names of bridges and the like, which lead to nobody on this LAN. */
bool lr_if_is_virtual(const char *name);

/* False: no room, or already there. */
bool lr_seen_add(struct lr_seen *s, bool v6, const void *addr);
bool lr_seen_remove(struct lr_seen *s, bool v6, const void *addr);

/* At most `cap` pools, in the order of their IDs. Services without an address
 * are passed over. */
size_t lr_merge(const struct lr_seen *const *seen, size_t n,
		struct lr_found *out, size_t cap);

#endif
