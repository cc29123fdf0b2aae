/* SPDX-License-Identifier: Apache-2.0 */
/* Links to the coordinator. Whoever comes says HELLO; a device that is not
 * admitted can do one thing more, ENROL. Over the local socket root and this
 * daemon's own user are believed and admitted; other users of this machine
 * have proven no key there: they may ask, as themselves, and nothing else. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/list.h"
#include "daemon/coordinator/coordinator.h"
#include "daemon/hello.h"
#include "daemon/log.h"

static const struct lr_link_ops peer_ops;

void lr_peers_accept_cb(struct lr_link *link, void *arg)
{
	struct lr_coordinator *k = arg;
	struct lr_peer *p = calloc(1, sizeof *p);

	if (!p || k->stopped) {
		free(p);
		lr_link_close(link, LR_E_CLOSED);
		return;
	}
	p->k = k;
	p->link = link;
	LR_LIST_ADD(k->peers, p);
	lr_link_set_ops(link, &peer_ops, p);
}

struct lr_peer *lr_peers_donor(struct lr_coordinator *k, uint64_t inc)
{
	for (struct lr_peer *p = k->peers; p; p = p->next)
		if (p->role == LR_LINK_DONOR && p->admitted && p->inc == inc)
			return p;
	return NULL;
}

/* --- hello --------------------------------------------------------------- */

static bool is_trusted_user(const struct lr_peer *p)
{
	uint32_t uid = lr_link_uid(p->link);

	return lr_link_is_local(p->link) &&
	       (uid == 0 || uid == (uint32_t)getuid());
}

static uint8_t role_bit(unsigned role)
{
	switch (role) {
	case LR_LINK_DONOR:
	case LR_LINK_BEAT:
		return LR_ROLE_DONOR;
	case LR_LINK_REQUESTER:
		return LR_ROLE_REQUESTER;
	default:
		return 0;
	}
}

/* A program on this machine: its objects are this machine's. */
static void judge_local(struct lr_peer *p)
{
	const struct lr_device_row *d = lr_devices_as(
		p->k, lr_identity_dev(p->k->b.identity));

	p->dev = d ? d->dev : *lr_identity_dev(p->k->b.identity);
	p->admitted = lr_link_is_local(p->link);
	p->admin = is_trusted_user(p);
}

/* Over TLS the key that was proven counts, over the local socket a trusted
 * user's word. */
static void judge(struct lr_peer *p, const struct lr_msg_hello *m)
{
	const struct lr_device_row *d;
	char name[LR_NAME_MAX];
	uint8_t bit = role_bit(p->role);

	if (p->role == LR_LINK_LOCAL) {
		judge_local(p);
		return;
	}
	p->key = is_trusted_user(p) ? m->dev : *lr_link_peer(p->link);
	d = lr_devices_of_key(p->k, &p->key);
	p->dev = d ? d->dev : p->key;
	p->replaced = !d && lr_devices_is_replaced(p->k, &p->key);
	if (p->replaced)
		return;
	lr_str_copy(m->name, name, sizeof name);
	if (is_trusted_user(p) && bit && (!d || d->roles))
		lr_devices_admit(p->k, &p->dev, bit, name);
	d = lr_devices_get(p->k, &p->dev);
	p->admitted = d && d->roles & bit;
	p->admin = d && d->roles & LR_ROLE_ADMIN;
}

/* The address that we see comes first: it works from here. */
static void donor_addresses(struct lr_peer *p, const struct lr_msg_hello *m,
			    char *out, size_t cap)
{
	const char *seen = lr_link_address(p->link);
	const char *colon = strrchr(seen, ':');
	char own[LR_ADDRS_MAX], first[96] = "";

	lr_str_copy(m->addrs, own, sizeof own);
	if (!lr_link_is_local(p->link) && colon)
		snprintf(first, sizeof first, "%.*s:%u",
			 (int)(colon - seen < 80 ? colon - seen : 80), seen,
			 m->port);
	if (strstr(own, first)) /* which an empty one is, too */
		first[0] = '\0';
	snprintf(out, cap, "%s%s%.*s", first, first[0] && own[0] ? "," : "",
		 (int)(cap - 100), own);
}

