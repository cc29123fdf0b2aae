/* SPDX-License-Identifier: Apache-2.0 */
/* What coord_kit.c (the pool), coord_kit_coord.c (its coordinator),
 * coord_kit_donor.c (its donors) and coord_kit_check.c (what must hold) share.
 */
#ifndef LR_TESTS_COORD_KIT_I_H
#define LR_TESTS_COORD_KIT_I_H

#include "tests/unit/coord_kit.h"

/* coord_kit.c */
void kit_wrong(struct kit *k, const char *what, unsigned slot);
struct kit_donor *kit_by_inc(struct kit *k, uint64_t inc);
/* In order on each link; later than `now`. */
struct kit_msg *kit_post(struct kit *k, enum kit_msg_kind kind,
			 struct kit_donor *d, size_t n);
struct lr_slot_report kit_report(const struct kit_donor *d, unsigned s);
void kit_post_all(struct kit *k, enum kit_msg_kind kind, struct kit_donor *d);

/* coord_kit_coord.c */
void kit_to_disk(struct kit *k);
void kit_send_view(struct kit *k, struct kit_donor *d, const unsigned *slots,
		   size_t n);
void kit_unlink_donor(struct kit *k, struct kit_donor *d);
void kit_acts(struct kit *k);

/* coord_kit_check.c */
void kit_check_commit(struct kit *k, const struct lr_view *v);
void kit_check_told(struct kit *k, unsigned s, const struct lr_cfg *cfg);
/* I4: where ALL of a cfg answer, who is synced has all that was acknowledged.
 */
void kit_check_read(struct kit *k, unsigned s);

/* coord_kit_donor.c */
void kit_live(struct kit *k, struct kit_donor *d);
void kit_donor_view(struct kit *k, struct kit_donor *d, struct kit_msg *m);
void kit_donor_seal(struct kit *k, struct kit_donor *d, struct kit_msg *m);
void kit_donor_install(struct kit *k, struct kit_donor *d, struct kit_msg *m);

#endif
