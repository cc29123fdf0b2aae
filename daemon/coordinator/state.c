/* SPDX-License-Identifier: Apache-2.0 */
/* Files in state_dir, each replaced whole (temporary file, fsync, rename, fsync
 * of the folder), written by one job at a time off the loop:
 *
 *   prepared  the highest epoch that any SEAL may carry
 *   state     format, admitted devices, the committed view, which slots held
 *             something (so that an empty one is not missed later), and
 *             records of other parts (state_codec.h)
 *   doubt     empty, there while these two may be an old copy (rule 7): left by
 *             `lanram pool import`, or written ahead of the first PREPARED that
 *             follows the doubt; gone after a state that is free of it
 *
 * The first two end with an XXH3 checksum: what was cut or rotted is refused, never
 * half believed. A write that fails is tried again each second: nothing is
 * sealed or installed meanwhile, and the data path goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/drain.h"
#include "daemon/coordinator/flaps.h"
#include "daemon/coordinator/state_codec.h"
#include "daemon/log.h"

#define FILE_MAX (64u << 20)
#define RETRY_MS 1000
#define HOLDS_MS 2000 /* how often a change of `holds` is written */

struct lr_state {
	struct lr_coordinator *k;
	char dir[256];
	uv_work_t work;
	bool busy;
	enum job { JOB_PREPARED, JOB_COMMIT, JOB_CHANGED } job; /* that runs */
	bool want_prepared, want_changed;
	struct lr_bytes commit; /* encoded when the rules asked; p NULL: none */
	uint64_t prepared, retry_ms, holds_ms;
	uint8_t holds[LR_SLOTS / 8]; /* as written */
	struct lr_bytes buf; /* of the job that runs */
	struct lr_bytes kept; /* records that a newer version wrote */
	bool mark, job_mark; /* `doubt` is there; is to be after the job */
	int error;
};

/* --- files --------------------------------------------------------------- */

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t got = write(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		p += got;
		n -= (size_t)got;
	}
	return fsync(fd) ? errno : 0;
}

static int sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return errno;
	err = fsync(fd) ? errno : 0;
	close(fd);
	return err;
}

static int replace_file(const char *dir, const char *name,
			const struct lr_bytes *b)
{
	char path[512], tmp[520];
	int fd, err;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	err = write_all(fd, b->p, b->len);
	close(fd);
	if (!err && rename(tmp, path) != 0)
		err = errno;
	if (!err)
		err = sync_folder(dir);
	return err;
}

static int set_mark(const char *dir, bool on)
{
	const struct lr_bytes empty = { 0 };
	char path[512];

	if (on)
		return replace_file(dir, "doubt", &empty);
	snprintf(path, sizeof path, "%s/doubt", dir);
	return unlink(path) != 0 && errno != ENOENT ? errno : sync_folder(dir);
}

static bool has_mark(const char *dir)
{
	char path[512];

	snprintf(path, sizeof path, "%s/doubt", dir);
	return access(path, F_OK) == 0;
}

/* 0, ENOENT, or what is wrong; EBADMSG: the checksum. */
static int read_file(const char *dir, const char *name, struct lr_bytes *ret)
{
	char path[512];
	struct stat st;
	struct lr_reader r;
	int fd, err = 0;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	ret->p = NULL;
	if (fstat(fd, &st) != 0 || st.st_size < 16 || st.st_size > FILE_MAX)
		err = EBADMSG;
	else if (!(ret->p = malloc((size_t)st.st_size)))
		err = ENOMEM;
	else if (read(fd, ret->p, (size_t)st.st_size) != st.st_size)
		err = EIO;
	close(fd);
	if (!err) {
		ret->len = (size_t)st.st_size - 8;
		r = lr_reader(ret->p + ret->len, 8);
		if (lr_r_u64(&r) != XXH3_64bits(ret->p, ret->len))
			err = EBADMSG;
	}
	if (err)
		free(ret->p);
	return err;
}

/* --- encoding ------------------------------------------------------------ */

