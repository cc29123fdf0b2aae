# SPDX-License-Identifier: Apache-2.0
# lib/wire: bytes of every message, manifests, views in parts.
wire_tests = tests/unit/test_wire tests/unit/test_manifest tests/unit/test_version \
	tests/unit/test_view tests/unit/test_view_memory
wire_libs = lib/wire/liblrwire.la lib/core/liblrcore.la $(CMOCKA_LIBS)
check_PROGRAMS += $(wire_tests)
TESTS += $(wire_tests)
EXTRA_DIST += tests/unit/golden/wire.txt doc/protocol.md
tests_unit_test_wire_SOURCES = tests/unit/test_wire.c tests/unit/wire_rows.c \
	tests/unit/wire_rows.h tests/unit/unit.h
tests_unit_test_wire_LDADD = $(wire_libs)
tests_unit_test_manifest_SOURCES = tests/unit/test_manifest.c tests/unit/unit.h
tests_unit_test_manifest_LDADD = $(wire_libs)
tests_unit_test_version_SOURCES = tests/unit/test_version.c tests/unit/unit.h
tests_unit_test_version_LDADD = $(wire_libs)
tests_unit_test_view_SOURCES = tests/unit/test_view.c tests/unit/unit.h
tests_unit_test_view_LDADD = $(wire_libs)
# Allocations that fail on demand.
fail_nth = tests/unit/fail_nth.c tests/unit/fail_nth.h
fail_nth_ldflags = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_unit_test_view_memory_SOURCES = tests/unit/test_view_memory.c \
	tests/unit/unit.h $(fail_nth)
tests_unit_test_view_memory_LDFLAGS = $(AM_LDFLAGS) $(fail_nth_ldflags)
tests_unit_test_view_memory_LDADD = $(wire_libs)
