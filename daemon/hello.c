/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hello.h"

#include "wire/version.h"

uint16_t lr_hello_take(struct lr_refusals *r, struct lr_link *link,
		       const struct lr_frame *f, const char *us,
		       struct lr_msg_hello *ret)
{
	char why[256];

	if (!lr_version_read(f->meta, f->h.meta, ret)) {
		lr_link_close(link, LR_E_PROTOCOL);
		return 0;
	}
	if (!lr_version_common(ret)) {
		lr_version_refusal(ret, us, lr_link_is_local(link), why,
				   sizeof why);
		lr_refuse(r, LR_REFUSED_VERSION);
		lr_link_send_error(link, f->h.req, LR_E_VERSION, why);
		lr_link_close(link, LR_E_OK);
		return 0;
	}
	if (!lr_dec_hello(f->meta, f->h.meta, ret)) {
		lr_link_close(link, LR_E_PROTOCOL);
		return 0;
	}
	return lr_version_common(ret);
}
