/* SPDX-License-Identifier: Apache-2.0 */
/* Links as TCP gives them: what was sent arrives in order or not at all. What a
 * process sent before it died still arrives, and what arrived at a process that
 * sleeps waits for it: late messages are the rule here. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 25

struct blob *blob_new(size_t n, size_t each)
{
	struct blob *b = calloc(1, sizeof *b);

	if (!b)
		abort();
	b->refs = 1;
	b->n = n;
	b->p = calloc(n + 1, each);
	if (!b->p)
		abort();
	return b;
}

void blob_drop(struct blob *b)
{
	if (!b || --b->refs)
		return;
	free(b->p);
	free(b->slots);
	free(b);
}

struct msg *net_msg(struct sim *s, enum msg_type type)
{
	struct msg *m = s->free_msg;

	if (m)
		s->free_msg = m->next;
	else
		m = malloc(sizeof *m);
	if (!m)
		abort();
	memset(m, 0, sizeof *m);
	m->type = type;
	return m;
}

struct msg *net_reply(struct sim *s, enum msg_type type, const struct msg *m)
{
	struct msg *r = net_msg(s, type);

	r->asker = m->asker;
	r->who = m->who;
	r->life = m->life;
	r->place = m->place;
	r->no = m->no;
	r->slot = m->slot;
	r->key = m->key;
	return r;
}

static void msg_free(struct sim *s, struct msg *m)
{
	blob_drop(m->blob);
	m->next = s->free_msg;
	s->free_msg = m;
}

/* --- places -------------------------------------------------------------- */

static void drop_pipe(struct sim *s, struct pipe *p)
{
	struct msg *m;

	while ((m = p->head)) {
		p->head = m->next;
		msg_free(s, m);
	}
	p->tail = &p->head;
}

static struct conn *take_place(struct sim *s)
{
	if (s->n_free_conn)
		return &s->conn[s->free_conn[--s->n_free_conn]];
	if (s->n_conn == SIM_CONNS)
		abort();
	return &s->conn[s->n_conn++];
}

static void free_if_over(struct sim *s, struct conn *c)
{
	if (!c->used || c->open[0] || c->open[1])
		return;
	drop_pipe(s, &c->to[0]);
	drop_pipe(s, &c->to[1]);
	c->used = false;
	c->gen++;
	s->free_conn[s->n_free_conn++] = (uint32_t)(c - s->conn);
}

void net_reset(struct sim *s)
{
	for (size_t i = 0; i < s->n_conn; i++) {
		drop_pipe(s, &s->conn[i].to[0]);
		drop_pipe(s, &s->conn[i].to[1]);
		s->conn[i].used = false;
		s->conn[i].gen = 0;
	}
	s->n_conn = s->n_free_conn = 0;
}

bool net_reaches(struct sim *s, unsigned from, unsigned to)
{
	return s->node[to].up && !s->node[to].paused_ms && !s->cut[from][to] &&
	       !s->cut[to][from];
}

bool net_refuses(struct sim *s, unsigned from, unsigned to)
{
	return !s->node[to].up && !s->node[to].host_dead && !s->cut[from][to] &&
	       !s->cut[to][from];
}

struct conn *net_connect(struct sim *s, unsigned from, unsigned to,
			 enum conn_kind kind)
{
	struct conn *c;
	uint32_t gen;

	if (!net_reaches(s, from, to))
		return NULL;
	c = take_place(s);
	gen = c->gen;
	memset(c, 0, sizeof *c);
	c->gen = gen + 1;
	c->no = ++s->conns;
	c->kind = kind;
	c->node[0] = from;
	c->node[1] = to;
	c->used = c->open[0] = c->open[1] = true;
	c->to[0].tail = &c->to[0].head;
	c->to[1].tail = &c->to[1].head;
	return c;
}

/* --- arrival --------------------------------------------------------------- */

static void pump_cb(struct sim *s, void *arg, uint64_t x);

static void arm(struct sim *s, struct conn *c, unsigned side, uint64_t at)
{
	struct pipe *p = &c->to[side];

	if (p->armed && p->armed <= at)
		return;
	p->armed = at;
	sim_at(s, at, pump_cb, c, (uint64_t)c->gen << 1 | side);
}

