# SPDX-License-Identifier: Apache-2.0

# placement, suspicion, the catalog, histograms, progress
core_pool_tests = \
	tests/unit/test_placement \
	tests/unit/test_suspect
check_PROGRAMS += $(core_pool_tests)
TESTS += $(core_pool_tests)
tests_unit_test_placement_SOURCES = tests/unit/test_placement.c
tests_unit_test_placement_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_suspect_SOURCES = tests/unit/test_suspect.c
tests_unit_test_suspect_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
