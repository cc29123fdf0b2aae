/* SPDX-License-Identifier: Apache-2.0 */
/* Terms that the rules and the wire share; their numbers are part of the
 * protocol. In front of each list: the field that carries it. */
#ifndef LR_CORE_TERMS_H
#define LR_CORE_TERMS_H

/* HELLO.role */
enum lr_role_link {
	LR_LINK_DONOR = 1, /* donor -> coordinator: control */
	LR_LINK_BEAT,	   /* donor -> coordinator: heartbeats, never bulk */
	LR_LINK_REQUESTER, /* requester -> coordinator */
	LR_LINK_DATA,	   /* anyone admitted -> donor */
	LR_LINK_LOCAL,	   /* local program -> a daemon's Unix socket */
	LR_LINK_COPY,	   /* donor -> donor: what it copies, and nothing else */
};

/* ENROL.roles, DEVICE.roles */
#define LR_ROLE_DONOR 1
#define LR_ROLE_REQUESTER 2
#define LR_ROLE_ADMIN 4

enum lr_enrol_state {
	LR_ENROL_PENDING,
	LR_ENROL_ADMITTED,
	LR_ENROL_REFUSED,
	LR_ENROL_REPLACED, /* the device has another key now */
};

#define LR_GET_TAG_ONLY 1
#define LR_GET_SYNC 2 /* by a member that syncs: TOMB and BAD with their tags */
#define LR_GET_LINEAR 4 /* whole operation: a linearizable read */

enum lr_presence { LR_FOUND_NONE, LR_FOUND_VALUE, LR_FOUND_TOMB, LR_FOUND_BAD };

enum lr_kind {
	LR_KIND_MANIFEST = 1,
	LR_KIND_CHUNK,
	LR_KIND_REGISTER,
	LR_KIND_NAME,
};

#define LR_PUT_IF_OPEN 1 /* a TOMB refused where the manifest is closed */
#define LR_PUT_TOMB 2
#define LR_PUT_REPAIR 4 /* write-back or sync: may use the reserve */
#define LR_PUT_BAD 8	/* sync: this copy could not be verified anywhere */
#define LR_PUT_NEW     16 /* another ID would do: no waiting where nobody is up */

/* UPDATE.expect: what must be current for it to be carried out */
enum lr_expect {
	LR_EXPECT_ANY,
	LR_EXPECT_NONE, /* not there, or removed */
	LR_EXPECT_TAG,	/* this very one */
};

#define LR_UPDATE_REMOVE 1
/* It may have been carried out already: only say whether. */
#define LR_UPDATE_AGAIN 2
#define LR_NAME_VALUE_MAX 4096u

/* SLOT_STATE.status */
enum lr_slot_status { LR_SLOT_NONE, LR_SLOT_SYNCING, LR_SLOT_SYNCED };

#define LR_REPORT_FIRST 1 /* drop what was known of the slot */
#define LR_REPORT_LAST 2  /* the list is complete now */

/* OBJECT.state, LISTED.state */
enum lr_object_state { LR_OBJECT_THERE, LR_OBJECT_GONE, LR_OBJECT_LOST };
#define LR_OBJECT_PUBLIC 1
#define LR_OBJECT_CLOSED 2
#define LR_OBJECT_CUT 4 /* LISTED: the first LR_CUT_TEXT letters of an ID */
#define LR_CUT_TEXT 8

/* Why a donor lends less than it did. */
enum lr_given_why {
	LR_GIVEN_HOST,	/* its machine needs the RAM itself */
	LR_GIVEN_ASKED, /* `lanram lend` */
};

#define LR_LIST_ALL 1 /* an admin's view: everybody's, without whole IDs */
#define LR_BROWSE_BACK 2 /* BROWSE: towards smaller IDs */
#define LR_BROWSE_COUNT 4 /* ... no rows, only how many */

enum lr_health { LR_HEALTH_OK, LR_HEALTH_DEGRADED, LR_HEALTH_CRITICAL };

/* DONOR.state */
enum lr_donor_state {
	LR_DONOR_UP,
	LR_DONOR_SUSPECT,
	LR_DONOR_GIVING,
	LR_DONOR_DRAINING,
	LR_DONOR_DOWN,
	LR_DONOR_PENDING,
	LR_DONOR_GONE, /* WATCH_DONORS: drop the row */
};

/* BEAT.pressure: how short of RAM a donor's host is */
enum lr_pressure {
	LR_PRESSURE_CALM,
	LR_PRESSURE_SOFT, /* gives nothing more */
	LR_PRESSURE_HARD, /* wants RAM back: copies that exist elsewhere go */
	LR_PRESSURE_LAST, /* all of those */
};

/* HERE_R.state */
enum lr_here_state {
	LR_HERE_SEARCHING, /* no pool found yet */
	LR_HERE_PENDING,   /* asked to be admitted; code holds the words */
	LR_HERE_REFUSED,
	LR_HERE_WRONG_POOL, /* another pool under the pinned name */
	LR_HERE_READY,
	LR_HERE_AWAY, /* admitted, coordinator not reachable now */
	LR_HERE_VERSION, /* it speaks no protocol that we do */
};

#endif
