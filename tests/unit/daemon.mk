# SPDX-License-Identifier: Apache-2.0
# Parts of daemon/ that stand alone.
daemon_tests = tests/unit/test_host tests/unit/test_log \
	tests/unit/test_metrics tests/unit/test_rotation tests/unit/test_shards \
	tests/unit/test_state
check_PROGRAMS += $(daemon_tests)
TESTS += $(daemon_tests)

tests_unit_test_host_SOURCES = tests/unit/test_host.c
tests_unit_test_host_LDADD = $(daemon_lanramd_LDADD) $(CMOCKA_LIBS)
tests_unit_test_log_SOURCES = tests/unit/test_log.c daemon/log.c
tests_unit_test_log_LDFLAGS = -Wl,--wrap=time
tests_unit_test_log_LDADD = $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c \
	daemon/metrics.c daemon/metrics_http.c $(net_kit)
tests_unit_test_metrics_LDADD = lib/net/liblrnet.la lib/wire/liblrwire.la \
	lib/core/liblrcore.la $(MICROHTTPD_LIBS) $(XXHASH_LIBS) $(UV_LIBS) \
	$(OPENSSL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rotation_SOURCES = tests/unit/test_rotation.c $(net_kit)
tests_unit_test_rotation_LDADD = $(daemon_lanramd_LDADD) $(CMOCKA_LIBS)
tests_unit_test_shards_SOURCES = tests/unit/test_shards.c
tests_unit_test_shards_LDADD = $(daemon_lanramd_LDADD) $(CMOCKA_LIBS)
tests_unit_test_shards_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=lr_attach_link \
	-Wl,--wrap=lr_link_send -Wl,--wrap=lr_mailbox_post
tests_unit_test_state_SOURCES = tests/unit/test_state.c \
	daemon/coordinator/flaps.c daemon/coordinator/state_codec.c
tests_unit_test_state_LDADD = lib/net/liblrnet.la lib/wire/liblrwire.la \
	lib/core/liblrcore.la $(XXHASH_LIBS) $(UV_LIBS) $(OPENSSL_LIBS) \
	$(CMOCKA_LIBS)
