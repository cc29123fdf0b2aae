/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a pool handle, for our own programs (cli, tui, gateways). */
#ifndef LR_CLIENT_CLIENT_H
#define LR_CLIENT_CLIENT_H

#include "client/direct.h"
#include "client/lanram.h"
#include "client/object.h"

struct lanram {
	uv_loop_t loop;
	struct lr_entries *entries;
	struct lr_direct *direct; /* NULL: through the requester */
	struct lr_identity *identity;
	struct lr_tls *tls;
	struct lr_object_env env;
	uint32_t seq; /* of env.writer's last register or name */
	unsigned forks; /* before it was opened; more: we are a child */
	uv_async_t wake;
	uv_timer_t timer; /* of lanram_wait and of waiting for a descriptor */
	bool interrupted, timed_out;
	bool moved; /* something has called back since lr_client_run began */
	bool turning; /* inside uv_run */
	struct lr_spin *spin;
	uint64_t turned_ns; /* uv_run has returned */
	struct lanram_op *ready, *ready_last; /* not collected yet */
	unsigned outstanding;
	char error[LR_OBJECT_TEXT];
};

/* In every callback that somebody waits for: uv_run runs timers before it
 * sleeps, and would sleep all the same after one that was waited for. */
void lr_client_moved(struct lanram *p);
/* Runs the loop until something happened. `spin`: looks for a moment before it
 * sleeps, because waking up takes longer than the network. */
void lr_client_run(struct lanram *p, bool spin);
/* Before each call from the program: is the handle ours, what time is it. */
bool lr_client_enter(struct lanram *p);
/* Keeps the sentence (the error's own when `text` is empty). */
enum lanram_err lr_client_fail(struct lanram *p, enum lr_err err,
			       const char *text);

struct lr_entries *lr_client_entries(struct lanram *p);
uv_loop_t *lr_client_loop(struct lanram *p);

/* A reply in memory of its own. */
struct lr_answer {
	struct lr_frame f; /* err != OK: may be empty (h.type 0) */
	uint8_t *bytes;
};
/* Asks and waits; the sentence of a failure is in lanram_error. */
enum lr_err lr_client_ask(struct lanram *p, unsigned type, const void *meta,
			  size_t len, struct lr_answer *ret);
void lr_answer_done(struct lr_answer *a);

/* Enters; REF to ID, waiting. */
enum lanram_err lr_client_resolve(struct lanram *p, const char *ref,
				  struct lr_id *ret);

/* May be called from a signal handler: what blocks ends with INTERRUPTED. */
void lr_client_interrupt(struct lanram *p);
/* Runs the loop (open manifests go on being touched) until `fd` can be read;
 * false: interrupted. Regular files are always ready. */
bool lr_client_wait_readable(struct lanram *p, int fd);

#endif
