/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to many links: the view, its changes, the list of devices. Each
 * part is encoded once, and queued everywhere by reference: with a thousand
 * links their number costs neither time nor memory. */
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"

#define DEVICES_A_PART (LR_VALUE_MAX / 192)

struct shared { /* a part on its way */
	size_t refs, len;
	uint8_t bytes[];
};

/* The parts of the last state that somebody asked for, kept for the next. */
struct kept {
	uint64_t run, rev, epoch; /* the view's; rev alone: the devices' */
	struct shared **part;
	unsigned n;
};

struct lr_pushes {
	struct kept view, devices;
	bool devices_due;
	uint64_t devices_ms; /* when they may be pushed again */
	uint8_t buf[LR_VALUE_MAX];
};

/* --- parts ------------------------------------------------------------------ */

static struct shared *shared_new(const struct lr_writer *w)
{
	struct shared *s = malloc(sizeof *s + w->len);

	if (!s)
		return NULL;
	s->refs = 1;
	s->len = w->len;
	memcpy(s->bytes, w->p, w->len);
	return s;
}

static void shared_release(void *arg)
{
	struct shared *s = arg;

	if (s && --s->refs == 0)
		free(s);
}

static struct lr_bulk shared_bulk(struct shared *s)
{
	s->refs++;
	return (struct lr_bulk){.p = s->bytes,
				.len = s->len,
				.release = shared_release,
				.owner = s};
}

static void forget(struct kept *kept)
{
	for (unsigned i = 0; i < kept->n; i++)
		shared_release(kept->part[i]);
	free(kept->part);
	*kept = (struct kept){0};
}

/* False: out of memory. */
static bool keep(struct kept *kept, const struct lr_writer *w)
{
	struct shared **all = realloc(kept->part,
				      (kept->n + 1) * sizeof(*all));

	if (!all)
		return false;
	kept->part = all;
	all[kept->n] = shared_new(w);
	return all[kept->n] && ++kept->n;
}

bool lr_push_new(struct lr_coordinator *k)
{
	k->pushes = calloc(1, sizeof *k->pushes);
	return k->pushes != NULL;
}

void lr_push_free(struct lr_coordinator *k)
{
	if (!k->pushes)
		return;
	forget(&k->pushes->view);
	forget(&k->pushes->devices);
	free(k->pushes);
}

/* --- the view --------------------------------------------------------------- */

static bool keep_view(struct lr_pushes *u, const struct lr_view *v)
{
	struct kept *kept = &u->view;
	struct lr_view_enc enc;

	if (kept->n && kept->run == v->run && kept->rev == v->rev)
		return true;
	forget(kept);
	lr_view_enc_whole(&enc, v);
	for (;;) {
		struct lr_writer w = lr_writer(u->buf, sizeof u->buf);

		if (!lr_view_enc_next(&enc, &w))
			break;
		if (!keep(kept, &w)) {
			forget(kept);
			return false;
		}
	}
	kept->run = v->run;
	kept->rev = v->rev;
	kept->epoch = v->epoch;
	return true;
}

void lr_push_view(struct lr_peer *p, const struct lr_frame *f)
{
	const struct lr_view *v = lr_coord_view(p->k->rules);
	struct kept *kept = &p->k->pushes->view;
	struct lr_msg_view r = {0};
	struct lr_msg_view_get m;
	struct lr_bulk bulk;

	if (!lr_dec_view_get(f->meta, f->h.meta, &m)) {
		lr_link_send_error(p->link, f->h.req, LR_E_PROTOCOL, "");
		return;
	}
	/* Who has begun goes on with that view: what it was told since is in
	 * deltas. */
	if ((m.part == 0 || m.part >= kept->n) &&
	    !keep_view(p->k->pushes, v)) {
		lr_link_send_error(p->link, f->h.req, LR_E_NO_MEMORY, "");
		return;
	}
	if (m.part >= kept->n) {
		lr_link_send_error(p->link, f->h.req, LR_E_PROTOCOL,
				   "no such part");
		return;
	}
	r.run = kept->run;
	r.rev = kept->rev;
	r.epoch = kept->epoch;
	r.part = m.part;
	r.parts = (uint16_t)kept->n;
	bulk = shared_bulk(kept->part[m.part]);
	LR_SEND(p->link, VIEW, view, f->h.req, &r, &bulk);
}

