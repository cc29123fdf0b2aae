/* SPDX-License-Identifier: Apache-2.0 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "discovery/discovery.h"
#include "discovery/subnet.h"

static void copy_addr(uint8_t *to, const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		memcpy(to, &((const struct sockaddr_in6 *)(const void *)sa)
				    ->sin6_addr,
		       16);
	else
		memcpy(to, &((const struct sockaddr_in *)(const void *)sa)
				    ->sin_addr,
		       4);
}

void lr_subnets_read(struct lr_subnets *ret)
{
	struct ifaddrs *all, *i;

	ret->n = 0;
	if (getifaddrs(&all))
		return;
	for (i = all; i && ret->n < LR_SUBNETS_MAX; i = i->ifa_next) {
		struct lr_subnet *s = &ret->s[ret->n];

		if (!i->ifa_addr || !i->ifa_netmask ||
		    (i->ifa_addr->sa_family != AF_INET &&
		     i->ifa_addr->sa_family != AF_INET6))
			continue;
		memset(s, 0, sizeof(*s));
		s->ifindex = if_nametoindex(i->ifa_name);
		s->v6 = i->ifa_addr->sa_family == AF_INET6;
		copy_addr(s->addr, i->ifa_addr);
		copy_addr(s->mask, i->ifa_netmask);
		ret->n++;
	}
	freeifaddrs(all);
}

static bool matches(const struct lr_subnet *s, const uint8_t *addr)
{
	size_t len = s->v6 ? 16 : 4;

	for (size_t i = 0; i < len; i++)
		if ((s->addr[i] ^ addr[i]) & s->mask[i])
			return false;
	return true;
}

bool lr_subnets_has(const struct lr_subnets *list, unsigned ifindex, bool v6,
		    const uint8_t *addr)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct lr_subnet *s = &list->s[i];

		if (s->ifindex == ifindex && s->v6 == v6 && matches(s, addr))
			return true;
	}
	return false;
}

static bool earlier(const struct ifaddrs *all, const struct ifaddrs *one)
{
	for (; all != one; all = all->ifa_next)
		if (!strcmp(all->ifa_name, one->ifa_name))
			return true;
	return false;
}

void lr_browse_interfaces(char *out, size_t cap)
{
	const unsigned want = IFF_UP | IFF_MULTICAST;
	struct ifaddrs *all, *i;
	size_t used = 0;
	int n;

	out[0] = '\0';
	if (getifaddrs(&all))
		return;
	for (i = all; i; i = i->ifa_next) {
		if ((i->ifa_flags & want) != want ||
		    (i->ifa_flags & IFF_LOOPBACK) || earlier(all, i))
			continue;
		n = snprintf(out + used, cap - used, "%s%s", used ? ", " : "",
			     i->ifa_name);
		if (n < 0 || (size_t)n >= cap - used) {
			out[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
	freeifaddrs(all);
}
