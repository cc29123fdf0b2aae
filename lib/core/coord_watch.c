/* SPDX-License-Identifier: Apache-2.0 */
/* Time: who is silent, who is evicted, what is tried again. Each tick is about
 * donors only; slots are looked at when something changed. */
#include "core/coord_internal.h"

static void hold_slots(struct lr_coord *c, const struct coord_row *r,
		       uint64_t now_ms)
{
	uint64_t until = now_ms + c->p.rebuild_delay_ms;

	for (unsigned s = 0; r->refs && s < c->p.nslots; s++)
		if (lr_cfg_index(&c->view.cfg[s], r->d.member.inc) >= 0)
			c->slots[s].hold_ms = until;
}

static unsigned count_up(const struct lr_coord *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_rows; i++)
		n += c->rows[i]->state == ROW_UP;
	return n;
}

static void note_hurt(struct lr_coord *c, const struct coord_row *r,
		      uint64_t now_ms)
{
	unsigned n = count_up(c) + (r->state == ROW_AWAITED);

	if (!r->refs)
		return;
	if (!c->hurt_ms) {
		c->hurt_ms = now_ms ? now_ms : 1;
		c->hurt_donors = 0;
	}
	if (n > c->hurt_donors)
		c->hurt_donors = n;
}

void coord_evict(struct lr_coord *c, struct coord_row *r, enum coord_why why,
		 uint64_t now_ms)
{
	bool was_up = r->state == ROW_UP;

	if (r->state == ROW_DOWN || r->state == ROW_GONE)
		return;
	note_hurt(c, r, now_ms);
	r->state = ROW_DOWN;
	r->since_ms = now_ms;
	if (r->linked)
		(void)coord_act_simple(c, LR_DO_CLOSE, r->d.member.inc);
	r->linked = false;
	r->installs_due = false;
	coord_change_lost(c, r);
	coord_member_up(c, r);
	c->publish = c->force = c->scan = c->replan = true;
	if (why == COORD_SILENT)
		hold_slots(c, r, now_ms);
	if (was_up && r->device &&
	    (why == COORD_SILENT || why == COORD_REFUSED))
		lr_flaps_add(&r->device->flaps, now_ms);
	if (why == COORD_LEFT)
		coord_event(c, LR_EVENT_LEFT, r, r->refs, 0);
	else if (why != COORD_REPLACED)
		coord_event(c, LR_EVENT_DOWN, r, r->refs, 0);
}

/* Two others are asked to ping it, in turns. */
static void ask_others(struct lr_coord *c, const struct coord_row *r)
{
	unsigned asked = 0;

	for (size_t i = 0; i < c->n_rows && asked < 2; i++) {
		struct coord_row *o = c->rows[(c->probe_next + i) % c->n_rows];

		if (o == r || o->state != ROW_UP || !o->linked ||
		    o->watch.state != LR_WATCH_OK)
			continue;
		(void)coord_act_push(
			c, &(struct lr_coord_act){.what = LR_DO_PROBE,
						  .inc = o->d.member.inc,
						  .target = r->d.member.inc});
		asked++;
	}
	c->probe_next++;
}

void coord_verdict(struct lr_coord *c, struct coord_row *r, uint64_t now_ms)
{
	switch (lr_watch_tick(&c->suspect, &r->watch, now_ms)) {
	case LR_VERDICT_NONE:
		break;
	case LR_VERDICT_CONFIRM:
		coord_event(c, LR_EVENT_SUSPECT, r, r->refs, 0);
		ask_others(c, r);
		(void)coord_act_push(
			c, &(struct lr_coord_act){.what = LR_DO_CONNECT,
						  .target = r->d.member.inc});
		coord_change_suspect(c, r);
		break;
	case LR_VERDICT_EVICT:
		if (r->leaving)
			coord_evict(c, r, COORD_LEFT, now_ms);
		else if (r->watch.refused)
			coord_evict(c, r, COORD_REFUSED, now_ms);
		else
			coord_evict(c, r, COORD_SILENT, now_ms);
		break;
	case LR_VERDICT_CLEARED:
		coord_event(c, LR_EVENT_CLEARED, r, 0, 0);
		c->scan = true;
		break;
	}
}

static void tick_suspects(struct lr_coord *c, uint64_t now_ms)
{
	size_t n = 0;

	if (now_ms < c->suspect_ms)
		return;
	c->suspect_ms = now_ms + COORD_SUSPECT_MS;
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->state == ROW_UP)
			c->watches[n++] = &c->rows[i]->watch;
	lr_suspect_tick(&c->suspect, c->watches, n, now_ms);
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->state == ROW_UP)
			coord_verdict(c, c->rows[i], now_ms);
}

