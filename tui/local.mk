# SPDX-License-Identifier: Apache-2.0
# tui: `lanram top`, a part of the lanram program.
noinst_LTLIBRARIES += tui/liblrtui.la
tui_liblrtui_la_SOURCES = \
	tui/act.c \
	tui/args.c \
	tui/browse.c \
	tui/canvas.c \
	tui/canvas.h \
	tui/choose.c \
	tui/complete.c \
	tui/draw.c \
	tui/feed.c \
	tui/feed_i.h \
	tui/feed_take.c \
	tui/json.c \
	tui/json.h \
	tui/keys.h \
	tui/model.c \
	tui/model.h \
	tui/prompt.c \
	tui/rows.c \
	tui/run.c \
	tui/screen.c \
	tui/screen.h \
	tui/simulate.c \
	tui/simulate_i.h \
	tui/simulate_pool.c tui/simulate_show.c \
	tui/source.h \
	tui/top.c \
	tui/top.h \
	tui/ui.c \
	tui/ui.h \
	tui/view.c \
	tui/view.h \
	tui/view_events.c \
	tui/view_here.c \
	tui/view_ids.c \
	tui/view_people.c \
	tui/view_pool.c \
	tui/view_whatif.c
tui_liblrtui_la_CFLAGS = $(AM_CFLAGS) $(NCURSES_CFLAGS)
tui_liblrtui_la_LIBADD = $(NCURSES_LIBS) $(JANSSON_LIBS) $(UV_LIBS)
