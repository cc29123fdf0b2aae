# SPDX-License-Identifier: Apache-2.0

# placement, suspicion, the catalog, histograms, progress
core_pool_tests = \
	tests/unit/test_catalog \
	tests/unit/test_hist \
	tests/unit/test_placement \
	tests/unit/test_progress \
	tests/unit/test_suspect
check_PROGRAMS += $(core_pool_tests)
TESTS += $(core_pool_tests)
tests_unit_test_catalog_SOURCES = tests/unit/test_catalog.c
tests_unit_test_catalog_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_hist_SOURCES = tests/unit/test_hist.c
tests_unit_test_hist_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_progress_SOURCES = tests/unit/test_progress.c
tests_unit_test_progress_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_placement_SOURCES = tests/unit/test_placement.c
tests_unit_test_placement_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_suspect_SOURCES = tests/unit/test_suspect.c
tests_unit_test_suspect_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)

# lib/core: identifiers, the donor's slot, operations, pulling a slot. The
# model of operations compiles the rules itself, with those that can be taken
# away.
core_tests = tests/unit/test_id tests/unit/test_slot tests/unit/test_op \
	tests/unit/test_op_model tests/unit/test_sync
core_libs = lib/core/liblrcore.la $(CMOCKA_LIBS)
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
tests_unit_test_id_SOURCES = tests/unit/test_id.c tests/unit/unit.h
tests_unit_test_id_LDADD = $(core_libs)
tests_unit_test_slot_SOURCES = tests/unit/test_slot.c tests/unit/unit.h
tests_unit_test_slot_LDADD = $(core_libs)
tests_unit_test_op_SOURCES = tests/unit/test_op.c tests/unit/unit.h
tests_unit_test_op_LDADD = $(core_libs)
tests_unit_test_op_model_SOURCES = tests/unit/test_op_model.c \
	tests/unit/unit.h lib/core/err.c lib/core/op.c lib/core/slot.c \
	lib/core/view.c
tests_unit_test_op_model_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_unit_test_op_model_LDADD = $(CMOCKA_LIBS)
tests_unit_test_sync_SOURCES = tests/unit/test_sync.c tests/unit/unit.h
tests_unit_test_sync_LDADD = $(core_libs)
