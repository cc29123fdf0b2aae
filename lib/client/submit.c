/* SPDX-License-Identifier: Apache-2.0 */
/* Many in flight: submit starts an upload or a download of its own, whose end
 * puts it in line for lanram_wait. */
#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lanram_op {
	struct lanram_op *next; /* in p->ready */
	struct lanram *p;
	struct lr_upload *u;
	struct lr_download *d;
	bool ready, collected, freed;
	enum lanram_err status;
	struct lanram_stored stored;
	void *value;
	size_t size;
};

static void really_free(struct lanram_op *op)
{
	if (op->u)
		lr_upload_free(op->u);
	if (op->d)
		lr_download_free(op->d);
	free(op->value);
	free(op);
}

static void ready(struct lanram_op *op)
{
	struct lanram *p = op->p;

	op->ready = true;
	lr_client_moved(p);
	p->outstanding--;
	if (op->freed) {
		really_free(op);
		return;
	}
	op->next = NULL;
	if (p->ready)
		p->ready_last->next = op;
	else
		p->ready = op;
	p->ready_last = op;
}

static void end(struct lanram_op *op, enum lr_err err, const char *text)
{
	if (err)
		op->status = lr_client_fail(op->p, err, text);
	ready(op);
}

static struct lanram_op *op_new(struct lanram *p)
{
	struct lanram_op *op = calloc(1, sizeof *op);

	if (!op)
		return NULL;
	op->p = p;
	p->outstanding++;
	return op;
}

/* --- store
 * ------------------------------------------------------------------------ */

static void upload_moved_cb(void *arg)
{
	struct lanram_op *op = arg;
	const struct lr_id *id;

	if (!lr_upload_is_over(op->u) || op->ready)
		return;
	id = lr_upload_id(op->u);
	lr_id_format(id, op->stored.id);
	op->stored.size = lr_upload_size(op->u);
	op->stored.copies = (int)lr_upload_copies(op->u);
	op->stored.wanted = (int)lr_class_copies(lr_id_class(id));
	end(op, lr_upload_result(op->u), lr_upload_text(op->u));
}

struct lanram_op *lanram_submit_store(struct lanram *p, const void *value,
				      size_t size,
				      const struct lanram_store_options *opt)
{
	struct lr_upload_options o = {.cls = LR_NORMAL,
				      .expect_bytes = size ? size : 1};
	struct lanram_op *op;

	if (!lr_client_enter(p) || !(op = op_new(p)))
		return NULL;
	if (size > LANRAM_INLINE_MAX ||
	    (opt && (opt->copies < 0 || opt->copies > LR_CLASSES)) ||
	    (opt && opt->name &&
	     !lr_object_name_valid(opt->name, strlen(opt->name)))) {
		end(op, LR_E_USAGE, NULL);
		return op;
	}
	if (opt) {
		o.name = opt->name;
		o.cls = (enum lr_class)(opt->copies ? opt->copies - 1 : 1);
		o.is_public = opt->is_public;
		o.ttl_ms = opt->ttl_ms;
	}
	op->u = lr_upload_new(&p->env, &o, upload_moved_cb, op);
	if (!op->u) {
		end(op, LR_E_NO_MEMORY, NULL);
		return op;
	}
	lr_upload_write(op->u, value, size);
	lr_upload_finish(op->u);
	return op;
}

/* --- retrieve
 * ---------------------------------------------------------------------- */

static void download_moved_cb(void *arg)
{
	struct lanram_op *op = arg;
	const struct lr_manifest *m = lr_download_manifest(op->d);

	if (op->ready)
		return;
	if (m && !op->value && !lr_download_is_over(op->d)) {
		op->size = (size_t)m->size;
		op->value = malloc(op->size + 1);
		if (!op->value) {
			end(op, LR_E_NO_MEMORY, NULL);
			return;
		}
		lr_download_into(op->d, op->value);
	}
	if (lr_download_is_over(op->d))
		end(op, lr_download_result(op->d), lr_download_text(op->d));
}

struct lanram_op *lanram_submit_retrieve(struct lanram *p, const char *id)
{
	struct lanram_op *op;
	struct lr_id bin;

	if (!lr_client_enter(p) || !(op = op_new(p)))
		return NULL;
	if (strlen(id) != LR_ID_TEXT || !lr_id_parse(id, &bin)) {
		end(op, LR_E_USAGE, "a whole ID is needed");
		return op;
	}
	op->d = lr_download_new(&p->env, &bin, id, 0, download_moved_cb, op);
	if (!op->d)
		end(op, LR_E_NO_MEMORY, NULL);
	return op;
}

/* --- collecting
 * ---------------------------------------------------------------------- */

static void timed_out_cb(uv_timer_t *timer)
{
	struct lanram *p = timer->data;

	p->timed_out = true;
	lr_client_moved(p);
}

static void take(struct lanram *p, struct lanram_op *op)
{
	struct lanram_op **at, *last = NULL;

	for (at = &p->ready; *at && *at != op; at = &(*at)->next)
		last = *at;
	if (!*at)
		return;
	*at = op->next;
	if (p->ready_last == op)
		p->ready_last = last;
	op->collected = true;
}

static struct lanram_op *look(struct lanram *p, struct lanram_op *op)
{
	if (!op)
		op = p->ready;
	if (!op || !op->ready)
		return NULL;
	take(p, op);
	return op;
}

struct lanram_op *lanram_wait(struct lanram *p, struct lanram_op *op,
			      int timeout_ms)
{
	struct lanram_op *done;

	if (!lr_client_enter(p))
		return NULL;
	done = look(p, op);
	if (done)
		return done;
	p->timed_out = false;
	if (timeout_ms >= 0)
		uv_timer_start(&p->timer, timed_out_cb, (uint64_t)timeout_ms,
			       0);
	while (!done && p->outstanding && !p->timed_out && !p->interrupted) {
		lr_client_run(p, false);
		done = look(p, op);
	}
	uv_timer_stop(&p->timer);
	return done;
}

enum lanram_err lanram_op_status(const struct lanram_op *op)
{
	return op->status;
}

const struct lanram_stored *lanram_op_stored(const struct lanram_op *op)
{
	return op->u && !op->status ? &op->stored : NULL;
}

const void *lanram_op_value(const struct lanram_op *op, size_t *ret_size)
{
	if (!op->d || op->status)
		return NULL;
	*ret_size = op->size;
	return op->value;
}

/* One that is not over yet frees itself then. */
void lanram_op_free(struct lanram_op *op)
{
	if (!op)
		return;
	if (!op->ready) {
		op->freed = true;
		return;
	}
	take(op->p, op);
	really_free(op);
}
