/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: what `lanram doctor` asks. The answer tells the time here and, for a
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
				       .peer = &to->dev,
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

bool lr_check_frame(struct lr_peer *p, const struct lr_frame *f)
{
	const struct lr_member *to;
	struct lr_msg_check m;
	struct lr_msg_check_r none = { .address = lr_str("") };

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