static void push_delta(struct lr_coordinator *k,
		       const struct lr_msg_view_delta *m,
		       const struct lr_writer *w)
{
	struct shared *s = shared_new(w);

	for (struct lr_peer *p = k->peers; s && p; p = p->next) {
		struct lr_bulk bulk = shared_bulk(s);

		if (p->pushes)
			LR_SEND(p->link, VIEW_DELTA, view_delta, 0, m, &bulk);
		else
			shared_release(s);
	}
	shared_release(s);
}

void lr_push_changes(struct lr_coordinator *k, const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(k->rules);
	struct lr_pushes *u = k->pushes;
	struct lr_view_enc enc;
	struct lr_msg_view_delta m = {.run = v->run,
				      .from = a->rev_from,
				      .to = v->rev,
				      .epoch = v->epoch};

	lr_view_enc_delta(&enc, v, a->slots, a->n, a->members, a->m);
	m.parts = (uint16_t)lr_view_enc_parts(&enc, sizeof u->buf);
	for (; m.part < m.parts; m.part++) {
		struct lr_writer w = lr_writer(u->buf, sizeof u->buf);

		if (!lr_view_enc_next(&enc, &w))
			return;
		push_delta(k, &m, &w);
	}
}

/* --- the devices ------------------------------------------------------------ */

static void enc_devices(const struct lr_coordinator *k, size_t from,
			struct lr_writer *w)
{
	for (size_t i = from; i < k->n_devices && i < from + DEVICES_A_PART;
	     i++) {
		const struct lr_device_row *d = &k->devices[i];
		struct lr_rec_device rec = {d->dev, d->roles, lr_str(d->name),
					    d->key, d->old};

		if (rec.roles)
			lr_enc_rec_device(w, &rec);
	}
}

static bool keep_devices(struct lr_coordinator *k)
{
	struct lr_pushes *u = k->pushes;
	size_t i = 0;

	if (u->devices.n && u->devices.rev == k->devices_version)
		return true;
	forget(&u->devices);
	do {
		struct lr_writer w = lr_writer(u->buf, sizeof u->buf);

		enc_devices(k, i, &w);
		if (!keep(&u->devices, &w)) {
			forget(&u->devices);
			return false;
		}
		i += DEVICES_A_PART;
	} while (i < k->n_devices);
	u->devices.rev = k->devices_version;
	return true;
}

void lr_push_devices_to(struct lr_peer *p)
{
	struct kept *kept = &p->k->pushes->devices;
	struct lr_msg_devices m = {.version = p->k->devices_version};

	if (!keep_devices(p->k))
		return;
	m.parts = (uint16_t)kept->n;
	for (; m.part < m.parts; m.part++) {
		struct lr_bulk bulk = shared_bulk(kept->part[m.part]);

		LR_SEND(p->link, DEVICES, devices, 0, &m, &bulk);
	}
}

void lr_push_devices(struct lr_coordinator *k)
{
	struct lr_pushes *u = k->pushes;

	if (!u)
		return; /* nobody is there yet */
	for (struct lr_peer *p = k->peers; p; p = p->next)
		if (p->pushes || p->watches)
			lr_push_devices_to(p);
	u->devices_due = false;
	u->devices_ms = lr_now_ms() + k->n_devices;
}

/* The whole list goes to everybody: of a thousand devices that come at once
 * each would cost a thousand lists. A millisecond's pause for each of them. */
void lr_push_devices_soon(struct lr_coordinator *k)
{
	if (!k->pushes || lr_now_ms() >= k->pushes->devices_ms)
		lr_push_devices(k);
	else
		k->pushes->devices_due = true;
}

void lr_push_tick(struct lr_coordinator *k, uint64_t now_ms)
{
	if (k->pushes->devices_due && now_ms >= k->pushes->devices_ms)
		lr_push_devices(k);
}
