/* SPDX-License-Identifier: Apache-2.0 */
/* Whole operations through a daemon's socket: a small daemon in this process,
 * which goes away and comes back. */
#include "unit.h"

#include <unistd.h>
#include <xxhash.h>

#include "client/relay.h"
#include "wire/version.h"

struct daemon {
	uv_loop_t loop;
	char path[64];
	struct lr_listener *listener;
	struct lr_link *link; /* the client's; NULL: none */
	struct lr_entries *relay;
	bool mute, corrupt;
	bool apart;	/* speaks no version of ours, and says so */
	uint16_t proto; /* what WELCOME chooses; 0: ours */
	unsigned hellos, puts, gets, asks;
	unsigned hang_up_at;   /* the nth PUT ends the link */
	enum lr_err refuse;    /* what PUTs are answered */
	struct lr_tag tags[8]; /* of PUTs, in order */
};

struct result {
	unsigned calls;
	struct lr_entry_result r;
	enum lr_err err; /* of a question */
	unsigned type;
	char text[512], value[16];
};

static void tick_cb(uv_timer_t *t)
{
	uv_stop(t->loop);
}

static void turn(struct daemon *d)
{
	uv_timer_t t;

	uv_timer_init(&d->loop, &t);
	uv_timer_start(&t, tick_cb, 20, 0);
	uv_run(&d->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&d->loop, UV_RUN_NOWAIT);
}

#define UNTIL(d, cond)                                              \
	do {                                                        \
		uint64_t end_ns = uv_hrtime() + 60000000000u;       \
		while (!(cond)) {                                   \
			if (uv_hrtime() > end_ns)                   \
				fail_msg("not in 60 s: %s", #cond); \
			turn(d);                                    \
		}                                                   \
	} while (0)

/* --- the daemon -------------------------------------------------------------
 */

static void serve_put(struct daemon *d, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_msg_put m;
	struct lr_msg_put_r r = {.copies = 2, .text = lr_str("")};

	assert_true(lr_dec_put(f->meta, f->h.meta, &m));
	assert_int_equal(m.ce, 0);
	assert_true(m.deadline_ms > 0 && m.deadline_ms <= 10000);
	assert_true(XXH3_64bits(f->bulk ? f->bulk : (const void *)"",
				f->h.bulk) == m.sum);
	d->tags[d->puts++ % countof(d->tags)] = m.tag;
	if (d->puts == d->hang_up_at) {
		lr_link_close(link, LR_E_CLOSED);
		return;
	}
	r.tag = m.tag;
	r.err = (uint16_t)d->refuse;
	LR_SEND(link, PUT_R, put_r, f->h.req, &r, NULL);
}

static void serve_get(struct daemon *d, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_msg_get m;
	struct lr_msg_get_r r = {.found = LR_FOUND_VALUE,
				 .kind = LR_KIND_CHUNK};
	struct lr_bulk bulk = {.p = "hello", .len = 5};

	assert_true(lr_dec_get(f->meta, f->h.meta, &m));
	d->gets++;
	r.sum = XXH3_64bits("hello", 5) + d->corrupt;
	if (m.id.b[15] == 9)
		lr_link_send_error(link, f->h.req, LR_E_UNREACHABLE,
				   "birch, silent for 40 s");
	else
		LR_SEND(link, GET_R, get_r, f->h.req, &r, &bulk);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	struct daemon *d = arg;
	struct lr_msg_welcome w = {.proto = d->proto ? d->proto : lr_proto_max,
				   .pool_name = lr_str("t"),
				   .name = lr_str(""),
				   .version = lr_str("")};

	if (f->h.type == LR_M_HELLO) {
		d->hellos++;
		if (d->apart) {
			lr_link_send_error(link, f->h.req, LR_E_VERSION,
					   "sudo systemctl restart it");
			lr_link_close(link, LR_E_OK);
			return;
		}
		LR_SEND(link, WELCOME, welcome, f->h.req, &w, NULL);
	} else if (d->mute) {
		; /* as if it were stopped */
	} else if (f->h.type == LR_M_PUT) {
		serve_put(d, link, f);
	} else if (f->h.type == LR_M_GET) {
		serve_get(d, link, f);
	} else {
		d->asks++;
		lr_link_send_error(link, f->h.req, LR_E_PERMISSION, "no");
	}
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct daemon *d = arg;

	(void)why;
	if (d->link == link)
		d->link = NULL;
}

static const struct lr_link_ops link_ops = {NULL, frame_cb, close_cb, NULL};

static void accept_cb(struct lr_link *link, void *arg)
{
	struct daemon *d = arg;

	d->link = link;
	lr_link_set_ops(link, &link_ops, d);
}

static void up(struct daemon *d)
{
	char why[256];

	if (lr_listen(&d->loop, d->path, 0600, NULL, NULL, accept_cb, d,
		      &d->listener, why, sizeof why))
		fail_msg("%s", why);
}

static void down(struct daemon *d)
{
	if (d->listener)
		lr_listener_close(d->listener);
	d->listener = NULL;
	if (d->link)
		lr_link_close(d->link, LR_E_CLOSED);
}

static int start(void **state)
{
	struct daemon *d = calloc(1, sizeof *d);

	assert_non_null(d);
	uv_loop_init(&d->loop);
	snprintf(d->path, sizeof d->path, "/tmp/lr-relay-%d.sock", getpid());
	unlink(d->path);
	*state = d;
	return 0;
}

static int done(void **state)
{
	struct daemon *d = *state;

	if (d->relay)
		d->relay->ops->close(d->relay);
	down(d);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	while (uv_loop_alive(&d->loop))
		uv_run(&d->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&d->loop), 0);
	unlink(d->path);
	free(d);
	return 0;
}

