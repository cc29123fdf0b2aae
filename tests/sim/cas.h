/* SPDX-License-Identifier: Apache-2.0 */
/* Is the history of one name, or of one register with removals, linearizable?
 * The search of Wing and Gong, one name at a time, with what has been tried
 * kept (Lowe): exponential in the worst case, quick where few overlap.
 *
 * What is there is told by who wrote it: every write has an ID of its own, 0
 * is "not there". */
#ifndef LR_TESTS_SIM_CAS_H
#define LR_TESTS_SIM_CAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAS_NEVER UINT64_MAX

enum cas_kind { CAS_GET, CAS_SET, CAS_REMOVE };
enum cas_expect { CAS_ANY, CAS_NONE, CAS_THIS };
enum cas_out {
	CAS_DONE,
	CAS_CONFLICT, /* not as expected, nothing done */
	CAS_ABSENT,   /* REMOVE: there was nothing */
	CAS_MAYBE,    /* done at any time from inv on, or never; res ignored */
};

struct cas_op {
	uint64_t inv, res; /* any clock; res > inv */
	enum cas_kind kind;
	enum cas_expect expect;
	enum cas_out out;
	uint64_t id;   /* SET: of what it writes */
	uint64_t want; /* CAS_THIS: the ID expected */
	uint64_t got;  /* GET: the ID seen */
	/* REMOVE of a register: done whether or not there is anything */
	bool blind;
};

/* At first there is nothing. Changes `h`: its order, and that what somebody saw
 * was done by then. */
bool cas_check(struct cas_op *h, size_t n);
/* What the op does to `state`; false: it cannot have happened there. */
bool cas_step(const struct cas_op *op, uint64_t state, uint64_t *ret);

#endif
