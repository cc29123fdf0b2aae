/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus text, and what answers GET /metrics with it. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/metrics.h"
#include "net/bind.h"
#include "tests/unit/net_kit.h"

#define DEADLINE_MS 30000u
#define MANY	    40u /* more than one address may have, and than all may */

static char *text_of(lr_metrics_cb cb)
{
	size_t len;
	char *text = lr_metrics_text(cb, NULL, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

/* --- text ------------------------------------------------------------------- */

static void two_donors(void *arg, struct lr_metrics *m)
{
	(void)arg;
	lr_metric(m, LR_METRIC_coordinator_donor_up,
		  LR_LABELS("a \"b\"\\\n\xff", "1"), 1);
	lr_metric(m, LR_METRIC_coordinator_donor_up,
		  LR_LABELS("k\xc3\xbc" "che", "2"), 0);
	lr_metric(m, LR_METRIC_coordinator_objects, NULL, UINT64_MAX);
	lr_metric_ms(m, LR_METRIC_donor_start_time_seconds, 1700000000042);
}

/* A metric's head stands once, before its samples; labels are quoted, and what
 * is no UTF-8 without control characters does not get through. */
static void samples(void **state)
{
	char *text = text_of(two_donors);

	(void)state;
	assert_string_equal(
		text,
		"# HELP lanram_coordinator_donor_up 1: the donor takes part; "
		"0: it is awaited\n"
		"# TYPE lanram_coordinator_donor_up gauge\n"
		"lanram_coordinator_donor_up{donor=\"a \\\"b\\\"\\\\??\","
		"id=\"1\"} 1\n"
		"lanram_coordinator_donor_up{donor=\"k\xc3\xbc" "che\","
		"id=\"2\"} 0\n"
		"# HELP lanram_coordinator_objects objects that are stored\n"
		"# TYPE lanram_coordinator_objects gauge\n"
		"lanram_coordinator_objects 18446744073709551615\n"
		"# HELP lanram_donor_start_time_seconds when it started, Unix "
		"time\n"
		"# TYPE lanram_donor_start_time_seconds gauge\n"
		"lanram_donor_start_time_seconds 1700000000.042\n");
	free(text);
}

static struct lr_times times;

static void one_histogram(void *arg, struct lr_metrics *m)
{
	(void)arg;
	lr_metric_times(m, LR_METRIC_donor_operations_seconds,
			LR_LABELS("get"), &times);
}

static void expect_bucket(const char *text, const char *le, unsigned n)
{
	char want[128];

	snprintf(want, sizeof want,
		 "\nlanram_donor_operations_seconds_bucket{kind=\"get\","
		 "le=\"%s\"} %u\n",
		 le, n);
	assert_non_null(strstr(text, want));
}

/* Buckets hold all below their end, the last one everything; an hour and
 * nothing at all have their places. */
static void histogram(void **state)
{
	static const uint64_t us[] = {0, 1, 2, 3, 1000, 67108863, 67108864,
				      3600000000u};
	char *text;

	(void)state;
	memset(&times, 0, sizeof times);
	for (size_t i = 0; i < countof(us); i++)
		lr_times_add(&times, us[i]);
	text = text_of(one_histogram);
	expect_bucket(text, "1e-06", 1);
	expect_bucket(text, "2e-06", 2);
	expect_bucket(text, "4e-06", 4);
	expect_bucket(text, "0.000512", 4);
	expect_bucket(text, "0.001024", 5);
	expect_bucket(text, "67.108864", 6);
	expect_bucket(text, "+Inf", 8);
	assert_non_null(strstr(text, "_sum{kind=\"get\"} 3734.218733\n"));
	assert_non_null(strstr(text, "_count{kind=\"get\"} 8\n"));
	free(text);
}

/* --- over a link ------------------------------------------------------------ */

#define DONORS 5000u

struct part {
	enum lr_err err;
	unsigned parts, replies;
};

static char whole[2u << 20];
static size_t whole_len;
static unsigned moment; /* how often it was looked */

static void many_donors(void *arg, struct lr_metrics *m)
{
	char id[16];

	(void)arg;
	moment++;
	for (unsigned i = 0; i < DONORS; i++) {
		snprintf(id, sizeof id, "%u", i);
		lr_metric(m, LR_METRIC_coordinator_donor_up,
			  LR_LABELS("a donor with a long name", id), moment);
	}
}

static void answer(struct kit_side *side, const struct lr_frame *f)
{
	lr_metrics_answer(side->link, f, many_donors, NULL);
}

static void part_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct part *p = arg;
	struct lr_msg_metrics_r r;

	(void)link;
	p->replies++;
	p->err = err;
	if (err)
		return;
	assert_int_equal(f->h.type, LR_M_METRICS_R);
	assert_true(lr_dec_metrics_r(f->meta, f->h.meta, &r));
	assert_true(whole_len + f->h.bulk < sizeof whole);
	memcpy(whole + whole_len, f->bulk, f->h.bulk);
	whole_len += f->h.bulk;
	p->parts = r.parts;
}

static struct part ask_part(struct kit *k, unsigned part)
{
	struct lr_msg_metrics m = {.part = (uint16_t)part};
	struct part p = {0};

	LR_REQUEST(k->client.link, METRICS, metrics, &m, NULL, 10000, part_cb,
		   &p);
	KIT_UNTIL(k, p.replies);
	return p;
}

/* What is longer than one answer comes in parts, whole and all of one moment;
 * who knows of no parts gets nothing rather than half of it. */
static void in_parts(void **state)
{
	static struct kit k;
	struct part p;
	unsigned n = 0;

	(void)state;
	kit_pair(&k, KIT_UNIX);
	k.server.on_frame = answer;
	assert_int_equal(ask_part(&k, 0).err, LR_E_FAILED);
	p = ask_part(&k, 1);
	assert_true(p.parts > 1);
	for (unsigned i = 2; i <= p.parts; i++)
		assert_int_equal(ask_part(&k, i).err, LR_E_OK);
	assert_int_equal(ask_part(&k, 2).err, LR_E_BUSY); /* it is over */
	whole[whole_len] = '\0';
	for (char *at = whole; (at = strstr(at, "\"} ")); n++) {
		at += 3;
		assert_int_equal(strtoul(at, NULL, 10), moment);
	}
	assert_int_equal(n, DONORS);
	kit_done(&k);
}

/* --- HTTP -------------------------------------------------------------------- */

struct http {
	uv_loop_t loop;
	struct lr_metrics_http *http;
	char where[32];
	struct sockaddr_in addr;
};

/* A port that is free, until somebody else takes it. */
static void start(struct http *k)
{
	struct lr_bound b;
	char why[256];

	memset(k, 0, sizeof *k);
	assert_int_equal(uv_loop_init(&k->loop), 0);
	assert_int_equal(lr_bind(&b, "127.0.0.1:0", 0, why, sizeof why), 0);
	snprintf(k->where, sizeof k->where, "127.0.0.1:%u", b.port);
	k->addr = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_port = htons(b.port)};
	inet_pton(AF_INET, "127.0.0.1", &k->addr.sin_addr);
	lr_unbind(&b);
	assert_true(lr_metrics_listen(&k->loop, k->where, two_donors, NULL,
				      &k->http, why, sizeof why));
}

