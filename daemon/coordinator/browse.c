/* SPDX-License-Identifier: Apache-2.0 */
/* BROWSE: what a screen shows of a catalog that may have millions of rows. It
 * comes in bounded pieces of work, so that a pattern that matches nothing does
 * not hold up the heartbeats: who asked goes on from `at`. */
#include "daemon/coordinator/coordinator.h"

#define LOOKED_AT 100000 /* rows: some 5 ms */

struct page {
	const struct lr_coordinator *k;
	const struct lr_asker *who;
	struct lr_writer w;
	uint64_t now, matches;
	unsigned most;
	bool count; /* rows are not wanted */
};

static bool page_cb(void *arg, const struct lr_object *o)
{
	struct page *g = arg;

	if (o->expires_ms && o->expires_ms <= g->now)
		return true;
	if (!g->count && (g->matches == g->most || g->w.cap - g->w.len < 1200))
		return false;
	g->matches++;
	if (!g->count)
		lr_objects_row(g->k, &g->w, o,
			       !lr_objects_may_know(g->who, o));
	return true;
}

bool lr_browse_serve(struct lr_peer *p, const struct lr_header *h,
		     const uint8_t *meta)
{
	static uint8_t buf[LR_BULK_MAX]; /* one loop */
	struct lr_asker who;
	struct page g = { .k = p->k,
			  .who = &who,
			  .w = lr_writer(buf, sizeof buf),
			  .now = lr_unix_ms() };
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_browse m;
	struct lr_msg_browse_r r = { 0 };
	char pattern[LR_META_MAX], find[LR_META_MAX];
	struct lr_catalog_browse b = { .who = &who,
				       .pattern = pattern,
				       .find = find,
				       .most = LOOKED_AT };

	if (!lr_dec_browse(meta, h->meta, &m) ||
	    !lr_str_copy(m.pattern, pattern, sizeof pattern) ||
	    !lr_str_copy(m.find, find, sizeof find))
		return false;
	who = lr_objects_asker(p, m.uid, m.flags & LR_LIST_ALL);
	b.from = m.first ? NULL : &m.from;
	b.back = m.flags & LR_BROWSE_BACK;
	g.count = m.flags & LR_BROWSE_COUNT;
	g.most = m.most;
	r.at = m.from;
	r.more = !lr_catalog_browse(p->k->catalog, &b, &r.at, page_cb, &g);
	r.matches = g.matches;
	bulk.len = g.w.len;
	LR_SEND(p->link, BROWSE_R, browse_r, h->req, &r, &bulk);
	return true;
}
