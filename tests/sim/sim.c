/* SPDX-License-Identifier: Apache-2.0 */
/* One life: a pool forms, clients work while things go wrong; then all is healed,
 * the pool must become whole, everything is read, and the histories are judged. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAL_MS 120000
#define FINAL_MS 60000

/* --- chance ----------------------------------------------------------------------- */

uint64_t sim_random(struct sim *s) /* splitmix64 */
{
	uint64_t z = s->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t sim_draw(struct sim *s, uint32_t below)
{
	uint64_t r;

	if (s->n_told) {
		s->n_told--;
		r = (uint64_t)*s->told++ << 24 | (sim_random(s) & 0xffffff);
	} else {
		r = sim_random(s) >> 32;
	}
	return below ? (uint32_t)(r * below >> 32) : 0;
}

/* --- time ------------------------------------------------------------------------- */

static bool before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void sim_at(struct sim *s, uint64_t at, sim_fn fn, void *arg, uint64_t x)
{
	struct event e = { at < s->now ? s->now : at, ++s->seq, fn, arg, x };
	size_t i = s->n_heap++;

	if (s->n_heap > s->cap_heap) {
		s->cap_heap = s->cap_heap * 2 + 1024;
		s->heap = realloc(s->heap, s->cap_heap * sizeof *s->heap);
		if (!s->heap)
			abort();
	}
	while (i && before(&e, &s->heap[(i - 1) / 2])) {
		s->heap[i] = s->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s->heap[i] = e;
}

static struct event pop(struct sim *s)
{
	struct event top = s->heap[0], last = s->heap[--s->n_heap];
	size_t i = 0;

	for (;;) {
		size_t k = 2 * i + 1;

		if (k >= s->n_heap)
			break;
		if (k + 1 < s->n_heap &&
		    before(&s->heap[k + 1], &s->heap[k]))
			k++;
		if (!before(&s->heap[k], &last))
			break;
		s->heap[i] = s->heap[k];
		i = k;
	}
	s->heap[i] = last;
	return top;
}

static void step(struct sim *s)
{
	struct event e = pop(s);

	s->now = e.at;
	s->steps++;
	e.fn(s, e.arg, e.x);
}

static void run_until(struct sim *s, uint64_t end)
{
	while (!s->wrong[0] && s->n_heap && s->heap[0].at <= end)
		step(s);
	if (!s->wrong[0])
		s->now = end;
}

/* --- words ------------------------------------------------------------------------ */

void sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	printf("%8llu  ", (unsigned long long)s->now);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void sim_wrong(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->wrong[0])
		return;
	n = snprintf(s->wrong, sizeof s->wrong, "at %llu ms: ",
		     (unsigned long long)s->now);
	va_start(ap, fmt);
	vsnprintf(s->wrong + n, sizeof s->wrong - (size_t)n, fmt, ap);
	va_end(ap);
	SAY(s, "WRONG %s", s->wrong);
}

/* --- a life ------------------------------------------------------------------------ */

static void clear(struct sim *s)
{
	if (s->coord)
		coord_kill(s, false);
	for (unsigned i = 0; i < s->n_devs; i++) {
		donor_kill(s, &s->donor[i], true);
		memset(&s->donor[i], 0, sizeof s->donor[i]);
	}
	for (unsigned i = 0; i < s->p.clients; i++) {
		agent_stop(s, &s->client[i].ag);
		memset(&s->client[i], 0, sizeof s->client[i]);
	}
	if (s->on_disk)
		lr_view_done(&s->disk);
	if (s->has_export)
		lr_view_done(&s->exported);
	net_reset(s);
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		s->past[i].n = 0;
		s->n_slot_key[i] = 0;
	}
	for (unsigned i = 0; i < s->n_keys; i++) {
		free(s->key[i].tags);
		free(s->key[i].hist);
		free(s->key[i].cas);
		s->key[i].cas = NULL;
		s->key[i].tags = NULL;
		s->key[i].hist = NULL;
	}
	memset(s->op, 0, s->n_ops * sizeof s->op[0]);
	memset(s->node, 0, sizeof s->node);
	memset(s->cut, 0, sizeof s->cut);
	memset(s->ack, 0, s->n_devs * sizeof s->ack[0]);
	memset(s->peer, 0, sizeof s->peer);
	memset(s->requester, 0, sizeof s->requester);
	memset(s->committed, 0, sizeof s->committed);
	memset(s->lost_ce, 0, sizeof s->lost_ce);
	s->n_heap = 0;
	memset(s->disk_holds, 1, sizeof s->disk_holds); /* nothing is known */
	s->n_devs = s->n_keys = s->n_objects = s->n_registers = 0;
	s->n_names = 0;
	s->holds_ms = 0;
	s->n_ops = s->n_corrupted = 0;
	s->next_val = s->lin_clock = s->disk_prepared = s->seq = 0;
	s->coord_gen = 0;
	s->on_disk = s->disk_doubt = s->has_export = s->healing = false;
	s->confirmed = false;
	memset(s->imported, 0, sizeof s->imported);
	s->final_next = s->final_out = 0;
	s->final_listed = false;
	s->wrong[0] = '\0';
}

