/* SPDX-License-Identifier: Apache-2.0 */
/* args: COORDINATOR STATE_DIR [POOL]; the library directly to the donors.
 * Objects, or registers, whose copies (two) the library chooses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/kv.h"

static void check(struct kv *k, enum lanram_err err)
{
	if (!err)
		return;
	fprintf(stderr, "kv: %s\n", lanram_error(k->pool));
	exit(1);
}

static void open_pool(struct kv *k, char **args)
{
	struct lanram_options o = {.coordinator = args[0],
				   .state_dir = args[1],
				   .pool = args[2],
				   .busy_poll_us = k->busy_poll_us};

	if (lanram_open(&o, &k->pool)) {
		fprintf(stderr, "kv: cannot open the pool\n");
		exit(1);
	}
	k->ids = calloc(k->n, sizeof *k->ids);
	if (!k->ids)
		kv_die("memory");
}

static void store(struct kv *k, unsigned i)
{
	struct lanram_store_options o = {.copies = (int)k->copies};
	struct lanram_stored st;

	check(k, lanram_store(k->pool, k->value, k->size, &o, &st));
	memcpy(k->ids[i], st.id, sizeof st.id);
}

static void same(const struct kv *k, const void *got, size_t n)
{
	if (n != k->size || memcmp(got, k->value, n) != 0)
		kv_die("lanram: wrong value");
}

static void retrieve(struct kv *k, unsigned i)
{
	void *p;
	size_t n;

	check(k, lanram_retrieve(k->pool, k->ids[i], &p, &n));
	same(k, p, n);
	free(p);
}

static void remove_one(struct kv *k, unsigned i)
{
	check(k, lanram_remove(k->pool, k->ids[i]));
}

static struct lanram_op *next(struct kv *k, struct lanram_op *op)
{
	op = lanram_wait(k->pool, op, -1);
	if (!op)
		kv_die("lanram_wait");
	check(k, lanram_op_status(op));
	return op;
}

static void store_batch(struct kv *k, const unsigned *i, unsigned n)
{
	struct lanram_store_options o = {.copies = (int)k->copies};
	struct lanram_op *op[256];

	for (unsigned j = 0; j < n; j++)
		op[j] = lanram_submit_store(k->pool, k->value, k->size, &o);
	for (unsigned j = 0; j < n; j++) {
		memcpy(k->ids[i[j]], lanram_op_stored(next(k, op[j]))->id,
		       LANRAM_ID_TEXT);
		lanram_op_free(op[j]);
	}
}

static void retrieve_batch(struct kv *k, const unsigned *i, unsigned n)
{
	struct lanram_op *op[256];
	const void *got;
	size_t size;

	for (unsigned j = 0; j < n; j++)
		op[j] = lanram_submit_retrieve(k->pool, k->ids[i[j]]);
	for (unsigned j = 0; j < n; j++) {
		got = lanram_op_value(next(k, op[j]), &size);
		same(k, got, size);
		lanram_op_free(op[j]);
	}
}

/* --- registers ------------------------------------------------------------- */

static const char *name_of(unsigned i)
{
	static char name[16];

	snprintf(name, sizeof name, "k%09u", i);
	return name;
}

static void write_register(struct kv *k, unsigned i)
{
	check(k, lanram_register_write(k->pool, name_of(i), k->value, k->size,
				       NULL));
}

static void read_register(struct kv *k, unsigned i)
{
	void *p;
	size_t n;

	check(k, lanram_register_read(k->pool, name_of(i), &p, &n, NULL));
	same(k, p, n);
	free(p);
}

static void remove_register(struct kv *k, unsigned i)
{
	check(k, lanram_register_remove(k->pool, name_of(i), NULL));
}

static void write_registers(struct kv *k, const unsigned *i, unsigned n)
{
	for (unsigned j = 0; j < n; j++)
		write_register(k, i[j]);
}

static void read_registers(struct kv *k, const unsigned *i, unsigned n)
{
	for (unsigned j = 0; j < n; j++)
		read_register(k, i[j]);
}

const struct kv_ops kv_register = {
	.open = open_pool,
	.store = write_register,
	.retrieve = read_register,
	.remove = remove_register,
	.store_batch = write_registers,
	.retrieve_batch = read_registers,
};

const struct kv_ops kv_lanram = {
	.open = open_pool,
	.store = store,
	.retrieve = retrieve,
	.remove = remove_one,
	.store_batch = store_batch,
	.retrieve_batch = retrieve_batch,
};
