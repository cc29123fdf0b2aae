/* SPDX-License-Identifier: Apache-2.0 */
/* Donors: each of them from here, and the one here from the coordinator. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"

#define DIALS 64

/* --- the donor here, from there
 * ------------------------------------------------------------------- */

static void tell_back(struct doctor *d, const struct lr_msg_check_r *r)
{
	enum lr_err err = lr_err_from_wire(r->reached);
	int first = (int)r->address.n;
	const char *comma = memchr(r->address.p, ',', r->address.n);
	char port[32], address[128];

	if (comma)
		first = (int)(comma - r->address.p);
	snprintf(address, sizeof address, "%.*s", first, r->address.p);
	snprintf(port, sizeof port, "%s/tcp",
		 strrchr(address, ':') ? strrchr(address, ':') + 1 : "7451");
	if (!r->known)
		doctor_note(d, "connect-back", "",
			    "the coordinator does not count the donor here as "
			    "up yet");
	else if (!err)
		doctor_ok(d, "connect-back",
			  "the coordinator connects to the donor here at %s",
			  address);
	else
		doctor_wrong(d, "connect-back", 4, doctor_open_port(port),
			     "the coordinator cannot connect to the donor here "
			     "at %s: %s",
			     address, doctor_why(err));
}

static void check_back(struct doctor *d)
{
	const struct doctor_daemon *m = &d->daemons[DOCTOR_DONOR];
	struct lr_msg_check ask = {.uid = (uint32_t)geteuid()};
	struct lr_msg_check_r r;
	struct lr_answer a;

	if (!m->stands || m->here.state != LR_HERE_READY ||
	    !DOCTOR_ASK(m->handle, CHECK, check, &ask, CHECK_R, &a))
		return;
	if (lr_dec_check_r(a.f.meta, a.f.h.meta, &r))
		tell_back(d, &r);
	lr_answer_done(&a);
}

/* --- in clear?
 * ----------------------------------------------------------------------------- */

void doctor_encryption(struct doctor *d)
{
	struct doctor_daemon *m = &d->daemons[DOCTOR_COORDINATOR];
	struct lr_msg_status ask = {.uid = (uint32_t)geteuid()};
	struct lr_msg_status_r r;
	struct lr_answer a;

	if (!m->handle)
		m = &d->daemons[DOCTOR_REQUESTER];
	if (!DOCTOR_ASK(m->handle, STATUS, status, &ask, STATUS_R, &a))
		return;
	if (!lr_dec_status_r(a.f.meta, a.f.h.meta, &r))
		goto done;
	if (r.encrypted)
		doctor_ok(d, "encryption", "data links are encrypted");
	else
		doctor_note(d, "encryption",
			    "encrypt_links = true; in coordinator_role of the "
			    "coordinator's configuration, and restart it",
			    "data links of this pool are in clear "
			    "(encrypt_links): right on an isolated network "
			    "alone");
done:
	lr_answer_done(&a);
}

/* --- all of them, from here
 * ------------------------------------------------------------------------- */

static void tell_unreached(struct doctor *d, const char *name, bool up,
			   const char *address, enum lr_err err,
			   uint64_t silent_ms)
{
	const char *port = strrchr(address, ':');
	char mend[256];

	if (!up) {
		snprintf(mend, sizeof mend,
			 "on %s: sudo systemctl start lanram-donor; if its RAM "
			 "is gone for good: lanram forget %s",
			 name, name);
		doctor_wrong(d, "donors", 4, mend,
			     "%s is down, silent for %llu s", name,
			     (unsigned long long)silent_ms / 1000);
		return;
	}
	snprintf(mend, sizeof mend, "on %s: open TCP port %s in its firewall",
		 name, port ? port + 1 : "7451");
	doctor_wrong(d, "donors", 4, mend,
		     "%s is up, but cannot be reached from here at %s: %s",
		     name, address, doctor_why(err));
}

static void tell_link(struct doctor *d, const struct lr_rec_reach *r)
{
	char name[LR_NAME_MAX], address[128];

	lr_str_copy(r->name, name, sizeof name);
	snprintf(address, sizeof address, "%.*s",
		 (int)strcspn(r->addrs.n ? r->addrs.p : "", ","),
		 r->addrs.n ? r->addrs.p : "");
	if (r->open)
		doctor_ok(d, "donors", "%s is reached at %s", name, address);
	else
		tell_unreached(d, name, r->up, address,
			       lr_err_from_wire(r->why), r->silent_ms);
}

/* The links that the requester keeps. False: it cannot be asked. */
static bool from_links(struct doctor *d)
{
	const struct doctor_daemon *m = &d->daemons[DOCTOR_REQUESTER];
	struct lr_msg_links ask = {0};
	struct lr_rec_reach rec;
	struct lr_reader in;
	struct lr_answer a;

	if (!m->stands ||
	    (m->here.state != LR_HERE_READY && m->here.state != LR_HERE_AWAY) ||
	    !DOCTOR_ASK(m->handle, LINKS, links, &ask, LINKS_R, &a))
		return false;
	in = lr_reader(a.f.bulk, a.f.h.bulk);
	while (in.left && lr_dec_rec_reach(&in, &rec))
		tell_link(d, &rec);
	lr_answer_done(&a);
	return true;
}

struct told { /* by the coordinator here */
	char name[LR_NAME_MAX];
	struct lr_dev dev;
	bool up;
};

static size_t ask_donors(struct doctor *d, struct told *told,
			 struct doctor_dial *dials)
{
	struct lr_msg_donors ask = {.uid = (uint32_t)geteuid()};
	struct lr_rec_donor rec;
	struct lr_reader in;
	struct lr_answer a;
	size_t n = 0;

	if (!DOCTOR_ASK(d->daemons[DOCTOR_COORDINATOR].handle, DONORS, donors,
			&ask, DONORS_R, &a))
		return 0;
	in = lr_reader(a.f.bulk, a.f.h.bulk);
	while (in.left && n < DIALS && lr_dec_rec_donor(&in, &rec)) {
		if (rec.state == LR_DONOR_PENDING || !rec.address.n)
			continue;
		lr_str_copy(rec.name, told[n].name, sizeof told[n].name);
		told[n].dev = lr_dev_is_zero(&rec.key) ? rec.dev : rec.key;
		told[n].up = rec.state != LR_DONOR_DOWN;
		dials[n] = (struct doctor_dial){.peer = &told[n].dev};
		lr_str_copy(rec.address, dials[n].address,
			    sizeof dials[n].address);
		n++;
	}
	lr_answer_done(&a);
	return n;
}

static void from_dials(struct doctor *d)
{
	static struct told told[DIALS];
	static struct doctor_dial dials[DIALS];
	size_t n = ask_donors(d, told, dials);

	doctor_dial(d, dials, n);
	for (size_t i = 0; i < n; i++) {
		if (!dials[i].err)
			doctor_ok(d, "donors", "%s is reached at %s",
				  told[i].name, dials[i].reached);
		else
			tell_unreached(d, told[i].name, told[i].up,
				       dials[i].address, dials[i].err, 0);
	}
}

void doctor_donors(struct doctor *d)
{
	size_t before;

	check_back(d);
	before = d->n;
	if (!from_links(d))
		from_dials(d);
	if (d->n == before && (doctor_member(d) ||
			       d->daemons[DOCTOR_COORDINATOR].handle))
		doctor_note(d, "donors",
			    "sudo systemctl start lanram-donor, on some machine",
			    "no donor lends RAM to this pool");
}