static void begin(struct sim *s)
{
	nemesis_draw_profile(s);
	s->params = (struct lr_coord_params){
		.nslots = s->p.nslots,
		.suspect = lr_suspect_defaults,
		.seal_wait_ms = 200,
		.rebuild_delay_ms = sim_chance(s, 500) ? 2000 : 200,
		.settle_ms = 300,
	};
	coord_start(s);
	for (unsigned i = 0; i < s->p.devs; i++) {
		struct donor *d = &s->donor[s->n_devs];

		d->dev = s->n_devs++;
		d->node = SIM_DONOR0 + d->dev;
		d->lent = (1 + sim_draw(s, 4)) << 20;
		d->cap = s->p.full ? 5 + sim_draw(s, 60) : UINT32_MAX / 2;
		donor_start(s, d);
	}
	for (unsigned i = 0; i < s->p.registers; i++) {
		oracle_key(s, KEY_REGISTER, sim_draw(s, s->p.nslots));
		s->n_registers++;
	}
	for (unsigned i = 0; i < s->p.names; i++) {
		oracle_key(s, KEY_NAME, sim_draw(s, s->p.nslots));
		s->n_names++;
	}
	for (unsigned i = 0; i < s->p.clients; i++)
		client_start(s, i);
	sim_at(s, s->now + 1500, nemesis_next, NULL, 0);
	if (s->p.theme == THEME_RESTORED)
		sim_at(s, s->now + 1500, nemesis_export, NULL, 0);
	if (s->p.theme == THEME_PRESSED)
		sim_at(s, s->now + 1500, nemesis_press, NULL, 0);
}

/* Who sleeps is let sleep. */
static uint64_t all_awake_ms(const struct sim *s)
{
	uint64_t at = s->now;

	for (unsigned i = 0; i < SIM_NODES; i++)
		if (s->node[i].paused_ms > at)
			at = s->node[i].paused_ms;
	return at;
}

/* Every operation has a deadline. */
static bool any_op(const struct sim *s)
{
	for (unsigned i = 0; i < s->n_ops; i++)
		if (s->op[i].used)
			return true;
	return false;
}

static void heal(struct sim *s)
{
	uint64_t end = all_awake_ms(s) + HEAL_MS;
	char why[200] = "";

	SAY(s, "all is healed");
	s->healing = true;
	nemesis_heal(s);
	run_until(s, all_awake_ms(s));
	while (!s->wrong[0] && s->now < end &&
	       !oracle_healed(s, why, sizeof why)) {
		nemesis_mend(s);
		run_until(s, s->now + 500);
	}
	if (!s->wrong[0] && !oracle_healed(s, why, sizeof why))
		sim_wrong(s, "not whole after healing: %s", why);
	end = s->now + 31000;
	while (!s->wrong[0] && s->now < end && any_op(s))
		run_until(s, s->now + 200);
}

static void read_all(struct sim *s)
{
	uint64_t end = s->now + FINAL_MS;

	for (unsigned i = 0; i < s->p.clients; i++)
		client_kill(s, &s->client[i]);
	run_until(s, s->now + 2000);
	client_final(s);
	while (!s->wrong[0] && s->now < end && s->final_out)
		run_until(s, s->now + 100);
	if (!s->wrong[0] && (s->final_next < s->n_keys || s->final_out))
		sim_wrong(s, "not all could be read at the end");
}

bool sim_run(struct sim *s, uint64_t seed, bool verbose)
{
	s->verbose = false;
	clear(s);
	s->seed = seed;
	s->rng = seed * 0x9e3779b97f4a7c15u + 1;
	s->now = 1000;
	s->verbose = verbose;
	begin(s);
	run_until(s, s->now + s->p.active_ms);
	if (!s->wrong[0])
		heal(s);
	if (!s->wrong[0])
		read_all(s);
	if (!s->wrong[0])
		oracle_final(s);
	return !s->wrong[0];
}
