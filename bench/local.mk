# SPDX-License-Identifier: Apache-2.0
# Measurements; make check builds them so that they stay in step.
check_PROGRAMS += bench/churn bench/kv bench/stream bench/swarm
bench_churn_SOURCES = bench/churn.c bench/churn.h bench/churn_pool.c bench/churn_store.c
bench_churn_LDADD = lib/store/liblrstore.la lib/client/liblanram.la \
	lib/wire/liblrwire.la lib/core/liblrcore.la $(XXHASH_LIBS) \
	$(OPENSSL_LIBS) -lm
bench_kv_SOURCES = bench/kv.c bench/kv.h bench/kv_lanram.c bench/kv_peers.c
bench_kv_LDADD = lib/client/liblanram.la
bench_stream_SOURCES = bench/stream.c
bench_stream_LDADD = lib/client/liblanram.la
bench_swarm_SOURCES = bench/swarm.c bench/swarm.h bench/swarm_donor.c
bench_swarm_LDADD = lib/client/liblrclient.la lib/net/liblrnet.la \
	lib/wire/liblrwire.la lib/core/liblrcore.la $(XXHASH_LIBS) $(UV_LIBS) \
	$(OPENSSL_LIBS)
EXTRA_DIST += bench/curves bench/forward bench/give-back bench/rebuild \
	bench/scale bench/shards bench/side-by-side bench/useful \
	bench/memory.py bench/report.py bench/rows.py bench/scaling.py \
	bench/servers.py
