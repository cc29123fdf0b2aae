/* SPDX-License-Identifier: Apache-2.0 */
/* lanram.conf: one table (config.c) feeds the parser, the commented example
 * and the manual. Every key is optional; an unknown one is an error. */
#ifndef LR_CLIENT_CONFIG_H
#define LR_CLIENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LR_CONFIG_DEFAULT "/etc/lanram/lanram.conf"

/* clang-format off */
/*       section           field             config key            type   default       what it says */
#define LR_CONFIG(K) \
	K("",                pool,             "pool",               text,  "lanram",     "name of the pool") \
	K("",                state_dir,        "state_dir",          text,  "/var/lib/lanram", "keys and state") \
	K("",                run_dir,          "run_dir",            text,  "/run/lanram", "local sockets") \
	K("",                coordinator,      "coordinator",        text,  "",           "host:port instead of mDNS") \
	K("",                discovery,        "discovery",          flag,  "true",       "find the coordinator, and publish it, by mDNS") \
	K("",                invitation,       "invitation",         text,  "",           "file that holds an invitation: for fleets; see lanram invite") \
	K("",                name,             "name",               text,  "",           "of this machine; empty: its host name") \
	K("",                log_level,        "log_level",          text,  "info",       "error, warning, info or debug") \
	K("",                site,             "site",               text,  "",           "copies are kept on different sites where there are any") \
	K("",                half_open,        "half_open",          count, "64",         "handshakes at once") \
	K("",                half_open_each,   "half_open_each",     count, "8",          "of them from one address") \
	K("coordinator_role", coord_listen,    "listen",             text,  "[::]:7450",  "address of the coordinator") \
	K("coordinator_role", admission,       "admission",          text,  "ask",        "ask: an admin admits each device; open: all are let in") \
	K("coordinator_role", encrypt_links,   "encrypt_links",      flag,  "true",       "TLS on data links; those of the coordinator have it always") \
	K("coordinator_role", dead_after_ms,   "dead_after_ms",      count, "600",        "silence after which a donor is dead") \
	K("coordinator_role", rebuild_delay_ms, "rebuild_delay_ms",  count, "2000",       "wait before copying again after silence") \
	K("coordinator_role", rebuild_mbytes_per_s, "rebuild_mbytes_per_s", count, "0",   "limit of copying, of the whole pool; 0: as fast as users do not feel") \
	K("coordinator_role", coord_metrics,   "metrics_listen",     text,  "",           "HTTP address of its metrics, as [::1]:7460; empty: none") \
	K("donor_role",      donor_listen,     "listen",             text,  "[::]:7451",  "address of the donor; port 0: any") \
	K("donor_role",      lend,             "lend",               text,  "25%",        "RAM to lend: a size (8GiB), a share (25%), auto, or off") \
	K("donor_role",      reserve,          "reserve",            text,  "20%",        "RAM that stays free for the owner") \
	K("donor_role",      shards,           "shards",             count, "1",          "threads that serve data") \
	K("donor_role",      busy_poll_us,     "busy_poll_us",       count, "50",         "keep polling so long after a request") \
	K("donor_role",      leave_wait_s,     "leave_wait_s",       count, "20",         "time to move copies away on a stop") \
	K("donor_role",      scrub_s,          "scrub_s",            count, "86400",      "go over all copies in so many seconds; 0: never") \
	K("donor_role",      donor_metrics,    "metrics_listen",     text,  "",           "HTTP address of its metrics, as [::1]:7461; empty: none") \
	K("requester_role",  socket_mode,      "socket_mode",        text,  "0666",       "who may use the pool on this machine") \
	K("requester_role",  requester_metrics, "metrics_listen",    text,  "",           "HTTP address of its metrics, as [::1]:7462; empty: none")
/* clang-format on */

struct lr_config {
#define LR_CONFIG_text(field) char field[256];
#define LR_CONFIG_flag(field) bool field;
#define LR_CONFIG_count(field) uint32_t field;
#define LR_CONFIG_FIELD(sec, field, key, type, def, doc) LR_CONFIG_##type(field)
	LR_CONFIG(LR_CONFIG_FIELD)
#undef LR_CONFIG_FIELD
};

/* `path` NULL: $LANRAM_CONFIG, else the default if it is there. False: `why`
 * says file, line, and what to do. */
bool lr_config_read(struct lr_config *ret, const char *path, char *why,
		    size_t why_cap);
/* The commented example. */
void lr_config_print(FILE *out);

/* "8GiB", "512M", "1.5g", plain bytes; "25%" of `whole`. */
bool lr_parse_size(const char *text, uint64_t whole, uint64_t *ret);
/* "90s", "10m", "2h", "1d". */
bool lr_parse_duration(const char *text, uint64_t *ret_ms);

#endif
