/* SPDX-License-Identifier: Apache-2.0 */
/* Who is admitted, and who wants in. A request lives as long as its daemon
 * asks; nothing of it is kept on disk. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/log.h"

#define PENDING_MAX 64
#define PENDING_MS 10000 /* a daemon asks every 2 s */
#define REFUSED_MS 3600000

const struct lr_device_row *lr_devices_get(const struct lr_coordinator *k,
					   const struct lr_dev *dev)
{
	for (size_t i = 0; i < k->n_devices; i++)
		if (lr_dev_eq(&k->devices[i].dev, dev))
			return &k->devices[i];
	return NULL;
}

static struct lr_device_row *add_device(struct lr_coordinator *k,
					const struct lr_dev *dev)
{
	struct lr_device_row *rows = realloc(
		k->devices, (k->n_devices + 1) * sizeof *k->devices);

	if (!rows)
		return NULL;
	k->devices = rows;
	rows[k->n_devices] = (struct lr_device_row){ .dev = *dev };
	return &rows[k->n_devices++];
}

static struct lr_pending_row *pending_of(struct lr_coordinator *k,
					 const struct lr_dev *dev)
{
	for (size_t i = 0; i < k->n_pending; i++)
		if (lr_dev_eq(&k->pending[i].dev, dev))
			return &k->pending[i];
	return NULL;
}

void lr_devices_drop_pending(struct lr_coordinator *k,
			     struct lr_pending_row *row)
{
	*row = k->pending[--k->n_pending];
	lr_watchers_changed(k);
}

bool lr_devices_admit(struct lr_coordinator *k, const struct lr_dev *dev,
		      uint8_t roles, const char *name)
{
	struct lr_device_row *d =
		(struct lr_device_row *)lr_devices_get(k, dev);
	struct lr_pending_row *row;

	if (d && (d->roles & roles) == roles && !strcmp(d->name, name))
		return true;
	if (!d)
		d = add_device(k, dev);
	if (!d)
		return false;
	if ((d->roles & roles) != roles)
		lr_watchers_event(k, LR_EVENT_ADMITTED, dev, name, 0, 0);
	d->roles |= roles;
	snprintf(d->name, sizeof d->name, "%s", name);
	k->devices_version++;
	lr_state_changed(k);
	lr_push_devices_soon(k);
	row = pending_of(k, dev);
	if (row && (d->roles & row->roles) == row->roles)
		lr_devices_drop_pending(k, row);
	return true;
}

bool lr_devices_bar(struct lr_coordinator *k, const struct lr_dev *dev,
		    const char *name)
{
	struct lr_device_row *d = add_device(k, dev);

	if (d)
		snprintf(d->name, sizeof d->name, "%s", name);
	return d != NULL;
}

bool lr_devices_find(const struct lr_coordinator *k, const char *ref,
		     struct lr_dev *ret, char *why, size_t cap)
{
	unsigned n = 0;

	for (size_t i = 0; i < k->n_devices; i++) {
		const struct lr_device_row *d = &k->devices[i];

		if (!d->roles || (strcmp(d->name, ref) &&
				  !lr_dev_matches(ref, &d->dev)))
			continue;
		*ret = d->dev;
		n++;
	}
	if (n != 1)
		snprintf(why, cap,
			 n ? "\"%s\" means more than one device: use its ID" :
			     "no admitted device \"%s\"",
			 ref);
	return n == 1;
}

void lr_devices_revoke(struct lr_coordinator *k, const struct lr_dev *dev)
{
	struct lr_device_row *d =
		(struct lr_device_row *)lr_devices_get(k, dev);
	char safe[LR_NAME_MAX * 4];

	if (!d)
		return;
	lr_info("%s was revoked",
		lr_log_escape(d->name, strlen(d->name), safe, sizeof safe));
	d->roles = 0;
	k->devices_version++;
	lr_state_changed(k);
	lr_push_devices(k);
	if (!lr_peers_revoke(k, dev))
		(void)lr_coord_forget(k->rules, dev, lr_now_ms());
}

