/* SPDX-License-Identifier: Apache-2.0 */
/* One item for each (interface, protocol, name, domain) that the browser shows:
 *
 *   NEW     -> resolver (host, port, TXT; no address: it would tell only one)
 *   found   -> two record browsers on the host: every A and AAAA record
 *   changed -> the same again if the host is another, else port and TXT anew
 *   resolver or record browser fails -> both dropped, tried again by retry
 *   REMOVE  -> the item is freed
 *
 * Avahi keeps resolvers and record browsers up to date while they live. */
#include <avahi-client/lookup.h>
#include <avahi-common/malloc.h>
#include <avahi-common/strlst.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/avahi.h"
#include "discovery/subnet.h"
#include "discovery/watch.h"

#define ITEMS_MAX 256 /* a stranger may publish any number */
#define DNS_CLASS_IN 1
#define DNS_TYPE_A 1
#define DNS_TYPE_AAAA 28

struct item {
	struct item *next;
	struct lr_watch *w;
	AvahiIfIndex ifindex;
	AvahiProtocol proto;
	char *name, *domain; /* as avahi spells them */
	char *host;
	AvahiServiceResolver *resolver; /* NULL: to be tried again */
	AvahiRecordBrowser *records[2]; /* A, AAAA */
	struct lr_seen seen;
};

struct lr_watch {
	AvahiClient *client;
	AvahiServiceBrowser *browser;
	const struct lr_watch_ops *ops;
	void *arg;
	struct item *items;
	size_t n_items;
};

static void drop_records(struct item *it)
{
	for (int i = 0; i < 2; i++)
		if (it->records[i])
			avahi_record_browser_free(it->records[i]);
	it->records[0] = it->records[1] = NULL;
	it->seen.n_addr = 0;
	avahi_free(it->host);
	it->host = NULL;
}

static void unresolve(struct item *it)
{
	drop_records(it);
	if (it->resolver)
		avahi_service_resolver_free(it->resolver);
	it->resolver = NULL;
}

static void item_free(struct item *it)
{
	unresolve(it);
	avahi_free(it->name);
	avahi_free(it->domain);
	free(it);
}

static void record_cb(AvahiRecordBrowser *rb, AvahiIfIndex ifindex,
		      AvahiProtocol proto, AvahiBrowserEvent event,
		      const char *name, uint16_t clazz, uint16_t type,
		      const void *rdata, size_t size,
		      AvahiLookupResultFlags flags, void *arg)
{
	struct item *it = arg;
	bool v6 = type == DNS_TYPE_AAAA;
	bool changed = false;

	(void)rb;
	(void)ifindex;
	(void)proto;
	(void)name;
	(void)clazz;
	(void)flags;
	if (event == AVAHI_BROWSER_FAILURE) {
		unresolve(it);
		it->w->ops->changed(it->w->arg);
		return;
	}
	if (!rdata || size != (v6 ? 16u : 4u))
		return;
	if (event == AVAHI_BROWSER_NEW)
		changed = lr_seen_add(&it->seen, v6, rdata);
	else if (event == AVAHI_BROWSER_REMOVE)
		changed = lr_seen_remove(&it->seen, v6, rdata);
	if (changed)
		it->w->ops->changed(it->w->arg);
}

static void browse_records(struct item *it, const char *host)
{
	static const uint16_t types[2] = { DNS_TYPE_A, DNS_TYPE_AAAA };

	drop_records(it);
	it->host = avahi_strdup(host);
	for (int i = 0; i < 2; i++) {
		it->records[i] = avahi_record_browser_new(
			it->w->client, it->ifindex, it->proto, host,
			DNS_CLASS_IN, types[i], 0, record_cb, it);
		if (!it->records[i]) {
			unresolve(it);
			return;
		}
	}
}

static void read_txt(struct lr_txt *t, AvahiStringList *l)
{
	char *key, *value;
	size_t len;

	memset(t, 0, sizeof(*t));
	for (; l; l = avahi_string_list_get_next(l)) {
		if (avahi_string_list_get_pair(l, &key, &value, &len) < 0)
			continue;
		if (value)
			lr_txt_read(t, key, value, len);
		avahi_free(key);
		avahi_free(value);
	}
}

static void resolved(struct item *it, const char *host, uint16_t port,
		     AvahiStringList *txt)
{
	it->seen.port = port;
	read_txt(&it->seen.txt, txt);
	lr_text_copy(it->seen.host, sizeof(it->seen.host), host, strlen(host));
	if (!it->host || strcmp(it->host, host))
		browse_records(it, host);
}

static void resolver_cb(AvahiServiceResolver *r, AvahiIfIndex ifindex,
			AvahiProtocol proto, AvahiResolverEvent event,
			const char *name, const char *type, const char *domain,
			const char *host, const AvahiAddress *a, uint16_t port,
			AvahiStringList *txt, AvahiLookupResultFlags flags,
			void *arg)
{
	struct item *it = arg;

	(void)r;
	(void)ifindex;
	(void)proto;
	(void)name;
	(void)type;
	(void)domain;
	(void)a;
	(void)flags;
	if (event == AVAHI_RESOLVER_FOUND && host)
		resolved(it, host, port, txt);
	else
		unresolve(it);
	it->w->ops->changed(it->w->arg);
}

