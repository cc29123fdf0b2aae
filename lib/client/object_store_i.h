/* SPDX-License-Identifier: Apache-2.0 */
/* What object_store.c (the owner's side of an upload) and object_put.c (its
 * entries on their way to the donors) share. */
#ifndef LR_CLIENT_OBJECT_STORE_I_H
#define LR_CLIENT_OBJECT_STORE_I_H

#include "client/hash.h"
#include "client/object.h"
#include "wire/chunk.h"

enum lr_upload_phase {
	LR_UPLOAD_COLLECTING,
	LR_UPLOAD_OPENING,
	LR_UPLOAD_STREAMING,
	LR_UPLOAD_CLOSING,
	LR_UPLOAD_UNDOING,
	LR_UPLOAD_OVER
};

/* Data with room before it for either head. */
struct lr_upload_buf {
	struct lr_upload *u;
	struct lr_upload_buf *next; /* spare */
	uint64_t hashed;	    /* the piece of the hash that lies in it */
	size_t len, cap;
	uint8_t b[]; /* LR_HEAD_MAX, then data */
};

struct lr_upload {
	struct lr_object_env env;
	lr_moved_cb moved;
	void *arg;
	enum lr_upload_phase phase;
	struct lr_manifest m;
	struct lr_id id;
	bool explain, finishing;
	enum lr_err err;
	char text[LR_OBJECT_TEXT];
	struct lr_upload_buf *cur, *spare;
	struct lr_hash *hash;
	uint64_t size, chunks; /* taken; sent */
	uint64_t whole;	       /* that will come, as told; 0: not known */
	unsigned in_flight, window;
	unsigned copies;
	unsigned redraws; /* left: other IDs to try where the first is full, or
			     cannot be reached */
	uint64_t inline_ms; /* an entry alone: until then (lr_now_ms) */
	bool doubt;	    /* it may be there: put again, once */
	/* the open manifest */
	uv_timer_t timer;
	bool has_timer, touching;
	unsigned touch_ms;
	uint64_t touched_ms; /* boot time; all answered what was sent then */
	uint64_t touch_sent_ms;
	uint8_t open_head[LR_HEAD_MAX], closed_head[LR_HEAD_MAX];
	size_t open_len;
};

/* object_store.c */
/* NULL: out of memory. */
struct lr_upload_buf *lr_upload_buf_new(struct lr_upload *u, size_t cap);
uint8_t *lr_upload_data(struct lr_upload_buf *b);
void lr_upload_draw_id(struct lr_upload *u, enum lr_class cls);

/* object_put.c */
void lr_upload_fail(struct lr_upload *u, enum lr_err err, const char *text);
void lr_upload_undo(struct lr_upload *u); /* nothing is in flight any more */
void lr_upload_open(struct lr_upload *u); /* there will be chunks */
/* Sends the current buffer. False: not now, or never. */
bool lr_upload_send_chunk(struct lr_upload *u);
void lr_upload_close_inline(struct lr_upload *u);
void lr_upload_close_chunked(struct lr_upload *u);

#endif
