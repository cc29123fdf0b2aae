/* SPDX-License-Identifier: Apache-2.0 */
/* A storm does not flood the log, and nobody else writes lines in it. The
 * linker sends time() here. */
#include "unit.h"

#include <time.h>
#include <unistd.h>

#include "daemon/log.h"

#define FEW 20 /* lines a storm may make in a minute */

static time_t now = 1700000000;
static char log_text[65536];
static int saved_stderr;

time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
	if (t)
		*t = now;
	return now;
}

static FILE *listen_in(void)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	return f;
}

/* What was said meanwhile: log_text; returns its lines. */
static unsigned heard(FILE *f)
{
	unsigned lines = 0;
	size_t n;

	fflush(stderr);
	assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
	close(saved_stderr);
	rewind(f);
	n = fread(log_text, 1, sizeof log_text - 1, f);
	fclose(f);
	log_text[n] = '\0';
	for (const char *p = log_text; (p = strchr(p, '\n')); p++)
		lines++;
	return lines;
}

static void storm(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		lr_warn("ID %u is lost", i);
}

/* A thousand lines of one cause, no two alike: few come out, with other
 * causes' between them; once a minute is over, how many there were is told. */
static void one_cause(void **state)
{
	FILE *f = listen_in();
	unsigned before, lines;

	(void)state;
	storm(500);
	lr_warn("another matter");
	storm(500);
	lines = heard(f);
	assert_true(lines > 1 && lines <= FEW);
	assert_non_null(strstr(log_text, "another matter\n"));
	before = lines - 1;
	now += 61;
	f = listen_in();
	storm(1);
	assert_int_equal(heard(f), 1);
	lines = 0;
	assert_int_equal(sscanf(log_text, "ID 0 is lost (and %u more", &lines),
			 1);
	assert_int_equal(lines, 1000 - before);
}

/* Ten minutes of it: as many times few. */
static void ten_minutes(void **state)
{
	FILE *f = listen_in();

	(void)state;
	for (unsigned s = 0; s < 600; s++, now++)
		storm(100);
	assert_true(heard(f) <= 11 * FEW);
}

/* The same line, again and again: once a minute. */
static void same_line(void **state)
{
	FILE *f = listen_in();

	(void)state;
	for (unsigned s = 0; s < 600; s++, now++)
		lr_info("the coordinator is away, searching");
	assert_int_equal(heard(f), 10);
	assert_non_null(strstr(log_text, "(and 59 more like it before)"));
}

#define CAUSE(n) lr_info("cause " #n)
#define TEN(n)                                                  \
	CAUSE(n##0); CAUSE(n##1); CAUSE(n##2); CAUSE(n##3);     \
	CAUSE(n##4); CAUSE(n##5); CAUSE(n##6); CAUSE(n##7);     \
	CAUSE(n##8); CAUSE(n##9)

/* More causes than are remembered: each is heard all the same. */
static void many_causes(void **state)
{
	FILE *f = listen_in();

	(void)state;
	TEN(1); TEN(2); TEN(3); TEN(4);
	TEN(5); TEN(6); TEN(7); TEN(8);
	assert_int_equal(heard(f), 80);
}

/* What came from outside ends no line and moves no cursor. */
static void from_outside(void **state)
{
	FILE *f = listen_in();
	char out[64];

	(void)state;
	lr_warn("%s says: %s", "mallet\n<0>kernel: on fire", "\x1b[2J\r\x7f");
	assert_int_equal(heard(f), 1);
	assert_null(strpbrk(log_text, "\x1b\r\x7f"));
	assert_string_equal(lr_log_escape("a\nb\\", 4, out, sizeof out),
			    "a\\x0ab\\x5c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cause),	cmocka_unit_test(ten_minutes),
		cmocka_unit_test(same_line),	cmocka_unit_test(many_causes),
		cmocka_unit_test(from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