/* --- what moves on links --- */

void lr_coord_heard(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (!r || r->state != ROW_UP)
		return;
	lr_watch_heard(&r->watch, now_ms);
	if (!r->linked)
		r->unlinked_ms = now_ms;
	coord_link_moves(c, r, now_ms);
}

void lr_coord_sending(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (!r || r->state != ROW_UP)
		return;
	c->sending_ms = now_ms;
	coord_link_moves(c, r, now_ms);
}

/* --- time --- */

/* A thousand donors do not come back at once: while some do, the others are
 * given time. */
static bool was_awaited(const struct lr_coord *c, const struct coord_row *r,
			uint64_t now_ms)
{
	return now_ms >= r->await_until_ms &&
	       (now_ms >= c->returned_ms + COORD_GRACE_MS ||
		now_ms >= r->await_until_ms + COORD_GRACE_MAX_MS);
}

static void tick_row(struct lr_coord *c, struct coord_row *r, uint64_t now_ms)
{
	if (r->state == ROW_AWAITED && r->refs) {
		if (was_awaited(c, r, now_ms))
			coord_evict(c, r, COORD_SILENT, now_ms);
		else
			c->n_awaited++;
	}
	if (r->state == ROW_UP && !r->linked &&
	    now_ms >= r->unlinked_ms + COORD_UNLINKED_MS)
		coord_evict(c, r, r->leaving ? COORD_LEFT : COORD_SILENT,
			    now_ms);
	if (r->leaving && !r->may_leave && !r->refs && r->linked)
		r->may_leave =
			coord_act_simple(c, LR_DO_MAY_LEAVE, r->d.member.inc);
	if (coord_draining(r) && r->state == ROW_UP && !r->refs &&
	    !r->device->drained) {
		r->device->drained = true;
		coord_event(c, LR_EVENT_DRAINED, r, 0, 0);
	}
}

static void tick_damping(struct lr_coord *c, uint64_t now_ms)
{
	for (size_t i = 0; i < c->n_devices; i++) {
		struct coord_device *v = c->devices[i];

		if (!v->damp_until_ms || now_ms < v->damp_until_ms)
			continue;
		v->damp_until_ms = 0;
		c->replan = c->scan = true;
	}
}

/* Unavailable slots whose linked members did not answer in time. */
static void retry_unavailable(struct lr_coord *c)
{
	for (unsigned s = 0; c->n_unavail && s < c->p.nslots; s++)
		if (c->slots[s].flags & SLOT_RETRY) {
			c->slots[s].flags &= (uint16_t)~SLOT_RETRY;
			coord_slot_again(c, s);
		}
}

/* Not while they, or what they are answered, may still be on their way. */
static void retry_installs(struct lr_coord *c, struct coord_row *r,
			   uint64_t now_ms)
{
	if (!r->installs_due) {
		r->installs_ms = now_ms;
	} else if (r->linked && (now_ms >= r->moved_ms + COORD_RETRY_MS ||
				 now_ms >= r->installs_ms + COORD_MOVES_MS)) {
		r->installs_ms = now_ms;
		coord_install_send(c, r);
	}
}

static void tick_retries(struct lr_coord *c, uint64_t now_ms)
{
	if (now_ms < c->retry_ms)
		return;
	c->retry_ms = now_ms + COORD_RETRY_MS;
	if (c->phase == COORD_IDLE)
		retry_unavailable(c);
	for (size_t i = 0; i < c->n_rows; i++)
		retry_installs(c, c->rows[i], now_ms);
}

/* A donor that becomes synced is a delta for everybody; on a slow network they
 * would come faster than they leave. */
static bool publish_due(const struct lr_coord *c, uint64_t now_ms)
{
	bool free = now_ms >= c->sending_ms + COORD_PUBLISH_MS;

	return c->published != c->view.rev && now_ms >= c->publish_ms &&
	       (free || now_ms >= c->publish_ms + COORD_PUBLISH_MAX_MS);
}

void lr_coord_tick(struct lr_coord *c, uint64_t now_ms)
{
	tick_suspects(c, now_ms);
	c->n_awaited = 0;
	for (size_t i = 0; i < c->n_rows; i++)
		tick_row(c, c->rows[i], now_ms);
	tick_damping(c, now_ms);
	coord_doubt_tick(c);
	tick_retries(c, now_ms);
	coord_change_tick(c, now_ms);
	if (publish_due(c, now_ms)) {
		c->publish = true;
		c->publish_ms = now_ms + COORD_PUBLISH_MS;
	}
}
