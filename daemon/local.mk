# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += daemon/lanramd
daemon_lanramd_SOURCES = daemon/main.c
daemon_lanramd_LDADD = daemon/liblrdaemon.a $(daemon_libs)
# All but main(), so that other programs can be made of it, too.
noinst_LIBRARIES += daemon/liblrdaemon.a
daemon_liblrdaemon_a_SOURCES = daemon/base.c daemon/base.h \
	daemon/hello.c daemon/hello.h \
	daemon/log.c daemon/log.h daemon/rotate.c daemon/rotate.h \
	daemon/metrics.c daemon/metrics.h daemon/metrics_http.c \
	daemon/coordinator/coordinator.c daemon/coordinator/coordinator.h \
	daemon/coordinator/state.c daemon/coordinator/state_codec.c \
	daemon/coordinator/state_codec.h daemon/coordinator/peers.c \
	daemon/coordinator/donors.c daemon/coordinator/reach.c \
	daemon/coordinator/devices.c daemon/coordinator/push.c \
	daemon/coordinator/pool_key.c \
	daemon/coordinator/rest.c daemon/coordinator/rotate.c \
	daemon/coordinator/admission.c daemon/coordinator/invites.c \
	daemon/coordinator/drain.c daemon/coordinator/drain.h \
	daemon/coordinator/rebalance.c \
	daemon/coordinator/flaps.c daemon/coordinator/flaps.h \
	daemon/coordinator/query.c daemon/coordinator/objects.c \
	daemon/coordinator/browse.c daemon/coordinator/copies.c \
	daemon/coordinator/watch.c daemon/coordinator/check.c \
	daemon/coordinator/losses.c daemon/coordinator/metrics.c \
	daemon/donor/check.c daemon/donor/check.h \
	daemon/donor/donor.c daemon/donor/donor.h daemon/donor/lend.c \
	daemon/donor/leave.c daemon/donor/local.c daemon/donor/cgroup.c \
	daemon/donor/host.c daemon/donor/host.h \
	daemon/donor/mailbox.c daemon/donor/mailbox.h \
	daemon/donor/shard.c daemon/donor/shard.h daemon/donor/slots.c \
	daemon/donor/serve.c daemon/donor/pull.c daemon/donor/pull_i.h \
	daemon/donor/pull_ask.c daemon/donor/pull_link.c \
	daemon/donor/scrub.c daemon/donor/repair.c daemon/donor/report.c \
	daemon/donor/sweep.c daemon/donor/update.c \
	daemon/donor/verified.c daemon/donor/given.c daemon/donor/given.h \
	daemon/donor/serve_link.c daemon/donor/metrics.c \
	daemon/donor/gather.c daemon/donor/shares.c \
	daemon/donor/forward.c daemon/donor/peer.c daemon/donor/peer.h \
	daemon/donor/put.c daemon/donor/via.c \
	daemon/requester/requester.c daemon/requester/requester.h \
	daemon/requester/works.c daemon/requester/metrics.c
daemon_libs = lib/client/liblrclient.la discovery/liblrdisco.la \
	lib/store/liblrstore.la lib/net/liblrnet.la lib/wire/liblrwire.la \
	lib/core/liblrcore.la $(SYSTEMD_LIBS) $(LIBCONFIG_LIBS) \
	$(AVAHI_LIBS) $(MICROHTTPD_LIBS) $(XXHASH_LIBS) $(UV_LIBS) $(OPENSSL_LIBS) -lm
