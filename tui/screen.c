/* SPDX-License-Identifier: Apache-2.0 */
#define NCURSES_WIDECHAR 1
#include "tui/screen.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "tui/keys.h"

static struct termios saved;
static volatile sig_atomic_t is_open;
static char leave[256]; /* what a dying program sends */
static struct tui_canvas shown;
static bool shown_colour, has_pairs;
static mmask_t mouse_was;
static SCREEN *screen;

bool tui_screen_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* --- opening and closing ----------------------------------------------------- */

bool tui_screen_usable(void)
{
	const char *term = getenv("TERM");
	bool good;
	int err;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !term ||
	    !*term)
		return false;
	if (setupterm(NULL, STDOUT_FILENO, &err) != OK || err != 1)
		return false;
	good = cursor_address && clear_screen;
	del_curterm(cur_term);
	return good;
}

static void add_leave(const char *s)
{
	if (s && strlen(leave) + strlen(s) < sizeof leave)
		strcat(leave, s);
}

/* Only what a signal handler may do. */
static void restore_now(void)
{
	ssize_t n;

	if (!is_open)
		return;
	is_open = 0;
	n = write(STDOUT_FILENO, leave, strlen(leave));
	(void)n;
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void deadly_cb(int number)
{
	restore_now();
	signal(number, SIG_DFL);
	raise(number);
}

static void catch_deadly(void)
{
	static const int deadly[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
				      SIGILL, SIGQUIT };
	struct sigaction a = { .sa_handler = deadly_cb };

	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		sigaction(deadly[i], &a, NULL);
}

static void start_colours(void)
{
	const char *no = getenv("NO_COLOR");

	if ((no && *no) || !has_colors() || start_color() != OK)
		return;
	use_default_colors();
	init_pair(TUI_GOOD, COLOR_GREEN, -1);
	init_pair(TUI_WARN, COLOR_YELLOW, -1);
	init_pair(TUI_BAD, COLOR_RED, -1);
	init_pair(TUI_KEY, COLOR_CYAN, -1);
	has_pairs = true;
}

static void closed_at_exit(void)
{
	tui_screen_close();
}

bool tui_screen_open(void)
{
	static bool registered;

	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return false;
	/* Sizes come from the terminal, whatever the environment says. */
	unsetenv("LINES");
	unsetenv("COLUMNS");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return false;
	leave[0] = '\0';
	add_leave("\033[?1000l\033[?1006l\033[?1002l");
	if (!key_mouse)
		leave[0] = '\0';
	add_leave(exit_attribute_mode);
	add_leave(cursor_normal);
	add_leave(keypad_local);
	add_leave(exit_ca_mode);
	is_open = 1;
	if (!registered)
		atexit(closed_at_exit);
	registered = true;
	catch_deadly();
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	leaveok(stdscr, TRUE);
	curs_set(0);
	start_colours();
	return true;
}

void tui_screen_close(void)
{
	if (!is_open)
		return;
	mousemask(0, NULL);
	curs_set(1);
	endwin();
	is_open = 0;
	delscreen(screen);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	tui_canvas_done(&shown);
}

void tui_screen_size(int *rows, int *cols)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row &&
	    w.ws_col) {
		*rows = w.ws_row;
		*cols = w.ws_col;
	} else {
		*rows = LINES > 0 ? LINES : 24;
		*cols = COLS > 0 ? COLS : 80;
	}
}

void tui_screen_mouse(bool on)
{
	mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0,
		  &mouse_was);
	mouseinterval(0);
}

/* --- drawing --------------------------------------------------------------------- */

static attr_t attr_of(enum tui_style style, bool colour, short *pair)
{
	colour = colour && has_pairs;
	*pair = 0;
	switch (style) {
	case TUI_HEAD:
	case TUI_SELECTED:
		return A_REVERSE;
	case TUI_GOOD:
	case TUI_KEY:
		*pair = colour ? (short)style : 0;
		return A_NORMAL;
	case TUI_WARN:
		*pair = colour ? (short)style : 0;
		return A_BOLD;
	case TUI_BAD:
		*pair = colour ? (short)style : 0;
		return colour ? A_BOLD : A_BOLD | A_UNDERLINE;
	case TUI_BOLD:
		return A_BOLD;
	default:
		return A_NORMAL;
	}
}

static void put_cell(const struct tui_canvas *c, int y, int x, bool colour)
{
	const struct tui_cell *at = &c->cells[y * c->cols + x];
	wchar_t text[2] = { at->ch, 0 };
	short pair;
	attr_t attr = attr_of((enum tui_style)at->style, colour, &pair);
	cchar_t wide;

	if (!at->ch)
		return; /* the right half: drawn with the left one */
	if (setcchar(&wide, text, attr, pair, NULL) == OK)
		mvadd_wch(y, x, &wide);
}

