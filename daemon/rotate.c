/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing this machine's key without leaving the pool:
 *
 *   1 ROTATE_KEY comes, from root or our own user; one at a time
 *   2 a new key is written beside the old one, device.key.new
 *   3 ROTATE tells the coordinator, signed by the new key over the old one's
 *     link; it answers when that is on its disk
 *   4 the new key takes the old one's place; links are made again with it
 *   5 refused: the new one is removed, all is as before
 *   6 no answer: both files stay. The next ENROL with the old key is answered
 *     by ADMITTED, or by REPLACED: then step 4 is done there (lr_rotate_look)
 *
 * Killed between any two of them, we end in 6 at the next start. Other daemons
 * of this machine lose their links in 3 and find the new file. */
#include "daemon/rotate.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "net/rotation.h"

#define ANSWER_MS 10000

static void key_path(const struct lr_base *b, char *out, size_t cap)
{
	snprintf(out, cap, "%s/device.key", b->cfg->state_dir);
}

static void answer(struct lr_base *b, enum lr_err err, const char *text)
{
	struct lr_msg_done m = { .err = (uint16_t)err, .text = lr_str(text) };

	if (b->rotation.asker)
		LR_SEND(b->rotation.asker, DONE, done, b->rotation.req, &m,
			NULL);
	b->rotation.asker = NULL;
	b->rotation.busy = false;
}

void lr_rotate_gone(struct lr_base *b, const struct lr_link *asker)
{
	if (b->rotation.asker == asker)
		b->rotation.asker = NULL;
}

/* --- steps 4 to 6 --------------------------------------------------------- */

/* Reads the file again if it is another one. */
const struct lr_dev *lr_rotate_look(void *base, bool replaced)
{
	struct lr_base *b = base;
	struct lr_identity *id;
	char path[512], why[512];

	key_path(b, path, sizeof path);
	if (replaced && !b->rotation.busy && lr_rotation_settle(path))
		lr_info("the coordinator had taken this machine's new key: "
			"it is used from now on");
	if (!lr_base_key_changed(b))
		return lr_identity_dev(b->identity);
	if (lr_identity_open(path, &id, why, sizeof why)) {
		lr_error("%s", why);
	} else if (!lr_tls_renew(b->tls, id)) {
		lr_identity_free(id);
	} else {
		lr_identity_free(b->identity);
		b->identity = id;
	}
	return lr_identity_dev(b->identity);
}

static void taken(struct lr_base *b)
{
	char path[512];

	key_path(b, path, sizeof path);
	(void)lr_rotation_settle(path); /* or another daemon was quicker */
	if (!lr_dev_eq(lr_rotate_look(b, false), &b->rotation.key)) {
		answer(b, LR_E_IO,
		       "the coordinator has the new key, but it cannot be put "
		       "in its place: rename device.key.new to device.key, and "
		       "restart the daemons of this machine");
		return;
	}
	lr_info("this machine's key was replaced");
	for (unsigned i = 0; i < 2; i++)
		if (b->attach[i])
			lr_attach_again(b->attach[i]);
	answer(b, LR_E_OK,
	       "this machine has a new key; the old one opens nothing any more");
}

static void rotated_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct lr_base *b = arg;
	struct lr_msg_done m;
	char path[512], text[256] = "the coordinator refused";

	(void)link;
	if (!err && f->h.type == LR_M_DONE &&
	    lr_dec_done(f->meta, f->h.meta, &m)) {
		err = lr_err_from_wire(m.err);
		lr_str_copy(m.text, text, sizeof text);
	} else if (!f) {
		answer(b, LR_E_UNKNOWN,
		       "the coordinator did not answer in time. If it has the "
		       "new key, that is used from the next connection on; "
		       "else the old one stays, and nothing has changed");
		return;
	}
	if (err == LR_E_OK) {
		taken(b);
		return;
	}
	key_path(b, path, sizeof path);
	lr_rotation_discard(path);
	answer(b, err, text);
}

/* --- steps 1 to 3 --------------------------------------------------------- */

static enum lr_err ask(struct lr_base *b, struct lr_attach *a, char *why,
		       size_t cap)
{
	uint8_t proof[LR_PROOF_BYTES];
	struct lr_msg_rotate m = { .proof = { (const char *)proof,
					      sizeof proof } };
	struct lr_identity *fresh;
	char path[512];
	enum lr_err err;
	bool good;

	key_path(b, path, sizeof path);
	err = lr_rotation_make(path, &fresh, why, cap);
	if (err)
		return err;
	good = lr_rotation_sign(fresh, lr_attach_pool(a),
				lr_identity_dev(b->identity), &m.key, proof);
	b->rotation.key = *lr_identity_dev(fresh);
	lr_identity_free(fresh);
	if (!good) {
		snprintf(why, cap, "out of memory");
		return LR_E_NO_MEMORY;
	}
	LR_REQUEST(lr_attach_link(a), ROTATE, rotate, &m, NULL, ANSWER_MS,
		   rotated_cb, b);
	return LR_E_OK;
}

void lr_rotate_serve(struct lr_base *b, struct lr_attach *a,
		     struct lr_link *asker, const struct lr_frame *f)
{
	uint32_t uid = lr_link_uid(asker);
	enum lr_err err = LR_E_OK;
	char why[512];

	if (uid != 0 && uid != (uint32_t)getuid()) {
		lr_link_send_error(asker, f->h.req, LR_E_PERMISSION,
				   "only root may replace this machine's key");
	} else if (b->rotation.busy) {
		lr_link_send_error(asker, f->h.req, LR_E_BUSY,
				   "the key is being replaced already");
	} else if (!lr_attach_link(a)) {
		lr_link_send_error(asker, f->h.req, LR_E_UNREACHABLE,
				   "the coordinator must take the new key, and "
				   "does not answer now");
	} else {
		b->rotation.asker = asker;
		b->rotation.req = f->h.req;
		b->rotation.busy = true;
		err = ask(b, a, why, sizeof why);
	}
	if (err)
		answer(b, err, why);
}
