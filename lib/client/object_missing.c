/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a download, and what of the object could not be had: how many
 * chunks, where they are, who lost them. */
#include "client/object_fetch_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/clock.h"

#define COUNT_MS 5000u

void lr_download_destroy(struct lr_download *d)
{
	for (unsigned i = 0; d->ring && i < d->window; i++)
		if (!d->into)
			free(d->ring[i].data);
	free(d->ring);
	free(d->inline_data);
	free(d);
}

void lr_download_leave(struct lr_download *d)
{
	d->in_flight--;
	if (d->freed && !d->in_flight)
		lr_download_destroy(d);
}

static void explained_cb(void *arg, enum lr_err err, const char *who)
{
	struct lr_download *d = arg;
	char detail[600];

	(void)err;
	snprintf(detail, sizeof detail, "%s%s%s", d->missing,
		 d->missing[0] ? "|" : "", who);
	lr_text_entry(LR_E_LOST, d->ref, detail, d->text, sizeof d->text);
	d->err = LR_E_LOST;
	if (!d->freed) {
		d->phase = LR_DOWNLOAD_OVER;
		d->moved(d->arg);
	}
	lr_download_leave(d);
}

void lr_download_lost(struct lr_download *d, const char *missing)
{
	snprintf(d->missing, sizeof d->missing, "%s", missing);
	d->phase = LR_DOWNLOAD_EXPLAINING;
	d->in_flight++;
	lr_explain_lost(&d->env, d->lost_slots, d->n_lost_slots, explained_cb,
			d);
}

void lr_download_note_lost(struct lr_download *d, const struct lr_id *id)
{
	if (d->n_lost_slots < LR_DOWNLOAD_LOST_MAX)
		d->lost_slots[d->n_lost_slots++] = (uint16_t)lr_id_slot(id);
}

void lr_download_note_lost_chunk(struct lr_download *d, uint64_t n)
{
	struct lr_id id;

	lr_id_of_chunk(&id, &d->id, n);
	lr_download_note_lost(d, &id);
}

void lr_download_over(struct lr_download *d, enum lr_err err,
		      const char *detail)
{
	d->phase = LR_DOWNLOAD_OVER;
	d->err = err;
	lr_hash_free(d->hash);
	d->hash = NULL;
	if (err)
		lr_text_entry(err, d->ref, detail, d->text, sizeof d->text);
	d->moved(d->arg);
}

static void again_cb(void *arg, const struct lr_entry_result *res)
{
	struct lr_download *d = arg;
	struct lr_reader r = lr_reader(res->value, res->bytes);
	struct lr_manifest m;

	if (d->freed)
		; /* nobody wants to know */
	else if (res->err || res->found != LR_FOUND_VALUE ||
		 !lr_dec_manifest(&r, &m) || !lr_download_is_visible(&m))
		lr_download_over(d, LR_E_ABSENT,
				 "it was removed while being read");
	else
		lr_download_over(d, LR_E_LOST, "a part of it is missing");
	lr_download_leave(d);
}

void lr_download_look_again(struct lr_download *d)
{
	d->phase = LR_DOWNLOAD_LOOKING_AGAIN;
	d->in_flight++;
	d->env.entries->ops->get(d->env.entries, &d->id, 0, d->env.deadline_ms,
				 again_cb, d);
}

/* Each name once, as long as there is room. */
static void add_who(struct lr_download *d, const char *text)
{
	size_t n = strlen(d->who);

	if (!text[0] || strstr(d->who, text))
		return;
	snprintf(d->who + n, sizeof d->who - n, "%s%s", n ? " and " : "", text);
}

void lr_download_tell_missing(struct lr_download *d)
{
	char detail[400], missing[32], chunks[32];
	bool all = d->asked == d->m.chunks;

	lr_text_count(d->lost ? d->lost : d->away, missing);
	lr_text_count(d->m.chunks, chunks);
	snprintf(detail, sizeof detail, "%s%s of %s chunks|%s",
		 all ? "" : "at least ", missing, chunks,
		 d->lost ? "" : d->who);
	if (!d->lost) {
		lr_download_over(d, LR_E_UNREACHABLE, detail);
		return;
	}
	detail[strlen(detail) - 1] = '\0';
	lr_download_lost(d, detail);
}

void lr_download_count_missing(struct lr_download *d,
			       const struct lr_entry_result *res)
{
	if (d->phase == LR_DOWNLOAD_BODY)
		d->count_until = lr_now_ms() + COUNT_MS;
	d->phase = LR_DOWNLOAD_COUNTING;
	if (res->err == LR_E_LOST || res->err == LR_E_CORRUPT)
		d->lost++;
	else
		d->away++;
	add_who(d, res->text);
}
