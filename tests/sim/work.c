/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: links, views, and registers.
 *
 * read   one operation, LR_OP_READ
 * write  TAGS from ALL; a tag above them, chosen once; PUT to ALL
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 10000

/* --- links -------------------------------------------------------------------- */

static void attach_cb(struct sim *s, void *arg, uint64_t life)
{
	struct client *c = arg;
	struct conn *conn;

	if (c->ag.life != life)
		return;
	if (s->node[c->node].paused_ms) {
		sim_at(s, s->node[c->node].paused_ms + 1, attach_cb, c, life);
		return;
	}
	c->dialling = false;
	conn = net_connect(s, c->node, SIM_COORD, CONN_CLIENT);
	c->ag.control = (struct link){ conn, conn ? conn->gen : 0 };
	if (!conn) {
		c->dialling = true;
		sim_at(s, s->now + 100 + sim_draw(s, 300), attach_cb, c, life);
		return;
	}
	net_send(s, conn, 1, net_msg(s, MSG_HELLO));
	net_send(s, conn, 1, net_msg(s, MSG_VIEW_GET));
}

static void take_closed(struct sim *s, struct client *c, struct conn *conn)
{
	if (conn->kind == CONN_DATA) {
		agent_lost(s, &c->ag, conn);
		return;
	}
	if (c->dialling)
		return;
	c->dialling = true;
	sim_at(s, s->now + 50 + sim_draw(s, 200), attach_cb, c, c->ag.life);
}

static void take_view(struct sim *s, struct client *c, struct conn *conn,
		      struct msg *m)
{
	bool whole;

	if (agent_take_view(s, &c->ag, m, &whole))
		agent_view(s, &c->ag);
	else if (whole)
		net_send(s, conn, 1, net_msg(s, MSG_VIEW_GET));
}

void client_recv(struct sim *s, struct client *c, struct conn *conn,
		 struct msg *m)
{
	switch (m->type) {
	case MSG_EOF:
		take_closed(s, c, conn);
		break;
	case MSG_VIEW:
	case MSG_DELTA:
		take_view(s, c, conn, m);
		break;
	case MSG_GET_R:
	case MSG_PUT_R:
	case MSG_UPDATE_R:
		agent_reply(s, &c->ag, m);
		break;
	case MSG_LIST_R:
		list_reply(s, c, m);
		break;
	case MSG_FIND_R:
		find_reply(s, c, conn, m);
		break;
	default:
		break;
	}
}

/* --- works -------------------------------------------------------------------- */

struct work *work_of(struct cop *o)
{
	struct work *w = o->arg;

	return w->life == o->arg_life && w->kind ? w : NULL;
}

void work_over(struct sim *s, struct work *w)
{
	bool final = w->final;

	w->kind = WORK_NONE;
	w->life++;
	if (!final)
		return;
	s->final_out--;
	client_final(s);
}

static struct work *free_work(struct sim *s, struct client *c)
{
	for (unsigned i = 0; i < SIM_WORKS; i++) {
		struct work *w = &c->work[i];
		uint32_t life = w->life + 1;

		if (w->kind)
			continue;
		memset(w, 0, sizeof *w);
		w->life = life;
		w->c = c;
		w->started_ms = s->now;
		return w;
	}
	return NULL;
}

static enum work_kind draw_kind(struct sim *s)
{
	unsigned all = 0, at;

	for (unsigned i = 0; i < WORKS - 1; i++)
		all += s->p.pct[i];
	at = sim_draw(s, all);
	for (unsigned i = 0; i < WORKS - 1; i++) {
		if (at < s->p.pct[i])
			return (enum work_kind)(i + WORK_STORE);
		at -= s->p.pct[i];
	}
	return WORK_FETCH;
}

static void begin_kind(struct sim *s, struct work *w)
{
	switch (w->kind) {
	case WORK_READ:
	case WORK_WRITE:
		register_begin(s, w);
		break;
	case WORK_NAME_GET:
	case WORK_NAME_SET:
		name_begin(s, w);
		break;
	case WORK_LIST:
		list_begin(s, w);
		break;
	default:
		object_begin(s, w);
	}
}

