# SPDX-License-Identifier: Apache-2.0
# The dashboard, and what it stands on: events, what if, pause.
tui_tests = tests/unit/test_events tests/unit/test_tui tests/unit/test_whatif
check_PROGRAMS += $(tui_tests)
TESTS += $(tui_tests)
tests_unit_test_events_SOURCES = tests/unit/test_events.c
tests_unit_test_events_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS)
tests_unit_test_tui_SOURCES = tests/unit/test_tui.c
tests_unit_test_tui_LDADD = tui/liblrtui.la lib/client/liblrclient.la \
	lib/net/liblrnet.la lib/wire/liblrwire.la lib/core/liblrcore.la \
	$(NCURSES_LIBS) $(JANSSON_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
tests_unit_test_whatif_SOURCES = tests/unit/test_whatif.c $(coord_kit)
tests_unit_test_whatif_LDADD = lib/core/liblrcore.la $(CMOCKA_LIBS) -lm
