# SPDX-License-Identifier: Apache-2.0
# lib/wire: the protocol, bytes in and bytes out.
noinst_LTLIBRARIES += lib/wire/liblrwire.la
lib_wire_liblrwire_la_SOURCES = \
	lib/wire/chunk.h \
	lib/wire/cursor.c \
	lib/wire/cursor.h \
	lib/wire/eventcodec.c \
	lib/wire/eventcodec.h \
	lib/wire/manifest.c \
	lib/wire/manifest.h \
	lib/wire/messages.h \
	lib/wire/msg.c \
	lib/wire/msg.h \
	lib/wire/version.c \
	lib/wire/version.h \
	lib/wire/viewcodec.c \
	lib/wire/viewcodec.h
lib_wire_liblrwire_la_LIBADD = lib/core/liblrcore.la
