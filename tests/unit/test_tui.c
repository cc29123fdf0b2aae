/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard's model and canvas, without terminal and network. */
#include "tests/unit/unit.h"
#include "tui/canvas.h"
#include "tui/model.h"
#include "tui/view.h"

static void add(struct tui_model *m, const char *name, uint8_t n, unsigned lost)
{
	struct tui_donor d = { .inc = n, .slots_lost = lost };

	memset(d.dev.b, n, sizeof d.dev.b);
	snprintf(d.name, sizeof d.name, "%s", name);
	tui_model_donor(m, &d);
}

static const char *chosen(struct tui_model *m)
{
	struct tui_donor *d = tui_model_donor_at(m);

	return d ? d->name : "";
}

/* The chosen row stays chosen when the order changes, and when rows come and
 * go around it; gone itself, its neighbour is. */
static void selection(void **state)
{
	struct tui_model m;

	(void)state;
	tui_model_init(&m);
	add(&m, "cedar", 1, 5);
	add(&m, "birch", 2, 9);
	add(&m, "dune", 3, 1);
	assert_string_equal(chosen(&m), "birch");
	tui_model_go(&m, 1);
	assert_string_equal(chosen(&m), "cedar");
	m.sort = TUI_BY_NAME;
	assert_string_equal(chosen(&m), "cedar");
	m.reverse = true;
	add(&m, "aspen", 4, 0);
	assert_string_equal(chosen(&m), "cedar");
	tui_model_donors_begin(&m);
	add(&m, "birch", 2, 9);
	add(&m, "aspen", 4, 0);
	tui_model_donors_end(&m);
	assert_int_equal(m.n_donors, 2);
	assert_string_equal(chosen(&m), "aspen");
	tui_model_done(&m);
}

/* An event that came twice stands there once; another run counts anew. */
static void events_once(void **state)
{
	struct tui_model m;
	struct lr_event e = { .seq = 1 };

	(void)state;
	tui_model_init(&m);
	for (int round = 0; round < 2; round++)
		for (e.seq = 1; e.seq <= 5; e.seq++)
			tui_model_event(&m, 7, &e);
	assert_int_equal(m.n_events, 5);
	e.seq = 1;
	tui_model_event(&m, 8, &e);
	assert_int_equal(m.n_events, 6);
	for (e.seq = 2; e.seq < 2 * TUI_KEPT_EVENTS; e.seq++)
		tui_model_event(&m, 8, &e);
	assert_int_equal(m.n_events, TUI_KEPT_EVENTS);
	tui_model_done(&m);
}

static void row(struct lr_writer *w, uint8_t n, uint8_t flags)
{
	struct lr_rec_listed rec = { .flags = flags, .name = lr_str("x") };

	memset(rec.id.b, n, sizeof rec.id.b);
	lr_enc_rec_listed(w, &rec);
}

/* Of somebody else's object an admin has the beginning of the ID: it is shown,
 * and the list goes on behind all that begin so. */
static void cut_rows(void **state)
{
	uint8_t buf[512];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct tui_browse b = { .what = TUI_ROWS_FIRST, .first = true };
	struct lr_msg_browse_r r = { 0 };
	struct lr_id whole, after;
	struct tui_model m;
	char text[LR_ID_TEXT + 1];

	(void)state;
	memset(&whole, 2, sizeof whole);
	row(&w, 1, 0);
	row(&w, 2, LR_OBJECT_CUT);
	tui_model_init(&m);
	m.view = TUI_IDS;
	tui_rows_take(&m, &b, &r, lr_reader(buf, w.len));
	assert_int_equal(m.list.n, 2);
	after = tui_rows_after(&m.list.row[0]);
	assert_int_equal(lr_id_cmp(&after, &m.list.row[0].id), 0);
	assert_int_equal(strlen(tui_object_id(&m.list.row[0], text)),
			 LR_ID_TEXT);
	lr_id_cut(&m.list.row[1].id, LR_CUT_TEXT);
	after = tui_rows_after(&m.list.row[1]);
	assert_true(lr_id_cmp(&m.list.row[1].id, &whole) < 0);
	assert_true(lr_id_cmp(&after, &whole) > 0);
	lr_id_cut(&after, LR_CUT_TEXT);
	assert_int_equal(lr_id_cmp(&after, &m.list.row[1].id), 0);
	assert_int_equal(strlen(tui_object_id(&m.list.row[1], text)),
			 LR_CUT_TEXT);
	tui_model_done(&m);
}

/* What a donor says it gave back replaces what stood there. */
static void given_back(void **state)
{
	uint8_t buf[4096];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_rec_given rec = { .ago_ms = 5000, .bytes = 7 };
	struct tui_model m;

	(void)state;
	for (rec.left = 0; rec.left < TUI_GIVEN + 5; rec.left++)
		lr_enc_rec_given(&w, &rec);
	tui_model_init(&m);
	m.now_ms = 9000;
	for (int round = 0; round < 2; round++)
		tui_model_given(&m, lr_reader(buf, w.len));
	assert_int_equal(m.n_given, TUI_GIVEN);
	assert_int_equal(m.given[0].at_ms, 4000);
	assert_int_equal(m.given[0].bytes, 7);
	assert_int_equal(m.given[1].left, 1);
	tui_model_done(&m);
}

/* Numbers as people read them. */
static void numbers(void **state)
{
	char out[32];

	(void)state;
	assert_string_equal(tui_bytes(0, out), "0B");
	assert_string_equal(tui_bytes(1536, out), "1.5K");
	assert_string_equal(tui_bytes(1023, out), "1.0K");
	assert_string_equal(tui_bytes(UINT64_MAX, out), "16E");
	assert_string_equal(tui_count(1208, out), "1,208");
	assert_string_equal(tui_count(999, out), "999");
	assert_string_equal(tui_count(1000000, out), "1,000,000");
	assert_string_equal(tui_us(24, out), "24u");
	assert_string_equal(tui_span(4200, out), "4s");
}

/* Nothing is ever drawn outside, whatever the size, in every view; hostile
 * names reach no terminal. */
static void clipped(void **state)
{
	static void (*const views[])(struct tui_model *m, struct tui_canvas *c,
				     int y, int h) = {
		tui_view_pool,	 tui_view_ids,	  tui_view_people,
		tui_view_events, tui_view_whatif, tui_view_here,
	};
	struct tui_canvas c = { .utf8 = true };
	struct tui_model m;

	(void)state;
	tui_model_init(&m);
	m.ever = m.connected = true;
	add(&m, "\033[31mred\xff\xe2\x80\xae", 1, 5);
	add(&m, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 2, 0);
	for (int rows = 1; rows < 40; rows += 3)
		for (int cols = 1; cols < 200; cols += 13)
			for (unsigned v = 0; v < TUI_VIEWS; v++) {
				m.view = (enum tui_view)v;
				tui_canvas_reset(&c, rows, cols);
				tui_view_header(&m, &c, 0);
				if (rows > 1)
					views[v](&m, &c, 1, rows - 1);
				for (int i = 0; i < rows * cols; i++)
					assert_true(!c.cells[i].ch ||
						    c.cells[i].ch >= 0x20);
			}
	tui_canvas_done(&c);
	tui_model_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selection),  cmocka_unit_test(events_once),
		cmocka_unit_test(given_back), cmocka_unit_test(numbers),
		cmocka_unit_test(clipped),    cmocka_unit_test(cut_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
