# SPDX-License-Identifier: Apache-2.0
# The nemesis' clients and its judge; they are run by tests/lab/test_nemesis.py.
check_PROGRAMS += tests/lab/history tests/lab/check-history tests/lab/hog
tests_lab_history_SOURCES = tests/lab/history.c tests/lab/history.h
tests_lab_history_LDADD = lib/client/liblrclient.la
# One bad neighbour, for tests/lab/test_hostile.py.
tests_lab_hog_SOURCES = tests/lab/hog.c
tests_lab_hog_LDADD = lib/net/liblrnet.la
tests_lab_check_history_SOURCES = tests/lab/check-history.c \
	tests/lab/history.h tests/sim/cas.c tests/sim/cas.h \
	tests/sim/lin.c tests/sim/lin.h
tests_lab_check_history_LDADD = lib/client/liblrclient.la

EXTRA_DIST += tests/lab/installed
TESTS += tests/lab/test-check-history
dist_check_SCRIPTS += tests/lab/test-check-history

# What the lab needs besides the daemons, without all of the other tests.
.PHONY: lab-programs
lab-programs: tests/lab/history tests/lab/check-history tests/lab/hog \
	tests/lab/disco-probe
