/* SPDX-License-Identifier: Apache-2.0 */
/* Is a donor there? The coordinator connects itself, or another donor is asked
 * to; the rules are told what came of it. */
#include <stdlib.h>

#include "daemon/coordinator/coordinator.h"

#define PROBE_MS 1500
#define CONNECT_MS 1000

struct check {
	struct lr_coordinator *k;
	uint64_t inc;
};

static void check_done(struct check *c, bool reached, bool refused)
{
	if (!c->k->stopped) {
		if (reached)
			lr_coord_reached(c->k->rules, c->inc, lr_now_ms());
		else if (refused)
			lr_coord_refused(c->k->rules, c->inc, lr_now_ms());
		lr_coordinator_act(c->k);
	}
	free(c);
}

static void connected_cb(void *arg, enum lr_err why)
{
	check_done(arg, !why, why == LR_E_REFUSED);
}

static void probed_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct lr_msg_done m;

	(void)link;
	check_done(arg,
		   !err && f->h.type == LR_M_DONE &&
			   lr_dec_done(f->meta, f->h.meta, &m) &&
			   m.err == LR_E_OK,
		   false);
}

static struct check *check_new(struct lr_coordinator *k, uint64_t inc)
{
	struct check *c = malloc(sizeof *c);

	if (c)
		*c = (struct check){ k, inc };
	return c;
}

void lr_donor_connect(struct lr_coordinator *k, uint64_t inc)
{
	const struct lr_member *m = lr_view_member(lr_coord_view(k->rules),
						   inc);
	struct lr_link_options opt = { .tls = k->pool_tls,
				       .connect_ms = CONNECT_MS };
	struct check *c = m ? check_new(k, inc) : NULL;

	if (!c)
		return;
	opt.peer = lr_member_key(m);
	if (!lr_reach_start(&k->b.loop, m->addrs, lr_member_shards(m), &opt,
			    connected_cb, c))
		free(c);
}

void lr_donor_probe(struct lr_coordinator *k, const struct lr_coord_act *a)
{
	const struct lr_member *t = lr_view_member(lr_coord_view(k->rules),
						   a->target);
	struct lr_peer *p = lr_peers_donor(k, a->inc);
	struct check *c = t && p ? check_new(k, a->target) : NULL;
	struct lr_msg_probe m;

	if (!c)
		return;
	m = (struct lr_msg_probe){ *lr_member_key(t), t->inc,
				    lr_str(t->addrs),
				    (uint16_t)lr_member_shards(t) };
	LR_REQUEST(p->link, PROBE, probe, &m, NULL, PROBE_MS, probed_cb, c);
}