static bool keep_donor(struct lr_peer *p, const struct lr_msg_hello *m)
{
	struct lr_coord_donor *d = p->donor ? p->donor : calloc(1, sizeof *d);

	if (!d)
		return false;
	p->donor = d;
	d->member.inc = m->inc;
	d->member.dev = p->dev;
	d->member.key = p->key;
	d->member.machine = m->machine;
	d->member.shards = m->shards;
	lr_str_copy(m->name, d->member.name, sizeof d->member.name);
	lr_str_copy(m->site, d->site, sizeof d->site);
	lr_str_copy(m->version, d->version, sizeof d->version);
	donor_addresses(p, m, d->member.addrs, sizeof d->member.addrs);
	d->lent = m->lent;
	d->used = m->used;
	return true;
}

/* Before the view: whoever dials donors by it knows then how. */
static void push_policy(struct lr_peer *p)
{
	struct lr_msg_policy m = { .clear = !p->k->b.cfg->encrypt_links };

	LR_SEND(p->link, POLICY, policy, 0, &m, NULL);
}

static void welcome(struct lr_peer *p, uint64_t req, uint16_t proto)
{
	struct lr_coordinator *k = p->k;
	const struct lr_view *v = lr_coord_view(k->rules);
	struct lr_msg_welcome w = { .proto = proto,
				    .pool = *lr_coordinator_pool(k),
				    .inc = p->inc,
				    .run = v->run,
				    .epoch = v->epoch,
				    .admitted = p->admitted,
				    .pool_name = lr_str(k->b.cfg->pool),
				    .name = lr_str(k->b.cfg->name),
				    .version = lr_str(PACKAGE_VERSION),
				    .device = p->dev };

	LR_SEND(p->link, WELCOME, welcome, req, &w, NULL);
	p->proto = proto;
	p->pushes = p->admitted && (p->role == LR_LINK_DONOR ||
				    p->role == LR_LINK_REQUESTER);
	if (p->pushes) {
		push_policy(p);
		lr_push_devices_to(p);
	}
	if (p->admitted && p->role == LR_LINK_DONOR)
		lr_donor_greet(p);
}

static void take_hello(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_hello m;
	uint16_t proto = lr_hello_take(&p->k->b.refusals, p->link, f,
				       "coordinator", &m);

	if (!proto)
		return;
	if (p->role == LR_LINK_LOCAL && m.role == LR_LINK_LOCAL) {
		welcome(p, f->h.req, proto);
		return; /* a local program asks who we are */
	}
	if (p->role && (p->admitted || p->role != m.role)) {
		lr_link_close(p->link, LR_E_PROTOCOL); /* a link has one role */
		return;
	}
	p->role = m.role;
	p->inc = m.inc;
	judge(p, &m);
	if (lr_dev_is_zero(&p->dev)) {
		lr_refuse(&p->k->b.refusals, LR_REFUSED_PERMISSION);
		lr_link_send_error(p->link, f->h.req, LR_E_PERMISSION,
				   "only root and the coordinator's own user "
				   "may run daemons on its local socket");
		lr_link_close(p->link, LR_E_OK);
		return;
	}
	if (p->admitted) {
		lr_link_trust(p->link);
		lr_link_set_control(p->link);
	}
	if (p->role == LR_LINK_DONOR && m.shards > LR_SHARDS_MAX) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	if (p->role == LR_LINK_DONOR && !keep_donor(p, &m)) {
		lr_link_close(p->link, LR_E_NO_MEMORY);
		return;
	}
	welcome(p, f->h.req, proto);
}

static const char replaced[] = "this device has another key now";

static void take_enrol(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_enrol m;
	struct lr_msg_enrol_r r;
	char name[LR_NAME_MAX], why[128];

	if (!lr_dec_enrol(f->meta, f->h.meta, &m) || !p->role) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	lr_str_copy(m.name, name, sizeof name);
	if (p->replaced) {
		r.state = LR_ENROL_REPLACED;
		snprintf(why, sizeof why, "%s", replaced);
	} else {
		r.state = (uint8_t)lr_devices_enrol(
			p->k, &p->dev, m.roles, name,
			lr_link_address(p->link), why, sizeof why);
	}
	r.text = lr_str(why);
	if (r.state == LR_ENROL_REFUSED)
		lr_refuse(&p->k->b.refusals, LR_REFUSED_ADMISSION);
	LR_SEND(p->link, ENROL_R, enrol_r, f->h.req, &r, NULL);
}