/* --- operations
 * ---------------------------------------------------------------- */

static void entry_cb(void *arg, const struct lr_entry_result *r)
{
	struct result *res = arg;

	res->calls++;
	res->r = *r;
	snprintf(res->text, sizeof res->text, "%s", r->text);
	if (r->value)
		memcpy(res->value, r->value, r->bytes);
}

static void ask_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct result *res = arg;
	struct lr_msg_error m;

	res->calls++;
	res->err = err;
	res->type = f ? f->h.type : 0;
	if (f && res->type == LR_M_ERROR &&
	    lr_dec_error(f->meta, f->h.meta, &m))
		lr_str_copy(m.text, res->text, sizeof res->text);
}

static void begin_put(struct daemon *d, const void *value, size_t len,
		      unsigned deadline_ms, struct result *r)
{
	struct lr_put p = {.id = {.b = {0x41}},
			   .tag = {.ts = 2, .writer = 5, .seq = 3},
			   .kind = LR_KIND_CHUNK,
			   .value = value,
			   .bytes = (uint32_t)len,
			   .deadline_ms = deadline_ms};

	memset(r, 0, sizeof *r);
	uv_update_time(&d->loop);
	d->relay->ops->put(d->relay, &p, entry_cb, r);
	assert_int_equal(r->calls, 0); /* never inside the call */
}

static void begin_get(struct daemon *d, uint8_t n, unsigned deadline_ms,
		      struct result *r)
{
	struct lr_id id = {.b = {[0] = 0x41, [15] = n}};

	memset(r, 0, sizeof *r);
	uv_update_time(&d->loop);
	d->relay->ops->get(d->relay, &id, 0, deadline_ms, entry_cb, r);
	assert_int_equal(r->calls, 0);
}

static void connect_to(struct daemon *d)
{
	d->relay = lr_relay_new(&d->loop, d->path, NULL);
	assert_non_null(d->relay);
}

