/* SPDX-License-Identifier: Apache-2.0 */
/* What object_fetch.c (manifest, chunks, the owner's side) and object_missing.c
 * (the end, and what could not be had) share. */
#ifndef LR_CLIENT_OBJECT_FETCH_I_H
#define LR_CLIENT_OBJECT_FETCH_I_H

#include "client/hash.h"
#include "client/object.h"
#include "client/room.h"

/* A chunk is tried so long when it is only counted. */
#define LR_DOWNLOAD_COUNT_MS 1000u

/* Slots that may be asked about. */
#define LR_DOWNLOAD_LOST_MAX 64

enum lr_download_phase {
	LR_DOWNLOAD_HEAD,
	LR_DOWNLOAD_READY,
	LR_DOWNLOAD_BODY,
	LR_DOWNLOAD_COUNTING,
	LR_DOWNLOAD_LOOKING_AGAIN,
	LR_DOWNLOAD_EXPLAINING,
	LR_DOWNLOAD_OVER
};

struct lr_download_piece {
	struct lr_download *d;
	uint64_t n;
	bool asked, there;
	uint32_t len;
	uint8_t *data;	 /* own memory, or into the caller's */
	uint64_t hashed; /* the piece of the hash that lies there */
};

struct lr_download {
	struct lr_object_env env;
	lr_moved_cb moved;
	void *arg;
	enum lr_download_phase phase;
	struct lr_id id;
	char ref[LR_OBJECT_NAME_MAX + 1];
	struct lr_manifest m;
	uint8_t *inline_data;
	uint64_t read; /* bytes delivered */
	uint8_t *into;
	struct lr_room room; /* there */
	struct lr_download_piece *ring;
	unsigned window, in_flight;
	uint64_t asked, hashed; /* chunks */
	struct lr_hash *hash;
	/* what is missing */
	uint64_t away, lost;
	uint16_t lost_slots[LR_DOWNLOAD_LOST_MAX];
	size_t n_lost_slots;
	char missing[128];
	uint64_t count_until;
	char who[256];
	enum lr_err err;
	char text[LR_OBJECT_TEXT];
	bool freed;
};

/* object_fetch.c */
/* Neither open nor expired. */
bool lr_download_is_visible(const struct lr_manifest *m);

/* object_missing.c */
void lr_download_destroy(struct lr_download *d);
/* The end of each reply: when the owner is gone, the last one frees. */
void lr_download_leave(struct lr_download *d);
/* What is missing ("12 of 16 chunks", or all) is lost: who held it? */
void lr_download_lost(struct lr_download *d, const char *missing);
/* The slot of an entry that is lost. */
void lr_download_note_lost(struct lr_download *d, const struct lr_id *id);
void lr_download_note_lost_chunk(struct lr_download *d, uint64_t n);
void lr_download_over(struct lr_download *d, enum lr_err err,
		      const char *detail);
/* A chunk is not there: is the manifest, still? */
void lr_download_look_again(struct lr_download *d);
/* All have been tried. */
void lr_download_tell_missing(struct lr_download *d);
/* A chunk cannot be had. */
void lr_download_count_missing(struct lr_download *d,
			       const struct lr_entry_result *res);

#endif
