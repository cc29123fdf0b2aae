/* SPDX-License-Identifier: Apache-2.0 */
/* A device's key is replaced. Its row keeps the ID under which everybody knows
 * the device, its first key's; `key` is what its links prove now, `old` the
 * one before. It is answered, and told to the others, when it is on disk: a
 * coordinator that forgot the only key that is left would lock the device
 * out. */
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/log.h"
#include "net/rotation.h"

const struct lr_dev *lr_device_key(const struct lr_device_row *d)
{
	return lr_dev_is_zero(&d->key) ? &d->dev : &d->key;
}

const struct lr_device_row *lr_devices_of_key(const struct lr_coordinator *k,
					      const struct lr_dev *key)
{
	for (size_t i = 0; i < k->n_devices; i++)
		if (lr_dev_eq(lr_device_key(&k->devices[i]), key))
			return &k->devices[i];
	return NULL;
}

/* The key may be one that the device had. */
const struct lr_device_row *lr_devices_as(const struct lr_coordinator *k,
					  const struct lr_dev *key)
{
	const struct lr_device_row *d = lr_devices_of_key(k, key);

	for (size_t i = 0; !d && i < k->n_devices; i++)
		if (lr_dev_eq(&k->devices[i].old, key) ||
		    lr_dev_eq(&k->devices[i].dev, key))
			d = &k->devices[i];
	return d;
}

bool lr_devices_is_replaced(const struct lr_coordinator *k,
			    const struct lr_dev *key)
{
	const struct lr_device_row *d = lr_devices_as(k, key);

	return d && !lr_dev_eq(lr_device_key(d), key);
}

/* Of a row's keys, the first, the last and the one before are known by it; an
 * older one stays refused by a revoked row. */
static bool replace(struct lr_coordinator *k, struct lr_device_row *d,
		    const struct lr_dev *key)
{
	struct lr_dev dev = d->dev, was = *lr_device_key(d), older = d->old;

	if (!lr_dev_is_zero(&older) && !lr_dev_eq(&older, &dev) &&
	    !lr_devices_bar(k, &older, d->name))
		return false;
	d = (struct lr_device_row *)lr_devices_get(k, &dev);
	d->old = was;
	d->key = *key;
	k->devices_version++;
	return true;
}

static const char *take(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_device_row *d =
		(struct lr_device_row *)lr_devices_get(p->k, &p->dev);
	struct lr_msg_rotate m;
	struct lr_dev key;

	if (!d || !d->roles || !lr_dev_eq(lr_device_key(d), &p->key))
		return "this link is no device's";
	if (!lr_dec_rotate(f->meta, f->h.meta, &m) ||
	    !lr_rotation_verify(&m.key, lr_coordinator_pool(p->k), &p->key,
				m.proof.p, m.proof.n, &key))
		return "the new key's signature is not right";
	if (lr_devices_as(p->k, &key))
		return "that key was used before";
	if (!replace(p->k, d, &key))
		return "out of memory";
	return NULL;
}

void lr_rotate_take(struct lr_peer *p, const struct lr_frame *f)
{
	const char *why = take(p, f);
	char safe[LR_NAME_MAX * 4];
	const struct lr_device_row *d = lr_devices_get(p->k, &p->dev);

	if (why) {
		lr_query_done(p, f, LR_E_PERMISSION, why);
		return;
	}
	lr_info("%s has a new key",
		lr_log_escape(d->name, strlen(d->name), safe, sizeof safe));
	p->rotates = f->h.req;
	p->k->rotated = true;
	lr_state_changed(p->k);
}

/* The device has another key now than this link has proven. */
static bool is_out(const struct lr_peer *p)
{
	const struct lr_device_row *d = lr_devices_get(p->k, &p->dev);

	return d && !lr_dev_is_zero(&p->key) &&
	       !lr_dev_eq(lr_device_key(d), &p->key);
}

/* Who asked goes by itself, when it has put the key in its place. */
void lr_rotate_saved(struct lr_coordinator *k)
{
	struct lr_msg_done m = { .text = lr_str("") };

	if (!k->rotated)
		return;
	k->rotated = false;
	for (struct lr_peer *p = k->peers; p; p = p->next) {
		if (p->rotates)
			LR_SEND(p->link, DONE, done, p->rotates, &m, NULL);
		else if (is_out(p))
			lr_link_close(p->link, LR_E_NOT_ADMITTED);
		p->rotates = 0;
	}
	lr_push_devices(k);
}
