/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what was given back. */
#include "daemon/donor/given.h"

#define ONE_MS 2000 /* falls that follow each other so soon are one */

static void push(struct lr_given *g, uint64_t bytes, uint64_t left,
		 uint64_t now_ms)
{
	enum lr_given_why why = g->asked ? LR_GIVEN_ASKED : LR_GIVEN_HOST;
	unsigned i = (g->n + LR_GIVEN_KEPT - 1) % LR_GIVEN_KEPT;

	if (!g->n || g->last[i].why != why ||
	    now_ms > g->last[i].at_ms + ONE_MS) {
		i = g->n++ % LR_GIVEN_KEPT;
		g->last[i].bytes = 0;
		g->last[i].why = why;
	}
	g->total[why == LR_GIVEN_HOST] += bytes;
	g->last[i].at_ms = now_ms;
	g->last[i].bytes += bytes;
	g->last[i].left = left;
}

void lr_given_look(struct lr_given *g, uint64_t lent, uint64_t mapped,
		   uint64_t now_ms)
{
	if (mapped < g->mapped && g->mapped > lent)
		push(g, g->mapped - mapped, lent, now_ms);
	if (mapped <= lent)
		g->asked = false;
	g->mapped = mapped;
}

void lr_given_asked(struct lr_given *g)
{
	g->asked = true;
}

void lr_given_enc(const struct lr_given *g, uint64_t now_ms,
		  struct lr_writer *w)
{
	unsigned i = g->n > LR_GIVEN_KEPT ? g->n - LR_GIVEN_KEPT : 0;

	for (; i < g->n; i++) {
		unsigned at = i % LR_GIVEN_KEPT;
		struct lr_rec_given rec = { now_ms - g->last[at].at_ms,
					    g->last[at].bytes,
					    g->last[at].left,
					    (uint8_t)g->last[at].why };

		lr_enc_rec_given(w, &rec);
	}
}
