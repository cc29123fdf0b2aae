/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's keys, one after the other: which line is believed, what lies in the
 * file, and whom a link takes for the pool. */
#include "net/succession.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net_kit.h"
#include "unit.h"

static const struct lr_pool_key none;
static char dir[] = "/tmp/lr-succession-XXXXXX", path[64];

static int folder(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/lr-succession-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/pool.key", dir);
	return 0;
}

static int no_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static struct lr_identity *at_path(void)
{
	struct lr_identity *id = NULL;
	char why[512];

	assert_int_equal(lr_identity_open(path, &id, why, sizeof why),
			 LR_E_OK);
	return id;
}

static struct lr_identity *after(const struct lr_identity *old)
{
	struct lr_identity *id = NULL;
	char why[512];

	assert_int_equal(lr_succession_make(old, path, &id, why, sizeof why),
			 LR_E_OK);
	return id;
}

/* As who has seen `since` takes one that shows `id`. */
static enum lr_err seen(const struct lr_identity *id,
			const struct lr_pool_key *since)
{
	struct lr_pool_key last;
	struct lr_dev pool;
	enum lr_err err = lr_succession_follow(lr_identity_line(id),
					       &lr_identity_last(id)->key,
					       since, &pool, &last);

	if (!err) {
		assert_true(lr_dev_eq(&pool, lr_identity_dev(id)));
		assert_int_equal(last.n, lr_identity_last(id)->n);
	}
	return err;
}

/* The pool stays; each key is at its place at once, and is read again with
 * the line to it. Whoever has seen a key takes it and later ones, nothing
 * older. */
static void test_line(void **state)
{
	struct lr_identity *id[4], *read;

	(void)state;
	id[0] = at_path();
	for (int i = 1; i < 4; i++) {
		id[i] = after(id[i - 1]);
		read = at_path();
		assert_true(lr_dev_eq(lr_identity_dev(read),
				      lr_identity_dev(id[0])));
		assert_memory_equal(lr_identity_last(read),
				    lr_identity_last(id[i]),
				    sizeof(struct lr_pool_key));
		assert_int_equal(lr_identity_last(read)->n, i);
		lr_identity_free(read);
	}
	for (int now = 0; now < 4; now++)
		for (int then = 0; then < 4; then++)
			assert_int_equal(seen(id[now],
					      lr_identity_last(id[then])),
					 then > now ? LR_E_WRONG_PEER :
						      LR_E_OK);
	for (int i = 0; i < 4; i++)
		lr_identity_free(id[i]);
}

/* Who stole a key can sign a next one, too: whoever has seen the right one
 * goes neither there nor to what comes after it. */
static void test_fork(void **state)
{
	struct lr_identity *old = at_path(), *right = after(old);
	struct lr_identity *wrong = after(old), *later = after(wrong);

	(void)state;
	assert_int_equal(seen(wrong, &none), LR_E_OK);
	assert_int_equal(seen(wrong, lr_identity_last(right)),
			 LR_E_WRONG_PEER);
	assert_int_equal(seen(later, lr_identity_last(right)),
			 LR_E_WRONG_PEER);
	lr_identity_free(old);
	lr_identity_free(right);
	lr_identity_free(wrong);
	lr_identity_free(later);
}

static enum lr_err follow(const struct lr_succession *s,
			  const struct lr_dev *shown)
{
	struct lr_pool_key last;
	struct lr_dev pool;

	return lr_succession_follow(s, shown, &none, &pool, &last);
}

/* A line that is cut, longer, or changed anywhere leads nowhere; nor does one
 * to a key that the other side has not proven. */
static void test_broken(void **state)
{
	struct lr_identity *old = at_path(), *id = after(old);
	const struct lr_succession *line = lr_identity_line(id);
	const struct lr_dev *shown = &lr_identity_last(id)->key;
	struct lr_succession s;

	(void)state;
	assert_int_equal(follow(line, shown), LR_E_OK);
	assert_int_equal(follow(line, NULL), LR_E_OK);
	assert_int_equal(follow(line, lr_identity_dev(old)), LR_E_PROTOCOL);
	for (size_t len = 0; len < line->len + 200; len++) {
		s = *line;
		s.len = len;
		if (len != line->len)
			assert_int_equal(follow(&s, shown),
					 len ? LR_E_PROTOCOL : LR_E_OK);
	}
	for (size_t i = 32; i < line->len; i++) {
		s = *line;
		s.b[i] ^= 1;
		assert_int_equal(follow(&s, shown), LR_E_PROTOCOL);
	}
	lr_identity_free(old);
	lr_identity_free(id);
}

