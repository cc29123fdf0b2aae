/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "discovery/merge.h"

#define CANDIDATES_MAX 64 /* addresses considered for one pool */

struct candidate {
	unsigned rank; /* lower is tried first */
	char text[80];
};

/* Length of the UTF-8 character at `p`, or 0: broken or a control. Overlong
 * forms, surrogates and C1 controls count as broken. */
static size_t utf8_char(const unsigned char *p, size_t len)
{
	size_t n;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

void lr_text_copy(char *out, size_t cap, const void *text, size_t len)
{
	const unsigned char *p = text;
	size_t used = 0;

	while (len > 0) {
		size_t n = utf8_char(p, len);
		size_t step = n ? n : 1;

		if (used + step >= cap)
			break;
		if (n)
			memcpy(out + used, p, n);
		else
			out[used] = '?';
		used += step;
		p += step;
		len -= step;
	}
	out[used] = '\0';
}

void lr_txt_read(struct lr_txt *t, const char *key, const void *value,
		 size_t len)
{
	char id[LR_DEV_TEXT + 2];

	if (!strcasecmp(key, "pool"))
		lr_text_copy(t->pool_name, sizeof(t->pool_name), value, len);
	if (!strcasecmp(key, "version"))
		lr_text_copy(t->version, sizeof(t->version), value, len);
	if (strcasecmp(key, "id"))
		return;
	lr_text_copy(id, sizeof(id), value, len);
	if (!lr_dev_parse(id, &t->pool))
		memset(&t->pool, 0, sizeof(t->pool));
}

bool lr_if_is_virtual(const char *name)
{
	static const char *const start[] = {
		"docker", "br-",  "veth",   "virbr", "lxcbr", "lxdbr",
		"podman", "cni",  "vmnet",  "vboxnet", "flannel", "cali",
	};

	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++)
		if (!strncmp(name, start[i], strlen(start[i])))
			return true;
	return false;
}

static size_t seen_index(const struct lr_seen *s, bool v6, const void *addr)
{
	size_t i;

	for (i = 0; i < s->n_addr; i++)
		if (s->addr[i].v6 == v6 &&
		    !memcmp(s->addr[i].b, addr, v6 ? 16 : 4))
			break;
	return i;
}

bool lr_seen_add(struct lr_seen *s, bool v6, const void *addr)
{
	struct lr_seen_addr *a = &s->addr[s->n_addr];

	if (s->n_addr == LR_SEEN_ADDRS_MAX ||
	    seen_index(s, v6, addr) < s->n_addr)
		return false;
	memset(a, 0, sizeof(*a));
	a->v6 = v6;
	memcpy(a->b, addr, v6 ? 16 : 4);
	s->n_addr++;
	return true;
}

bool lr_seen_remove(struct lr_seen *s, bool v6, const void *addr)
{
	size_t i = seen_index(s, v6, addr);

	if (i == s->n_addr)
		return false;
	s->addr[i] = s->addr[--s->n_addr];
	return true;
}

static bool is_loopback(const struct lr_seen_addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return a->v6 ? !memcmp(a->b, one, 16) : a->b[0] == 127;
}

static bool is_link_local(const struct lr_seen_addr *a)
{
	if (a->v6)
		return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
	return a->b[0] == 169 && a->b[1] == 254;
}

/* Nothing can be connected to there: 0.0.0.0, ::, multicast, broadcast. */
static bool is_unusable(const struct lr_seen_addr *a)
{
	static const uint8_t zero[16];

	if (!memcmp(a->b, zero, 16))
		return true;
	return a->v6 ? a->b[0] == 0xff : a->b[0] >= 224;
}

#define RANK_LOOPBACK 32

/* IPv4 in our subnet, IPv4, IPv6, link-local; all that again for virtual
 * interfaces; loopback at the end. */
static unsigned rank(const struct lr_seen *s, const struct lr_seen_addr *a)
{
	unsigned r = a->v6 ? 2 : 0;

	if (is_loopback(a))
		return RANK_LOOPBACK + r;
	if (is_link_local(a))
		r += 4;
	else if (!a->on_link)
		r += 1;
	return s->virtual_if ? r + 16 : r;
}

