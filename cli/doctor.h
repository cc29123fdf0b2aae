/* SPDX-License-Identifier: Apache-2.0 */
/* lanram doctor: what its steps share. A step looks at one thing and says what
 * it found; nothing it finds ends the examination.
 *
 *   doctor.c          the order of the steps, and the report
 *   doctor_daemons.c  local daemons, versions, their limits, swap
 *   doctor_mdns.c     interfaces, avahi, our own query on UDP 5353
 *   doctor_pool.c     the coordinator, its address, key, admission, clock
 *   doctor_donors.c   donors, from here and the one here from there
 *   doctor_dial.c     connections of our own, with a key for the occasion */
#ifndef LR_CLI_DOCTOR_H
#define LR_CLI_DOCTOR_H

#include <uv.h>

#include "cli/cli.h"
#include "discovery/discovery.h"

#define DOCTOR_FOUND_MAX 8
#define DOCTOR_STEPS_MAX 256

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_NOTE, /* worth knowing, nothing is broken */
	DOCTOR_WRONG,
};

struct doctor_step {
	const char *name;
	enum doctor_state state;
	int code; /* WRONG: the exit code */
	char *text, *mend;
};

enum doctor_role { DOCTOR_REQUESTER, DOCTOR_DONOR, DOCTOR_COORDINATOR };
#define DOCTOR_ROLES 3

struct doctor_daemon {
	const char *name;
	struct lanram *handle; /* NULL: it is not there, or does not answer */
	pid_t pid;
	char version[32];
	bool stands; /* HERE was answered: the rest is set */
	struct cli_here here;
	struct lr_dev dev, pool;
};

struct doctor {
	struct cli *c;
	struct doctor_step steps[DOCTOR_STEPS_MAX];
	size_t n;
	uv_loop_t loop;
	struct lr_identity *identity; /* made for the occasion */
	struct lr_tls *tls;
	struct doctor_daemon daemons[DOCTOR_ROLES];
	struct lr_found found[DOCTOR_FOUND_MAX]; /* all pools seen */
	size_t n_found;
	bool needs_mdns;  /* nothing else leads to the coordinator */
	bool heard_other; /* somebody else's multicast */
	bool dbus, avahi; /* answer */
	/* the coordinator, by a connection of our own */
	bool reached;
	struct lr_dev reached_pool;
	char coordinator[256]; /* its name or host, for sentences */
};

/* `mend` is a command, or empty. */
__attribute__((format(printf, 3, 4))) void doctor_ok(struct doctor *d,
						     const char *step,
						     const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void doctor_note(struct doctor *d,
						       const char *step,
						       const char *mend,
						       const char *fmt, ...);
__attribute__((format(printf, 5, 6))) void
doctor_wrong(struct doctor *d, const char *step, int code, const char *mend,
	     const char *fmt, ...);
/* The command that opens a port on this machine, by the firewall it has. */
const char *doctor_open_port(const char *port_and_protocol);

/* --- the steps, in their order --------------------------------------------- */

void doctor_daemons(struct doctor *d);
void doctor_mdns(struct doctor *d);
void doctor_coordinator(struct doctor *d);
void doctor_key(struct doctor *d);
void doctor_admitted(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_donors(struct doctor *d);
void doctor_encryption(struct doctor *d);
void doctor_versions(struct doctor *d);
void doctor_memory(struct doctor *d);

/* A daemon that is in the pool, and can pass questions on; or NULL. */
struct doctor_daemon *doctor_member(struct doctor *d);
/* Asks; false: no such answer. Nothing is said. */
bool doctor_ask(struct lanram *handle, unsigned type,
		const struct lr_writer *meta, unsigned want,
		struct lr_answer *ret);
/* DOCTOR_ASK(handle, LINKS, links, &m, LINKS_R, &answer) */
#define DOCTOR_ASK(handle, NAME, name, m, WANT, ret)                      \
	({                                                                \
		uint8_t meta_[LR_META_MAX];                               \
		struct lr_writer w_ = lr_writer(meta_, sizeof meta_);     \
		lr_enc_##name(&w_, m);                                    \
		doctor_ask(handle, LR_M_##NAME, &w_, LR_M_##WANT, ret);   \
	})

/* --- doctor_dial.c --------------------------------------------------------- */

struct doctor_dial {
	char address[128]; /* "host:port" */
	const struct lr_dev *peer; /* the key that it must have; NULL: any */
	bool hello; /* and greet a coordinator */
	/* how it went */
	enum lr_err err;
	unsigned us;
	struct lr_dev key;
	char reached[128]; /* numeric */
	bool welcomed;
	char name[LR_NAME_MAX], version[32], pool[LR_NAME_MAX], text[256];
};

/* All at once; returns when each has ended. */
void doctor_dial(struct doctor *d, struct doctor_dial *dials, size_t n);
/* "refused: nothing listens there" */
const char *doctor_why(enum lr_err err);
/* "a:1,b:2" to dials; how many. */
size_t doctor_split(const char *addrs, struct doctor_dial *out, size_t cap);

#endif