static bool fits(const struct tui_canvas *c)
{
	return shown.cells && shown.rows == c->rows && shown.cols == c->cols;
}

static void keep(const struct tui_canvas *c)
{
	if (!fits(c))
		tui_canvas_reset(&shown, c->rows, c->cols);
	memcpy(shown.cells, c->cells,
	       (size_t)c->rows * (size_t)c->cols * sizeof *c->cells);
}

void tui_screen_draw(const struct tui_canvas *c, bool colour, bool anew)
{
	bool all = anew || !fits(c) || colour != shown_colour;

	if (c->rows != LINES || c->cols != COLS)
		resizeterm(c->rows, c->cols);
	if (all)
		erase();
	for (int y = 0; y < c->rows; y++)
		for (int x = 0; x < c->cols; x++) {
			size_t i = (size_t)(y * c->cols + x);

			if (all || c->cells[i].ch != shown.cells[i].ch ||
			    c->cells[i].style != shown.cells[i].style)
				put_cell(c, y, x, colour);
		}
	if (anew)
		clearok(curscr, TRUE); /* asked for, or resized: never a tick */
	keep(c);
	shown_colour = colour;
	refresh();
}

/* --- input ----------------------------------------------------------------------- */

static int key_of(wint_t key)
{
	switch (key) {
	case KEY_UP:
		return TUI_K_UP;
	case KEY_DOWN:
		return TUI_K_DOWN;
	case KEY_LEFT:
		return TUI_K_LEFT;
	case KEY_RIGHT:
		return TUI_K_RIGHT;
	case KEY_PPAGE:
		return TUI_K_PGUP;
	case KEY_NPAGE:
		return TUI_K_PGDN;
	case KEY_HOME:
		return TUI_K_HOME;
	case KEY_END:
		return TUI_K_END;
	case KEY_ENTER:
		return TUI_K_ENTER;
	case KEY_BACKSPACE:
		return TUI_K_BACKSPACE;
	case KEY_DC:
		return TUI_K_DELETE;
	default:
		return 0;
	}
}

static int char_of(wint_t ch)
{
	switch (ch) {
	case '\r':
	case '\n':
		return TUI_K_ENTER;
	case '\t':
		return TUI_K_TAB;
	case 8:
	case 127:
		return TUI_K_BACKSPACE;
	case 27:
		return TUI_K_ESC;
	default:
		return (int)ch;
	}
}

static struct tui_input mouse(void)
{
	struct tui_input in = { .what = TUI_TYPED };
	MEVENT e;

	if (getmouse(&e) != OK)
		return in;
	in.y = e.y;
	in.x = e.x;
	if (e.bstate & BUTTON4_PRESSED) {
		in.what = TUI_WHEELED;
		in.key = -3;
	} else if (e.bstate & BUTTON5_PRESSED) {
		in.what = TUI_WHEELED;
		in.key = 3;
	} else if (e.bstate & BUTTON1_PRESSED) {
		in.what = TUI_CLICKED;
	}
	return in;
}

struct tui_input tui_screen_input(void)
{
	struct tui_input in = { .what = TUI_NO_INPUT };
	wint_t ch;
	int got;

	errno = 0;
	got = get_wch(&ch);
	if (got == ERR)
		return in;
	in.what = TUI_TYPED;
	if (got == KEY_CODE_YES && ch == KEY_MOUSE)
		return mouse();
	in.key = got == KEY_CODE_YES ? key_of(ch) : char_of(ch);
	return in;
}

/* --- the clipboard --------------------------------------------------------------- */

static size_t base64(const char *text, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text), at = 0;

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16 |
			     (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? p[i + 2] : 0);

		out[at++] = digits[v >> 18];
		out[at++] = digits[v >> 12 & 63];
		out[at++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		out[at++] = i + 2 < n ? digits[v & 63] : '=';
	}
	out[at] = '\0';
	return at;
}

void tui_screen_copy(const char *text)
{
	const char *term = getenv("TERM");
	char coded[256], out[300];
	ssize_t n;

	if (!is_open || !term || strlen(text) > 150 ||
	    !strncmp(term, "linux", 5) || !strncmp(term, "vt", 2))
		return; /* they would show it */
	base64(text, coded);
	n = snprintf(out, sizeof out, "\033]52;c;%s\a", coded);
	n = write(STDOUT_FILENO, out, (size_t)n);
	(void)n;
}