static void take_enrol_invited(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_enrol_invited m;
	struct lr_msg_enrol_r r = { .state = LR_ENROL_ADMITTED };
	const char *why;

	if (!lr_dec_enrol_invited(f->meta, f->h.meta, &m) || !p->role) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	why = p->replaced ? replaced : lr_invites_use(p->k, &p->dev, &m);
	if (why) {
		r.state = LR_ENROL_REFUSED;
		lr_refuse(&p->k->b.refusals, LR_REFUSED_ADMISSION);
	}
	r.text = lr_str(why ? why : "");
	LR_SEND(p->link, ENROL_R, enrol_r, f->h.req, &r, NULL);
}

/* --- frames -------------------------------------------------------------- */

/* Donors report, requesters and local programs ask: what a device was not
 * admitted for, its links do not carry. */
static bool answer(struct lr_peer *p, const struct lr_frame *f)
{
	if (lr_donor_frame(p, f) || lr_check_frame(p, f))
		return true;
	if (p->role != LR_LINK_REQUESTER && p->role != LR_LINK_LOCAL)
		return false;
	return lr_query_frame(p, f) || lr_admission_frame(p, f) ||
	       lr_objects_frame(p, f) || lr_watchers_frame(p, f);
}

static void peer_frame_cb(struct lr_link *link, const struct lr_frame *f,
			  void *arg)
{
	struct lr_peer *p = arg;
	struct lr_times *times = lr_coordinator_times(p);
	uint64_t begun = uv_hrtime();

	if (f->h.type == LR_M_HELLO) {
		take_hello(p, f);
	} else if (f->h.type == LR_M_ENROL) {
		take_enrol(p, f);
	} else if (f->h.type == LR_M_ENROL_INVITED) {
		take_enrol_invited(p, f);
	} else if (!p->admitted) {
		lr_refuse(&p->k->b.refusals, LR_REFUSED_ADMISSION);
		lr_link_send_error(link, f->h.req, LR_E_NOT_ADMITTED,
				   "this device is not admitted");
		lr_link_close(link, LR_E_OK);
	} else if (f->h.type == LR_M_ROTATE) {
		lr_rotate_take(p, f);
	} else if (f->h.type == LR_M_VIEW_GET) {
		lr_push_view(p, f);
	} else if (!answer(p, f)) {
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "the coordinator does not answer that");
	}
	lr_coordinator_act(p->k);
	lr_times_add(times, (uv_hrtime() - begun) / 1000);
}

static void peer_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_peer *p = arg;
	struct lr_coordinator *k = p->k;

	(void)link, (void)why;
	LR_LIST_DEL(p);
	lr_objects_forget_peer(k, p);
	if (!k->stopped) {
		lr_donor_closed(p);
		if (p->revoked)
			(void)lr_coord_forget(k->rules, &p->dev, lr_now_ms());
		lr_coordinator_act(k);
	}
	free(p->donor);
	free(p);
}

static const struct lr_link_ops peer_ops = { NULL, peer_frame_cb,
					     peer_close_cb, NULL };

/* --- closing ------------------------------------------------------------- */

bool lr_peers_revoke(struct lr_coordinator *k, const struct lr_dev *dev)
{
	bool any = false;

	for (struct lr_peer *p = k->peers; p; p = p->next) {
		if (!lr_dev_eq(&p->dev, dev))
			continue;
		p->admitted = p->pushes = false;
		p->revoked = any = true;
		lr_link_close(p->link, LR_E_NOT_ADMITTED);
	}
	return any;
}

void lr_peers_close_all(struct lr_coordinator *k)
{
	for (struct lr_peer *p = k->peers; p; p = p->next)
		lr_link_close(p->link, LR_E_OK);
}
