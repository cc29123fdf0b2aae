/* SPDX-License-Identifier: Apache-2.0 */
/* LOSS: what became of data that is gone. CHECK: what `lanram doctor` asks. The answer tells the time here and, for a
 * donor, whether its port can be reached from here:
 *
 *   no donor of that device, or none asked for: answered at once
 *   dial its addresses, the key must be its own; answered with how that ended
 *   the asker's link closes meanwhile: nobody is answered */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"

#define CONNECT_MS 2000

struct check {
	struct lr_coordinator *k;
	struct lr_link *link; /* the asker's, if it is still there */
	uint64_t req;
	char address[LR_ADDRS_MAX];
};

static void answer(const struct lr_coordinator *k, struct lr_link *link,
		   uint64_t req, struct lr_msg_check_r m)
{
	m.unix_ms = lr_unix_ms();
	m.seen = lr_str(lr_link_address(link));
	m.name = lr_str(k->b.cfg->name);
	m.version = lr_str(PACKAGE_VERSION);
	LR_SEND(link, CHECK_R, check_r, req, &m, NULL);
}

static bool is_there(const struct check *c)
{
	for (const struct lr_peer *p = c->k->peers; p; p = p->next)
		if (p->link == c->link)
			return true;
	return false;
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
}

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct check *c = arg;
	struct lr_msg_check_r m = { .known = 1,
				    .reached = (uint16_t)(link ? LR_E_OK : why),
				    .address = lr_str(c->address) };

	if (link) {
		m.address = lr_str(lr_link_address(link));
		lr_link_close(link, LR_E_OK);
	}
	if (!c->k->stopped && is_there(c))
		answer(c->k, c->link, c->req, m);
	free(c);
}

static const struct lr_member *donor_of(const struct lr_coordinator *k,
					const struct lr_dev *dev)
{
	for (const struct lr_peer *p = k->peers; p; p = p->next)
		if (p->role == LR_LINK_DONOR && p->donor && p->admitted &&
		    lr_dev_eq(&p->dev, dev))
			return &p->donor->member;
	return NULL;
}

static bool dial(struct lr_peer *p, uint64_t req, const struct lr_member *to)
{
	static const struct lr_link_ops ops = { .close_cb = close_cb };
	struct lr_link_options opt = { .tls = p->k->pool_tls,
				       .peer = lr_member_key(to),
				       .connect_ms = CONNECT_MS };
	struct check *c = calloc(1, sizeof *c);

	if (!c)
		return false;
	c->k = p->k;
	c->link = p->link;
	c->req = req;
	snprintf(c->address, sizeof c->address, "%s", to->addrs);
	if (lr_dial_start(&p->k->b.loop, to->addrs, &opt, &ops, NULL,
			  dialled_cb, c))
		return true;
	free(c);
	return false;
}

/* --- what was lost ---------------------------------------------------------- */

#define DEVICES_MAX 16

struct loss {
	size_t n;
	struct lr_dev dev[DEVICES_MAX];
	uint64_t back_ms[DEVICES_MAX];
};

static void add_loss(struct loss *to, const struct lr_coord_loss *from)
{
	for (unsigned i = 0; from && i < from->n; i++) {
		size_t k = 0;

		while (k < to->n && !lr_dev_eq(&to->dev[k], &from->dev[i]))
			k++;
		if (k == DEVICES_MAX)
			return;
		to->dev[k] = from->dev[i];
		to->back_ms[k] = from->back_ms[i];
		to->n += k == to->n;
	}
}

static void serve_loss(struct lr_peer *p, const struct lr_frame *f)
{
	uint8_t buf[DEVICES_MAX * 256];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_loss_r r = { 0 };
	struct lr_msg_loss m;
	struct loss all = { 0 };
	struct lr_reader in;
	uint64_t since_boot = lr_now_ms(), unix_now = lr_unix_ms();

	if (!lr_dec_loss(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	in = lr_reader(m.slots.p, m.slots.n);
	while (in.left >= 2)
		add_loss(&all, lr_coord_loss(p->k->rules, lr_r_u16(&in)));
	for (size_t i = 0; i < all.n; i++) {
		struct lr_rec_loss rec = {
			.dev = all.dev[i],
			.name = lr_str(lr_coordinator_name_of(p->k,
							      &all.dev[i])),
		};

		if (all.back_ms[i])
			rec.back_ms = unix_now - (since_boot - all.back_ms[i]);
		lr_enc_rec_loss(&w, &rec);
	}
	bulk.len = w.len;
	LR_SEND(p->link, LOSS_R, loss_r, f->h.req, &r, &bulk);
}

/* --- */

bool lr_check_frame(struct lr_peer *p, const struct lr_frame *f)
{
	const struct lr_member *to;
	struct lr_msg_check m;
	struct lr_msg_check_r none = { .address = lr_str("") };

	if (f->h.type == LR_M_LOSS) {
		serve_loss(p, f);
		return true;
	}
	if (f->h.type != LR_M_CHECK)
		return false;
	if (!lr_dec_check(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return true;
	}
	to = donor_of(p->k, &m.dev);
	if (!to || !dial(p, f->h.req, to))
		answer(p->k, p->link, f->h.req, none);
	return true;
}
