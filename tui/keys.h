/* SPDX-License-Identifier: Apache-2.0 */
/* The keys, once: handling, footer, `?` and the manual are made from this
 * table (tests/screens checks the manual). */
#ifndef LR_TUI_KEYS_H
#define LR_TUI_KEYS_H

#include "tui/model.h"

/* Keys that are no characters. */
enum tui_key {
	TUI_K_UP = 0x110000,
	TUI_K_DOWN,
	TUI_K_LEFT,
	TUI_K_RIGHT,
	TUI_K_PGUP,
	TUI_K_PGDN,
	TUI_K_HOME,
	TUI_K_END,
	TUI_K_ENTER,
	TUI_K_BACKSPACE,
	TUI_K_DELETE,
	TUI_K_ESC,
	TUI_K_TAB,
};

#define TUI_IN(view) (1u << (view))
#define TUI_ANY	     0x3fu
#define TUI_LISTS    (TUI_ANY & ~TUI_IN(TUI_HERE))
#define TUI_DONORS   (TUI_IN(TUI_POOL) | TUI_IN(TUI_PEOPLE) | TUI_IN(TUI_WHATIF))
#define TUI_DOOR     (TUI_IN(TUI_POOL) | TUI_IN(TUI_PEOPLE))

/* clang-format off */
/* action       key   or              shown   footer         where               acts   help */
#define TUI_KEYS(K) \
	K(POOL,      '1', 0,              "1",     "Pool",        TUI_ANY,            false, "the pool at a glance") \
	K(IDS,       '2', 0,              "2",     "IDs",         TUI_ANY,            false, "stored objects") \
	K(PEOPLE,    '3', 0,              "3",     "People",      TUI_ANY,            false, "who wants in, who is in") \
	K(EVENTS,    '4', 0,              "4",     "Events",      TUI_ANY,            false, "what happened") \
	K(WHATIF,    '5', 0,              "5",     "WhatIf",      TUI_ANY,            false, "what if machines went") \
	K(HERE,      '6', 0,              "6",     "Here",        TUI_ANY,            false, "what this machine lends") \
	K(ADMIT,     'a', 0,              "a",     "admit",       TUI_DOOR,           true,  "let the device in") \
	K(REFUSE,    'x', 0,              "x",     "refuse",      TUI_IN(TUI_PEOPLE), true,  "do not let it in") \
	K(REVOKE,    'V', 0,              "V",     "revoke",      TUI_IN(TUI_PEOPLE), true,  "take a device's admission back") \
	K(PAUSE,     'p', 0,              "p",     "pause heal",  TUI_IN(TUI_POOL),   true,  "pause the rebuild, or let it go on") \
	K(DRAIN,     'd', 0,              "d",     "drain",       TUI_DONORS,         true,  "move everything off the donor") \
	K(UNDO,      'u', 0,              "u",     "",            TUI_DONORS,         true,  "use the donor again after a drain") \
	K(FORGET,    'F', 0,              "F",     "",            TUI_DONORS,         true,  "its RAM is gone for good") \
	K(MARK,      ' ', 0,              "Space", "mark",        TUI_IN(TUI_WHATIF), false, "mark the machine, or not") \
	K(OPEN,      TUI_K_ENTER, 0,      "Enter", "open",        TUI_IN(TUI_IDS),    false, "show the object's copies, live") \
	K(RETRIEVE,  'r', 0,              "r",     "retrieve",    TUI_IN(TUI_IDS),    true,  "retrieve the object to a file") \
	K(STORE,     'S', 0,              "S",     "store",       TUI_IN(TUI_IDS),    true,  "store a file") \
	K(REMOVE,    'D', 0,              "D",     "remove",      TUI_IN(TUI_IDS),    true,  "remove the object") \
	K(COPY,      'y', 0,              "y",     "copy ID",     TUI_IN(TUI_IDS),    false, "copy its ID to the clipboard (OSC 52)") \
	K(KIND,      'e', 0,              "e",     "kind",        TUI_IN(TUI_EVENTS), false, "the next kind of event alone") \
	K(MORE,      '+', '=',            "+",     "more",        TUI_IN(TUI_HERE),   true,  "lend 512 MiB more") \
	K(LESS,      '-', 0,              "-",     "less",        TUI_IN(TUI_HERE),   true,  "lend 512 MiB less") \
	K(AUTO,      '0', 0,              "0",     "automatic",   TUI_IN(TUI_HERE),   true,  "let the donor decide what to lend") \
	K(COMMAND,   ':', 0,              ":",     "command",     TUI_ANY,            true,  "run a lanram command and show its output") \
	K(SEARCH,    '/', 0,              "/",     "search",      TUI_LISTS,          false, "go to the next row with that text") \
	K(AGAIN,     'n', 0,              "n",     "",            TUI_LISTS,          false, "search again") \
	K(FILTER,    '\\', 0,             "\\",    "filter",      TUI_LISTS,          false, "show only rows with that text") \
	K(SORT,      's', '>',            "s",     "sort",        TUI_DONORS,         false, "sort by the next column (> too)") \
	K(SORT_LEFT, '<', 0,              "<",     "",            TUI_DONORS,         false, "sort by the column before") \
	K(REVERSE,   'R', 0,              "R",     "",            TUI_DONORS,         false, "turn the order round") \
	K(UP,        TUI_K_UP, 'k',       "Up k",  "",            TUI_LISTS,          false, "a row up") \
	K(DOWN,      TUI_K_DOWN, 'j',     "Down j", "",           TUI_LISTS,          false, "a row down") \
	K(LEFT,      TUI_K_LEFT, 'h',     "Left h", "",           TUI_ANY,            false, "the screen before") \
	K(RIGHT,     TUI_K_RIGHT, 'l',    "Right l", "",          TUI_ANY,            false, "the next screen") \
	K(PAGE_UP,   TUI_K_PGUP, 0,       "PgUp",  "",            TUI_LISTS,          false, "a page up") \
	K(PAGE_DOWN, TUI_K_PGDN, 0,       "PgDn",  "",            TUI_LISTS,          false, "a page down") \
	K(HOME,      TUI_K_HOME, 'g',     "Home g", "",           TUI_LISTS,          false, "the first row") \
	K(END,       TUI_K_END, 'G',      "End G", "",            TUI_LISTS,          false, "the last row") \
	K(FREEZE,    'f', 0,              "f",     "freeze",      TUI_ANY,            false, "hold the screen still, or let it go on") \
	K(MOUSE,     'M', 0,              "M",     "",            TUI_ANY,            false, "mouse on or off") \
	K(COLOUR,    'c', 0,              "c",     "",            TUI_ANY,            false, "colours on or off") \
	K(BACK,      TUI_K_ESC, 0,        "Esc",   "",            TUI_ANY,            false, "close, forget the filter") \
	K(REDRAW,    12, 0,               "Ctrl-L", "",           TUI_ANY,            false, "draw everything again") \
	K(HELP,      '?', 0,              "?",     "help",        TUI_ANY,            false, "this list") \
	K(QUIT,      'q', 0,              "q",     "quit",        TUI_ANY,            false, "leave")
/* clang-format on */

enum tui_action {
	TUI_DO_NOTHING,
#define TUI_KEY_ENUM(action, ...) TUI_DO_##action,
	TUI_KEYS(TUI_KEY_ENUM)
#undef TUI_KEY_ENUM
};

struct tui_binding {
	enum tui_action action;
	int key, or_key;
	const char *shown, *footer;
	unsigned where;
	bool acts; /* hidden by --readonly */
	const char *help;
};

extern const struct tui_binding tui_bindings[];
extern const size_t tui_n_bindings;

#endif
