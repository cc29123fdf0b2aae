/* SPDX-License-Identifier: Apache-2.0 */
/* Where the model's contents come from: the pool (feed.c) or a simulated one
 * (simulate.c). All calls return at once; answers land in the model. */
#ifndef LR_TUI_SOURCE_H
#define LR_TUI_SOURCE_H

#include <uv.h>

#include "client/config.h"
#include "tui/model.h"

struct tui_source;

struct tui_source_ops {
	/* A piece of the list of objects; ends with tui_rows_take() or
	 * _failed(). */
	void (*browse)(struct tui_source *s, const struct tui_browse *b);
	void (*whatif)(struct tui_source *s, const uint64_t *incs, size_t n);
	void (*copies)(struct tui_source *s, const struct lr_id *id);
	void (*lend)(struct tui_source *s, const char *spec);
	/* Pushes are passed over; on the way back all comes anew. */
	void (*freeze)(struct tui_source *s, bool frozen);
	/* The arguments of a lanram command. False: run the program. */
	bool (*command)(struct tui_source *s, int argc, char **argv, char *out,
			size_t cap);
	void (*tick)(struct tui_source *s); /* the present into the model */
	void (*close)(struct tui_source *s);
};

struct tui_source {
	const struct tui_source_ops *ops;
	struct tui_model *m;
	void (*answered_cb)(void *arg); /* a piece came */
	void *arg;
};

struct tui_source *tui_feed_new(struct tui_model *m, uv_loop_t *loop,
				const struct lr_config *cfg);

struct tui_simulation {
	uint64_t seed;
	unsigned donors;   /* 0: 5 */
	unsigned objects;  /* 0: 420 */
	double start_s;	   /* begins so late in its story */
	bool still;	   /* and stands there */
};
struct tui_source *tui_simulate_new(struct tui_model *m, uv_loop_t *loop,
				    const struct tui_simulation *o);
/* Virtual time goes on by so much, without a clock. */
void tui_simulate_run(struct tui_source *s, uint64_t ms);

#endif
