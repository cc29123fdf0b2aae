/* SPDX-License-Identifier: Apache-2.0 */
/* The pool in this process: its coordinator, views, and its life. */
#include "pool_kit_i.h"

#include <xxhash.h>

#include "wire/version.h"

static void tick_cb(uv_timer_t *t)
{
	uv_stop(t->loop);
}

/* One turn of the loop, 20 ms at most. */
void pool_turn(struct pool *p)
{
	uv_timer_t t;

	uv_timer_init(&p->loop, &t);
	uv_timer_start(&t, tick_cb, 20, 0);
	uv_run(&p->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&p->loop, UV_RUN_NOWAIT);
}

/* --- links ---------------------------------------------------------------- */

void pool_add_link(struct pool *p, struct lr_link *link)
{
	for (size_t i = 0; i < countof(p->links); i++) {
		if (!p->links[i]) {
			p->links[i] = link;
			return;
		}
	}
	fail_msg("too many links");
}

void pool_drop_link(struct pool *p, struct lr_link *link)
{
	for (size_t i = 0; i < countof(p->links); i++)
		if (p->links[i] == link)
			p->links[i] = NULL;
	if (p->requester == link)
		p->requester = NULL;
}

struct lr_msg_welcome pool_welcome_of(struct pool *p)
{
	return (struct lr_msg_welcome){.proto = lr_proto_max,
				       .pool = *lr_identity_dev(p->id),
				       .run = p->view.run,
				       .epoch = p->view.epoch,
				       .admitted = p->admits,
				       .pool_name = lr_str("t"),
				       .name = lr_str("anvil"),
				       .version = lr_str("0")};
}

void pool_send_view(const struct lr_view *v, struct lr_link *link,
		    const struct lr_frame *f)
{
	static uint8_t buf[LR_VALUE_MAX];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_view_enc it;
	struct lr_msg_view_get m;
	struct lr_msg_view r = {
		.run = v->run, .rev = v->rev, .epoch = v->epoch};
	struct lr_bulk bulk = {.p = buf};

	assert_true(lr_dec_view_get(f->meta, f->h.meta, &m));
	lr_view_enc_whole(&it, v);
	r.part = m.part;
	r.parts = (uint16_t)lr_view_enc_parts(&it, sizeof buf);
	lr_view_enc_skip(&it, m.part, sizeof buf);
	assert_true(lr_view_enc_next(&it, &w));
	bulk.len = w.len;
	LR_SEND(link, VIEW, view, f->h.req, &r, &bulk);
}

/* --- the coordinator ------------------------------------------------------ */

void pool_welcome(struct pool *p, struct lr_link *link,
		  const struct lr_frame *f)
{
	struct lr_msg_welcome w = pool_welcome_of(p);

	p->requester = link;
	LR_SEND(link, WELCOME, welcome, f->h.req, &w, NULL);
}

static void coord_frame_cb(struct lr_link *link, const struct lr_frame *f,
			   void *arg)
{
	struct pool *p = arg;
	struct lr_msg_enrol_r enrol = {.state = LR_ENROL_PENDING,
				       .text = lr_str("")};
	struct lr_msg_status_r status = {.pool_name = lr_str("t")};

	switch (f->h.type) {
	case LR_M_HELLO:
		pool_welcome(p, link, f);
		break;
	case LR_M_ENROL:
		p->enrols++;
		LR_SEND(link, ENROL_R, enrol_r, f->h.req, &enrol, NULL);
		break;
	case LR_M_VIEW_GET:
		pool_send_view(&p->view, link, f);
		break;
	case LR_M_UNREACHED:
		p->unreached++;
		break;
	case LR_M_STATUS:
		p->statuses++;
		LR_SEND(link, STATUS_R, status_r, f->h.req, &status, NULL);
		break;
	default:
		fail_msg("the coordinator got %s", lr_msg_name(f->h.type));
	}
}

static void coord_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)why;
	pool_drop_link(arg, link);
}

static const struct lr_link_ops coord_ops = {NULL, coord_frame_cb,
					     coord_close_cb, NULL};

static void coord_accept_cb(struct lr_link *link, void *arg)
{
	pool_add_link(arg, link);
	lr_link_set_ops(link, &coord_ops, arg);
}

/* --- views ---------------------------------------------------------------- */

static void add_member(struct pool *p, unsigned nr)
{
	static const char *const names[] = {"birch", "cedar", "dogwood"};
	struct lr_member m = {.inc = p->donor[nr].inc,
			      .dev = *lr_identity_dev(p->donor[nr].id),
			      .shards = 1,
			      .up = true};

	strcpy(m.name, names[nr]);
	snprintf(m.addrs, sizeof m.addrs, "127.0.0.1:%u", p->donor[nr].port);
	assert_non_null(lr_view_put_member(&p->truth, &m));
}

