# SPDX-License-Identifier: Apache-2.0
# lib/store: a donor's RAM.
noinst_LTLIBRARIES += lib/store/liblrstore.la
lib_store_liblrstore_la_SOURCES = \
	lib/store/cleaner.c \
	lib/store/index.c \
	lib/store/internal.h \
	lib/store/log.c \
	lib/store/pack.c \
	lib/store/record.c \
	lib/store/record.h \
	lib/store/scan.c \
	lib/store/segment.c \
	lib/store/shelf.c \
	lib/store/store.c \
	lib/store/store.h
lib_store_liblrstore_la_LIBADD = $(XXHASH_LIBS) $(OPENSSL_LIBS)
