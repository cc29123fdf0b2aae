/* SPDX-License-Identifier: Apache-2.0 */
/* Objects through a handle, waiting: writers, readers, and whole values made
 * of them. */
#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 16384u /* worth spinning for */

static void moved_cb(void *arg)
{
	struct lanram *p = arg;

	lr_client_moved(p);
}

/* --- store
 * ----------------------------------------------------------------------- */

struct lanram_writer {
	struct lanram *p;
	struct lr_upload *u;
};

static enum lanram_err check_options(struct lanram *p,
				     const struct lanram_store_options *o)
{
	if (o && (o->copies < 0 || o->copies > LR_CLASSES))
		return lr_client_fail(p, LR_E_USAGE, "copies: 1, 2 or 3");
	if (o && o->name && !lr_object_name_valid(o->name, strlen(o->name)))
		return lr_client_fail(p, LR_E_USAGE,
				      "a name has 1 to 255 bytes of UTF-8, "
				      "without control characters");
	return LANRAM_OK;
}

static struct lr_upload *
upload(struct lanram *p, const struct lanram_store_options *o, size_t expect)
{
	static const struct lanram_store_options plain;
	struct lr_upload_options u;

	if (!o)
		o = &plain;
	u = (struct lr_upload_options){
		.name = o->name,
		.cls = (enum lr_class)(o->copies ? o->copies - 1 : 1),
		.is_public = o->is_public,
		.explain = true,
		.ttl_ms = o->ttl_ms,
		.expect_bytes = expect,
		.size = o->size,
	};
	return lr_upload_new(&p->env, &u, moved_cb, p);
}

static enum lanram_err writer_new(struct lanram *p,
				  const struct lanram_store_options *opt,
				  size_t expect, struct lanram_writer **ret)
{
	enum lanram_err err = check_options(p, opt);
	struct lanram_writer *w;

	if (err)
		return err;
	w = calloc(1, sizeof *w);
	if (w)
		w->u = upload(p, opt, expect);
	if (!w || !w->u) {
		free(w);
		return lr_client_fail(p, LR_E_NO_MEMORY, NULL);
	}
	w->p = p;
	*ret = w;
	return LANRAM_OK;
}

enum lanram_err lanram_writer_open(struct lanram *p,
				   const struct lanram_store_options *opt,
				   struct lanram_writer **ret)
{
	if (!lr_client_enter(p))
		return LANRAM_USAGE;
	return writer_new(p, opt, 0, ret);
}

enum lanram_err lanram_writer_write(struct lanram_writer *w, const void *buf,
				    size_t n)
{
	const uint8_t *at = buf;
	size_t took;

	if (!lr_client_enter(w->p))
		return LANRAM_USAGE;
	while (n) {
		took = lr_upload_write(w->u, at, n);
		at += took;
		n -= took;
		if (lr_upload_failed(w->u))
			return lr_client_fail(w->p, lr_upload_result(w->u),
					      lr_upload_text(w->u));
		if (w->p->interrupted)
			return lr_client_fail(w->p, LR_E_INTERRUPTED, NULL);
		if (!took)
			lr_client_run(w->p, false);
		else if (n)
			uv_run(&w->p->loop, UV_RUN_NOWAIT); /* take acks */
	}
	return LANRAM_OK;
}

static void writer_free(struct lanram_writer *w)
{
	while (!lr_upload_is_over(w->u))
		lr_client_run(w->p, false);
	lr_upload_free(w->u);
	free(w);
}

static void tell_stored(const struct lr_upload *u, struct lanram_stored *ret)
{
	memset(ret, 0, sizeof *ret);
	lr_id_format(lr_upload_id(u), ret->id);
	ret->size = lr_upload_size(u);
	ret->copies = (int)lr_upload_copies(u);
	ret->wanted = (int)lr_class_copies(lr_id_class(lr_upload_id(u)));
	if (ret->copies < ret->wanted)
		snprintf(ret->detail, sizeof ret->detail, "%s",
			 lr_upload_text(u));
}