void pool_change(struct pool *p, uint64_t ce, unsigned from, unsigned to)
{
	struct lr_cfg cfg = {.ce = ce};

	for (unsigned i = from; i < to; i++) {
		cfg.mem[cfg.n] = p->donor[i].inc;
		cfg.src |= (uint8_t)(1u << cfg.n);
		cfg.synced |= (uint8_t)(1u << cfg.n++);
	}
	for (unsigned i = 0; i < POOL_DONORS; i++)
		lr_view_drop_member(&p->truth, p->donor[i].inc);
	for (unsigned i = from; i < to; i++)
		add_member(p, i);
	for (unsigned s = 0; s < LR_SLOTS; s++)
		p->truth.cfg[s] = cfg;
	p->truth.run = 77;
	p->truth.rev++;
	p->truth.epoch = ce;
}

/* As one delta, in parts. */
static void push(struct pool *p, uint64_t from)
{
	static uint8_t buf[LR_VALUE_MAX];
	static unsigned slots[LR_SLOTS];
	uint64_t members[POOL_DONORS];
	struct lr_view_enc it;
	struct lr_msg_view_delta m = {.run = p->view.run,
				      .from = from,
				      .to = p->view.rev,
				      .epoch = p->view.epoch};

	for (unsigned s = 0; s < LR_SLOTS; s++)
		slots[s] = s;
	for (unsigned i = 0; i < POOL_DONORS; i++)
		members[i] = p->donor[i].inc;
	lr_view_enc_delta(&it, &p->view, slots, LR_SLOTS, members, POOL_DONORS);
	m.parts = (uint16_t)lr_view_enc_parts(&it, sizeof buf);
	for (m.part = 0; m.part < m.parts; m.part++) {
		struct lr_writer w = lr_writer(buf, sizeof buf);
		struct lr_bulk bulk = {.p = buf};

		assert_true(lr_view_enc_next(&it, &w));
		bulk.len = w.len;
		LR_SEND(p->requester, VIEW_DELTA, view_delta, 0, &m, &bulk);
	}
}

void pool_tell(struct pool *p)
{
	uint64_t from = p->view.rev;

	lr_view_done(&p->view);
	assert_true(lr_view_copy(&p->view, &p->truth));
	if (p->requester && from)
		push(p, from);
}

/* --- life ----------------------------------------------------------------- */

static void listen_on(struct pool *p, struct lr_tls *tls, lr_accept_cb cb,
		      void *arg, struct lr_listener **ret)
{
	char why[256];

	if (lr_listen(&p->loop, "127.0.0.1:0", 0, tls, NULL, cb, arg, ret, why,
		      sizeof why))
		fail_msg("%s", why);
}

static void start_donor(struct pool *p, unsigned nr)
{
	struct pool_donor *d = &p->donor[nr];

	d->pool = p;
	d->nr = nr;
	d->inc = 1000 + nr;
	assert_int_equal(lr_identity_make(&d->id), LR_E_OK);
	d->tls = lr_tls_new(d->id);
	assert_non_null(d->tls);
	listen_on(p, d->tls, pool_donor_accept_cb, d, &d->listener);
	d->port = lr_listener_port(d->listener);
}

static void start_client(struct pool *p)
{
	struct lr_attach_options o = {.loop = &p->loop,
				      .pool_name = "t",
				      .enrol_roles = LR_ROLE_REQUESTER,
				      .name = "elm"};
	char at[32];

	assert_int_equal(lr_identity_make(&p->me), LR_E_OK);
	p->my_tls = lr_tls_new(p->me);
	assert_non_null(p->my_tls);
	o.tls = p->my_tls;
	o.self = *lr_identity_dev(p->me);
	p->direct = lr_direct_new(&o);
	assert_non_null(p->direct);
	p->entries = lr_direct_entries(p->direct);
	snprintf(at, sizeof at, "127.0.0.1:%u",
		 p->listener ? lr_listener_port(p->listener) : 9u);
	lr_attach_candidate(lr_direct_attach(p->direct), NULL, true, at);
}