/* Put, get and a question go through; texts of errors come along. */
static void test_through(void **state)
{
	struct daemon *d = *state;
	struct result r;

	up(d);
	connect_to(d);
	begin_put(d, "x", 1, 5000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(r.r.copies, 2);
	begin_get(d, 0, 5000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_string_equal(r.value, "hello");
	begin_get(d, 9, 5000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_UNREACHABLE);
	assert_string_equal(r.text, "birch, silent for 40 s");
	memset(&r, 0, sizeof r);
	d->relay->ops->ask(d->relay, LR_M_STATUS, "\0\0\0", 4, 5000, ask_cb,
			   &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.err, LR_E_PERMISSION);
	assert_string_equal(r.text, "no");
}

/* A value that changed on the way is not handed out. */
static void test_corrupt(void **state)
{
	struct daemon *d = *state;
	struct result r;

	d->corrupt = true;
	up(d);
	connect_to(d);
	begin_get(d, 0, 5000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_CORRUPT);
}

/* Nobody has ever listened: said at once, with what to do. */
static void test_no_daemon(void **state)
{
	struct daemon *d = *state;
	struct result r;
	uint64_t t = uv_hrtime();

	connect_to(d);
	begin_get(d, 0, 30000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_NO_DAEMON);
	assert_non_null(strstr(r.text, d->path));
	assert_non_null(strstr(r.text, "sudo systemctl start lanram-"));
	assert_true(uv_hrtime() - t < 20000000000u);
	memset(&r, 0, sizeof r);
	d->relay->ops->ask(d->relay, LR_M_STATUS, "\0\0\0", 4, 5000, ask_cb,
			   &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.err, LR_E_NO_DAEMON);
	assert_int_equal(r.type, LR_M_ERROR);
}

/* The daemon dies with a put in hand and comes back: the same tag again, and
 * done. */
static void test_restart(void **state)
{
	struct daemon *d = *state;
	struct result r;
	uint8_t *big = calloc(1, LR_VALUE_MAX);

	d->hang_up_at = 2;
	up(d);
	connect_to(d);
	begin_put(d, "x", 1, 5000, &r);
	UNTIL(d, r.calls);
	begin_put(d, big, LR_VALUE_MAX, 9000, &r);
	UNTIL(d, d->puts == 2);
	down(d);
	UNTIL(d, !d->link);
	up(d);
	UNTIL(d, r.calls);
	free(big);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(d->puts, 3);
	assert_int_equal(d->hellos, 2);
	assert_int_equal(lr_tag_cmp(&d->tags[1], &d->tags[2]), 0);
}

/* It comes back and says "certainly not done" of what its predecessor may have
 * done: that is not passed on. Of what it alone was asked, it is. */
static void test_restart_in_doubt(void **state)
{
	struct daemon *d = *state;
	struct result r;

	d->hang_up_at = 2;
	up(d);
	connect_to(d);
	begin_put(d, "x", 1, 5000, &r);
	UNTIL(d, r.calls);
	begin_put(d, "y", 1, 9000, &r);
	UNTIL(d, d->puts == 2);
	down(d);
	UNTIL(d, !d->link);
	d->refuse = LR_E_TIMEOUT;
	up(d);
	UNTIL(d, r.calls);
	assert_int_equal(d->puts, 3);
	assert_int_equal(r.r.err, LR_E_UNKNOWN);
	begin_put(d, "z", 1, 5000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_TIMEOUT);
}

/* It stays away: a put that was sent may have happened, a read has not. */
static void test_stays_away(void **state)
{
	struct daemon *d = *state;
	struct result w, r;

	d->hang_up_at = 2;
	up(d);
	connect_to(d);
	begin_put(d, "x", 1, 5000, &w);
	UNTIL(d, w.calls);
	begin_put(d, "y", 1, 500, &w);
	UNTIL(d, d->puts == 2);
	down(d);
	UNTIL(d, !d->link);
	begin_get(d, 0, 500, &r);
	UNTIL(d, w.calls && r.calls);
	assert_int_equal(w.r.err, LR_E_UNKNOWN);
	assert_int_equal(r.r.err, LR_E_NO_DAEMON);
}

/* It speaks no version of ours: said at once, in its own words or, of one that
 * did not look, in ours; what was sent to its predecessor may have been done. */
static void test_apart(void **state)
{
	struct daemon *d = *state;
	struct result w, r;

	d->apart = true;
	up(d);
	connect_to(d);
	begin_get(d, 0, 9000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_VERSION);
	assert_string_equal(r.text, "sudo systemctl restart it");
	d->apart = false;
	d->proto = lr_proto_max + 1;
	begin_get(d, 0, 9000, &r);
	UNTIL(d, r.calls);
	assert_int_equal(r.r.err, LR_E_VERSION);
	assert_non_null(strstr(r.text, "restart the older one"));
	d->proto = 0;
	d->hang_up_at = 1;
	begin_put(d, "x", 1, 9000, &w);
	UNTIL(d, d->puts == 1);
	d->apart = true;
	UNTIL(d, w.calls);
	assert_int_equal(w.r.err, LR_E_UNKNOWN);
	down(d);
	UNTIL(d, !d->link);
}

/* It is there and does not answer. */
static void test_mute(void **state)
{
	struct daemon *d = *state;
	struct result w, r;

	d->mute = true;
	up(d);
	connect_to(d);
	begin_put(d, "x", 1, 300, &w);
	begin_get(d, 0, 300, &r);
	UNTIL(d, w.calls && r.calls);
	assert_int_equal(w.r.err, LR_E_UNKNOWN);
	assert_int_equal(r.r.err, LR_E_TIMEOUT);
}

/* Closed with operations in every state: each ends once, with CLOSED. */
static void test_close(void **state)
{
	struct daemon *d = *state;
	struct result r[40] = {0};
	uint8_t *big = calloc(1, LR_VALUE_MAX);

	d->mute = true;
	up(d);
	connect_to(d);
	for (unsigned i = 0; i < 20; i++)
		begin_put(d, big, LR_VALUE_MAX, 9000, &r[i]);
	UNTIL(d, d->hellos);
	turn(d);
	for (unsigned i = 20; i < 40; i++)
		begin_get(d, 0, 9000, &r[i]);
	d->relay->ops->close(d->relay);
	d->relay = NULL;
	for (unsigned i = 0; i < 40; i++) {
		UNTIL(d, r[i].calls);
		assert_int_equal(r[i].r.err, LR_E_CLOSED);
	}
	free(big);
	turn(d);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(r[i].calls, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_through), T(test_corrupt),    T(test_no_daemon),
		T(test_restart), T(test_restart_in_doubt), T(test_stays_away),
		T(test_apart),	 T(test_mute),	  T(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
