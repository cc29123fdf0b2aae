/* SPDX-License-Identifier: Apache-2.0 */
/* What the dashboard knows and what the user has chosen. It knows no terminal
 * and no network: a source (feed.c, simulate.c) fills it, views draw it.
 * Times are Unix milliseconds; the present is brought from outside. */
#ifndef LR_TUI_MODEL_H
#define LR_TUI_MODEL_H

#include "core/events.h"
#include "core/progress.h"
#include "wire/msg.h"

enum tui_view {
	TUI_POOL,
	TUI_IDS,
	TUI_PEOPLE,
	TUI_EVENTS,
	TUI_WHATIF,
	TUI_HERE,
	TUI_VIEWS
};

enum tui_sort { /* of donors; the columns in their order */
	TUI_BY_NAME,
	TUI_BY_STATE,
	TUI_BY_HELD,
	TUI_BY_HOST,
	TUI_BY_P50,
	TUI_BY_P99,
	TUI_BY_IF_GONE,
	TUI_SORTS
};

struct tui_donor {
	struct lr_dev dev;
	uint64_t inc, lent, held, host_available, entries, since_ms, arrived;
	uint32_t p50_us, p99_us, slots_lost, slots_short;
	uint8_t state; /* enum lr_donor_state */
	bool marked;   /* what if it went */
	char name[LR_NAME_MAX], address[96], version[32];
};

struct tui_pool {
	uint64_t run, epoch, lent, held, stored, usable, objects, rec_left;
	uint64_t gets, puts, bytes_out, bytes_in, errors; /* a second */
	uint32_t p50_us, p99_us, donors_up, donors_known;
	uint32_t full, short_, unavailable, lost; /* slots */
	uint8_t health; /* enum lr_health */
	bool paused, encrypted, survives_donor, survives_machine, complete;
	char pool_name[LR_NAME_MAX], coordinator[LR_NAME_MAX];
	char reasons[6][160];
	unsigned n_reasons;
};

struct tui_pending {
	struct lr_dev dev;
	uint64_t since_ms;
	uint8_t roles;
	char code[64], name[LR_NAME_MAX], address[64];
};

struct tui_device { /* admitted */
	struct lr_dev dev;
	uint8_t roles;
	char name[LR_NAME_MAX];
};

struct tui_object {
	struct lr_id id;
	uint64_t size, created_ms, expires_ms;
	uint32_t uid;
	uint8_t state, flags, copies, wanted;
	char *name, *owner, *donors;
};

struct tui_copy { /* a donor's share of the object that is open */
	struct lr_dev dev;
	char name[LR_NAME_MAX];
	bool up;
	uint64_t entries, synced;
	/* What it says itself, if it was reached from here: */
	bool heard;
	uint64_t there, verified_ms; /* of the entry verified longest ago */
	uint32_t trip_us;
};

struct tui_here { /* this machine's own daemons */
	bool known, donor; /* a donor runs here */
	uint8_t state;	   /* enum lr_here_state */
	uint64_t lent, used, host_available;
	char name[LR_NAME_MAX], pool_name[LR_NAME_MAX], coordinator[256];
	char code[128], spec[64], said[160];
};

struct tui_given { /* back to the host; then lent: `left` */
	uint64_t at_ms, bytes, left;
	uint8_t why; /* enum lr_given_why */
};
#define TUI_GIVEN 64

#define TUI_COPIES 64
#define TUI_TRACE 120
#define TUI_KEPT_EVENTS 1000

struct tui_trace { /* a sample a second, the newest last */
	double v[TUI_TRACE];
	size_t n;
};

/* --- the list of objects ---
 * The coordinator has it, in the order of IDs; the model has a window of it,
 * some screens around the chosen row. */

enum tui_rows { /* what is asked for */
	TUI_ROWS_FIRST,
	TUI_ROWS_LAST,
	TUI_ROWS_AFTER,
	TUI_ROWS_BEFORE,
	TUI_ROWS_AGAIN, /* those on the screen, as they are now */
	TUI_ROWS_FIND,	/* the next that matches `find`, too */
	TUI_ROWS_COUNT,
};

struct tui_browse { /* a question; its answer comes back with it */
	enum tui_rows what;
	unsigned turn; /* answers of former ones are passed over */
	bool first;    /* from the end; else from beyond `from` */
	struct lr_id from;
	uint16_t most;
	char pattern[160], find[160];
};

struct tui_list {
	struct tui_object *row; /* the window */
	size_t n, cap;
	bool more_before, more_after;
	bool stale; /* its beginning did not come */
	struct lr_id before, after; /* to go on from */
	unsigned turn;
	bool asked, count_asked; /* an answer is on its way */
	bool counted;		 /* `matches` are all */
	uint64_t matches, counting;
	struct lr_id count_at;
	bool finding, wrapped, not_found;
	struct lr_id find_at;
	char trouble[160];
};

struct tui_choice { /* of one view: the row stays chosen wherever it goes */
	uint8_t key[32];
	bool any;
	size_t at, top; /* where it was drawn last; the first row shown */
	char filter[128];
};

