# SPDX-License-Identifier: Apache-2.0

# placement, lending, suspicion, the catalog, histograms, progress
core_pool_tests = \
	tests/unit/test_catalog \
	tests/unit/test_losses \
	tests/unit/test_catalog_find \
	tests/unit/test_elastic \
	tests/unit/test_hist \
	tests/unit/test_pace \
	tests/unit/test_placement \
	tests/unit/test_placement_random \
	tests/unit/test_progress \
	tests/unit/test_suspect tests/unit/test_suspect_self \
	tests/unit/test_worth
check_PROGRAMS += $(core_pool_tests)
TESTS += $(core_pool_tests)
catalog_kit = tests/unit/catalog_kit.c tests/unit/catalog_kit.h \
	tests/unit/unit.h
tests_unit_test_losses_SOURCES = tests/unit/test_losses.c
tests_unit_test_losses_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_catalog_SOURCES = tests/unit/test_catalog.c $(catalog_kit)
tests_unit_test_catalog_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_catalog_find_SOURCES = tests/unit/test_catalog_find.c \
	$(catalog_kit)
tests_unit_test_catalog_find_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_elastic_SOURCES = tests/unit/test_elastic.c
tests_unit_test_elastic_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_hist_SOURCES = tests/unit/test_hist.c
tests_unit_test_hist_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_pace_SOURCES = tests/unit/test_pace.c
tests_unit_test_pace_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_progress_SOURCES = tests/unit/test_progress.c
tests_unit_test_progress_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
placement_kit = tests/unit/placement_kit.c tests/unit/placement_kit.h \
	tests/unit/unit.h
tests_unit_test_placement_SOURCES = tests/unit/test_placement.c \
	$(placement_kit)
tests_unit_test_placement_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_placement_random_SOURCES = \
	tests/unit/test_placement_random.c $(placement_kit)
tests_unit_test_placement_random_LDADD = lib/core/liblrcore.la \
	$(CMOCKA_LIBS) -lm
suspect_kit = tests/unit/suspect_kit.c tests/unit/suspect_kit.h
tests_unit_test_suspect_SOURCES = tests/unit/test_suspect.c $(suspect_kit)
tests_unit_test_suspect_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_suspect_self_SOURCES = tests/unit/test_suspect_self.c \
	$(suspect_kit)
tests_unit_test_suspect_self_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)

# lib/core: identifiers, the donor's slot, operations, pulling a slot. The
# model of operations compiles the rules itself, with those that can be taken
# away.
core_tests = tests/unit/test_id tests/unit/test_slot tests/unit/test_op \
	tests/unit/test_op_get \
	tests/unit/test_forward tests/unit/test_op_model tests/unit/test_sync
core_libs = lib/core/liblrcore.la $(CMOCKA_LIBS)
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
tests_unit_test_id_SOURCES = tests/unit/test_id.c tests/unit/unit.h
tests_unit_test_id_LDADD = $(core_libs)
tests_unit_test_slot_SOURCES = tests/unit/test_slot.c tests/unit/unit.h
tests_unit_test_slot_LDADD = $(core_libs)
op_kit = tests/unit/op_kit.c tests/unit/op_kit.h tests/unit/unit.h
tests_unit_test_op_SOURCES = tests/unit/test_op.c $(op_kit)
tests_unit_test_op_LDADD = $(core_libs)
tests_unit_test_op_get_SOURCES = tests/unit/test_op_get.c $(op_kit)
tests_unit_test_op_get_LDADD = $(core_libs)
small_world = tests/unit/small_world.c tests/unit/small_world.h \
	tests/unit/unit.h
tests_unit_test_op_model_SOURCES = tests/unit/test_op_model.c \
	$(small_world) lib/core/err.c lib/core/op.c lib/core/op_put.c \
	lib/core/op_read.c lib/core/slot.c lib/core/update.c lib/core/view.c
tests_unit_test_op_model_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_unit_test_op_model_LDADD = $(CMOCKA_LIBS)
tests_unit_test_forward_SOURCES = tests/unit/test_forward.c \
	tests/unit/unit.h lib/core/err.c lib/core/op.c lib/core/op_put.c \
	lib/core/op_read.c lib/core/slot.c lib/core/update.c lib/core/view.c
tests_unit_test_forward_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_unit_test_forward_LDADD = $(CMOCKA_LIBS)
tests_unit_test_sync_SOURCES = tests/unit/test_sync.c tests/unit/unit.h
tests_unit_test_sync_LDADD = $(core_libs)

