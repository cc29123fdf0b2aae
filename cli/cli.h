/* SPDX-License-Identifier: Apache-2.0 */
/* The lanram command: what its parts share. */
#ifndef LR_CLI_CLI_H
#define LR_CLI_CLI_H

#include <stddef.h>

#include "client/client.h"
#include "client/config.h"

struct cli;

/* An option of a command: with `arg` its text goes to a const char * at `at`
 * in struct cli, without it a bool there becomes true. */
struct cli_opt {
	const char *name;
	char letter; /* or 0 */
	const char *arg, *help;
	size_t at;
};

struct cli_cmd {
	const char *name, *args, *help;
	int min_args, max_args;	    /* max -1: any number */
	const struct cli_opt *opts; /* ends with a row without a name */
	int (*run)(struct cli *c, int argc, char **argv);
};

struct cli {
	const struct cli_cmd *cmd;
	struct lr_config cfg;
	struct lanram *pool;
	const char *socket; /* whose name `pool` stands on */
	/* options */
	const char *config, *name, *copies, *ttl, *output, *role, *if_tag;
	bool if_absent;
	bool json, is_public, is_long, all, undo, no_wait, now, quiet, help;
	const char *kind, *count, *delay; /* top, events */
	const char *seed, *donors, *objects, *at; /* top --simulate */
	bool follow, once, readonly, no_mouse, simulate;
	const char *size, *large, *disk, *svg; /* bench */
	const char *uses, *expires, *revoke, *file; /* invite, join */
	bool list;
	const char *const *commands; /* all names, NULL ends them */
};

int cli_store(struct cli *c, int argc, char **argv);
int cli_retrieve(struct cli *c, int argc, char **argv);
int cli_list(struct cli *c, int argc, char **argv);
int cli_stat(struct cli *c, int argc, char **argv);
int cli_remove(struct cli *c, int argc, char **argv);
int cli_status(struct cli *c, int argc, char **argv);
int cli_donors(struct cli *c, int argc, char **argv);
int cli_metrics(struct cli *c, int argc, char **argv);
int cli_doctor(struct cli *c, int argc, char **argv);
int cli_ping(struct cli *c, int argc, char **argv);
int cli_pending(struct cli *c, int argc, char **argv);
int cli_admit(struct cli *c, int argc, char **argv);
int cli_invite(struct cli *c, int argc, char **argv);
int cli_pool(struct cli *c, int argc, char **argv);
int cli_join(struct cli *c, int argc, char **argv);
int cli_refuse(struct cli *c, int argc, char **argv);
int cli_lend(struct cli *c, int argc, char **argv);
int cli_drain(struct cli *c, int argc, char **argv);
int cli_forget(struct cli *c, int argc, char **argv);
int cli_revoke(struct cli *c, int argc, char **argv);
int cli_register(struct cli *c, int argc, char **argv);
int cli_name(struct cli *c, int argc, char **argv);
int cli_rebalance(struct cli *c, int argc, char **argv);
int cli_rebuild(struct cli *c, int argc, char **argv);
int cli_rotate_key(struct cli *c, int argc, char **argv);
int cli_events(struct cli *c, int argc, char **argv);
int cli_top(struct cli *c, int argc, char **argv);
int cli_bench(struct cli *c, int argc, char **argv);

/* --- admin.c -------------------------------------------------------------- */

/* "donor,requester"; 0: not that. */
uint8_t cli_parse_roles(const char *text);
const char *cli_roles_text(uint8_t set, char *out, size_t cap);
/* A DONE: says what was done, in the coordinator's words. */
int cli_said(struct lr_answer *a, int code);

/* --- pool.c: which daemon, and asking it ---------------------------------- */

#define CLI_REQUESTER	"requester"
#define CLI_COORDINATOR "coordinator"
#define CLI_DONOR	"donor"

/* Opens c->pool on the first of these daemons' sockets (NULL ends the list)
 * where somebody listens; on the first one if nobody does, so that its absence
 * is told. False: said why. */
bool cli_open(struct cli *c, const char *const *daemons);
bool cli_is_served(const struct cli *c, const char *daemon);
/* cli_open_pool of the requester, for data. */
int cli_open_data(struct cli *c);
/* Asks; the exit code, with the sentence said, or 0 and the answer. DONE with
 * an error and a reply of another type than `want` are failures, too. */
int cli_ask(struct cli *c, unsigned type, const struct lr_writer *meta,
	    unsigned want, struct lr_answer *ret);
/* A REF that no pool needs to be asked about. An exit code; not 0: said. */
int cli_check_ref(const char *ref);
int cli_open_ref(struct cli *c, const char *ref); /* that, and opens */
/* Names and prefixes come to the coordinator with the donors' next report, some
 * 100 ms after their store: worth asking for again until then. False:
 * `err` is the last word; true: waited a moment. `tries` starts at 0. */
bool cli_try_again(const char *ref, enum lanram_err err, unsigned *tries);
/* The exit code of the pool's last error, its sentence said. */
int cli_failed(struct cli *c, enum lanram_err err);

/* CLI_ASK(c, LIST, list, &m, LIST_R, &answer) */
#define CLI_ASK(c, NAME, name, m, WANT, ret)                          \
	({                                                            \
		uint8_t meta_[LR_META_MAX];                           \
		struct lr_writer w_ = lr_writer(meta_, sizeof meta_); \
		lr_enc_##name(&w_, m);                                \
		cli_ask(c, LR_M_##NAME, &w_, LR_M_##WANT, ret);       \
	})
/* A reply's records as a JSON array: CLI_RECORDS(in, event, event_json) */
#define CLI_RECORDS(in, name, to_json)                                \
	({                                                            \
		json_t *all_ = out_must(json_array());                \
		struct lr_reader in_ = (in);                          \
		struct lr_rec_##name rec_;                            \
                                                                      \
		while (in_.left && lr_dec_rec_##name(&in_, &rec_))    \
			json_array_append_new(all_, to_json(&rec_));  \
		all_;                                                 \
	})

/* --- here.c --------------------------------------------------------------- */

/* How the local daemon stands (HERE). An exit code; not 0: said. */
struct cli_here {
	enum lr_here_state state;
	char name[LR_NAME_MAX], pool[LR_NAME_MAX], coordinator[256];
	char code[128], interfaces[256]; /* SEARCHING */
	char host[LR_NAME_MAX];		 /* else: the coordinator's */
	char text[256]; /* why not, in the coordinator's words */
};
int cli_here(struct cli *c, struct cli_here *ret);
/* The same, after waiting a moment for a pool to be found; only READY and AWAY
 * are no failures. */
int cli_stand(struct cli *c, struct cli_here *ret);
/* cli_open and cli_stand, but a coordinator needs none. */
int cli_open_pool(struct cli *c, const char *const *daemons);

/* --- signals.c ------------------------------------------------------------ */

/* From here on SIGINT, SIGTERM and SIGHUP end what c->pool does with
 * INTERRUPTED; a second one ends the program. */
void cli_catch_signals(struct cli *c);
bool cli_interrupted(void);

#endif
