/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/version.h"

#include <stdio.h>

/* Version 1 was never released: its records had no length. */
#ifndef LR_PROTO_MAX /* builds for tests set others */
#define LR_PROTO_MIN 2
#define LR_PROTO_MAX 3
#endif
const uint16_t lr_proto_min = LR_PROTO_MIN, lr_proto_max = LR_PROTO_MAX;

bool lr_version_read(const void *meta, size_t len, struct lr_msg_hello *ret)
{
	struct lr_reader r = lr_reader(meta, len);

	ret->proto_min = lr_r_u16(&r);
	ret->proto_max = lr_r_u16(&r);
	return !r.bad;
}

uint16_t lr_version_common(const struct lr_msg_hello *m)
{
	uint16_t best = m->proto_max < lr_proto_max ? m->proto_max :
						      lr_proto_max;

	return best >= m->proto_min && best >= lr_proto_min ? best : 0;
}

static const char *advice(bool we_are_old, bool local)
{
	if (local)
		return we_are_old ? "sudo systemctl restart lanram-" :
				    "upgrade that program, or start it again "
				    "if it is from before an upgrade";
	return we_are_old ? "upgrade the " : "upgrade that machine";
}

void lr_version_refusal(const struct lr_msg_hello *m, const char *us,
			bool local, char *out, size_t cap)
{
	bool we_are_old = m->proto_min > lr_proto_max;

	snprintf(out, cap,
		 "%s %s (lanram %s) speaks protocol %u to %u, that %s %u to "
		 "%u: %s%s",
		 local ? "the running" : "this", us, PACKAGE_VERSION,
		 lr_proto_min, lr_proto_max, local ? "program" : "machine",
		 m->proto_min, m->proto_max, advice(we_are_old, local),
		 we_are_old ? us : "");
}

bool lr_version_chosen(const void *meta, size_t len)
{
	struct lr_reader r = lr_reader(meta, len);
	uint16_t v = lr_r_u16(&r);

	return !r.bad && v >= lr_proto_min && v <= lr_proto_max;
}
