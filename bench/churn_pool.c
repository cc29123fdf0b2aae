/* SPDX-License-Identifier: Apache-2.0 */
/* args: COORDINATOR STATE_DIR; the library directly to the donors, two copies.
 * After each row it waits for a line on its input: whoever reads the row asks
 * the pool meanwhile what it holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/churn.h"
#include "client/lanram.h"

static struct lanram *pool;

static void open_pool(char **args)
{
	struct lanram_options o = {.coordinator = args[0],
				   .state_dir = args[1],
				   .deadline_ms = 30000};

	if (lanram_open(&o, &pool))
		churn_die("cannot open the pool");
}

static bool put(struct churn_value *v, const void *bytes)
{
	struct lanram_stored st;
	enum lanram_err err = lanram_store(pool, bytes, v->bytes, NULL, &st);

	if (err == LANRAM_FULL)
		return false;
	if (err)
		churn_die(lanram_error(pool));
	memcpy(v->id.text, st.id, sizeof st.id);
	return true;
}

static void drop(const struct churn_value *v)
{
	if (lanram_remove(pool, v->id.text))
		churn_die(lanram_error(pool));
}

static void tell(uint64_t value_bytes)
{
	(void)value_bytes;
	fflush(stdout);
	while (getchar() != '\n' && !feof(stdin))
		;
}

static void close_pool(void)
{
	lanram_close(pool);
}

const struct churn_ops churn_pool = {
	.open = open_pool,
	.put = put,
	.drop = drop,
	.close = close_pool,
	.tell = tell,
};
