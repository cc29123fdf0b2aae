/* SPDX-License-Identifier: Apache-2.0 */
/* lanram drain: moves everything off a donor, and waits until it has.
 *
 *   done       nothing is on it any more
 *   no room    what is left finds none for STUCK_US: it is taken back, exit 5
 *   ^C         it goes on without us, and we say so
 *   nobody answers for AWAY_US: exit 4; it goes on, too */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#define LOOK_NS	 (200 * 1000 * 1000)
#define STUCK_US (5 * UINT64_C(1000000))
#define AWAY_US	 (15 * UINT64_C(1000000))

struct drain {
	struct cli *c;
	const char *ref;
	char *name; /* escaped */
	uint64_t total, left;
	uint64_t stuck_us, away_us; /* since then; 0: it is not */
	unsigned slots;
};

/* DONE's words; `ret_code` as `lanram` ends with. */
static int order(struct drain *d, bool undo, bool quiet)
{
	struct lr_msg_drain m = { .uid = (uint32_t)geteuid(),
				  .undo = undo,
				  .ref = lr_str(d->ref) };
	struct lr_msg_done done;
	struct lr_answer a;
	int code = CLI_ASK(d->c, DRAIN, drain, &m, DONE, &a);

	if (code)
		return code;
	if (!quiet && lr_dec_done(a.f.meta, a.f.h.meta, &done) && done.text.n)
		out_say(0, "%.*s", (int)done.text.n, done.text.p);
	lr_answer_done(&a);
	return 0;
}

/* False: nobody answered this time. */
static bool look(struct drain *d, struct lr_msg_drain_state_r *ret)
{
	struct lr_msg_drain_state m = { .uid = (uint32_t)geteuid(),
					.ref = lr_str(d->ref) };
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_answer a;
	bool good;

	lr_enc_drain_state(&w, &m);
	if (lr_client_ask(d->c->pool, LR_M_DRAIN_STATE, meta, w.len, &a))
		return false;
	good = a.f.h.type == LR_M_DRAIN_STATE_R &&
	       lr_dec_drain_state_r(a.f.meta, a.f.h.meta, ret);
	lr_answer_done(&a);
	return good;
}

static bool lasts(uint64_t *since, bool is, uint64_t limit_us)
{
	uint64_t now = progress_now_us();

	if (!is)
		*since = 0;
	else if (!*since)
		*since = now;
	return is && now - *since >= limit_us;
}

static int interrupted(const struct drain *d)
{
	char left[24];

	progress_stop();
	return out_say(130,
		       "%s goes on being drained (%s left). To watch it: lanram "
		       "drain %s; to take it back: lanram drain %s --undo",
		       d->name, lr_text_bytes(d->left, left), d->name,
		       d->name);
}

static int no_room(struct drain *d)
{
	char left[24];
	int code;

	progress_stop();
	code = order(d, true, true);
	if (code)
		return code;
	return out_say(5,
		       "the other donors have no room for the %s that are left "
		       "on %s (%u slots): it stays in use. Lend more elsewhere, "
		       "or start another donor",
		       lr_text_bytes(d->left, left), d->name, d->slots);
}

static int finished(const struct drain *d)
{
	char moved[24];
	uint64_t ms = progress_ms();

	progress_stop();
	return out_say(0, "%s is drained: %s moved in %.1f s. It can be taken away",
		       d->name, lr_text_bytes(d->total, moved),
		       (double)ms / 1000);
}

static void note(struct drain *d, const struct lr_msg_drain_state_r *r)
{
	d->left = r->bytes;
	d->slots = r->slots;
	if (d->left > d->total)
		d->total = d->left;
	if (d->total)
		progress_to(d->total - d->left);
}

/* -1: go on */
static int turn(struct drain *d)
{
	struct lr_msg_drain_state_r r = { 0 };
	bool heard = look(d, &r);

	if (cli_interrupted())
		return interrupted(d);
	if (lasts(&d->away_us, !heard, AWAY_US))
		return out_say(4,
			       "the coordinator does not answer; %s goes on "
			       "being drained as soon as it does",
			       d->name);
	if (!heard)
		return -1;
	note(d, &r);
	if (!r.slots)
		return finished(d);
	if (!r.draining)
		return out_say(1, "%s is in use again: somebody took the drain "
				  "back",
			       d->name);
	return lasts(&d->stuck_us, r.stuck, STUCK_US) ? no_room(d) : -1;
}

static int wait_for(struct drain *d)
{
	struct lr_msg_drain_state_r r = { 0 };
	struct timespec pause = { .tv_nsec = LOOK_NS };
	int code;

	if (look(d, &r))
		d->total = r.bytes;
	progress_start(d->name, d->total);
	cli_catch_signals(d->c);
	for (;;) {
		code = turn(d);
		if (code >= 0)
			break;
		nanosleep(&pause, NULL);
	}
	progress_stop();
	return code;
}

int cli_drain(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = { CLI_COORDINATOR, CLI_REQUESTER,
					       NULL };
	struct drain d = { .c = c, .ref = argv[0] };
	int code;

	(void)argc;
	if (!d.ref[0] || strlen(d.ref) >= 128)
		return out_say(2, "a donor (`lanram donors` shows them) is "
				  "needed");
	code = cli_open_pool(c, daemons);
	if (code)
		return code;
	d.name = out_escape_str(lr_str(d.ref));
	code = order(&d, c->undo, !c->undo && !c->no_wait);
	if (!code && !c->undo && !c->no_wait)
		code = wait_for(&d);
	free(d.name);
	return code;
}
