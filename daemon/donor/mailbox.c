/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/donor/mailbox.h"

#include <stdlib.h>
#include <string.h>

static struct lr_mail *take_all(struct lr_mailbox *b)
{
	struct lr_mail *all;

	pthread_mutex_lock(&b->lock);
	all = b->head;
	b->head = NULL;
	b->tail = &b->head;
	pthread_mutex_unlock(&b->lock);
	return all;
}

static void wake_cb(uv_async_t *wake)
{
	struct lr_mailbox *b = wake->data;
	struct lr_mail *m = take_all(b), *next;

	for (; m; m = next) {
		next = m->next;
		if (!b->closed)
			b->cb(b->arg, m);
		free(m);
	}
}

bool lr_mailbox_init(struct lr_mailbox *b, uv_loop_t *loop, lr_mail_cb cb,
		     void *arg)
{
	memset(b, 0, sizeof *b);
	b->tail = &b->head;
	b->cb = cb;
	b->arg = arg;
	b->wake.data = b;
	return pthread_mutex_init(&b->lock, NULL) == 0 &&
	       uv_async_init(loop, &b->wake, wake_cb) == 0;
}

void lr_mailbox_post(struct lr_mailbox *b, uint64_t link, unsigned type,
		     uint64_t req, const void *meta, size_t meta_len,
		     const void *bulk, size_t bulk_len)
{
	struct lr_mail *m = malloc(sizeof *m + meta_len + bulk_len);

	if (!m)
		return;
	m->next = NULL;
	m->link = link;
	m->h = (struct lr_header){ .bulk = (uint32_t)bulk_len,
				   .meta = (uint16_t)meta_len,
				   .type = (uint16_t)type,
				   .req = req };
	if (meta_len)
		memcpy(m->bytes, meta, meta_len);
	if (bulk_len)
		memcpy(m->bytes + meta_len, bulk, bulk_len);
	pthread_mutex_lock(&b->lock);
	if (b->closed) {
		free(m);
	} else {
		*b->tail = m;
		b->tail = &m->next;
		uv_async_send(&b->wake);
	}
	pthread_mutex_unlock(&b->lock);
}

void lr_mailbox_forward(struct lr_mailbox *b, uint64_t link,
			const struct lr_frame *f)
{
	lr_mailbox_post(b, link, f->h.type, f->h.req, f->meta, f->h.meta,
			f->bulk, f->h.bulk);
}

void lr_mailbox_close(struct lr_mailbox *b)
{
	struct lr_mail *m, *next;

	pthread_mutex_lock(&b->lock);
	b->closed = true;
	pthread_mutex_unlock(&b->lock);
	for (m = take_all(b); m; m = next) {
		next = m->next;
		free(m);
	}
	uv_close((uv_handle_t *)&b->wake, NULL);
}

void lr_mailbox_done(struct lr_mailbox *b)
{
	pthread_mutex_destroy(&b->lock);
}