struct tui_model {
	bool connected;	   /* `pool` is alive */
	bool ever;	   /* something was heard */
	char trouble[256]; /* why not connected */
	uint64_t now_ms, heard_ms;
	struct tui_pool pool;
	struct lr_progress progress;
	struct tui_donor *donors;
	size_t n_donors, cap_donors;
	uint64_t arrivals;
	struct tui_pending *pending;
	size_t n_pending;
	struct tui_device *devices;
	size_t n_devices;
	struct lr_event *events; /* ring-free: oldest first */
	size_t n_events;
	uint64_t events_run;
	struct tui_trace gets, puts, in, out;
	uint64_t sampled_ms;

	struct tui_list list;

	struct lr_id open_id; /* the object that is shown live */
	bool open, open_cut; /* somebody else's: its beginning */
	struct tui_copy copies[TUI_COPIES];
	size_t n_copies;
	uint64_t copies_entries;

	struct lr_msg_whatif_r whatif;
	bool whatif_known;
	struct tui_here here;
	struct tui_given given[TUI_GIVEN];
	size_t n_given;

	/* what the user has chosen */
	enum tui_view view;
	struct tui_choice choice[TUI_VIEWS];
	enum tui_sort sort;
	bool reverse, frozen, readonly, simulated;
	int event_kind; /* -1: all */
	char notice[256]; /* the last word on an action */
	uint64_t notice_ms;
	uint32_t changes; /* grows: draw again */
};

void tui_model_init(struct tui_model *m);
void tui_model_done(struct tui_model *m);
void *tui_must(void *p); /* out of memory ends the program */

/* --- what sources bring ------------------------------------------------------ */

void tui_model_pool(struct tui_model *m, const struct tui_pool *p);
/* State GONE drops the row. */
void tui_model_donor(struct tui_model *m, const struct tui_donor *d);
/* A whole list begins: rows not brought until _end are dropped. */
void tui_model_donors_begin(struct tui_model *m);
void tui_model_donors_end(struct tui_model *m);
void tui_model_pending(struct tui_model *m, const struct tui_pending *all,
		       size_t n);
/* `first` empties the list. */
void tui_model_device(struct tui_model *m, const struct tui_device *d,
		      bool first);
/* Known sequences of the same run are passed over. */
void tui_model_event(struct tui_model *m, uint64_t run,
		     const struct lr_event *ev);
void tui_model_lost(struct tui_model *m, const char *why);
void tui_model_here(struct tui_model *m, const struct tui_here *h);
/* Given records of LEND_R. */
void tui_model_given(struct tui_model *m, struct lr_reader r);
/* rows.c: a piece of the list of objects; or none, and why ("": unsaid). */
void tui_rows_take(struct tui_model *m, const struct tui_browse *b,
		   const struct lr_msg_browse_r *r, struct lr_reader rows);
void tui_rows_failed(struct tui_model *m, const struct tui_browse *b,
		     const char *why);
void tui_rows_done(struct tui_model *m);
/* Where to go on behind the row. */
struct lr_id tui_rows_after(const struct tui_object *o);
/* Copies of the open object: the list as the coordinator has it (what donors
 * said is kept), then what one donor says. */
void tui_model_copies(struct tui_model *m, const struct tui_copy *all,
		      size_t n, uint64_t entries);
void tui_model_verified(struct tui_model *m, const struct lr_rec_verified *v);
/* Once a second: traces. */
void tui_model_tick(struct tui_model *m, uint64_t now_ms);
void tui_model_notice(struct tui_model *m, const char *text);

/* --- rows of the view, as chosen --------------------------------------------- */

/* Indexes of donors, filtered and sorted; malloc'ed. */
size_t *tui_model_sorted(const struct tui_model *m, size_t *ret_n);
bool tui_model_matches(const char *filter, const char *text);
/* How many rows the view's list has, and the key of the nth. */
size_t tui_model_rows(struct tui_model *m);
bool tui_model_key(struct tui_model *m, size_t row, uint8_t key[32]);
/* Where the chosen row is now; the nearest one when it is gone. */
size_t tui_model_at(struct tui_model *m);
void tui_model_go(struct tui_model *m, size_t row);
/* First row to show so that the chosen one is among `height`. */
size_t tui_model_top(struct tui_model *m, size_t height);

/* The chosen ones; NULL: none. Valid until the next change. */
struct tui_donor *tui_model_donor_at(struct tui_model *m);
struct tui_pending *tui_model_pending_at(struct tui_model *m);
struct tui_object *tui_model_object_at(struct tui_model *m);
/* As much of the ID as is known; `out` takes 27 bytes and is the result. */
char *tui_object_id(const struct tui_object *o, char *out);
struct tui_device *tui_model_device_at(struct tui_model *m);
/* Incarnations of marked donors. */
size_t tui_model_marked(const struct tui_model *m, uint64_t *ret, size_t cap);
/* Text to match when searching the view's rows. */
const char *tui_model_text(struct tui_model *m, size_t row, char *out,
			   size_t cap);
/* Events that the kind and the filter let through, newest first. */
size_t *tui_model_events(const struct tui_model *m, size_t *ret_n);

#endif
