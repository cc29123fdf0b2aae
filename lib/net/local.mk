# SPDX-License-Identifier: Apache-2.0
# lib/net: links on the loop, identities.
noinst_LTLIBRARIES += lib/net/liblrnet.la
lib_net_liblrnet_la_SOURCES = \
	lib/net/addr.c \
	lib/net/bind.c \
	lib/net/bind.h \
	lib/net/budget.c \
	lib/net/clock.c \
	lib/net/clock.h \
	lib/net/dial.c \
	lib/net/identity.c \
	lib/net/identity.h \
	lib/net/identity_i.h \
	lib/net/invitation.c \
	lib/net/invitation.h \
	lib/net/line.c \
	lib/net/link.c \
	lib/net/link.h \
	lib/net/link_connect.c \
	lib/net/link_i.h \
	lib/net/link_rx.c \
	lib/net/link_tls.c \
	lib/net/link_tx.c \
	lib/net/listener.c \
	lib/net/machine.c \
	lib/net/pairing.c \
	lib/net/pairing_words.h \
	lib/net/proof.c \
	lib/net/proof.h \
	lib/net/reach.c \
	lib/net/request.c \
	lib/net/rotation.c \
	lib/net/rotation.h \
	lib/net/spin.c \
	lib/net/spin.h \
	lib/net/succession.c \
	lib/net/succession.h \
	lib/net/tls.c
lib_net_liblrnet_la_LIBADD = lib/wire/liblrwire.la $(UV_LIBS) $(OPENSSL_LIBS)
