/* SPDX-License-Identifier: Apache-2.0 */
/* Which pool an attach belongs to, where its coordinator may be, and what is
 * known of both. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/attach_i.h"
#include "client/pin.h"

/* --- which pool ----------------------------------------------------------- */

/* True: we had turned to another one. */
static bool turn_to(struct lr_attach *a, const struct lr_dev *pool)
{
	bool other = !lr_dev_is_zero(&a->pool) && !lr_dev_eq(&a->pool, pool);

	a->pool = *pool;
	if (other) {
		a->code[0] = '\0';
		memset(&a->last, 0, sizeof a->last);
	}
	return other;
}

/* Never back to an older key. */
static void saw(struct lr_attach *a, const struct lr_dev *pool,
		const struct lr_pool_key *last)
{
	if (lr_dev_eq(&a->pool, pool) && last->n > a->last.n)
		a->last = *last;
}

/* A new one counts even where the last was no good. */
static bool is_invited(struct lr_attach *a)
{
	struct lr_invitation i;

	for (unsigned n = 0; n < LR_INVITATION_FILES; n++) {
		if (!a->o.invitations[n] ||
		    !lr_invitation_read(a->o.invitations[n], &i))
			continue;
		if (memcmp(&i, &a->invitation, sizeof i) != 0)
			a->invitation_spent = false;
		a->invitation = i;
		return true;
	}
	memset(&a->invitation, 0, sizeof a->invitation);
	a->invitation_spent = false;
	return false;
}

void lr_attach_drop_invitation(struct lr_attach *a)
{
	if (a->o.invitations[0])
		unlink(a->o.invitations[0]);
}

/* The pin counts (another daemon of this machine may have written it), then an
 * invitation; else it is the first pool of our name. False: the link is to
 * another one than we want now. */
bool lr_attach_settle_pool(struct lr_attach *a)
{
	struct lr_pool_key last;
	struct lr_dev pool;
	bool other = false;

	if (a->pin_path[0] && lr_pin_read(a->pin_path, &pool, &last) == 0) {
		if (!a->pinned)
			other = turn_to(a, &pool);
		a->pinned = true;
		a->kept = last.n;
		saw(a, &pool, &last);
	}
	if (is_invited(a) && !a->pinned) {
		other = turn_to(a, &a->invitation.pool);
		saw(a, &a->invitation.pool, &a->invitation.last);
	}
	return !other;
}

void lr_attach_keep(struct lr_attach *a, const struct lr_pool_key *last)
{
	saw(a, &a->pool, last);
	if (!a->pin_path[0] || (a->pinned && a->kept >= a->last.n))
		return;
	a->pinned = lr_pin_write(a->pin_path, &a->pool, &a->last);
	a->kept = a->pinned ? a->last.n : 0;
}

void lr_attach_take_keys(struct lr_attach *a, const struct lr_frame *f)
{
	struct lr_succession line;
	struct lr_pool_key last;
	struct lr_dev pool;

	if (lr_succession_take(&line, f->bulk, f->h.bulk) &&
	    !lr_succession_follow(&line, NULL, &a->last, &pool, &last) &&
	    lr_dev_eq(&pool, &a->pool))
		lr_attach_keep(a, &last);
}

/* --- candidates ----------------------------------------------------------- */

/* Candidates with another key than ours are not even dialled. */
const struct candidate *lr_attach_next_candidate(struct lr_attach *a)
{
	bool others = false;

	for (unsigned i = 0; i < a->n_cand; i++) {
		const struct candidate *c =
			&a->cand[(a->next + i) % a->n_cand];

		if (lr_dev_is_zero(&c->pool) ||
		    (c->named && lr_dev_is_zero(&a->pool)) ||
		    lr_dev_eq(&c->pool, &a->pool)) {
			a->next = (a->next + i + 1) % a->n_cand;
			return c;
		}
		others |= c->named;
	}
	if (others && (a->state == LR_HERE_SEARCHING ||
		       a->state == LR_HERE_AWAY))
		lr_attach_set_state(a, LR_HERE_WRONG_POOL);
	return NULL;
}

static struct candidate *candidate_of(struct lr_attach *a,
				      const struct lr_dev *pool)
{
	for (unsigned i = 0; i < a->n_cand; i++)
		if (lr_dev_eq(&a->cand[i].pool, pool))
			return &a->cand[i];
	return a->n_cand < CANDIDATES ? &a->cand[a->n_cand++] : NULL;
}

void lr_attach_candidate(struct lr_attach *a, const struct lr_dev *pool,
			 bool named, const char *addrs)
{
	static const struct lr_dev unknown;
	struct candidate *c = candidate_of(a, pool ? pool : &unknown);

	if (!c)
		return;
	c->pool = pool ? *pool : unknown;
	c->named = named;
	snprintf(c->addrs, sizeof c->addrs, "%s", addrs);
	if (!a->link && !a->dial)
		lr_attach_dial_soon(a);
}

void lr_attach_no_candidates(struct lr_attach *a)
{
	a->n_cand = 0;
	a->next = 0;
}

/* --- how it stands -------------------------------------------------------- */

const struct lr_dev *lr_attach_device(const struct lr_attach *a)
{
	static const struct lr_dev nobody;

	if (!a)
		return &nobody;
	return lr_dev_is_zero(&a->device) ? &a->o.self : &a->device;
}

enum lr_here_state lr_attach_state(const struct lr_attach *a)
{
	return a ? a->state : LR_HERE_READY;
}

struct lr_link *lr_attach_link(const struct lr_attach *a)
{
	return a && a->state == LR_HERE_READY ? a->link : NULL;
}

const struct lr_dev *lr_attach_pool(const struct lr_attach *a)
{
	static const struct lr_dev unknown;

	return a ? &a->pool : &unknown;
}

const char *lr_attach_code(const struct lr_attach *a)
{
	return a ? a->code : "";
}

const char *lr_attach_text(const struct lr_attach *a)
{
	return a ? a->text : "";
}

const char *lr_attach_host(const struct lr_attach *a)
{
	return a ? a->host : "";
}

const char *lr_attach_address(const struct lr_attach *a)
{
	return a ? a->address : "";
}
