# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/test_object
TESTS += tests/unit/test_object
tests_unit_test_object_SOURCES = tests/unit/test_object.c \
	tests/unit/mem_entries.c tests/unit/mem_entries.h
tests_unit_test_object_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_object_LDADD = lib/client/liblrclient.la $(CMOCKA_LIBS)