void pool_start(struct pool *p, unsigned donors, bool admits)
{
	memset(p, 0, sizeof *p);
	uv_loop_init(&p->loop);
	p->admits = admits;
	assert_true(lr_view_init(&p->truth, LR_SLOTS));
	assert_true(lr_view_init(&p->view, LR_SLOTS));
	assert_int_equal(lr_identity_make(&p->id), LR_E_OK);
	p->tls = lr_tls_new(p->id);
	assert_non_null(p->tls);
	listen_on(p, p->tls, coord_accept_cb, p, &p->listener);
	for (unsigned i = 0; i < POOL_DONORS; i++)
		start_donor(p, i);
	pool_change(p, 1, 0, donors);
	pool_tell(p);
	start_client(p);
}

static void close_links(struct pool *p, const void *arg)
{
	for (size_t i = 0; i < countof(p->links); i++)
		if (p->links[i] && (!arg || lr_link_arg(p->links[i]) == arg))
			lr_link_close(p->links[i], LR_E_CLOSED);
}

void pool_no_coordinator(struct pool *p)
{
	lr_listener_close(p->listener);
	p->listener = NULL;
	close_links(p, p);
}

void pool_stop_donor(struct pool *p, unsigned nr)
{
	lr_listener_close(p->donor[nr].listener);
	p->donor[nr].listener = NULL;
	close_links(p, &p->donor[nr]);
}

void pool_close_client(struct pool *p)
{
	if (p->direct)
		lr_direct_close(p->direct);
	p->direct = NULL;
}

static void donor_done(struct pool_donor *d)
{
	struct pool_entry *e, *next;

	HASH_ITER(hh, d->map, e, next) {
		HASH_DEL(d->map, e);
		free(e->value);
		free(e);
	}
	lr_tls_free(d->tls);
	lr_identity_free(d->id);
}

void pool_done(struct pool *p)
{
	pool_close_client(p);
	if (p->listener)
		lr_listener_close(p->listener);
	for (unsigned i = 0; i < POOL_DONORS; i++)
		if (p->donor[i].listener)
			lr_listener_close(p->donor[i].listener);
	close_links(p, NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&p->loop), 0);
	for (unsigned i = 0; i < POOL_DONORS; i++)
		donor_done(&p->donor[i]);
	lr_tls_free(p->tls);
	lr_identity_free(p->id);
	lr_tls_free(p->my_tls);
	lr_identity_free(p->me);
	lr_view_done(&p->view);
	lr_view_done(&p->truth);
}

/* --- operations ----------------------------------------------------------- */

void pool_result_cb(void *arg, const struct lr_entry_result *r)
{
	struct pool_result *res = arg;

	res->calls++;
	res->r = *r;
	snprintf(res->text, sizeof res->text, "%s", r->text);
	if (r->value) {
		res->value = malloc(r->bytes + 1u);
		assert_non_null(res->value);
		memcpy(res->value, r->value, r->bytes);
	}
}

void pool_result_done(struct pool_result *r)
{
	free(r->value);
	memset(r, 0, sizeof *r);
}

struct lr_id pool_id(unsigned n)
{
	struct lr_id id = {.b = {0x41, (uint8_t)(n * 37), 3, (uint8_t)n}};

	return id;
}

void pool_put(struct pool *p, unsigned n, const void *value, size_t len,
	      unsigned deadline_ms, struct pool_result *r)
{
	struct lr_put put = {.id = pool_id(n),
			     .tag = {.ts = 2, .writer = 9, .seq = 1},
			     .kind = LR_KIND_CHUNK,
			     .value = value,
			     .bytes = (uint32_t)len,
			     .deadline_ms = deadline_ms};

	memset(r, 0, sizeof *r);
	uv_update_time(&p->loop);
	p->entries->ops->put(p->entries, &put, pool_result_cb, r);
	assert_int_equal(r->calls, 0); /* never inside the call */
	POOL_UNTIL(p, r->calls);
}

void pool_get(struct pool *p, unsigned n, unsigned deadline_ms,
	      struct pool_result *r)
{
	struct lr_id id = pool_id(n);

	memset(r, 0, sizeof *r);
	uv_update_time(&p->loop);
	p->entries->ops->get(p->entries, &id, 0, deadline_ms, pool_result_cb,
			     r);
	assert_int_equal(r->calls, 0);
	POOL_UNTIL(p, r->calls);
}

/* --- for tests ------------------------------------------------------------ */

int pool_setup(void **state)
{
	struct pool *p = calloc(1, sizeof *p);

	assert_non_null(p);
	pool_start(p, 2, true);
	*state = p;
	return 0;
}

int pool_setup_pending(void **state)
{
	struct pool *p = calloc(1, sizeof *p);

	assert_non_null(p);
	pool_start(p, 2, false);
	*state = p;
	return 0;
}

int pool_teardown(void **state)
{
	pool_done(*state);
	free(*state);
	return 0;
}
