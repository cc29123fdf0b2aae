/* SPDX-License-Identifier: Apache-2.0 */
/* What mDNS says: TXT records, names and addresses of services. All of it
 * comes out printable, whole and bounded. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "discovery/merge.h"

#define SERVICES 6

/* Copying it again changes nothing: there is nothing left to mend. */
static void check_text(const char *text, size_t cap)
{
	char again[1024];

	FUZZ_CHECK(memchr(text, '\0', cap));
	lr_text_copy(again, sizeof again, text, strlen(text));
	FUZZ_CHECK(!strcmp(again, text));
}

static void read_txt(struct lr_txt *t, struct fuzz_in *in)
{
	static const char *const keys[] = {"id", "pool", "version", "txtvers",
					   "ID"};
	size_t n;

	for (unsigned k = fuzz_below(in, 5); k; k--) {
		const char *key = keys[fuzz_below(in, 5)];
		const uint8_t *p = fuzz_piece(in, 80, &n);

		lr_txt_read(t, key, p, n);
	}
	check_text(t->pool_name, sizeof t->pool_name);
	check_text(t->version, sizeof t->version);
}

static void read_service(struct lr_seen *s, struct fuzz_in *in)
{
	size_t n;
	const uint8_t *p;

	read_txt(&s->txt, in);
	s->ifindex = fuzz_below(in, 4);
	s->virtual_if = fuzz_below(in, 2);
	s->port = (uint16_t)fuzz_int(in, 2);
	p = fuzz_piece(in, 70, &n);
	lr_text_copy(s->service, sizeof s->service, p, n);
	p = fuzz_piece(in, 255, &n);
	lr_text_copy(s->host, sizeof s->host, p, n);
	for (unsigned k = fuzz_below(in, LR_SEEN_ADDRS_MAX + 4); k; k--) {
		uint8_t addr[16] = {0};
		bool v6 = fuzz_below(in, 2), gone = fuzz_below(in, 8) == 0;

		p = fuzz_piece(in, 16, &n);
		memcpy(addr, p, n);
		if (gone)
			lr_seen_remove(s, v6, addr);
		else
			lr_seen_add(s, v6, addr);
	}
	FUZZ_CHECK(s->n_addr <= LR_SEEN_ADDRS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lr_seen seen[SERVICES];
	static struct lr_found found[SERVICES];
	const struct lr_seen *list[SERVICES];
	struct fuzz_in in = {data, size};
	size_t n = 1 + fuzz_below(&in, SERVICES), cap, got;

	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < n; i++) {
		read_service(&seen[i], &in);
		list[i] = &seen[i];
	}
	cap = fuzz_below(&in, SERVICES) + 1;
	got = lr_merge(list, n, found, cap);
	FUZZ_CHECK(got <= cap);
	for (size_t i = 0; i < got; i++) {
		check_text(found[i].pool_name, sizeof found[i].pool_name);
		check_text(found[i].version, sizeof found[i].version);
		check_text(found[i].host, sizeof found[i].host);
		check_text(found[i].addrs, sizeof found[i].addrs);
		FUZZ_CHECK(found[i].addrs[0]);
	}
	return 0;
}