enum lanram_err lanram_writer_finish(struct lanram_writer *w,
				     struct lanram_stored *ret)
{
	struct lanram *p = w->p;
	enum lanram_err err = LANRAM_OK;

	if (!lr_client_enter(p))
		return LANRAM_USAGE;
	lr_upload_finish(w->u);
	while (!lr_upload_is_over(w->u)) {
		if (p->interrupted)
			lr_upload_abort(w->u);
		lr_client_run(p, lr_upload_size(w->u) <= SMALL);
	}
	if (lr_upload_result(w->u))
		err = lr_client_fail(p, lr_upload_result(w->u),
				     lr_upload_text(w->u));
	else
		tell_stored(w->u, ret);
	writer_free(w);
	return err;
}

/* What has failed tells its own, fuller sentence once all is cleared up. */
void lanram_writer_abort(struct lanram_writer *w)
{
	struct lanram *p = w->p;
	bool failed = lr_upload_failed(w->u);

	if (!lr_client_enter(p))
		return;
	lr_upload_abort(w->u);
	while (!lr_upload_is_over(w->u))
		lr_client_run(p, false);
	if (failed)
		lr_client_fail(p, lr_upload_result(w->u), lr_upload_text(w->u));
	writer_free(w);
}

enum lanram_err lanram_store(struct lanram *p, const void *value, size_t size,
			     const struct lanram_store_options *opt,
			     struct lanram_stored *ret)
{
	struct lanram_writer *w;
	enum lanram_err err;

	if (!lr_client_enter(p))
		return LANRAM_USAGE;
	err = writer_new(p, opt, size ? size : 1, &w);
	if (err)
		return err;
	err = lanram_writer_write(w, value, size);
	if (!err)
		return lanram_writer_finish(w, ret);
	lanram_writer_abort(w);
	return err;
}

/* --- retrieve
 * ----------------------------------------------------------------------- */

struct lanram_reader {
	struct lanram *p;
	struct lr_download *d;
	enum lanram_err status;
};

static void tell_object(const struct lr_id *id, const struct lr_manifest *m,
			struct lanram_object *ret)
{
	memset(ret, 0, sizeof *ret);
	lr_id_format(id, ret->id);
	snprintf(ret->name, sizeof ret->name, "%s", m->name);
	ret->size = m->size;
	ret->chunks = m->chunks;
	ret->created_ms = m->created_ms;
	ret->expires_ms = m->expires_ms;
	ret->copies_wanted = (int)lr_class_copies(lr_id_class(id));
	memcpy(ret->sha256, m->sha256, sizeof ret->sha256);
	ret->is_public = m->flags & LR_OBJECT_PUBLIC;
	lr_dev_format(&m->owner, ret->owner);
	ret->uid = m->uid;
}

/* Waits for the manifest. */
static enum lanram_err wait_manifest(struct lanram *p, struct lr_download *d)
{
	while (!lr_download_is_over(d) && !lr_download_manifest(d)) {
		if (p->interrupted)
			return lr_client_fail(p, LR_E_INTERRUPTED, NULL);
		lr_client_run(p, true);
	}
	if (lr_download_result(d))
		return lr_client_fail(p, lr_download_result(d),
				      lr_download_text(d));
	return LANRAM_OK;
}

enum lanram_err lanram_reader_open(struct lanram *p, const char *ref,
				   struct lanram_reader **ret,
				   struct lanram_object *info)
{
	struct lanram_reader *r;
	struct lr_id id;
	enum lanram_err err;

	err = lr_client_resolve(p, ref, &id);
	if (err)
		return err;
	r = calloc(1, sizeof *r);
	if (r)
		r->d = lr_download_new(&p->env, &id, ref, 0, moved_cb, p);
	if (!r || !r->d) {
		free(r);
		return lr_client_fail(p, LR_E_NO_MEMORY, NULL);
	}
	r->p = p;
	err = wait_manifest(p, r->d);
	if (err) {
		lanram_reader_close(r);
		return err;
	}
	if (info)
		tell_object(&id, lr_download_manifest(r->d), info);
	*ret = r;
	return LANRAM_OK;
}