static void end(struct http *k)
{
	lr_metrics_close(k->http);
	uv_run(&k->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&k->loop), 0);
}

static int dial(const struct http *k)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&k->addr,
				 sizeof k->addr), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

static void turn(struct http *k)
{
	uv_run(&k->loop, UV_RUN_NOWAIT);
	usleep(1000);
}

/* All that comes until the other side closes, which it does. */
static size_t hear(struct http *k, int fd, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	for (unsigned ms = 0; ms < DEADLINE_MS; ms++) {
		n = recv(fd, out + len, cap - len - 1, 0);
		if (n > 0)
			len += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			break;
		else
			turn(k);
	}
	out[len] = '\0';
	assert_true(n == 0 || errno == ECONNRESET);
	close(fd);
	return len;
}

static void ask(struct http *k, const char *request, char *out, size_t cap)
{
	int fd = dial(k);

	say(fd, request);
	hear(k, fd, out, cap);
}

#define HOST " HTTP/1.1\r\nHost: a\r\n\r\n"

/* GET has the text, HEAD its length alone; other paths and methods are refused,
 * and so is what is no HTTP. */
static void requests(void **state)
{
	struct http k;
	char out[8192], *text = text_of(two_donors);

	(void)state;
	start(&k);
	ask(&k, "GET /metrics" HOST, out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 200 "));
	assert_non_null(strstr(out, "text/plain; version=0.0.4"));
	assert_string_equal(strstr(out, "\r\n\r\n") + 4, text);
	ask(&k, "HEAD /metrics" HOST, out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 200 "));
	assert_string_equal(strstr(out, "\r\n\r\n") + 4, "");
	ask(&k, "GET /" HOST, out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 404 "));
	ask(&k, "GET /metrics/x" HOST, out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 404 "));
	ask(&k, "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n"
		"\r\n", out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 405 "));
	assert_non_null(strstr(out, "Allow: GET, HEAD"));
	ask(&k, "\x16\x03\x01\x02 no HTTP\r\n\r\n", out, sizeof out);
	assert_null(strstr(out, " 200 "));
	end(&k);
	free(text);
}

/* Many that say nothing, or half a request, or read nothing: the loop goes on,
 * and they are cut off, so that the next one is answered. */
static void slow_clients(void **state)
{
	struct http k;
	char out[8192];
	int fd[MANY];

	(void)state;
	start(&k);
	for (unsigned i = 0; i < MANY; i++) {
		fd[i] = dial(&k);
		if (i % 2)
			say(fd[i], "GET /metrics HTTP/1.1\r\nHos");
		turn(&k);
	}
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(hear(&k, fd[i], out, sizeof out), 0);
	ask(&k, "GET /metrics" HOST, out, sizeof out);
	assert_non_null(strstr(out, "HTTP/1.1 200 "));
	end(&k);
}

/* Stopped while connections are open: nothing is left of them. */
static void stop_meanwhile(void **state)
{
	struct http k;
	char out[64];
	int fd[2];

	(void)state;
	start(&k);
	fd[0] = dial(&k);
	fd[1] = dial(&k);
	say(fd[1], "GET /met");
	for (int i = 0; i < 20; i++)
		turn(&k);
	end(&k);
	for (int i = 0; i < 2; i++) {
		errno = 0;
		assert_true(recv(fd[i], out, sizeof out, 0) <= 0);
		assert_int_not_equal(errno, EAGAIN);
		close(fd[i]);
	}
}

/* An address that is taken, or none, is told as other listeners tell it. */
static void no_such_address(void **state)
{
	struct http k;
	struct lr_metrics_http *h = NULL;
	char why[256];

	(void)state;
	start(&k);
	assert_false(lr_metrics_listen(&k.loop, k.where, two_donors, NULL, &h,
				       why, sizeof why));
	assert_non_null(strstr(why, k.where));
	assert_non_null(strstr(why, "something else listens there"));
	assert_false(lr_metrics_listen(&k.loop, "7460", two_donors, NULL, &h,
				       why, sizeof why));
	assert_non_null(strstr(why, "neither host:port"));
	end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(histogram),
		cmocka_unit_test(in_parts),
		cmocka_unit_test(requests),
		cmocka_unit_test(slow_clients),
		cmocka_unit_test(stop_meanwhile),
		cmocka_unit_test(no_such_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
