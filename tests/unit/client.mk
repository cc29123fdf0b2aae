# SPDX-License-Identifier: Apache-2.0
# lib/client: objects on entries in memory, operations on a pool in-process,
# a daemon in-process.
client_tests = tests/unit/test_direct tests/unit/test_direct_ask \
	tests/unit/test_download \
	tests/unit/test_handle \
	tests/unit/test_hash tests/unit/test_object tests/unit/test_relay \
	tests/unit/test_room tests/unit/test_upload
check_PROGRAMS += $(client_tests)
TESTS += $(client_tests)
client_libs = lib/client/liblrclient.la $(CMOCKA_LIBS)

pool_kit = tests/unit/pool_kit.c tests/unit/pool_kit.h tests/unit/pool_kit_i.h \
	tests/unit/pool_kit_donor.c
tests_unit_test_direct_SOURCES = tests/unit/test_direct.c $(pool_kit)
tests_unit_test_direct_LDADD = $(client_libs)
tests_unit_test_direct_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=lr_now_ms
tests_unit_test_direct_ask_SOURCES = tests/unit/test_direct_ask.c $(pool_kit)
tests_unit_test_direct_ask_LDADD = $(client_libs)
tests_unit_test_handle_SOURCES = tests/unit/test_handle.c
tests_unit_test_handle_LDADD = $(client_libs)
tests_unit_test_hash_SOURCES = tests/unit/test_hash.c
tests_unit_test_hash_LDADD = $(client_libs)
tests_unit_test_room_SOURCES = tests/unit/test_room.c
tests_unit_test_room_LDADD = $(client_libs)
object_kit = tests/unit/object_kit.c tests/unit/object_kit.h tests/unit/unit.h \
	tests/unit/mem_entries.c tests/unit/mem_entries.h
tests_unit_test_download_SOURCES = tests/unit/test_download.c $(object_kit)
tests_unit_test_download_LDADD = $(client_libs)
tests_unit_test_object_SOURCES = tests/unit/test_object.c $(object_kit)
tests_unit_test_object_LDADD = $(client_libs)
tests_unit_test_upload_SOURCES = tests/unit/test_upload.c $(object_kit)
tests_unit_test_upload_LDADD = $(client_libs)
tests_unit_test_relay_SOURCES = tests/unit/test_relay.c
tests_unit_test_relay_LDADD = $(client_libs)

check_PROGRAMS += tests/unit/test_values
TESTS += tests/unit/test_values
tests_unit_test_values_SOURCES = tests/unit/test_values.c tests/unit/unit.h \
	tests/unit/mem_entries.c tests/unit/mem_entries.h
tests_unit_test_values_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_values_LDADD = lib/client/liblrclient.la $(CMOCKA_LIBS)
