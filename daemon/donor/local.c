/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket: what the owner of the machine asks. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/list.h"
#include "daemon/donor/check.h"
#include "daemon/donor/donor.h"
#include "daemon/hello.h"
#include "daemon/log.h"
#include "daemon/rotate.h"

struct lr_donor_link {
	struct lr_donor_link *next, **prev;
	struct lr_donor *d;
	struct lr_link *link;
};

static void local_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_donor_link *l = arg;

	(void)why;
	lr_check_gone(link);
	lr_rotate_gone(&l->d->b, link);
	LR_LIST_DEL(l);
	free(l);
}

static void serve_lend(struct lr_donor *d, struct lr_link *link,
		       const struct lr_frame *f)
{
	struct lr_msg_lend m;
	struct lr_msg_lend_r r = { .text = lr_str("") };
	char spec[sizeof d->lend];
	uint8_t buf[LR_GIVEN_KEPT * 32];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	uint32_t uid = lr_link_uid(link);
	uint64_t used = lr_donor_totals(d).mapped;

	if (!lr_dec_lend(f->meta, f->h.meta, &m) ||
	    !lr_str_copy(m.spec, spec, sizeof spec)) {
		lr_link_close(link, LR_E_PROTOCOL);
		return;
	}
	if (spec[0] && uid != 0 && uid != (uint32_t)getuid()) {
		r.err = LR_E_PERMISSION;
		r.text = lr_str("only root may change what this machine lends");
	} else if (spec[0] && !lr_lend_set(d, spec, m.at_once)) {
		r.err = LR_E_USAGE;
		r.text = lr_str("lend takes a size (8GiB), a share (25%), "
				"auto or off");
	} else if (spec[0]) {
		lr_given_asked(&d->given);
	}
	lr_given_look(&d->given, d->lent, used, lr_now_ms());
	lr_given_enc(&d->given, lr_now_ms(), &w);
	bulk.len = w.len;
	r.lent = d->lent;
	r.used = used;
	r.host_available = d->host.available;
	r.spec = lr_str(d->lend);
	LR_SEND(link, LEND_R, lend_r, f->h.req, &r, bulk.len ? &bulk : NULL);
}

static void serve_here(struct lr_donor *d, struct lr_link *link,
		       const struct lr_frame *f)
{
	struct lr_msg_here_r r = {
		.state = (uint8_t)lr_attach_state(d->control),
		.dev = *lr_attach_device(d->control),
		.pool = *lr_attach_pool(d->control),
		.uid = lr_link_uid(link),
		.name = lr_str(d->b.cfg->name),
		.pool_name = lr_str(d->b.cfg->pool),
		.coordinator = lr_str(lr_attach_address(d->control)),
		.code = lr_str(lr_attach_code(d->control)),
		.detail = lr_str(lr_attach_host(d->control)),
		.text = lr_str(lr_attach_text(d->control)),
	};

	LR_SEND(link, HERE_R, here_r, f->h.req, &r, NULL);
}

static void serve_hello(struct lr_donor *d, struct lr_link *link,
			const struct lr_frame *f)
{
	struct lr_msg_hello m;
	struct lr_msg_welcome w = { .pool = *lr_attach_pool(d->control),
				    .inc = d->inc,
				    .admitted = 1,
				    .pool_name = lr_str(d->b.cfg->pool),
				    .name = lr_str(d->b.cfg->name),
				    .version = lr_str(PACKAGE_VERSION) };

	w.proto = lr_hello_take(&d->b.refusals, link, f, "donor", &m);
	if (w.proto)
		LR_SEND(link, WELCOME, welcome, f->h.req, &w, NULL);
}

static void local_frame_cb(struct lr_link *link, const struct lr_frame *f,
			   void *arg)
{
	struct lr_donor_link *l = arg;

	switch (f->h.type) {
	case LR_M_HELLO:
		serve_hello(l->d, link, f);
		break;
	case LR_M_LEND:
		serve_lend(l->d, link, f);
		break;
	case LR_M_HERE:
		serve_here(l->d, link, f);
		break;
	case LR_M_CHECK:
		lr_check_pass(link, f->h.req,
			      lr_attach_link(l->d->control),
			      lr_attach_device(l->d->control));
		break;
	case LR_M_ROTATE_KEY:
		lr_rotate_serve(&l->d->b, l->d->control, link, f);
		break;
	case LR_M_METRICS:
		lr_metrics_answer(link, f, lr_donor_metrics_cb, l->d);
		break;
	default:
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "the donor does not answer that");
	}
}

static const struct lr_link_ops local_ops = { NULL, local_frame_cb,
					      local_close_cb, NULL };

static void local_accept_cb(struct lr_link *link, void *arg)
{
	struct lr_donor *d = arg;
	struct lr_donor_link *l = calloc(1, sizeof *l);

	if (!l) {
		lr_link_close(link, LR_E_NO_MEMORY);
		return;
	}
	l->d = d;
	l->link = link;
	LR_LIST_ADD(d->locals, l);
	lr_link_set_ops(link, &local_ops, l);
}

bool lr_local_start(struct lr_donor *d)
{
	struct lr_accept_limits limits = lr_base_limits(&d->b);
	char why[512];

	if (!lr_listen(&d->b.loop, lr_base_socket(&d->b, "donor.sock"), 0666,
		       NULL, &limits, local_accept_cb, d, &d->local, why,
		       sizeof why))
		return true;
	lr_error("%s", why);
	return false;
}

void lr_local_stop(struct lr_donor *d)
{
	lr_listener_close(d->local);
	for (struct lr_donor_link *l = d->locals; l; l = l->next)
		lr_link_close(l->link, LR_E_OK);
}
