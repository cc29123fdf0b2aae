/* SPDX-License-Identifier: Apache-2.0 */
/* What every role starts from: configuration, identity, loop, signals, the
 * search for the coordinator, and word to systemd. */
#ifndef LR_DAEMON_BASE_H
#define LR_DAEMON_BASE_H

#include <sys/types.h>
#include <time.h>

#include "client/attach.h"
#include "client/config.h"
#include "daemon/metrics.h"
#include "discovery/discovery.h"
#include "net/clock.h"

struct lr_base {
	const struct lr_config *cfg;
	uv_loop_t loop;
	struct lr_identity *identity;
	struct lr_tls *tls;
	uv_signal_t sigterm, sigint;
	unsigned stops; /* how often we were asked to stop */
	void (*stop_cb)(struct lr_base *b);
	struct lr_browser *browser;
	struct lr_publisher *publisher; /* the coordinator's */
	uv_timer_t mdns;
	bool mdns_away; /* and that was told */
	struct lr_attach *attach[2]; /* who gets what the browser finds */
	struct lr_attach *pending_for; /* whose code stands in the log */
	char socket[256];
	struct lr_metrics_http *http; /* or NULL */
	struct lr_refusals refusals;
	uint64_t started_ms; /* Unix */
	struct timespec key_time; /* of device.key, when it was read */
	ino_t key_file;
	struct lr_rotation { /* rotate.c */
		struct lr_link *asker; /* NULL: gone */
		struct lr_dev key;     /* the new one */
		uint64_t req;
		bool busy;
	} rotation;
};

/* Reads the key `state_dir/device.key`, makes the folders. False: said why. */
bool lr_base_start(struct lr_base *b, const struct lr_config *cfg,
		   void (*stop_cb)(struct lr_base *b));
/* Since it was asked last: device.key is another file. */
bool lr_base_key_changed(struct lr_base *b);
/* Feeds the attaches from mDNS, or from the static address. */
void lr_base_search(struct lr_base *b);
/* From here on the log tells when avahi is away: browser or publisher runs. */
void lr_base_watch_mdns(struct lr_base *b);
/* The usual options: key, pool, pin, name, the coordinator's local socket. */
void lr_base_attach_options(struct lr_base *b, enum lr_role_link role,
			    uint8_t enrol_roles, struct lr_attach_options *ret);
/* For listeners that strangers reach. What they turn away is logged, a line a
 * cause and minute, and counted. */
struct lr_accept_limits lr_base_limits(struct lr_base *b);
/* GET /metrics at `where`; "": not at all. False: said why. */
bool lr_base_metrics(struct lr_base *b, const char *where, lr_metrics_cb cb,
		     void *arg);
/* Path of a socket in run_dir. */
const char *lr_base_socket(struct lr_base *b, const char *name);
void lr_base_notify(const char *state); /* "READY=1", "STATUS=..." */
/* Says in the log and to systemd how an attach stands. */
void lr_base_say_state(struct lr_base *b, struct lr_attach *a,
		       enum lr_here_state state);
/* Stops searching and listening for signals; the loop can then run out. */
void lr_base_stop(struct lr_base *b);
/* Runs the loop until nothing is left of it; 0, or 1 if handles leaked. */
int lr_base_run(struct lr_base *b);
void lr_base_done(struct lr_base *b);

/* The roles; each returns the exit code, or that it wants to run once more. */
#define LR_RUN_AGAIN (-1)
int lr_run_coordinator(const struct lr_config *cfg);
int lr_run_donor(const struct lr_config *cfg);
int lr_run_requester(const struct lr_config *cfg);

#endif
