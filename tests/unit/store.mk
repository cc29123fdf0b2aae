# SPDX-License-Identifier: Apache-2.0
# lib/store. The linker sends the store's allocations to store_kit.c, which can
# let one of them fail.
store_tests = tests/unit/test_pack tests/unit/test_store \
	tests/unit/test_store_model
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
store_kit = tests/unit/store_kit.c tests/unit/store_kit.h
store_wrap = -Wl,--wrap=mmap,--wrap=calloc,--wrap=realloc
store_libs = lib/store/liblrstore.la lib/wire/liblrwire.la \
	lib/core/liblrcore.la $(XXHASH_LIBS) $(OPENSSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_pack_SOURCES = tests/unit/test_pack.c $(store_kit)
tests_unit_test_pack_LDFLAGS = $(AM_LDFLAGS) $(store_wrap)
tests_unit_test_pack_LDADD = $(store_libs)

tests_unit_test_store_SOURCES = tests/unit/test_store.c $(store_kit)
tests_unit_test_store_LDFLAGS = $(AM_LDFLAGS) $(store_wrap)
tests_unit_test_store_LDADD = $(store_libs)

tests_unit_test_store_model_SOURCES = tests/unit/test_store_model.c $(store_kit)
tests_unit_test_store_model_LDFLAGS = $(AM_LDFLAGS) $(store_wrap)
tests_unit_test_store_model_LDADD = $(store_libs)
