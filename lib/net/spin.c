/* SPDX-License-Identifier: Apache-2.0 */
#include "net/spin.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/worth.h"
#include "net/link_i.h"

#define HOT 4u
#define TURN_NS 1000000u /* then the loop has its turn */
#define PEEK_EACH 4u	 /* rounds between looks at the rest of the loop */
#define YIELD_EACH 2u	   /* rounds between giving others the processor */
#define SHARED_NS 1500u	   /* it took longer: somebody else ran */
#define CROWDED_NS 100000u /* and not just for a moment */
#define REST_MIN_NS 500000u
#define REST_MAX_SHIFT 7u

struct lr_spin {
	uv_loop_t *loop;
	uv_prepare_t prepare;
	uv_idle_t again; /* keeps the loop from sleeping */
	uint64_t most_ns;
	uint64_t heard_ns, rest_ns;
	unsigned rest_shift, yield_each;
	struct lr_worth worth;
	struct lr_link *hot[HOT];
	unsigned next; /* to be replaced */
};

static void again_cb(uv_idle_t *again)
{
	uv_idle_stop(again);
}

/* --- which links ---------------------------------------------------------- */

void lr_spin_heat(struct lr_link *link, bool heard)
{
	struct lr_spin *s = link->spin;
	struct lr_link **place = &s->hot[s->next];

	if (heard)
		s->heard_ns = uv_hrtime();
	if (link->hot || !s->most_ns)
		return;
	if (heard)
		lr_worth_other(&s->worth);
	if (*place)
		(*place)->hot = false;
	*place = link;
	link->hot = true;
	s->next = (s->next + 1) % HOT;
}

void lr_spin_forget(struct lr_link *link)
{
	struct lr_spin *s = link->spin;

	for (unsigned i = 0; s && i < HOT; i++)
		if (s->hot[i] == link)
			s->hot[i] = NULL;
	link->spin = NULL;
	link->hot = false;
}

void lr_link_set_spin(struct lr_link *link, struct lr_spin *s)
{
	lr_spin_forget(link);
	link->spin = s;
}

/* --- looking -------------------------------------------------------------- */

static bool look(struct lr_spin *s)
{
	bool found = false;

	for (unsigned i = 0; i < HOT; i++)
		if (s->hot[i])
			found |= lr_link_look(s->hot[i]);
	return found;
}

/* Something waits for the loop: a callback, or another descriptor. */
static bool loop_is_due(const struct lr_spin *s, bool peek)
{
	struct epoll_event one;

	return uv_backend_timeout(s->loop) == 0 ||
	       (peek && epoll_wait(uv_backend_fd(s->loop), &one, 1, 0) > 0);
}

/* True: somebody else had the processor meanwhile, and for long. The time that
 * it took says so more cheaply than the kernel's counters. With one that polls
 * as we do it is shared round by round. */
static bool is_crowded(struct lr_spin *s, uint64_t now)
{
	uint64_t after;

	sched_yield();
	after = uv_hrtime();
	s->yield_each = after - now > SHARED_NS ? 1 : YIELD_EACH;
	if (after - now < CROWDED_NS)
		return false;
	s->rest_ns = after + ((uint64_t)REST_MIN_NS << s->rest_shift);
	if (s->rest_shift < REST_MAX_SHIFT)
		s->rest_shift++;
	return true;
}

static void found_some(struct lr_spin *s, unsigned round)
{
	if (!round)
		return; /* it would have been found without */
	lr_worth_hit(&s->worth);
	s->rest_shift = 0;
}

static bool may_look(struct lr_spin *s, uint64_t now)
{
	if (!s->most_ns || now < s->rest_ns)
		return false;
	return lr_worth_try(&s->worth);
}

/* True: the loop should come back without sleeping. */
static bool spin(struct lr_spin *s, uint64_t start, const bool *done)
{
	uint64_t now = start;
	unsigned round;

	for (round = 0; now - start < TURN_NS; round++) {
		if (look(s)) {
			found_some(s, round);
			round = 0;
		}
		if ((done && *done) ||
		    loop_is_due(s, round % PEEK_EACH == PEEK_EACH - 1))
			return true;
		now = uv_hrtime();
		if (now - s->heard_ns >= s->most_ns) {
			lr_worth_miss(&s->worth);
			return false;
		}
		if (round % s->yield_each == 0 && is_crowded(s, now))
			return false;
	}
	return true;
}

static void prepare_cb(uv_prepare_t *prepare)
{
	struct lr_spin *s = prepare->data;
	uint64_t now;

	if (!s->most_ns || uv_backend_timeout(s->loop) == 0)
		return;
	now = uv_hrtime();
	if (now - s->heard_ns < s->most_ns && may_look(s, now) &&
	    spin(s, now, NULL))
		uv_idle_start(&s->again, again_cb);
}

void lr_spin_until(struct lr_spin *s, const bool *done)
{
	uint64_t now = uv_hrtime();

	if (!may_look(s, now))
		return;
	s->heard_ns = now; /* what was asked is answered soon */
	spin(s, now, done);
}

/* --- life ----------------------------------------------------------------- */

struct lr_spin *lr_spin_new(uv_loop_t *loop, unsigned us)
{
	struct lr_spin *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->loop = loop;
	s->most_ns = us * UINT64_C(1000);
	lr_worth_init(&s->worth);
	s->yield_each = YIELD_EACH;
	uv_prepare_init(loop, &s->prepare);
	uv_idle_init(loop, &s->again);
	s->prepare.data = s;
	return s;
}

void lr_spin_start(struct lr_spin *s)
{
	uv_prepare_start(&s->prepare, prepare_cb);
	uv_unref((uv_handle_t *)&s->prepare);
}

void lr_spin_stop(struct lr_spin *s)
{
	if (!s || uv_is_closing((uv_handle_t *)&s->prepare))
		return;
	s->most_ns = 0;
	uv_close((uv_handle_t *)&s->prepare, NULL);
	uv_close((uv_handle_t *)&s->again, NULL);
}

void lr_spin_free(struct lr_spin *s)
{
	free(s);
}