ssize_t lanram_reader_read(struct lanram_reader *r, void *buf, size_t n)
{
	size_t got = 0;

	if (!lr_client_enter(r->p))
		return -1;
	while (n && !r->status) {
		got = lr_download_read(r->d, buf, n);
		if (got || lr_download_is_over(r->d))
			break;
		if (r->p->interrupted)
			r->status =
				lr_client_fail(r->p, LR_E_INTERRUPTED, NULL);
		else
			lr_client_run(r->p, false);
	}
	if (!got && !r->status && lr_download_result(r->d))
		r->status = lr_client_fail(r->p, lr_download_result(r->d),
					   lr_download_text(r->d));
	return r->status ? -1 : (ssize_t)got;
}

enum lanram_err lanram_reader_status(const struct lanram_reader *r)
{
	return r->status;
}

void lanram_reader_close(struct lanram_reader *r)
{
	lr_download_free(r->d);
	free(r);
}

static enum lanram_err wait_whole(struct lanram *p, struct lr_download *d)
{
	while (!lr_download_is_over(d) && !p->interrupted)
		lr_client_run(p, false);
	if (!lr_download_is_over(d))
		return lr_client_fail(p, LR_E_INTERRUPTED, NULL);
	if (lr_download_result(d))
		return lr_client_fail(p, lr_download_result(d),
				      lr_download_text(d));
	return LANRAM_OK;
}

/* Frees d, and before the value: its hash may read there still. */
static enum lanram_err read_whole(struct lanram *p, struct lr_download *d,
				  void **ret, size_t *ret_size)
{
	enum lanram_err err = wait_manifest(p, d);
	uint64_t size = 0;
	void *to = NULL;

	if (!err) {
		size = lr_download_manifest(d)->size;
		to = size < SIZE_MAX ? malloc((size_t)size + 1) : NULL;
		if (!to)
			err = lr_client_fail(p, LR_E_NO_MEMORY, NULL);
	}
	if (!err) {
		lr_download_into(d, to);
		err = wait_whole(p, d);
	}
	lr_download_free(d);
	if (err) {
		free(to);
		return err;
	}
	*ret = to;
	*ret_size = (size_t)size;
	return LANRAM_OK;
}

enum lanram_err lanram_retrieve(struct lanram *p, const char *ref, void **ret,
				size_t *ret_size)
{
	struct lr_download *d;
	struct lr_id id;
	enum lanram_err err;

	err = lr_client_resolve(p, ref, &id);
	if (err)
		return err;
	d = lr_download_new(&p->env, &id, ref, 0, moved_cb, p);
	if (!d)
		return lr_client_fail(p, LR_E_NO_MEMORY, NULL);
	return read_whole(p, d, ret, ret_size);
}

enum lanram_err lanram_stat(struct lanram *p, const char *ref,
			    struct lanram_object *ret)
{
	struct lanram_reader *r;
	enum lanram_err err = lanram_reader_open(p, ref, &r, ret);

	if (!err)
		lanram_reader_close(r);
	return err;
}

/* --- remove
 * -------------------------------------------------------------------------- */

struct removing {
	struct lanram *p;
	bool done;
	enum lr_err err;
	char text[LR_OBJECT_TEXT];
};

static void removed_cb(void *arg, enum lr_err err, const char *text)
{
	struct removing *r = arg;

	r->done = true;
	lr_client_moved(r->p);
	r->err = err;
	snprintf(r->text, sizeof r->text, "%s", text);
}

enum lanram_err lanram_remove(struct lanram *p, const char *ref)
{
	struct removing r = {.p = p};
	struct lr_id id;
	enum lanram_err err;

	err = lr_client_resolve(p, ref, &id);
	if (err)
		return err;
	lr_object_remove(&p->env, &id, ref, removed_cb, &r);
	while (!r.done)
		lr_client_run(p, false);
	return r.err ? lr_client_fail(p, r.err, r.text) : LANRAM_OK;
}