static void closed(struct sim *s, struct conn *c, unsigned side)
{
	unsigned node = c->node[side];

	c->open[side] = false;
	if (node == SIM_COORD) {
		struct msg *m = net_msg(s, MSG_EOF);

		coord_recv(s, c, m);
		msg_free(s, m);
	} else if (node < SIM_CLIENT0) {
		struct msg *m = net_msg(s, MSG_EOF);

		donor_recv(s, &s->donor[node - SIM_DONOR0], c, m);
		msg_free(s, m);
	} else {
		struct msg *m = net_msg(s, MSG_EOF);

		client_recv(s, &s->client[node - SIM_CLIENT0], c, m);
		msg_free(s, m);
	}
	free_if_over(s, c);
}

static void hand_over(struct sim *s, struct conn *c, unsigned side,
		      struct msg *m)
{
	unsigned node = c->node[side];

	s->steps++;
	if (m->type == MSG_EOF)
		closed(s, c, side);
	else if (node == SIM_COORD)
		coord_recv(s, c, m);
	else if (node < SIM_CLIENT0)
		donor_recv(s, &s->donor[node - SIM_DONOR0], c, m);
	else
		client_recv(s, &s->client[node - SIM_CLIENT0], c, m);
}

/* What is not cut off arrives, whether the process runs or not. */
static bool arrives(struct sim *s, struct conn *c, unsigned side,
		    struct msg *m)
{
	if (m->arrived)
		return true;
	if (m->due > s->now) {
		arm(s, c, side, m->due);
		return false;
	}
	if (s->cut[c->node[!side]][c->node[side]]) {
		arm(s, c, side, s->now + AGAIN_MS + sim_draw(s, AGAIN_MS));
		return false;
	}
	m->arrived = m->due;
	return true;
}

/* Asleep, or a donor that wants a view before it serves. */
static uint64_t not_before(struct sim *s, const struct conn *c, unsigned side)
{
	unsigned node = c->node[side];
	uint64_t at = s->node[node].paused_ms;

	if (!at && side == 1 && c->starved_ms > s->now && !s->healing)
		return c->starved_ms;
	if (!at && node && node < SIM_CLIENT0 && c->kind == CONN_DATA &&
	    side == 1)
		at = s->donor[node - SIM_DONOR0].hold_ms;
	return at;
}

static void pump(struct sim *s, struct conn *c, unsigned side)
{
	uint32_t gen = c->gen;
	struct pipe *p = &c->to[side];
	struct msg *m;

	while (c->used && c->gen == gen && (m = p->head)) {
		uint64_t wait;

		if (!c->open[side]) {
			drop_pipe(s, p);
			return;
		}
		if (!arrives(s, c, side, m))
			return;
		wait = not_before(s, c, side);
		if (wait) {
			for (; m; m = m->next)
				if (!m->arrived && m->due <= s->now)
					m->arrived = m->due;
			arm(s, c, side, (wait > s->now ? wait : s->now) + 1 +
						sim_draw(s, 4));
			return;
		}
		p->head = m->next;
		if (!p->head)
			p->tail = &p->head;
		hand_over(s, c, side, m);
		msg_free(s, m);
	}
}

static void pump_cb(struct sim *s, void *arg, uint64_t x)
{
	struct conn *c = arg;
	unsigned side = x & 1;

	if (c->gen != x >> 1 || !c->used || c->to[side].armed > s->now)
		return;
	c->to[side].armed = 0;
	pump(s, c, side);
}

void net_poke(struct sim *s, unsigned node)
{
	for (size_t i = 0; i < s->n_conn; i++) {
		struct conn *c = &s->conn[i];

		for (unsigned side = 0; c->used && side < 2; side++)
			if (c->node[side] == node && c->to[side].head) {
				c->to[side].armed = 0;
				arm(s, c, side, s->now + sim_draw(s, 4));
			}
	}
}

/* --- sending ----------------------------------------------------------------- */

static uint64_t delay(struct sim *s, unsigned from, unsigned to)
{
	const struct profile *p = &s->p;
	uint64_t ms = p->delay_ms + sim_draw(s, p->jitter_ms + 1);

	if (!s->healing && p->late_permille && sim_chance(s, p->late_permille))
		ms += sim_draw(s, p->late_ms);
	return ms + s->node[to].slow_ms * (from == SIM_COORD);
}

void net_send(struct sim *s, struct conn *c, unsigned side, struct msg *m)
{
	struct pipe *p = &c->to[side];

	if (!c->open[!side]) {
		msg_free(s, m);
		return;
	}
	m->due = s->now + delay(s, c->node[!side], c->node[side]);
	if (m->due < p->fifo)
		m->due = p->fifo;
	p->fifo = m->due;
	m->next = NULL;
	*p->tail = m;
	p->tail = &m->next;
	if (p->head == m)
		arm(s, c, side, m->due);
}

