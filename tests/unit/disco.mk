# SPDX-License-Identifier: Apache-2.0
# discovery: the pure part as a unit test; the rest is tested in tests/lab,
# which needs root, so its helper is built here and run there.
check_PROGRAMS += tests/unit/test_disco tests/lab/disco-probe
TESTS += tests/unit/test_disco
tests_unit_test_disco_SOURCES = tests/unit/test_disco.c
tests_unit_test_disco_LDADD = discovery/liblrdisco.la \
	lib/core/liblrcore.la $(CMOCKA_LIBS)

tests_lab_disco_probe_SOURCES = tests/lab/disco-probe.c
tests_lab_disco_probe_LDADD = discovery/liblrdisco.la \
	lib/core/liblrcore.la $(UV_LIBS)
EXTRA_DIST += tests/lab/run tests/lab/lab.py tests/lab/process.py \
	tests/lab/netns.py \
	tests/lab/pool.py tests/lab/tsan.supp \
	tests/lab/test_coordinator.py tests/lab/test_corrupt.py \
	tests/lab/test_deaths.py \
	tests/lab/test_discovery.py tests/lab/test_files.py \
	tests/lab/test_pool.py
