# SPDX-License-Identifier: Apache-2.0
# discovery: mDNS through avahi-client.
noinst_LTLIBRARIES += discovery/liblrdisco.la
discovery_liblrdisco_la_SOURCES = \
	discovery/avahi.c discovery/avahi.h \
	discovery/browse.c \
	discovery/discovery.h \
	discovery/merge.c discovery/merge.h \
	discovery/publish.c \
	discovery/subnet.c discovery/subnet.h \
	discovery/watch.c discovery/watch.h
discovery_liblrdisco_la_LIBADD = $(AVAHI_LIBS) $(UV_LIBS)
