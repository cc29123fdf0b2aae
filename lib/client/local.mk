# SPDX-License-Identifier: Apache-2.0
# liblrclient.la holds the code: our own programs and tests link it (statically,
# hidden symbols too). liblanram.la is the same code for others, with the
# symbols of lanram.h only.
noinst_LTLIBRARIES += lib/client/liblrclient.la
lib_client_liblrclient_la_SOURCES = \
	lib/client/ask.c \
	lib/client/attach.c \
	lib/client/attach.h \
	lib/client/attach_i.h \
	lib/client/attach_pool.c \
	lib/client/client.h \
	lib/client/config.c \
	lib/client/config.h \
	lib/client/copies.c \
	lib/client/direct.c \
	lib/client/direct.h \
	lib/client/direct_i.h \
	lib/client/donors.c \
	lib/client/donors_tell.c \
	lib/client/entries.h \
	lib/client/entry_msg.c \
	lib/client/entry_msg.h \
	lib/client/hash.c \
	lib/client/hash.h \
	lib/client/lanram.c \
	lib/client/object.h \
	lib/client/object_fetch.c \
	lib/client/object_fetch_i.h \
	lib/client/object_missing.c \
	lib/client/object_put.c \
	lib/client/object_remove.c \
	lib/client/object_resolve.c \
	lib/client/object_store.c \
	lib/client/object_store_i.h \
	lib/client/object_text.c \
	lib/client/ops.c \
	lib/client/ops_i.h \
	lib/client/ops_reply.c \
	lib/client/ops_send.c \
	lib/client/pin.c \
	lib/client/pin.h \
	lib/client/register.c \
	lib/client/register.h \
	lib/client/relay.c \
	lib/client/relay.h \
	lib/client/relay_i.h \
	lib/client/relay_ops.c \
	lib/client/relay_wire.c \
	lib/client/room.c \
	lib/client/room.h \
	lib/client/stream.c \
	lib/client/submit.c \
	lib/client/values.c
lib_client_liblrclient_la_LIBADD = lib/net/liblrnet.la $(UV_LIBS) \
	$(OPENSSL_LIBS) $(XXHASH_LIBS) $(LIBCONFIG_LIBS) -lm

lib_LTLIBRARIES += lib/client/liblanram.la
lib_client_liblanram_la_SOURCES =
lib_client_liblanram_la_LIBADD = lib/client/liblrclient.la
lib_client_liblanram_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
	-no-undefined -export-symbols-regex '^lanram_'
include_HEADERS += lib/client/lanram.h
