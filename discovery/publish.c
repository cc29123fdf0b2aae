/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing the coordinator:
 *
 *   server RUNNING -> add, commit -> ESTABLISHED: published
 *   the name is taken (at add, or later): another name, add again; who we are
 *     stands in the TXT record, so a new name changes nothing
 *   neither ESTABLISHED nor refused in time (seen after interfaces flapped):
 *     the watchdog registers anew, each third time with a new client
 *   any error: a new client after the back-off
 *   server REGISTERING or COLLISION: withdrawn until it is RUNNING again
 *
 * Each new client starts from the first name: it does not drift from restart
 * to restart. */
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/strlst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/avahi.h"

#define WATCHDOG_MIN_MS 5000
#define WATCHDOG_MAX_MS 60000
#define RENAMES_MAX 16 /* in one go; the watchdog goes on after that */

struct lr_publisher {
	struct lr_avahi avahi;
	AvahiClient *client; /* NULL: the server is not running */
	AvahiEntryGroup *group;
	AvahiTimeout *watchdog;
	unsigned tries; /* watchdog periods since the last success */
	uint16_t port;
	AvahiStringList *txt;
	char first_name[AVAHI_LABEL_MAX];
	char name[AVAHI_LABEL_MAX];
};

static void group_cb(AvahiEntryGroup *group, AvahiEntryGroupState state,
		     void *arg);

static void set_name(struct lr_publisher *p, const char *name)
{
	snprintf(p->name, sizeof(p->name), "%s", name);
}

static bool rename_service(struct lr_publisher *p)
{
	char *other = avahi_alternative_service_name(p->name);

	if (!other)
		return false;
	set_name(p, other);
	avahi_free(other);
	return true;
}

static int add(struct lr_publisher *p)
{
	return avahi_entry_group_add_service_strlst(
		p->group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, 0, p->name,
		LR_SERVICE_TYPE, NULL, NULL, p->port, p->txt);
}

static int add_under_some_name(struct lr_publisher *p)
{
	int r = add(p);

	for (int i = 0; r == AVAHI_ERR_COLLISION && i < RENAMES_MAX; i++) {
		if (!rename_service(p))
			return AVAHI_ERR_NO_MEMORY;
		r = add(p);
	}
	return r;
}

static unsigned watchdog_ms(const struct lr_publisher *p)
{
	unsigned ms = WATCHDOG_MIN_MS << (p->tries < 4 ? p->tries : 4);

	return ms < WATCHDOG_MAX_MS ? ms : WATCHDOG_MAX_MS;
}

static int register_service(struct lr_publisher *p)
{
	int r;

	if (!p->group)
		p->group = avahi_entry_group_new(p->client, group_cb, p);
	if (!p->group)
		return avahi_client_errno(p->client);
	r = avahi_entry_group_reset(p->group);
	if (r < 0)
		return r;
	r = add_under_some_name(p);
	if (r < 0)
		return r;
	return avahi_entry_group_commit(p->group);
}

static void publish(struct lr_publisher *p)
{
	lr_avahi_arm(&p->avahi, p->watchdog, watchdog_ms(p));
	if (register_service(p) < 0)
		lr_avahi_renew(&p->avahi);
}

static void established(struct lr_publisher *p)
{
	p->tries = 0;
	lr_avahi_disarm(&p->avahi, p->watchdog);
	lr_avahi_set_state(&p->avahi, LR_DISCO_RUNNING);
}

static void group_cb(AvahiEntryGroup *group, AvahiEntryGroupState state,
		     void *arg)
{
	struct lr_publisher *p = arg;

	if (!p->client)
		return;
	p->group = group; /* called before avahi_entry_group_new returns */
	switch (state) {
	case AVAHI_ENTRY_GROUP_ESTABLISHED:
		established(p);
		break;
	case AVAHI_ENTRY_GROUP_COLLISION:
		if (rename_service(p))
			publish(p);
		break;
	case AVAHI_ENTRY_GROUP_FAILURE:
		lr_avahi_renew(&p->avahi);
		break;
	case AVAHI_ENTRY_GROUP_UNCOMMITED:
	case AVAHI_ENTRY_GROUP_REGISTERING:
		break;
	}
}

static void watchdog_cb(AvahiTimeout *t, void *arg)
{
	struct lr_publisher *p = arg;

	(void)t;
	if (!p->client)
		return;
	p->tries++;
	if (p->tries % 3 == 0)
		lr_avahi_renew(&p->avahi);
	else
		publish(p);
}

static void up(void *arg, AvahiClient *client)
{
	struct lr_publisher *p = arg;

	p->client = client;
	if (!p->watchdog)
		p->watchdog = lr_avahi_timer(&p->avahi, watchdog_cb, p);
	if (!p->watchdog) {
		lr_avahi_renew(&p->avahi);
		return;
	}
	publish(p);
}

static void down(void *arg)
{
	struct lr_publisher *p = arg;

	lr_avahi_set_state(&p->avahi, LR_DISCO_STARTING);
	if (p->group)
		avahi_entry_group_reset(p->group);
	if (p->watchdog)
		lr_avahi_arm(&p->avahi, p->watchdog, watchdog_ms(p));
}

static void gone(void *arg)
{
	struct lr_publisher *p = arg;

	p->client = NULL;
	if (p->group)
		avahi_entry_group_free(p->group);
	p->group = NULL;
	if (p->watchdog)
		lr_avahi_disarm(&p->avahi, p->watchdog);
	set_name(p, p->first_name);
}

static const struct lr_avahi_ops publish_ops = { up, down, gone, NULL };

static AvahiStringList *make_txt(const char *pool_name,
				 const struct lr_dev *pool, const char *version)
{
	AvahiStringList *l;
	char id[LR_DEV_TEXT + 1];

	/* Lists grow at the front: written from the last to the first. */
	l = avahi_string_list_add_pair(NULL, "version", version);
	l = avahi_string_list_add_pair(l, "id", lr_dev_format(pool, id));
	l = avahi_string_list_add_pair(l, "pool", pool_name);
	return avahi_string_list_add_pair(l, "txtvers", "1");
}

/* A label is 63 bytes at most: cut between characters. */
static void first_name(struct lr_publisher *p, const char *pool_name)
{
	size_t n = strlen(pool_name);

	if (n >= sizeof(p->first_name))
		n = sizeof(p->first_name) - 1;
	while (n > 0 && ((unsigned char)pool_name[n] & 0xc0) == 0x80)
		n--;
	memcpy(p->first_name, pool_name, n);
	p->first_name[n] = '\0';
	if (!avahi_is_valid_service_name(p->first_name))
		snprintf(p->first_name, sizeof(p->first_name), "lanram");
	set_name(p, p->first_name);
}

struct lr_publisher *lr_publish_start(const char *pool_name,
				      const struct lr_dev *pool,
				      const char *version, uint16_t port)
{
	struct lr_publisher *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->port = port;
	first_name(p, pool_name);
	p->txt = make_txt(pool_name, pool, version);
	if (!p->txt)
		goto free_p;
	if (!lr_avahi_start(&p->avahi, &publish_ops, p))
		goto free_txt;
	return p;

free_txt:
	avahi_string_list_free(p->txt);
free_p:
	free(p);
	return NULL;
}

enum lr_disco_state lr_publish_state(const struct lr_publisher *p)
{
	return lr_avahi_state(&p->avahi);
}

void lr_publish_stop(struct lr_publisher *p)
{
	if (!p)
		return;
	lr_avahi_quit(&p->avahi);
	lr_avahi_join(&p->avahi);
	avahi_string_list_free(p->txt);
	free(p);
}
