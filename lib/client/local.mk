# SPDX-License-Identifier: Apache-2.0
# liblrclient.la holds the code: our own programs and tests link it (statically,
# hidden symbols too). liblanram.la is the same code for others, with the
# symbols of lanram.h only:
#
#   noinst_LTLIBRARIES += lib/client/liblrclient.la
#   lib_client_liblrclient_la_SOURCES = ...
#   lib_client_liblrclient_la_LIBADD = lib/net/liblrnet.la
#   lib_LTLIBRARIES += lib/client/liblanram.la
#   lib_client_liblanram_la_SOURCES =
#   lib_client_liblanram_la_LIBADD = lib/client/liblrclient.la
#   lib_client_liblanram_la_LDFLAGS = -version-info 0:0:0 -no-undefined
#   include_HEADERS += lib/client/lanram.h