/* What parts of the coordinator keep; see state_codec.h. */
const struct lr_state_record lr_state_records[] = {
	{ LR_STATE_FLAPS, lr_flaps_room, lr_flaps_save, lr_flaps_load },
	{ LR_STATE_INVITES, lr_invites_room, lr_invites_save,
	  lr_invites_load },
	{ LR_STATE_DRAINED, lr_drain_room, lr_drain_save, lr_drain_load },
	{ LR_STATE_PAUSED, lr_rest_room, lr_rest_save, lr_rest_load },
	{ .tag = LR_STATE_END },
};

static bool encode_prepared(struct lr_state *s)
{
	struct lr_writer w = lr_writer(malloc(24), 24);

	if (!w.p)
		return false;
	lr_w_u64(&w, LR_STATE_MAGIC);
	lr_w_u64(&w, s->prepared);
	lr_w_u64(&w, XXH3_64bits(w.p, w.len));
	s->buf = (struct lr_bytes){ w.p, w.len };
	return true;
}

static void note_holds(struct lr_state *s)
{
	memset(s->holds, 0, sizeof s->holds);
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (s->k->used[n].entries)
			s->holds[n / 8] |= (uint8_t)(1u << n % 8);
}

static bool holds_changed(const struct lr_state *s)
{
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if ((s->k->used[n].entries > 0) !=
		    (s->holds[n / 8] >> n % 8 & 1))
			return true;
	return false;
}

static bool encode_state(struct lr_state *s, struct lr_bytes *ret)
{
	note_holds(s);
	return lr_state_encode(s->k, lr_state_records, &s->kept, s->holds, ret);
}

/* --- opening ------------------------------------------------------------- */

static bool refuse(const struct lr_state *s, const char *name, int err)
{
	lr_error("%s/%s: %s. The pool's state cannot be read; restore it from "
		 "a backup. To start an empty pool instead, move the files in "
		 "%s away",
		 s->dir, name,
		 err == EBADMSG ? "damaged (checksum)" :
		 err == ENOTSUP ? "written by another version of lanram" :
				  strerror(err),
		 s->dir);
	return false;
}

bool lr_state_open(struct lr_coordinator *k, struct lr_view *ret_view,
		   uint64_t *ret_prepared, bool *ret_found)
{
	struct lr_state *s = calloc(1, sizeof *s);
	struct lr_bytes b;
	struct lr_reader r;
	int err;

	if (!s)
		return false;
	s->k = k;
	k->state = s;
	snprintf(s->dir, sizeof s->dir, "%.250s", k->b.cfg->state_dir);
	err = read_file(s->dir, "state", &b);
	*ret_found = !err;
	if (err && err != ENOENT)
		return refuse(s, "state", err);
	if (!err) {
		bool ours = lr_state_is_ours(&b);
		bool good = lr_state_decode(k, lr_state_records, &b, ret_view, &s->kept);

		free(b.p);
		if (!good)
			return refuse(s, "state", ours ? EBADMSG : ENOTSUP);
	}
	s->mark = has_mark(s->dir);
	/* Of slots that nobody reported so far, nothing is known. */
	for (unsigned n = 0; (!*ret_found || s->mark) && n < LR_SLOTS; n++)
		k->used[n].entries = 1;
	*ret_prepared = 0;
	err = read_file(s->dir, "prepared", &b);
	if (err && err != ENOENT)
		return refuse(s, "prepared", err);
	if (!err) {
		r = lr_reader(b.p, b.len);
		if (lr_r_u64(&r) == LR_STATE_MAGIC)
			*ret_prepared = lr_r_u64(&r);
		free(b.p);
	}
	return true;
}

/* --- the writing job ------------------------------------------------------ */

static void work_cb(uv_work_t *work)
{
	struct lr_state *s = work->data;
	bool prepared = s->job == JOB_PREPARED;

	s->error = s->job_mark && !s->mark ? set_mark(s->dir, true) : 0;
	if (!s->error)
		s->error = replace_file(
			s->dir, prepared ? "prepared" : "state", &s->buf);
	if (!s->error && s->mark && !s->job_mark)
		s->error = set_mark(s->dir, false);
}

static void start_job(struct lr_state *s);

