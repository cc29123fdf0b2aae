# SPDX-License-Identifier: Apache-2.0
# Measurements; bench/side-by-side builds what it needs.
EXTRA_PROGRAMS = bench/kv bench/stream
bench_kv_SOURCES = bench/kv.c
bench_kv_LDADD = lib/client/liblanram.la
bench_stream_SOURCES = bench/stream.c
bench_stream_LDADD = lib/client/liblanram.la
CLEANFILES += bench/kv bench/stream
EXTRA_DIST += bench/side-by-side bench/table.py