/* --- pending -------------------------------------------------------------- */

static struct lr_pending_row *add_pending(struct lr_coordinator *k,
					  const struct lr_dev *dev,
					  const char *name)
{
	struct lr_pending_row *row;

	if (!k->pending)
		k->pending = calloc(PENDING_MAX, sizeof *k->pending);
	if (!k->pending || k->n_pending == PENDING_MAX)
		return NULL;
	row = &k->pending[k->n_pending++];
	*row = (struct lr_pending_row){ .dev = *dev,
					.since_ms = lr_unix_ms() };
	lr_watchers_event(k, LR_EVENT_WANTS_IN, dev, name, 0, 0);
	return row;
}

/* It is in, but not as what it asks for. */
static void tell_other_roles(const struct lr_device_row *d, char *why,
			     size_t cap)
{
	snprintf(why, cap, "this device is admitted as %s only",
		 d->roles & LR_ROLE_DONOR     ? "donor" :
		 d->roles & LR_ROLE_REQUESTER ? "requester" :
						"admin");
}

enum lr_enrol_state lr_devices_enrol(struct lr_coordinator *k,
				     const struct lr_dev *dev, uint8_t roles,
				     const char *name, const char *address,
				     char *why, size_t cap)
{
	const struct lr_device_row *d = lr_devices_get(k, dev);
	struct lr_pending_row *row;

	roles &= LR_ROLE_DONOR | LR_ROLE_REQUESTER; /* admin: only by `admit` */
	why[0] = '\0';
	if (d && !d->roles) {
		snprintf(why, cap, "this device was revoked");
		return LR_ENROL_REFUSED;
	}
	if (d && (d->roles & roles) == roles)
		return LR_ENROL_ADMITTED;
	if (!strcmp(k->b.cfg->admission, "open"))
		return lr_devices_admit(k, dev, roles, name) ?
			       LR_ENROL_ADMITTED :
			       LR_ENROL_PENDING;
	if (d)
		tell_other_roles(d, why, cap);
	row = pending_of(k, dev);
	if (!row)
		row = add_pending(k, dev, name);
	if (!row)
		return LR_ENROL_PENDING;
	row->roles |= roles;
	row->seen_ms = lr_now_ms();
	snprintf(row->name, sizeof row->name, "%s", name);
	snprintf(row->address, sizeof row->address, "%.63s", address);
	return row->refused ? LR_ENROL_REFUSED : LR_ENROL_PENDING;
}

void lr_devices_codes(struct lr_coordinator *k)
{
	for (size_t i = 0; i < k->n_pending; i++)
		if (!k->pending[i].code[0])
			lr_pairing_code(lr_coordinator_pool(k),
					&k->pending[i].dev, k->pending[i].code,
					sizeof k->pending[i].code);
}

struct lr_pending_row *lr_devices_pending(struct lr_coordinator *k,
					  const char *ref, char *why,
					  size_t cap)
{
	struct lr_pending_row *found = NULL;

	lr_devices_codes(k);
	for (size_t i = 0; i < k->n_pending; i++) {
		struct lr_pending_row *row = &k->pending[i];

		if (!strcasecmp(row->code, ref))
			return row;
		if (strcmp(row->name, ref) && !lr_dev_matches(ref, &row->dev))
			continue;
		if (found) {
			snprintf(why, cap,
				 "\"%s\" means more than one device: use the "
				 "code that `lanram pending` shows",
				 ref);
			return NULL;
		}
		found = row;
	}
	if (!found)
		snprintf(why, cap,
			 "no device with code or name \"%s\" asks to be let "
			 "in. `lanram pending` shows who does",
			 ref);
	return found;
}

void lr_devices_tick(struct lr_coordinator *k, uint64_t now_ms)
{
	for (size_t i = k->n_pending; i-- > 0;) {
		struct lr_pending_row *row = &k->pending[i];
		uint64_t keep = row->refused ? REFUSED_MS : PENDING_MS;

		if (now_ms > row->seen_ms + keep)
			lr_devices_drop_pending(k, row);
	}
}
