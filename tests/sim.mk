# SPDX-License-Identifier: Apache-2.0
# The simulation of the whole pool, and the rules taken away one by one. Both
# are compiled without sanitizers: here the number of runs is what counts. In a
# build with sanitizers there is a second program that has them.
sim_sources = \
	tests/sim/agent.c \
	tests/sim/agent.h \
	tests/sim/base.h \
	tests/sim/cas.c \
	tests/sim/cas.h \
	tests/sim/client.h \
	tests/sim/coord.c \
	tests/sim/donor.c tests/sim/donor_slots.c \
	tests/sim/donor.h \
	tests/sim/find.c \
	tests/sim/forward.c \
	tests/sim/lin.c \
	tests/sim/lin.h \
	tests/sim/list.c \
	tests/sim/name.c \
	tests/sim/nemesis.c \
	tests/sim/nemesis.h \
	tests/sim/nemesis_coord.c \
	tests/sim/nemesis_ram.c tests/sim/nemesis_slow.c \
	tests/sim/net.c \
	tests/sim/net.h \
	tests/sim/object.c \
	tests/sim/oracle.c \
	tests/sim/oracle.h \
	tests/sim/oracle_cfg.c \
	tests/sim/oracle_end.c \
	tests/sim/order.c \
	tests/sim/profile.c \
	tests/sim/pull.c \
	tests/sim/report.c \
	tests/sim/serve.c \
	tests/sim/shelf.c \
	tests/sim/sim.c \
	tests/sim/sim.h \
	tests/sim/sweep.c \
	tests/sim/via.c \
	tests/sim/work.c
sim_core = $(lib_core_liblrcore_la_SOURCES) lib/wire/cursor.c lib/wire/msg.c \
	lib/wire/viewcodec.c
sim_cflags = -Wall -Wextra -O2 $(XXHASH_CFLAGS)

# The same rules, and the same with the hooks that take them away.
check_LTLIBRARIES += tests/sim/liblrcore_sim.la tests/sim/liblrcore_mut.la
tests_sim_liblrcore_sim_la_SOURCES = $(sim_core)
tests_sim_liblrcore_sim_la_CFLAGS = $(sim_cflags)
tests_sim_liblrcore_sim_la_LDFLAGS =
tests_sim_liblrcore_sim_la_LIBADD = $(XXHASH_LIBS)
tests_sim_liblrcore_mut_la_SOURCES = $(sim_core)
tests_sim_liblrcore_mut_la_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_sim_liblrcore_mut_la_CFLAGS = $(sim_cflags)
tests_sim_liblrcore_mut_la_LDFLAGS =
tests_sim_liblrcore_mut_la_LIBADD = $(XXHASH_LIBS)

check_PROGRAMS += tests/sim/sim tests/sim/mutants tests/sim/test_lin
tests_sim_sim_SOURCES = $(sim_sources) tests/sim/main.c
tests_sim_sim_CFLAGS = $(sim_cflags)
tests_sim_sim_LDFLAGS =
tests_sim_sim_LDADD = tests/sim/liblrcore_sim.la -lm
tests_sim_mutants_SOURCES = $(sim_sources) tests/sim/mutants.c
tests_sim_mutants_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_sim_mutants_CFLAGS = $(sim_cflags)
tests_sim_mutants_LDFLAGS =
tests_sim_mutants_LDADD = tests/sim/liblrcore_mut.la -lm
tests_sim_test_lin_SOURCES = tests/sim/test_lin.c tests/sim/lin.c \
	tests/sim/lin.h tests/unit/unit.h
tests_sim_test_lin_LDADD = $(CMOCKA_LIBS)

if SANITIZE
check_PROGRAMS += tests/sim/sim_san
endif
tests_sim_sim_san_SOURCES = $(sim_sources) tests/sim/main.c
tests_sim_sim_san_LDADD = lib/wire/liblrwire.la lib/core/liblrcore.la -lm

dist_check_SCRIPTS += tests/sim/check-sim tests/sim/check-mutants
TESTS += tests/sim/test_lin tests/sim/check-sim tests/sim/check-mutants
EXTRA_DIST += tests/sim/seeds
