# SPDX-License-Identifier: Apache-2.0
# lib/core: pure rules. Whoever adds a file adds its line here, .c and .h, in
# the order of the alphabet (tests/check-listed names files left out).
noinst_LTLIBRARIES += lib/core/liblrcore.la
lib_core_liblrcore_la_SOURCES = \
	lib/core/catalog.c \
	lib/core/catalog.h \
	lib/core/catalog_find.c \
	lib/core/catalog_i.h \
	lib/core/catalog_index.c \
	lib/core/coord.c \
	lib/core/coord.h \
	lib/core/coord_acts.c \
	lib/core/coord_change.c \
	lib/core/coord_decide.c \
	lib/core/coord_doubt.c \
	lib/core/coord_health.c \
	lib/core/coord_internal.h \
	lib/core/coord_leave.c \
	lib/core/coord_loss.c \
	lib/core/coord_plan.c \
	lib/core/coord_rebalance.c \
	lib/core/coord_rows.c \
	lib/core/coord_seal.c \
	lib/core/coord_shed.c \
	lib/core/coord_warm.c \
	lib/core/coord_watch.c \
	lib/core/coord_whatif.c \
	lib/core/elastic.c \
	lib/core/elastic.h \
	lib/core/err.c \
	lib/core/err.h \
	lib/core/events.c \
	lib/core/events.h \
	lib/core/hist.c \
	lib/core/hist.h \
	lib/core/id.c \
	lib/core/id.h \
	lib/core/list.h \
	lib/core/losses.c \
	lib/core/losses.h \
	lib/core/mutate.h \
	lib/core/op.c \
	lib/core/op.h \
	lib/core/op_i.h \
	lib/core/op_put.c \
	lib/core/op_read.c \
	lib/core/pace.c \
	lib/core/pace.h \
	lib/core/placement.c \
	lib/core/placement.h \
	lib/core/placement_i.h \
	lib/core/placement_level.c \
	lib/core/placement_tree.c \
	lib/core/progress.c \
	lib/core/progress.h \
	lib/core/slot.c \
	lib/core/slot.h \
	lib/core/sum.h \
	lib/core/suspect.c \
	lib/core/suspect.h \
	lib/core/sync.c \
	lib/core/sync.h \
	lib/core/tag.h \
	lib/core/terms.h \
	lib/core/turns.c \
	lib/core/turns.h \
	lib/core/update.c \
	lib/core/update.h \
	lib/core/view.c \
	lib/core/view.h \
	lib/core/worth.c \
	lib/core/worth.h
lib_core_liblrcore_la_LIBADD = $(XXHASH_LIBS)
