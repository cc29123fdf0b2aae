/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/version.h"

#include <stdio.h>

bool lr_version_read(const void *meta, size_t len, struct lr_msg_hello *ret)
{
	struct lr_reader r = lr_reader(meta, len);

	ret->proto_min = lr_r_u16(&r);
	ret->proto_max = lr_r_u16(&r);
	return !r.bad;
}

uint16_t lr_version_common(const struct lr_msg_hello *m)
{
	uint16_t best = m->proto_max < LR_PROTO_MAX ? m->proto_max :
						      LR_PROTO_MAX;

	return best >= m->proto_min && best >= LR_PROTO_MIN ? best : 0;
}

void lr_version_refusal(const struct lr_msg_hello *m, const char *us,
			char *out, size_t cap)
{
	bool we_are_old = m->proto_min > LR_PROTO_MAX;

	snprintf(out, cap,
		 "this %s (lanram %s) speaks protocol %u to %u, that machine "
		 "%u to %u: upgrade %s%s",
		 us, PACKAGE_VERSION, LR_PROTO_MIN, LR_PROTO_MAX,
		 m->proto_min, m->proto_max,
		 we_are_old ? "the " : "that machine",
		 we_are_old ? us : "");
}