static void send_eof(struct sim *s, struct conn *c, unsigned to_side)
{
	struct pipe *p = &c->to[to_side];
	struct msg *m = net_msg(s, MSG_EOF);

	m->due = s->now + s->p.delay_ms;
	if (m->due < p->fifo)
		m->due = p->fifo;
	p->fifo = m->due;
	*p->tail = m;
	p->tail = &m->next;
	if (p->head == m)
		arm(s, c, to_side, m->due);
}

void net_close(struct sim *s, struct conn *c, unsigned side)
{
	if (!c->used || !c->open[side])
		return;
	c->open[side] = false;
	if (c->open[!side])
		send_eof(s, c, !side);
	free_if_over(s, c);
}

/* Its own kernel drops what was not acknowledged. */
static void forget_unsent(struct sim *s, struct conn *c, unsigned to_side)
{
	struct pipe *p = &c->to[to_side];
	struct msg **at = &p->head, *m;
	bool blocked = s->cut[c->node[!to_side]][c->node[to_side]];

	while ((m = *at) && (m->arrived || (m->due <= s->now && !blocked)))
		at = &m->next;
	while ((m = *at)) {
		*at = m->next;
		msg_free(s, m);
	}
	p->tail = at;
}

void net_break(struct sim *s, struct conn *c, unsigned side)
{
	uint32_t gen = c->gen;

	if (!c->used || !c->open[side])
		return;
	forget_unsent(s, c, !side);
	if (c->open[!side])
		send_eof(s, c, !side);
	closed(s, c, side);
	if (c->gen == gen)
		free_if_over(s, c);
}

static void break_cb(struct sim *s, void *arg, uint64_t x)
{
	struct conn *c = arg;

	if (c->gen == x >> 1 && c->used && c->open[x & 1])
		net_break(s, c, x & 1);
}

static void break_later(struct sim *s, struct conn *c, unsigned side,
			uint64_t ms)
{
	sim_at(s, s->now + ms, break_cb, c, (uint64_t)c->gen << 1 | side);
}

/* Nobody answers: keepalives and TCP_USER_TIMEOUT find out. */
struct stall {
	unsigned from, to;
};

static void stalled_cb(struct sim *s, void *arg, uint64_t x)
{
	unsigned from = (unsigned)(x >> 16), to = x & 0xffff;

	(void)arg;
	if (!s->cut[from][to])
		return;
	for (size_t i = 0; i < s->n_conn; i++) {
		struct conn *c = &s->conn[i];

		if (!c->used || !((c->node[0] == from && c->node[1] == to) ||
				  (c->node[0] == to && c->node[1] == from)))
			continue;
		break_later(s, c, 0, sim_draw(s, 3000));
		break_later(s, c, 1, sim_draw(s, 3000));
	}
}

void net_cut(struct sim *s, unsigned from, unsigned to, bool cut)
{
	if (!cut) {
		if (s->cut[from][to])
			s->cut[from][to]--;
		return;
	}
	s->cut[from][to]++;
	sim_at(s, s->now + 1000, stalled_cb, NULL, (uint64_t)from << 16 | to);
}

/* --- processes ------------------------------------------------------------------ */

void net_node_dies(struct sim *s, unsigned node, bool silent)
{
	s->node[node].up = false;
	s->node[node].host_dead = silent;
	s->node[node].paused_ms = 0;
	for (size_t i = 0; i < s->n_conn; i++) {
		struct conn *c = &s->conn[i];

		for (unsigned side = 0; c->used && side < 2; side++) {
			if (c->node[side] != node || !c->open[side])
				continue;
			if (!silent) {
				net_close(s, c, side);
				continue;
			}
			c->open[side] = false;
			if (c->open[!side])
				break_later(s, c, !side,
					    1000 + sim_draw(s, 3000));
			free_if_over(s, c);
		}
	}
}

static void wake_cb(struct sim *s, void *arg, uint64_t x)
{
	struct node *n = &s->node[x];

	(void)arg;
	if (n->paused_ms && n->paused_ms <= s->now) {
		SAY(s, "node %u wakes", (unsigned)x);
		n->paused_ms = 0;
		net_poke(s, (unsigned)x);
	}
}

void net_pause(struct sim *s, unsigned node, uint64_t until)
{
	struct node *n = &s->node[node];

	if (!n->up || n->paused_ms)
		return;
	n->paused_ms = until;
	sim_at(s, until, wake_cb, NULL, node);
}