# The coordinator's rules: one at a time; under chance, with those that can be
# taken away; and with a copy of the core whose allocations fail.
coord_tests = tests/unit/test_coord tests/unit/test_coord_restart \
	tests/unit/test_coord_restored tests/unit/test_coord_shed \
	tests/unit/test_coord_slow tests/unit/test_coord_leave \
	tests/unit/test_coord_chaos tests/unit/test_coord_memory
coord_kit = tests/unit/coord_kit.c tests/unit/coord_kit.h \
	tests/unit/coord_kit_i.h tests/unit/coord_kit_check.c \
	tests/unit/coord_kit_coord.c tests/unit/coord_kit_donor.c \
	tests/unit/unit.h
coord_core = lib/core/coord.c lib/core/coord_acts.c lib/core/coord_change.c \
	lib/core/coord_decide.c lib/core/coord_health.c lib/core/coord_leave.c \
	lib/core/coord_doubt.c lib/core/coord_loss.c \
	lib/core/coord_plan.c lib/core/coord_rebalance.c \
	lib/core/coord_rows.c lib/core/coord_seal.c lib/core/coord_shed.c \
	lib/core/coord_warm.c lib/core/coord_watch.c lib/core/view.c \
	lib/core/placement.c \
	lib/core/placement_level.c lib/core/placement_tree.c
check_PROGRAMS += $(coord_tests)
TESTS += $(coord_tests)
tests_unit_test_coord_SOURCES = tests/unit/test_coord.c $(coord_kit)
tests_unit_test_coord_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_coord_leave_SOURCES = tests/unit/test_coord_leave.c $(coord_kit)
tests_unit_test_coord_leave_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_coord_restart_SOURCES = tests/unit/test_coord_restart.c \
	$(coord_kit)
tests_unit_test_coord_restart_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_coord_shed_SOURCES = tests/unit/test_coord_shed.c $(coord_kit)
tests_unit_test_coord_shed_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
tests_unit_test_coord_slow_SOURCES = tests/unit/test_coord_slow.c $(coord_kit)
tests_unit_test_coord_slow_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
coord_mutable = $(coord_kit) $(coord_core) lib/core/slot.c \
	lib/core/suspect.c lib/core/id.c
tests_unit_test_coord_chaos_SOURCES = tests/unit/test_coord_chaos.c \
	$(coord_mutable)
tests_unit_test_coord_chaos_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_unit_test_coord_chaos_LDADD = $(CMOCKA_LIBS) $(XXHASH_LIBS) -lm
tests_unit_test_coord_restored_SOURCES = tests/unit/test_coord_restored.c \
	$(coord_mutable)
tests_unit_test_coord_restored_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_unit_test_coord_restored_LDADD = $(CMOCKA_LIBS) $(XXHASH_LIBS) -lm
check_LTLIBRARIES += tests/unit/libflakycoord.la
tests_unit_libflakycoord_la_SOURCES = $(coord_core) tests/unit/flaky.h
tests_unit_libflakycoord_la_CPPFLAGS = $(AM_CPPFLAGS) -DLR_FLAKY \
	-include $(top_srcdir)/tests/unit/flaky.h
tests_unit_test_coord_memory_SOURCES = tests/unit/test_coord_memory.c \
	$(coord_kit) tests/unit/flaky.h
tests_unit_test_coord_memory_LDADD = tests/unit/libflakycoord.la \
	lib/core/liblrcore.la $(CMOCKA_LIBS) -lm

# Registers and names: a model with rules that can be taken away, and the
# search that judges histories.
register_tests = tests/unit/test_cas tests/unit/test_read \
	tests/unit/test_register_model
check_PROGRAMS += $(register_tests)
TESTS += $(register_tests)
tests_unit_test_cas_SOURCES = tests/unit/test_cas.c tests/unit/unit.h \
	tests/sim/cas.c tests/sim/cas.h
tests_unit_test_cas_LDADD = $(CMOCKA_LIBS)
tests_unit_test_read_SOURCES = tests/unit/test_read.c tests/unit/unit.h
tests_unit_test_read_LDADD = $(core_libs)
register_model = tests/unit/register_model.c tests/unit/register_model.h \
	tests/unit/register_clients.c $(small_world) tests/sim/cas.c \
	tests/sim/cas.h lib/core/err.c lib/core/op.c lib/core/op_put.c \
	lib/core/op_read.c lib/core/slot.c lib/core/update.c lib/core/view.c
tests_unit_test_register_model_SOURCES = tests/unit/test_register_model.c \
	$(register_model)
tests_unit_test_register_model_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_unit_test_register_model_LDADD = $(CMOCKA_LIBS)
tests_unit_test_worth_SOURCES = tests/unit/test_worth.c
tests_unit_test_worth_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