/* The next turn does it again. */
static void retry_job(struct lr_state *s)
{
	lr_error("%s: %s: the pool's state cannot be written; trying again. "
		 "Free some space, or mend the folder",
		 s->dir, strerror(s->error));
	if (s->job == JOB_PREPARED)
		s->want_prepared = true;
	else if (s->job == JOB_CHANGED)
		s->want_changed = true;
	else
		s->commit = s->buf;
	if (s->job == JOB_COMMIT)
		s->buf.p = NULL;
	s->retry_ms = lr_now_ms() + RETRY_MS;
}

static void after_work_cb(uv_work_t *work, int status)
{
	struct lr_state *s = work->data;

	(void)status;
	s->busy = false;
	if (s->error)
		retry_job(s);
	free(s->buf.p);
	s->buf.p = NULL;
	if (s->error || s->k->stopped)
		return;
	s->mark = s->job_mark;
	if (s->job == JOB_CHANGED && !s->want_changed)
		lr_rotate_saved(s->k);
	/* The rules first: what is encoded from here on is what they hold. */
	if (s->job != JOB_CHANGED) {
		lr_coord_persisted(s->k->rules, lr_now_ms());
		lr_coordinator_act(s->k);
	}
	start_job(s);
}

/* What the job writes; false: nothing to do, or no memory now. */
static bool choose_job(struct lr_state *s)
{
	if (s->want_prepared) {
		s->job = JOB_PREPARED;
		if (!encode_prepared(s))
			return false;
		s->want_prepared = false;
	} else if (s->commit.p) {
		s->job = JOB_COMMIT;
		s->buf = s->commit;
		s->commit.p = NULL;
	} else if (s->want_changed) {
		s->job = JOB_CHANGED;
		if (!encode_state(s, &s->buf))
			return false;
		s->want_changed = false;
	} else {
		return false;
	}
	return true;
}

/* What was encoded just now is free of doubt if the rules are. */
static bool mark_after(const struct lr_state *s)
{
	bool doubt = lr_coord_is_waiting(s->k->rules);

	switch (s->job) {
	case JOB_PREPARED:
		return s->mark || doubt;
	case JOB_CHANGED:
		return s->mark && doubt;
	case JOB_COMMIT:
		break;
	}
	return s->mark;
}

static void start_job(struct lr_state *s)
{
	if (s->busy || s->k->stopped || s->retry_ms)
		return;
	if (!choose_job(s)) {
		if (s->want_prepared || s->want_changed)
			s->retry_ms = lr_now_ms() + RETRY_MS;
		return;
	}
	s->busy = true;
	s->job_mark = mark_after(s);
	s->work.data = s;
	uv_queue_work(&s->k->b.loop, &s->work, work_cb, after_work_cb);
}

void lr_state_prepare(struct lr_coordinator *k, uint64_t epoch)
{
	k->state->prepared = epoch;
	k->state->want_prepared = true;
	start_job(k->state);
}

/* The rules show the new view only while this action is performed. */
void lr_state_commit(struct lr_coordinator *k)
{
	struct lr_state *s = k->state;

	while (!encode_state(s, &s->commit)) {
		lr_error("out of memory for the pool's state: waiting");
		sleep(1);
	}
	start_job(s);
}

bool lr_state_in_doubt(const struct lr_coordinator *k)
{
	return k->state->mark;
}

void lr_state_changed(struct lr_coordinator *k)
{
	k->state->want_changed = true;
	start_job(k->state);
}

void lr_state_tick(struct lr_coordinator *k, uint64_t now_ms)
{
	if (k->state->retry_ms && now_ms >= k->state->retry_ms) {
		k->state->retry_ms = 0;
		start_job(k->state);
	}
	if (k->state->mark && !k->state->busy &&
	    !lr_coord_is_waiting(k->rules))
		lr_state_changed(k);
	if (now_ms >= k->state->holds_ms) {
		k->state->holds_ms = now_ms + HOLDS_MS;
		if (holds_changed(k->state))
			lr_state_changed(k);
	}
}

void lr_state_free(struct lr_coordinator *k)
{
	if (k->state) {
		free(k->state->commit.p);
		free(k->state->kept.p);
	}
	free(k->state);
}
