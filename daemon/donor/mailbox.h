/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from one thread to another: a locked queue and a wake-up. */
#ifndef LR_DONOR_MAILBOX_H
#define LR_DONOR_MAILBOX_H

#include <pthread.h>
#include <uv.h>

#include "net/link.h"

struct lr_mail {
	struct lr_mail *next;
	uint64_t link; /* which connection it belongs to; 0 = any */
	struct lr_header h;
	uint8_t bytes[]; /* meta, then bulk */
};

typedef void (*lr_mail_cb)(void *arg, const struct lr_mail *m);

/* The reader's side lives on the reader's loop. */
struct lr_mailbox {
	pthread_mutex_t lock;
	struct lr_mail *head, **tail;
	uv_async_t wake;
	lr_mail_cb cb;
	void *arg;
	bool closed;
};

/* False: no memory or descriptors. */
bool lr_mailbox_init(struct lr_mailbox *b, uv_loop_t *loop, lr_mail_cb cb,
		     void *arg);
/* Any thread. Out of memory or closed: dropped, as a broken link drops. */
void lr_mailbox_post(struct lr_mailbox *b, uint64_t link, unsigned type,
		     uint64_t req, const void *meta, size_t meta_len,
		     const void *bulk, size_t bulk_len);
void lr_mailbox_forward(struct lr_mailbox *b, uint64_t link,
			const struct lr_frame *f);
/* The reader's thread; what waits is dropped. */
void lr_mailbox_close(struct lr_mailbox *b);
/* After the loop has run out. */
void lr_mailbox_done(struct lr_mailbox *b);

static inline const uint8_t *lr_mail_bulk(const struct lr_mail *m)
{
	return m->bytes + m->h.meta;
}

#endif
