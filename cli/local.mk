# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += cli/lanram
cli_lanram_SOURCES = \
	cli/admin.c \
	cli/bench.c \
	cli/bench.h \
	cli/bench_media.c \
	cli/bench_show.c \
	cli/cli.h \
	cli/doctor.c \
	cli/doctor.h \
	cli/doctor_daemons.c \
	cli/doctor_dial.c \
	cli/doctor_donors.c \
	cli/doctor_mdns.c \
	cli/doctor_pool.c \
	cli/donors.c \
	cli/drain.c \
	cli/events.c \
	cli/here.c \
	cli/invite.c \
	cli/join.c \
	cli/lend.c \
	cli/list.c \
	cli/main.c \
	cli/metrics.c \
	cli/objects.h \
	cli/output.c \
	cli/output.h \
	cli/ping.c \
	cli/pool.c \
	cli/pool_admin.c \
	cli/pool_file.c \
	cli/pool_file.h \
	cli/pool_donors.h \
	cli/progress.c \
	cli/progress.h \
	cli/rebalance.c \
	cli/rebuild.c \
	cli/rotate.c \
	cli/remove.c \
	cli/retrieve.c \
	cli/signals.c \
	cli/stat.c \
	cli/status.c \
	cli/store.c \
	cli/target.c \
	cli/target.h \
	cli/top.c \
	cli/values.c
cli_lanram_LDADD = tui/liblrtui.la discovery/liblrdisco.la lib/client/liblrclient.la lib/net/liblrnet.la \
	lib/wire/liblrwire.la lib/core/liblrcore.la $(AVAHI_LIBS) $(JANSSON_LIBS) $(NCURSES_LIBS) \
	$(LIBCONFIG_LIBS) $(XXHASH_LIBS) $(UV_LIBS) $(OPENSSL_LIBS) -lm
