/* SPDX-License-Identifier: Apache-2.0 */
/* Between the coordinator, which sees one donor, and its shards, which each see
 * their slots only:
 *
 *   1 what is said of slots goes to the shards that have them; a question of
 *     several shards stands in line until each has given its part
 *   2 all parts are there: one answer. Until then, what a shard says behind its
 *     part waits behind it: the order of what it says never changes
 *   3 a part that does not come within PARTS_MS: no answer
 *   4 another link to the coordinator: nothing of the line counts any more */
#include <stdlib.h>
#include <string.h>

#include "daemon/donor/donor.h"

#define PARTS_MS 10000 /* a shard without an answer by then has none */
#define REPORT_MS 30000
#define VIEW_MS 10000

struct lr_gathered {
	struct lr_gathered *next;
	struct lr_donor_shard *from; /* NULL: an answer of several */
	uint64_t req, until_ms;
	uint32_t shards;  /* bits: whose words these are */
	unsigned missing; /* parts */
	struct lr_mail *mail; /* NULL: no part yet */
};

/* --- to the coordinator --------------------------------------------------- */

static void reported_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct lr_donor_shard *p = arg;

	(void)link, (void)err, (void)f;
	if (!p->d->stopped)
		lr_mailbox_post(&p->s.inbox, 0, LR_MAIL_REPORTED, 0, NULL, 0,
				NULL, 0);
}

static void view_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct lr_donor_shard *p = arg;

	(void)link;
	if (!p->d->stopped && !err)
		lr_mailbox_forward(&p->s.inbox, p->d->link, f);
}

static void say(struct lr_link *link, struct lr_donor_shard *from,
		const struct lr_mail *m)
{
	struct lr_bulk bulk = { .p = lr_mail_bulk(m), .len = m->h.bulk };

	switch (m->h.type) {
	case LR_M_REPORT:
		lr_link_request(link, m->h.type, m->bytes, m->h.meta, &bulk,
				REPORT_MS, reported_cb, from);
		break;
	case LR_M_VIEW_GET:
		lr_link_request(link, m->h.type, m->bytes, m->h.meta, NULL,
				VIEW_MS, view_cb, from);
		break;
	default:
		lr_link_send(link, m->h.type, m->h.req, m->bytes, m->h.meta,
			     m->h.bulk ? &bulk : NULL);
	}
}

/* --- the line ------------------------------------------------------------- */

static void drop(struct lr_gathered *g)
{
	free(g->mail);
	free(g);
}

void lr_gather_drop(struct lr_donor *d)
{
	struct lr_gathered *g;

	while ((g = d->line)) {
		d->line = g->next;
		drop(g);
	}
}

/* What is whole goes, unless one of its shards has something before it. */
static void flush(struct lr_donor *d, struct lr_link *link)
{
	struct lr_gathered **at = &d->line, *g;
	uint32_t waiting = 0;

	while ((g = *at)) {
		if (g->missing || g->shards & waiting) {
			waiting |= g->shards;
			at = &g->next;
			continue;
		}
		*at = g->next;
		say(link, g->from, g->mail);
		drop(g);
	}
}

/* Behind all that its shard said; a question, behind all. */
static void stand_in_line(struct lr_donor *d, const struct lr_gathered *what)
{
	struct lr_gathered **at = &d->line, **next = at;
	struct lr_gathered *g = malloc(sizeof *g);

	if (!g) { /* as a broken link drops */
		free(what->mail);
		return;
	}
	for (; *next; next = &(*next)->next)
		if (!what->from || (*next)->shards & what->shards)
			at = &(*next)->next;
	*g = *what;
	g->next = *at;
	*at = g;
}

static struct lr_gathered *asked_for(const struct lr_donor *d, uint64_t req)
{
	struct lr_gathered *g = d->line;

	while (g && (g->req != req || g->from))
		g = g->next;
	return g;
}

/* False: out of memory; the part stays missing. */
static bool add_part(struct lr_gathered *g, const struct lr_mail *m)
{
	size_t head = sizeof *m + m->h.meta, had = 0;
	struct lr_mail *all;

	if (g->mail) {
		head = sizeof *m + g->mail->h.meta;
		had = g->mail->h.bulk;
	}
	all = realloc(g->mail, head + had + m->h.bulk);
	if (!all)
		return false;
	if (!g->mail)
		memcpy(all, m, head);
	memcpy((uint8_t *)all + head + had, lr_mail_bulk(m), m->h.bulk);
	all->h.bulk = (uint32_t)(had + m->h.bulk);
	g->mail = all;
	return true;
}