static void begin(struct sim *s, struct client *c)
{
	struct work *w = free_work(s, c);

	if (!w || s->n_keys + 8 > SIM_KEYS || !c->ag.rx.view.run)
		return;
	w->kind = draw_kind(s);
	w->handle = (unsigned)(w - c->work) & 1;
	begin_kind(s, w);
}

static void next_cb(struct sim *s, void *arg, uint64_t life)
{
	struct client *c = arg;

	if (c->ag.life != life || s->healing)
		return;
	if (s->node[c->node].paused_ms) {
		sim_at(s, s->node[c->node].paused_ms + 1, next_cb, c, life);
		return;
	}
	begin(s, c);
	sim_at(s, s->now + 1 + sim_draw(s, 2 * s->p.op_ms), next_cb, c, life);
}

void client_start(struct sim *s, unsigned i)
{
	struct client *c = &s->client[i];
	unsigned node = SIM_CLIENT0 + i;

	c->node = node;
	s->node[node].up = true;
	agent_init(s, &c->ag, node);
	for (unsigned k = 0; k < 2; k++) {
		c->writer[k] = sim_random(s) | 1;
		c->seq[k] = 0;
	}
	if (LR_MUTANT("two-handles-one-writer"))
		c->writer[1] = c->writer[0];
	c->dialling = true;
	attach_cb(s, c, c->ag.life);
	sim_at(s, s->now + 1 + sim_draw(s, 2 * s->p.op_ms), next_cb, c,
	       c->ag.life);
}

void client_kill(struct sim *s, struct client *c)
{
	SAY(s, "client %u dies", c->node - SIM_CLIENT0);
	net_node_dies(s, c->node, false);
	agent_stop(s, &c->ag);
	for (unsigned i = 0; i < SIM_WORKS; i++) {
		c->work[i].kind = WORK_NONE;
		c->work[i].life++;
	}
	client_start(s, c->node - SIM_CLIENT0);
}

/* --- registers ------------------------------------------------------------------ */

static unsigned left_ms(const struct sim *s, const struct work *w)
{
	return w->deadline_ms > s->now ? (unsigned)(w->deadline_ms - s->now) :
					 1;
}

static struct lin_op *record(struct sim *s, const struct work *w)
{
	return &s->key[w->key].hist[w->hist];
}

static void read_done(struct sim *s, struct work *w, uint64_t val)
{
	struct lin_op *h = record(s, w);

	h->val = val;
	h->res = ++s->lin_clock;
	h->ignore = false;
	s->reads++;
	SAY(s, "client %u read register %u: %llu", w->c->node - SIM_CLIENT0,
	    w->key, (unsigned long long)val);
	work_over(s, w);
}

/* All members hold what was read. A removal is a value of its own. */
static void read_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);
	struct lr_tag tag = o->op.tag;
	uint64_t val = o->got;

	if (!w)
		return;
	if (o->op.result == LR_E_OK || (o->op.result == LR_E_ABSENT &&
					o->op.found == LR_FOUND_TOMB)) {
		if (o->op.found == LR_FOUND_TOMB &&
		    !oracle_val(s, w->key, &tag, &val))
			sim_wrong(s, "register %u has a tag that nobody chose",
				  w->key);
		oracle_acked(s, w->key, &tag, o->op.cfg.ce);
		read_done(s, w, val);
		return;
	}
	if (o->op.result == LR_E_ABSENT && !s->key[w->key].has_removals) {
		read_done(s, w, 0);
		return;
	}
	if (w->final && o->op.result != LR_E_LOST &&
	    o->op.result != LR_E_ABSENT)
		sim_wrong(s, "register %u cannot be read at the end", w->key);
	s->losts += o->op.result == LR_E_LOST;
	if (o->op.result == LR_E_LOST && s->key[w->key].acked.ts &&
	    !s->key[w->key].may_lose)
		sim_wrong(s, "register %u is called lost", w->key);
	work_over(s, w);
}

