/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: values of any size made of entries. A manifest says what the
 * object is; values over 256 KiB are cut in chunks. Everything here is
 * asynchronous on the loop and stands on struct lr_entries alone, so that it
 * is the same through the requester and directly.
 *
 * Each work calls `moved` whenever it got further (from inside a call to
 * finish or abort, too); its owner looks what is new. */
#ifndef LR_CLIENT_OBJECT_H
#define LR_CLIENT_OBJECT_H

#include "client/entries.h"
#include "wire/manifest.h"

#define LR_OBJECT_TEXT	640    /* of a sentence */
#define LR_OPEN_LIFE_MS 60000u /* an open manifest's, untouched */
#define LR_TOUCH_MS	10000u

struct lr_object_env {
	uv_loop_t *loop;
	struct lr_entries *entries;
	struct lr_dev owner; /* of what is stored; a local daemon stamps it */
	uint32_t uid;
	uint64_t writer; /* see core/tag.h */
	unsigned deadline_ms;
	uint64_t (*boot_ms)(void); /* CLOCK_BOOTTIME; NULL: the system's */
};
typedef void (*lr_moved_cb)(void *arg);

/* --- store ---------------------------------------------------------------- */

struct lr_upload_options {
	const char *name; /* NULL or "": none; copied */
	enum lr_class cls;
	bool is_public;
	bool explain; /* tell why copies are missing, at the price of asking */
	uint64_t ttl_ms;     /* 0: kept until removed */
	size_t expect_bytes; /* a hint for the first buffer; 0: unknown */
	uint64_t size; /* of all, if known: for messages; 0: not */
	size_t window_bytes; /* 0: 16 MiB */
	unsigned touch_ms;   /* 0: LR_TOUCH_MS */
};

struct lr_upload;

/* NULL: out of memory. */
struct lr_upload *lr_upload_new(const struct lr_object_env *env,
				const struct lr_upload_options *o,
				lr_moved_cb moved, void *arg);
/* Takes up to n bytes (copied); 0: wait until it moved, or see whether it has
 * failed. */
size_t lr_upload_write(struct lr_upload *u, const void *buf, size_t n);
void lr_upload_finish(struct lr_upload *u);	  /* no more bytes */
void lr_upload_abort(struct lr_upload *u);	  /* remove what is there */
bool lr_upload_failed(const struct lr_upload *u); /* it only clears up now */
bool lr_upload_is_over(const struct lr_upload *u);
/* Of one that is over. */
enum lr_err lr_upload_result(const struct lr_upload *u);
const char *lr_upload_text(const struct lr_upload *u); /* the sentence */
const struct lr_id *lr_upload_id(const struct lr_upload *u);
uint64_t lr_upload_size(const struct lr_upload *u);
unsigned lr_upload_copies(const struct lr_upload *u); /* the least */
void lr_upload_free(struct lr_upload *u); /* over, or nothing written yet */

/* --- retrieve ------------------------------------------------------------- */

struct lr_download;

/* `ref`: what the user called it, for sentences. */
struct lr_download *lr_download_new(const struct lr_object_env *env,
				    const struct lr_id *id, const char *ref,
				    unsigned readahead, lr_moved_cb moved,
				    void *arg);
/* NULL until it is there. No chunk is asked for before the first
 * lr_download_read or lr_download_into. */
const struct lr_manifest *lr_download_manifest(const struct lr_download *d);
/* Bytes in order; 0: none now, or over. */
size_t lr_download_read(struct lr_download *d, void *buf, size_t n);
/* Instead of reading: all of it to `to` (manifest->size bytes). */
void lr_download_into(struct lr_download *d, void *to);
/* Over: all was delivered and its SHA-256 found right, or it failed. */
bool lr_download_is_over(const struct lr_download *d);
enum lr_err lr_download_result(const struct lr_download *d);
const char *lr_download_text(const struct lr_download *d);
void lr_download_free(struct lr_download *d); /* any time; no call after it */

/* --- remove --------------------------------------------------------------- */

typedef void (*lr_object_cb)(void *arg, enum lr_err err, const char *text);

void lr_object_remove(const struct lr_object_env *env, const struct lr_id *id,
		      const char *ref, lr_object_cb cb, void *arg);
/* TOMBs to the manifest (unless `chunks_only`) and `chunks` chunks. Ends early
 * when the donors do not answer: what is left is swept later. err, text: of
 * the manifest's TOMB. */
void lr_object_tombs(const struct lr_object_env *env, const struct lr_id *id,
		     uint64_t chunks, lr_object_cb cb, void *arg);

/* --- what a REF means ------------------------------------------------------
 */

typedef void (*lr_resolve_cb)(void *arg, enum lr_err err,
			      const struct lr_id *id, const char *text);
void lr_object_resolve(const struct lr_object_env *env, const char *ref,
		       lr_resolve_cb cb, void *arg);

/* --- sentences -------------------------------------------------------------
 */

/* "1.2 GiB"; out takes 24 bytes. */
char *lr_text_bytes(uint64_t n, char *out);
char *lr_text_count(uint64_t n, char *out); /* "4,812"; out takes 32 bytes */
/* Asks for the donors, then says why a store failed as full, or why copies
 * are missing. Best effort: cb always comes, with a shorter text if nobody
 * answers. */
void lr_explain_full(const struct lr_object_env *env, uint64_t size,
		     unsigned copies, lr_object_cb cb, void *arg);
void lr_explain_degraded(const struct lr_object_env *env, unsigned copies,
			 unsigned wanted, lr_object_cb cb, void *arg);
/* Who held these slots when they were lost: "birch and cedar, restarted at
 * 14:02 and 14:03"; "" when nobody knows. */
void lr_explain_lost(const struct lr_object_env *env, const uint16_t *slots,
		     size_t n, lr_object_cb cb, void *arg);
/* The sentence for a failed operation of one entry: `ref` and what is told. */
void lr_text_entry(enum lr_err err, const char *ref, const char *detail,
		   char *out, size_t cap);
/* What to do where `who`, as donors are told of, is waited for; true: it is
 * silent. */
bool lr_text_retry(const char *who, char *out, size_t cap);
/* The text of an ERROR or DONE frame; "" when there is none. */
void lr_text_of_frame(const struct lr_frame *f, char *out, size_t cap);

#endif
