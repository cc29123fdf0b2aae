/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's handle and fork(). */
#include "unit.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/lanram.h"

static const struct lanram_options nowhere = {.socket = "/nonexistent/sock"};

/* True: refused, and because of the fork. */
static bool is_a_childs(struct lanram *pool)
{
	struct lanram_object object;

	assert_int_equal(lanram_stat(pool, "", &object), LANRAM_USAGE);
	return strstr(lanram_error(pool), "fork") != NULL;
}

static int child(struct lanram *parents)
{
	struct lanram *own;

	if (!is_a_childs(parents))
		return 1;
	lanram_close(parents); /* nothing */
	if (!is_a_childs(parents) || lanram_open(&nowhere, &own))
		return 2;
	if (is_a_childs(own))
		return 3;
	lanram_close(own);
	return 0;
}

/* A child is refused its parent's handle and may open one of its own; the
 * parent goes on with its own. So it is with a second child, too. */
static void forked(void **state)
{
	struct lanram *pool;
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(lanram_open(&nowhere, &pool), LANRAM_OK);
	for (unsigned i = 0; i < 2; i++) {
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			_exit(child(pool));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_false(is_a_childs(pool));
	}
	lanram_close(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
