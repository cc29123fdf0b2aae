/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving (SIGTERM):
 *   1 LEAVE is asked; the coordinator moves what is here and answers "go"
 *   2 leave_wait_s is over: it is to take us out of all slots that somebody
 *     else has, too, and then answers "go"; nothing here alone: we go anyway
 *   3 something is here alone: waits on, says so, and asks systemd for time
 *   4 a second SIGTERM, or no coordinator: stop at once, say what is lost;
 *     one that goes away meanwhile has leave_wait_s to come back
 */
#include <stdio.h>

#include "daemon/donor/donor.h"
#include "daemon/log.h"

#define LEAVE_ASK_MS 200
#define HURRY_MS 1000 /* for the view without us */
#define EXTEND_MS 10000
#define EXTEND "EXTEND_TIMEOUT_USEC=30000000"

static void tell_status(const struct lr_msg_leave_r *m)
{
	char text[128];

	snprintf(text, sizeof text,
		 "STATUS=leaving: %u slots are left to move, %u of them are "
		 "here alone",
		 m->slots_left, m->slots_sole);
	lr_base_notify(text);
}

static void leave_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_donor *d = arg;
	struct lr_msg_leave_r m;

	(void)link;
	if (d->stopped || err || f->h.type != LR_M_LEAVE_R ||
	    !lr_dec_leave_r(f->meta, f->h.meta, &m))
		return;
	if (m.err != LR_E_OK) {
		tell_status(&m);
		return;
	}
	lr_info(d->hurry ? "nothing is here alone, leaving" :
			   "every copy has moved, leaving");
	lr_donor_stop(d);
}

static void ask_leave(struct lr_donor *d, uint64_t now)
{
	struct lr_link *link = lr_attach_link(d->control);
	struct lr_msg_leave m = { 0 };

	if (!link || now < d->leave_ask_ms)
		return;
	d->leave_ask_ms = now + LEAVE_ASK_MS;
	LR_REQUEST(link, LEAVE, leave, &m, NULL, LEAVE_ASK_MS * 10, leave_cb,
		   d);
}

/* Nobody can move what is here: it goes with us. */
static void give_up(struct lr_donor *d)
{
	uint32_t sole = lr_donor_totals(d).sole;

	if (sole)
		lr_warn("leaving now: %u slots were here alone and are lost",
			sole);
	lr_donor_stop(d);
}

static void wait_on(struct lr_donor *d, uint32_t sole, uint64_t now)
{
	if (now >= d->extend_ms)
		lr_base_notify(EXTEND);
	if (now >= d->extend_ms)
		d->extend_ms = now + EXTEND_MS;
	if (d->said_alone)
		return;
	d->said_alone = true;
	lr_warn("%u slots are on this machine alone and have nowhere to go: "
		"waiting. Start another donor, or stop again to give them up",
		sole);
}

/* A link may break for the very load of moving all: what is here alone waits
 * for the coordinator to come back. */
static void without_coordinator(struct lr_donor *d, uint64_t now)
{
	if (!lr_donor_totals(d).sole ||
	    now >= d->linked_ms + d->b.cfg->leave_wait_s * 1000u)
		give_up(d);
}

void lr_leave_tick(struct lr_donor *d, uint64_t now)
{
	uint64_t over_ms = d->leave_ms + d->b.cfg->leave_wait_s * 1000u;
	uint32_t sole = lr_donor_totals(d).sole;

	if (!lr_attach_link(d->control)) {
		without_coordinator(d, now);
		return;
	}
	d->linked_ms = now;
	ask_leave(d, now);
	if (now < over_ms)
		return;
	if (!d->hurry)
		lr_info("leave_wait_s is over: leaving what others have, too");
	d->hurry = true; /* heartbeats say so */
	if (sole) {
		wait_on(d, sole, now);
	} else if (now >= over_ms + HURRY_MS) {
		lr_info("nothing is here alone, leaving");
		lr_donor_stop(d);
	}
}

void lr_leave_stop_cb(struct lr_base *b)
{
	struct lr_donor *d = (struct lr_donor *)b; /* its first field */

	if (d->stopped)
		return;
	lr_base_notify("STOPPING=1");
	if (b->stops == 1 && lr_attach_link(d->control)) {
		d->leaving = true;
		d->leave_ms = d->linked_ms = lr_now_ms();
		lr_info("leaving: moving what is here to other donors");
		return;
	}
	give_up(d);
}