/* Another first key makes it no pool of that ID: its signature is missing. */
static void test_other_first(void **state)
{
	struct lr_identity *old = at_path(), *id = after(old), *other, *next;
	struct lr_succession s = *lr_identity_line(id);

	(void)state;
	unlink(path);
	other = at_path();
	next = after(other);
	memcpy(s.b, lr_identity_line(next)->b, 32);
	assert_int_equal(follow(&s, &lr_identity_last(id)->key),
			 LR_E_PROTOCOL);
	lr_identity_free(old);
	lr_identity_free(id);
	lr_identity_free(other);
	lr_identity_free(next);
}

/* A file in which the keys lead to another key is refused. */
static void test_damaged_file(void **state)
{
	struct lr_identity *old = at_path(), *id = after(old), *none_read;
	char why[512], text[4096], *line;
	FILE *f;
	size_t n;

	(void)state;
	f = fopen(path, "r");
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	line = strstr(text, "-----BEGIN LANRAM");
	assert_non_null(line);
	unlink(path);
	lr_identity_free(old);
	old = at_path();
	f = fopen(path, "a");
	fputs(line, f);
	fclose(f);
	assert_int_equal(lr_identity_open(path, &none_read, why, sizeof why),
			 LR_E_CORRUPT);
	assert_non_null(strstr(why, "backup"));
	lr_identity_free(old);
	lr_identity_free(id);
}

/* One connection; how it ended, if not by us. */
static enum lr_err connects(struct kit *k, const struct lr_dev *expect,
			    const struct lr_pool_key *since)
{
	enum lr_err why = LR_E_OK;

	k->since = since;
	memset(&k->client, 0, sizeof k->client);
	memset(&k->server, 0, sizeof k->server);
	kit_connect(k, expect);
	KIT_UNTIL(k, (k->client.opened && k->server.opened) ||
			     k->client.closed);
	if (k->client.closed)
		why = k->client.why;
	else
		lr_link_close(k->client.link, LR_E_CLOSED);
	KIT_UNTIL(k, k->client.closed && !k->server.link);
	return why;
}

/* A link to the pool is one to whoever proves the last key, through all the
 * replacements that there may be; then there is no next one. Whom the pool
 * connects to knows it by the key alone. */
static void test_links(void **state)
{
	struct lr_identity *first = at_path(), *id = at_path(), *next;
	struct lr_pool_key newer;
	char why[512];
	struct kit k;

	(void)state;
	kit_listen(&k, KIT_TLS);
	for (unsigned i = 0; i < LR_SUCCESSION_MAX; i++) {
		next = after(id);
		lr_identity_free(id);
		id = next;
	}
	assert_int_equal(lr_succession_make(id, path, &next, why, sizeof why),
			 LR_E_FULL);
	assert_true(lr_tls_renew(k.tls[0], id));
	newer = (struct lr_pool_key){ *lr_identity_dev(k.id[1]),
				      LR_SUCCESSION_MAX };
	assert_int_equal(connects(&k, lr_identity_dev(first), &none), LR_E_OK);
	assert_int_equal(connects(&k, lr_identity_dev(first),
				  lr_identity_last(id)), LR_E_OK);
	assert_int_equal(connects(&k, lr_identity_dev(first), &newer),
			 LR_E_WRONG_PEER);
	assert_int_equal(connects(&k, &lr_identity_last(id)->key, &none),
			 LR_E_WRONG_PEER);
	assert_true(lr_tls_renew(k.tls[0], first));
	assert_int_equal(connects(&k, lr_identity_dev(first), &none), LR_E_OK);
	assert_int_equal(connects(&k, lr_identity_dev(first),
				  lr_identity_last(id)), LR_E_WRONG_PEER);
	assert_true(lr_tls_renew(k.tls[1], id));
	k.server.opened = k.client.opened = k.client.closed = 0;
	k.since = NULL;
	kit_connect(&k, NULL);
	KIT_UNTIL(&k, k.client.opened && k.server.opened);
	assert_true(lr_dev_eq(lr_link_peer(k.server.link),
			      &lr_identity_last(id)->key));
	kit_done(&k);
	lr_identity_free(first);
	lr_identity_free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, folder, no_folder),
		cmocka_unit_test_setup_teardown(test_fork, folder, no_folder),
		cmocka_unit_test_setup_teardown(test_broken, folder, no_folder),
		cmocka_unit_test_setup_teardown(test_other_first, folder,
						no_folder),
		cmocka_unit_test_setup_teardown(test_damaged_file, folder,
						no_folder),
		cmocka_unit_test_setup_teardown(test_links, folder, no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