/* A link-local address means nothing without its interface. */
static void format(const struct lr_seen *s, const struct lr_seen_addr *a,
		   char *out, size_t cap)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->b, text, sizeof(text));
	if (!a->v6)
		snprintf(out, cap, "%s:%u", text, s->port);
	else if (is_link_local(a))
		snprintf(out, cap, "[%s%%%u]:%u", text, s->ifindex, s->port);
	else
		snprintf(out, cap, "[%s]:%u", text, s->port);
}

static int candidate_cmp(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return strcmp(a->text, b->text);
}

/* The same address seen through two interfaces keeps its better rank. */
static size_t add_candidate(struct candidate *c, size_t n,
			    const struct candidate *one)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(c[i].text, one->text))
			continue;
		if (one->rank < c[i].rank)
			c[i].rank = one->rank;
		return n;
	}
	if (n < CANDIDATES_MAX)
		c[n++] = *one;
	return n;
}

static size_t add_seen(struct candidate *c, size_t n, const struct lr_seen *s)
{
	struct candidate one;

	for (size_t i = 0; i < s->n_addr; i++) {
		if (is_unusable(&s->addr[i]))
			continue;
		one.rank = rank(s, &s->addr[i]);
		format(s, &s->addr[i], one.text, sizeof(one.text));
		n = add_candidate(c, n, &one);
	}
	return n;
}

/* Whole addresses only; loopback only where there is nothing else. */
static void join(struct candidate *c, size_t n, char *out, size_t cap)
{
	size_t used = 0;

	qsort(c, n, sizeof(*c), candidate_cmp);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(c[i].text);

		if (c[i].rank >= RANK_LOOPBACK && c[0].rank < RANK_LOOPBACK)
			break;
		if (used + len + 2 > cap)
			break;
		if (used > 0)
			out[used++] = ',';
		memcpy(out + used, c[i].text, len + 1);
		used += len;
	}
}

/* By pool ID; without one, by the service's name and host. */
static int pool_cmp(const struct lr_seen *a, const struct lr_seen *b)
{
	int r = memcmp(a->txt.pool.b, b->txt.pool.b, sizeof(a->txt.pool.b));

	if (r || !lr_dev_is_zero(&a->txt.pool))
		return r;
	r = strcmp(a->service, b->service);
	return r ? r : strcmp(a->host, b->host);
}

/* Which service speaks for the pool must not depend on who came first. */
static int seen_cmp(const void *x, const void *y)
{
	const struct lr_seen *a = *(const struct lr_seen *const *)x;
	const struct lr_seen *b = *(const struct lr_seen *const *)y;
	int r = pool_cmp(a, b);

	if (r)
		return r;
	r = strcmp(a->host, b->host);
	if (r)
		return r;
	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return strcmp(a->service, b->service);
}

static void describe(struct lr_found *f, const struct lr_seen *s)
{
	const char *name = s->txt.pool_name[0] ? s->txt.pool_name : s->service;

	memset(f, 0, sizeof(*f));
	f->pool = s->txt.pool;
	snprintf(f->pool_name, sizeof(f->pool_name), "%s", name);
	snprintf(f->version, sizeof(f->version), "%s", s->txt.version);
	snprintf(f->host, sizeof(f->host), "%s", s->host);
}

size_t lr_merge(const struct lr_seen *const *seen, size_t n,
		struct lr_found *out, size_t cap)
{
	const struct lr_seen **order = calloc(n ? n : 1, sizeof(*order));
	struct candidate c[CANDIDATES_MAX];
	size_t found = 0, n_c, i, first;

	if (!order)
		return 0;
	if (n)
		memcpy(order, seen, n * sizeof(*order));
	qsort(order, n, sizeof(*order), seen_cmp);
	for (i = 0; i < n && found < cap;) {
		first = i;
		for (n_c = 0; i < n && !pool_cmp(order[first], order[i]); i++)
			n_c = add_seen(c, n_c, order[i]);
		if (n_c == 0)
			continue;
		describe(&out[found], order[first]);
		join(c, n_c, out[found].addrs, sizeof(out[found].addrs));
		found++;
	}
	free(order);
	return found;
}