static void resolve(struct item *it)
{
	it->resolver = avahi_service_resolver_new(
		it->w->client, it->ifindex, it->proto, it->name,
		LR_SERVICE_TYPE, it->domain, AVAHI_PROTO_UNSPEC,
		AVAHI_LOOKUP_NO_ADDRESS, resolver_cb, it);
}

static struct item **find(struct lr_watch *w, AvahiIfIndex ifindex,
			  AvahiProtocol proto, const char *name,
			  const char *domain)
{
	struct item **at = &w->items;

	for (; *at; at = &(*at)->next)
		if ((*at)->ifindex == ifindex && (*at)->proto == proto &&
		    !strcmp((*at)->name, name) &&
		    !strcmp((*at)->domain, domain))
			break;
	return at;
}

static struct item *item_new(struct lr_watch *w, AvahiIfIndex ifindex,
			     AvahiProtocol proto, const char *name,
			     const char *domain)
{
	struct item *it = calloc(1, sizeof(*it));

	if (!it)
		return NULL;
	it->w = w;
	it->ifindex = ifindex;
	it->proto = proto;
	it->name = avahi_strdup(name);
	it->domain = avahi_strdup(domain);
	if (!it->name || !it->domain) {
		item_free(it);
		return NULL;
	}
	it->seen.ifindex = (unsigned)ifindex;
	lr_text_copy(it->seen.service, sizeof(it->seen.service), name,
		     strlen(name));
	return it;
}

static void add(struct lr_watch *w, struct item **at, AvahiIfIndex ifindex,
		AvahiProtocol proto, const char *name, const char *domain)
{
	struct item *it;

	if (*at || w->n_items == ITEMS_MAX)
		return;
	it = item_new(w, ifindex, proto, name, domain);
	if (!it)
		return;
	*at = it;
	w->n_items++;
	resolve(it);
}

static void drop(struct lr_watch *w, struct item **at)
{
	struct item *it = *at;

	if (!it)
		return;
	*at = it->next;
	w->n_items--;
	item_free(it);
	w->ops->changed(w->arg);
}

static void browser_cb(AvahiServiceBrowser *b, AvahiIfIndex ifindex,
		       AvahiProtocol proto, AvahiBrowserEvent event,
		       const char *name, const char *type, const char *domain,
		       AvahiLookupResultFlags flags, void *arg)
{
	struct lr_watch *w = arg;

	(void)b;
	(void)type;
	(void)flags;
	switch (event) {
	case AVAHI_BROWSER_NEW:
		add(w, find(w, ifindex, proto, name, domain), ifindex, proto,
		    name, domain);
		break;
	case AVAHI_BROWSER_REMOVE:
		drop(w, find(w, ifindex, proto, name, domain));
		break;
	case AVAHI_BROWSER_FAILURE:
		w->ops->broken(w->arg);
		break;
	case AVAHI_BROWSER_CACHE_EXHAUSTED:
	case AVAHI_BROWSER_ALL_FOR_NOW:
		break;
	}
}

struct lr_watch *lr_watch_new(AvahiClient *client,
			      const struct lr_watch_ops *ops, void *arg)
{
	struct lr_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->client = client;
	w->ops = ops;
	w->arg = arg;
	w->browser = avahi_service_browser_new(client, AVAHI_IF_UNSPEC,
					       AVAHI_PROTO_UNSPEC,
					       LR_SERVICE_TYPE, NULL, 0,
					       browser_cb, w);
	if (!w->browser) {
		free(w);
		return NULL;
	}
	return w;
}

void lr_watch_free(struct lr_watch *w)
{
	struct item *it;

	if (!w)
		return;
	avahi_service_browser_free(w->browser);
	while ((it = w->items)) {
		w->items = it->next;
		item_free(it);
	}
	free(w);
}

bool lr_watch_retry(struct lr_watch *w)
{
	bool any = false;

	for (struct item *it = w->items; it; it = it->next) {
		if (it->resolver)
			continue;
		any = true;
		resolve(it);
	}
	return any;
}

static void place(struct item *it, const struct lr_subnets *subnets)
{
	char name[IF_NAMESIZE];

	it->seen.virtual_if = if_indextoname(it->seen.ifindex, name) &&
			      lr_if_is_virtual(name);
	for (size_t i = 0; i < it->seen.n_addr; i++) {
		struct lr_seen_addr *a = &it->seen.addr[i];

		a->on_link = lr_subnets_has(subnets, it->seen.ifindex, a->v6,
					    a->b);
	}
}

size_t lr_watch_list(struct lr_watch *w, const struct lr_seen **out,
		     size_t cap)
{
	struct lr_subnets subnets;
	size_t n = 0;

	lr_subnets_read(&subnets);
	for (struct item *it = w->items; it && n < cap; it = it->next) {
		if (it->seen.n_addr == 0)
			continue;
		place(it, &subnets);
		out[n++] = &it->seen;
	}
	return n;
}