static struct lr_mail *copy_of(const struct lr_mail *m)
{
	size_t len = sizeof *m + m->h.meta + m->h.bulk;
	struct lr_mail *copy = malloc(len);

	if (copy)
		memcpy(copy, m, len);
	return copy;
}

void lr_gather_mail_cb(void *arg, const struct lr_mail *m)
{
	struct lr_donor_shard *p = arg;
	struct lr_donor *d = p->d;
	struct lr_link *link = lr_attach_link(d->control);
	struct lr_gathered it = { .from = p, .shards = 1u << p->s.o.nth };
	struct lr_gathered *g;

	if (!link || m->link != d->link)
		return;
	if (!d->line) {
		say(link, p, m);
		return;
	}
	g = m->h.req ? asked_for(d, m->h.req) : NULL;
	if (g && !(g->shards & it.shards) && add_part(g, m)) {
		g->shards |= it.shards;
		g->missing--;
	} else if (!g && (it.mail = copy_of(m))) {
		stand_in_line(d, &it);
	}
	flush(d, link);
}

void lr_gather_tick(struct lr_donor *d, uint64_t now_ms)
{
	struct lr_gathered **at = &d->line, *g;
	struct lr_link *link = lr_attach_link(d->control);

	while ((g = *at)) {
		if (!g->missing || now_ms < g->until_ms) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		drop(g);
	}
	if (link)
		flush(d, link);
}

/* --- to the shards -------------------------------------------------------- */

void lr_gather_tell(struct lr_donor *d, uint64_t link, unsigned type,
		    const void *meta, size_t len)
{
	for (unsigned i = 0; i < d->n_shards; i++)
		lr_mailbox_post(&d->shards[i].s.inbox, link, type, 0, meta,
				len, NULL, 0);
}

/* The next slot's bytes; false: malformed. */
static bool next_slot(unsigned type, struct lr_reader *r, unsigned *ret)
{
	struct lr_rec_slotno no;
	struct lr_cfg cfg;

	if (type == LR_M_INSTALL)
		return lr_dec_cfg(r, ret, &cfg);
	if (!lr_dec_rec_slotno(r, &no))
		return false;
	*ret = no.slot;
	return true;
}

/* Of a SEAL or INSTALL: what is said of the slots of one shard. */
static bool share_of(const struct lr_donor *d, unsigned nth,
		     const struct lr_frame *f, struct lr_writer *w)
{
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	unsigned slot;

	w->len = 0;
	while (r.left) {
		const uint8_t *at = f->bulk + (f->h.bulk - r.left);

		if (!next_slot(f->h.type, &r, &slot))
			return false;
		if (slot % d->n_shards == nth)
			lr_w_bytes(w, at, f->h.bulk - r.left -
						  (size_t)(at - f->bulk));
	}
	return true;
}

/* How many shards were asked. */
static unsigned ask_each(struct lr_donor *d, const struct lr_frame *f,
			 uint8_t *buf)
{
	bool all = f->h.type == LR_M_SLOTS_GET;
	unsigned asked = 0;

	for (unsigned i = 0; i < d->n_shards; i++) {
		struct lr_writer w = lr_writer(buf, LR_BULK_MAX);

		if (!all && !share_of(d, i, f, &w))
			break; /* so it is for all of them */
		if (!all && !w.len)
			continue;
		asked++;
		lr_mailbox_post(&d->shards[i].s.inbox, d->link, f->h.type,
				f->h.req, f->meta, f->h.meta, w.p, w.len);
	}
	return asked;
}

static void ask(struct lr_donor *d, const struct lr_frame *f)
{
	uint8_t *buf = malloc(LR_BULK_MAX);
	struct lr_gathered g = { .req = f->h.req,
				 .until_ms = lr_now_ms() + PARTS_MS };

	if (!buf)
		return;
	g.missing = ask_each(d, f, buf);
	if (g.missing > 1)
		stand_in_line(d, &g);
	free(buf);
}

void lr_gather_frame(struct lr_donor *d, const struct lr_frame *f)
{
	bool asks = f->h.type == LR_M_SEAL || f->h.type == LR_M_INSTALL ||
		    f->h.type == LR_M_SLOTS_GET;

	if (asks && d->n_shards > 1) {
		ask(d, f);
		return;
	}
	for (unsigned i = 0; i < d->n_shards; i++)
		lr_mailbox_forward(&d->shards[i].s.inbox, d->link, f);
}
