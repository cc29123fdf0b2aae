# SPDX-License-Identifier: Apache-2.0
# The nemesis' clients and its judge; they are run by tests/lab/test_nemesis.py.
check_PROGRAMS += tests/lab/history tests/lab/check-history tests/lab/hog
tests_lab_history_SOURCES = tests/lab/history.c tests/lab/history.h \
	tests/lab/history_i.h tests/lab/history_say.c
tests_lab_history_LDADD = lib/client/liblrclient.la
# One bad neighbour, for tests/lab/test_hostile.py.
tests_lab_hog_SOURCES = tests/lab/hog.c
tests_lab_hog_LDADD = lib/net/liblrnet.la
tests_lab_check_history_SOURCES = tests/lab/check-history.c \
	tests/lab/history.h tests/sim/cas.c tests/sim/cas.h \
	tests/sim/lin.c tests/sim/lin.h
tests_lab_check_history_LDADD = lib/client/liblrclient.la

# Other versions, as far as links can tell, for tests/lab/test_versions.py: one
# whose messages and records have all grown and that speaks what we speak, too,
# one that speaks the first that was released, and two that speak nothing of
# ours, a later and an earlier one. What they are made of comes first, the rest
# is taken from the libraries.
check_PROGRAMS += tests/lab/lanramd-grown tests/lab/lanramd-apart \
	tests/lab/lanramd-before tests/lab/lanramd-two
tests_lab_lanramd_grown_SOURCES = daemon/main.c lib/wire/msg.c \
	lib/wire/version.c
tests_lab_lanramd_grown_CPPFLAGS = $(AM_CPPFLAGS) -DLR_GROWN \
	-DLR_PROTO_MIN=2 -DLR_PROTO_MAX=8
tests_lab_lanramd_grown_LDADD = $(daemon_lanramd_LDADD)
tests_lab_lanramd_apart_SOURCES = daemon/main.c lib/wire/version.c
tests_lab_lanramd_apart_CPPFLAGS = $(AM_CPPFLAGS) \
	-DLR_PROTO_MIN=8 -DLR_PROTO_MAX=9
tests_lab_lanramd_apart_LDADD = $(daemon_lanramd_LDADD)
tests_lab_lanramd_before_SOURCES = daemon/main.c lib/wire/version.c
tests_lab_lanramd_before_CPPFLAGS = $(AM_CPPFLAGS) \
	-DLR_PROTO_MIN=1 -DLR_PROTO_MAX=1
tests_lab_lanramd_before_LDADD = $(daemon_lanramd_LDADD)

tests_lab_lanramd_two_SOURCES = daemon/main.c lib/wire/version.c
tests_lab_lanramd_two_CPPFLAGS = $(AM_CPPFLAGS) \
	-DLR_PROTO_MIN=2 -DLR_PROTO_MAX=2
tests_lab_lanramd_two_LDADD = $(daemon_lanramd_LDADD)

EXTRA_DIST += tests/lab/installed
TESTS += tests/lab/test-check-history
dist_check_SCRIPTS += tests/lab/test-check-history

# What the lab needs besides the daemons, without all of the other tests.
.PHONY: lab-programs
lab-programs: tests/lab/history tests/lab/check-history tests/lab/hog \
	tests/lab/disco-probe