static void written_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);
	struct lin_op *h;

	if (!w)
		return;
	h = record(s, w);
	SAY(s, "client %u wrote register %u: %llu, %s",
	    w->c->node - SIM_CLIENT0, w->key, (unsigned long long)w->val,
	    lr_err_name(o->op.result));
	if (o->op.result == LR_E_OK || o->op.result == LR_E_SUPERSEDED) {
		h->res = ++s->lin_clock;
		s->acks++;
		oracle_acked(s, w->key, &w->tag, o->op.cfg.ce);
	} else if (o->op.result == LR_E_TIMEOUT) {
		h->ignore = true;
	} else {
		s->unknowns++;
	}
	work_over(s, w);
}

static void write_tags_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);
	struct client *c;
	struct cop *p;

	if (!w)
		return;
	if (o->op.result != LR_E_OK) {
		work_over(s, w);
		return;
	}
	c = w->c;
	w->tag = lr_tag_next(&o->op.tag, c->writer[w->handle],
			     ++c->seq[w->handle]);
	oracle_tag(s, w->key, &w->tag, w->val);
	record(s, w)->ignore = false;
	p = agent_op(s, &c->ag, LR_OP_PUT, w->key, &w->tag,
		     w->removal ? LR_PUT_TOMB : 0, left_ms(s, w), written_cb, w,
		     w->life);
	p->kind = LR_KIND_REGISTER;
	p->val = w->val;
	agent_go(s, p);
}

void register_begin(struct sim *s, struct work *w)
{
	bool write = w->kind == WORK_WRITE;
	struct cop *o;

	if (!w->final) {
		if (!s->n_registers) {
			work_over(s, w);
			return;
		}
		w->key = sim_draw(s, s->n_registers); /* the first keys */
	}
	w->deadline_ms = s->now + DEADLINE_MS;
	if (write)
		w->val = ++s->next_val;
	w->removal = write && s->p.removals && sim_chance(s, 200);
	s->key[w->key].has_removals |= w->removal;
	w->hist = oracle_hist(s, w->key, write, w->val);
	o = agent_op(s, &w->c->ag, write ? LR_OP_TAGS : LR_OP_READ, w->key,
		     NULL, 0, DEADLINE_MS, write ? write_tags_cb : read_cb, w,
		     w->life);
	o->kind = LR_KIND_REGISTER;
	agent_go(s, o);
}

/* --- at the end, all is read by one who has the newest view -------------------------- */

static bool begin_final(struct sim *s, struct client *c, uint32_t key)
{
	const struct key *k = &s->key[key];
	struct work *w;

	if (k->kind == KEY_CHUNK)
		return true;
	w = free_work(s, c);
	if (!w)
		return false;
	w->final = true;
	w->key = key;
	w->kind = k->kind == KEY_REGISTER ? WORK_READ :
		  k->kind == KEY_NAME	  ? WORK_NAME_GET :
					    WORK_FETCH;
	s->final_out++;
	if (w->kind == WORK_FETCH)
		object_fetch(s, w, key);
	else
		begin_kind(s, w);
	return true;
}

static void list_final(struct sim *s, struct client *c)
{
	struct work *w = free_work(s, c);

	s->final_listed = true;
	s->final_out++;
	w->kind = WORK_LIST;
	w->final = true;
	list_begin(s, w);
}

void client_final(struct sim *s)
{
	struct client *c = &s->client[s->final_next % s->p.clients];

	if (!c->ag.rx.view.run)
		return;
	while (s->final_next < s->n_keys && s->final_out < SIM_WORKS &&
	       begin_final(s, c, s->final_next))
		s->final_next++;
	if (s->final_next == s->n_keys && !s->final_out && !s->final_listed)
		list_final(s, c);
}
