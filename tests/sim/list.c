/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue at the coordinator, as daemon/coordinator/objects.c keeps it
 * from the donors' reports (report.c), and clients that want the list: it is
 * whole, or refused. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 10000
#define SETTLE_MS 5000
#define HOLDS_MS 2000
#define ASK_MS 12000

struct asking {
	struct asking *next;
	struct link link;
	struct msg m;
	uint64_t until_ms;
};

void list_start(struct sim *s)
{
	s->catalog = lr_catalog_new(LR_SLOTS);
	if (!s->catalog)
		abort();
	memset(s->listed_ce, 0, sizeof s->listed_ce);
	memcpy(s->holds, s->disk_holds, sizeof s->holds);
	s->coord_started_ms = s->now;
}

bool list_noted(const struct sim *s, const struct key *k)
{
	return k->told_ms && k->told_ms + HOLDS_MS + 100 < s->coord_died_ms;
}

/* What it had no time to note is forgotten. */
void list_stop(struct sim *s)
{
	struct asking *a;

	s->coord_died_ms = s->now;
	for (uint32_t i = 0; i < s->n_keys; i++)
		if (!list_noted(s, &s->key[i]))
			s->key[i].told_ms = 0;
	while ((a = s->askings)) {
		s->askings = a->next;
		free(a);
	}
	lr_catalog_free(s->catalog);
	s->catalog = NULL;
}

/* --- reports ------------------------------------------------------------------ */

/* Its place among the slots of real IDs. */
static unsigned id_slot(const struct sim *s, unsigned slot)
{
	unsigned per = s->p.nslots / LR_CLASSES;

	return slot / per * LR_SLOTS_PER_CLASS + slot % per;
}

static void take_rows(struct sim *s, const struct blob *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct key *k = &s->key[b->rows[i].key];
		struct lr_object o = { .id = k->id,
				       .size = 1,
				       .expires_ms = k->expires,
				       .flags = LR_OBJECT_CLOSED |
						LR_OBJECT_PUBLIC,
				       .name = "" };

		if (!k->told_ms)
			k->told_ms = s->now;
		if (b->rows[i].state == LR_OBJECT_GONE)
			lr_catalog_remove(s->catalog, &k->id);
		else if (!lr_catalog_put(s->catalog, &o))
			abort();
	}
}

void list_report(struct sim *s, struct conn *c, const struct msg *m)
{
	const struct lr_cfg *cfg = &lr_coord_view(s->coord)->cfg[m->slot];
	unsigned at = id_slot(s, m->slot);

	SAY(s, "report of slot %u ce %llu by dev %u: %zu rows%s%s", m->slot,
	    (unsigned long long)m->ce, donor_dev(c->inc), m->blob->n,
	    m->first ? ", first" : "", m->more ? "" : ", last");
	if (m->ce != cfg->ce || lr_cfg_index(cfg, c->inc) < 0)
		return;
	if (m->first)
		lr_catalog_begin(s->catalog, at);
	take_rows(s, m->blob);
	if (!m->more) {
		lr_catalog_end(s->catalog, at, cfg->lost & LR_LOST_MARK);
		s->listed_ce[m->slot] = m->ce;
	}
	s->holds[m->slot] = m->val > 0;
	if (s->p.theme == THEME_PRESSED) /* as if entries were that large */
		lr_coord_slot_usage(s->coord, m->slot, m->val, m->val << 20);
}

/* --- questions ------------------------------------------------------------------ */

static bool is_told(const struct sim *s, unsigned slot)
{
	const struct lr_cfg *cfg = &lr_coord_view(s->coord)->cfg[slot];
	bool settled = s->now > s->coord_started_ms + SETTLE_MS;

	if (lr_coord_slot_in_doubt(s->coord, slot))
		return false;
	if (!cfg->ce || s->listed_ce[slot] == cfg->ce)
		return true;
	return lr_coord_slot_health(s->coord, slot) == LR_SLOTS_UNAVAILABLE &&
	       (s->listed_ce[slot] || (settled && !s->holds[slot]));
}

static bool is_whole(const struct sim *s)
{
	for (unsigned i = 0; i < s->p.nslots; i++)
		if (!is_told(s, i))
			return false;
	return true;
}

static void answer(struct sim *s, const struct link *l, const struct msg *m,
		   enum lr_err err)
{
	struct msg *r;

	if (!err)
		oracle_listed(s);
	if (!net_alive(l, 1))
		return;
	r = net_reply(s, MSG_LIST_R, m);
	r->err = err;
	net_send(s, l->c, 0, r);
}

void list_asked(struct sim *s, struct conn *c, const struct msg *m)
{
	struct link l = { c, c->gen };
	struct asking *a;

	if (is_whole(s)) {
		answer(s, &l, m, LR_E_OK);
		return;
	}
	a = calloc(1, sizeof *a);
	if (!a)
		abort();
	*a = (struct asking){ s->askings, l, *m, s->now + WAIT_MS };
	s->askings = a;
}

void list_tick(struct sim *s)
{
	struct asking **at = &s->askings, *a;
	bool whole = s->askings && is_whole(s);

	while ((a = *at)) {
		if (!whole && s->now < a->until_ms) {
			at = &a->next;
			continue;
		}
		answer(s, &a->link, &a->m, whole ? LR_E_OK : LR_E_UNREACHABLE);
		*at = a->next;
		free(a);
	}
	if (s->now < s->holds_ms)
		return;
	s->holds_ms = s->now + HOLDS_MS;
	memcpy(s->disk_holds, s->holds, sizeof s->holds);
}

bool list_has(const struct sim *s, const struct key *k)
{
	struct lr_object o;

	return lr_catalog_get(s->catalog, &k->id, &o) &&
	       o.state == LR_OBJECT_THERE &&
	       !(o.expires_ms && o.expires_ms <= s->now);
}

/* --- clients ---------------------------------------------------------------------- */

static void timeout_cb(struct sim *s, void *arg, uint64_t life)
{
	struct work *w = arg;

	if (w->life != life || w->kind != WORK_LIST)
		return;
	if (w->final)
		sim_wrong(s, "no list at the end");
	work_over(s, w);
}

void list_begin(struct sim *s, struct work *w)
{
	struct link *l = &w->c->ag.control;
	struct msg *m;

	sim_at(s, s->now + ASK_MS, timeout_cb, w, w->life);
	if (!net_alive(l, 0))
		return;
	m = net_msg(s, MSG_LIST);
	m->who = w;
	m->life = w->life;
	net_send(s, l->c, 1, m);
}

void list_reply(struct sim *s, struct client *c, const struct msg *m)
{
	struct work *w = m->who;

	if (w->life != m->life || w->kind != WORK_LIST || w->c != c)
		return;
	SAY(s, "client %u has the list: %s", c->node - SIM_CLIENT0,
	    lr_err_name(m->err));
	s->lists += !m->err;
	s->lists_refused += m->err != LR_E_OK;
	if (w->final && m->err)
		sim_wrong(s, "the list is refused at the end");
	work_over(s, w);
}
