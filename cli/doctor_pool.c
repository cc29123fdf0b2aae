/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator: seen, reached, the right one, and whether it lets us in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "client/pin.h"

#define ADDRESSES 16
#define SKEW_MS	  2000
#define START	  "sudo systemctl start lanram-coordinator"

/* --- where it is
 * ------------------------------------------------------------------------- */

static const char *chosen(const struct doctor *d)
{
	const struct doctor_daemon *r = &d->daemons[DOCTOR_REQUESTER];
	const struct doctor_daemon *n = &d->daemons[DOCTOR_DONOR];

	if (r->stands && r->here.coordinator[0])
		return r->here.coordinator;
	return n->stands ? n->here.coordinator : "";
}

static const struct doctor_dial *first_good(const struct doctor_dial *a,
					    size_t n)
{
	const struct doctor_dial *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (!a[i].err && (!best || a[i].us < best->us))
			best = &a[i];
	return best;
}

static void tell_addresses(struct doctor *d, const struct doctor_dial *a,
			   size_t n, const struct doctor_dial *best)
{
	const char *used = chosen(d);

	doctor_ok(d, "address", "%s: the first of %zu to answer, in %.1f ms%s%s",
		  best->reached, n, best->us / 1000.0,
		  used[0] && strcmp(used, best->reached) ? "; the daemon uses "
							 : "",
		  used[0] && strcmp(used, best->reached) ? used : "");
	for (size_t i = 0; i < n; i++)
		if (a[i].err)
			doctor_note(d, "address", "", "%s: %s", a[i].address,
				    doctor_why(a[i].err));
}

static void unreached(struct doctor *d, const char *host, size_t n,
		      const struct doctor_dial *a)
{
	const char *port = strrchr(a[0].address, ':');
	enum lr_err err = a[0].err;
	char mend[256];

	for (size_t i = 1; i < n; i++)
		if (a[i].err == LR_E_REFUSED)
			err = a[i].err; /* the machine is there */
	if (err == LR_E_REFUSED)
		snprintf(mend, sizeof mend, "on %s: " START, host);
	else if (err == LR_E_PERMISSION)
		snprintf(mend, sizeof mend, "%s",
			 doctor_open_port("7450/tcp"));
	else
		snprintf(mend, sizeof mend,
			 "on %s: open TCP port %s in its firewall, and see "
			 "that " START " was done",
			 host, port ? port + 1 : "7450");
	doctor_wrong(d, "port", err == LR_E_WRONG_PEER ? 6 : 4, mend,
		     "the coordinator's port cannot be reached: %s: %s",
		     a[0].address, doctor_why(err));
}

/* Dials all addresses; what the best one says. */
static void reach(struct doctor *d, const char *host, const char *addrs,
		  const struct lr_dev *peer)
{
	struct doctor_dial a[ADDRESSES];
	size_t n = doctor_split(addrs, a, ADDRESSES);
	const struct doctor_dial *best;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		a[i].hello = true;
		a[i].peer = peer;
	}
	doctor_dial(d, a, n);
	best = first_good(a, n);
	for (size_t i = 0; i < n; i++)
		if (a[i].err == LR_E_VERSION)
			doctor_wrong(d, "versions", 1,
				     "sudo apt upgrade, on the older side",
				     "the coordinator and this machine do not "
				     "speak a common version: %s",
				     a[i].text);
	if (!best) {
		unreached(d, host, n, a);
		return;
	}
	tell_addresses(d, a, n, best);
	doctor_ok(d, "port", "the coordinator on %s answers, version %s",
		  best->name[0] ? best->name : host, best->version);
	d->reached = true;
	d->reached_pool = best->key;
	snprintf(d->coordinator, sizeof d->coordinator, "%s",
		 best->name[0] ? best->name : host);
}

static bool is_known_pool(const struct doctor *d, const struct lr_dev *pool)
{
	for (unsigned i = 0; i < DOCTOR_ROLES; i++)
		if (d->daemons[i].stands &&
		    lr_dev_eq(&d->daemons[i].pool, pool))
			return true;
	return false;
}

/* The one we know by key before others of the name. */
static const struct lr_found *found_pool(const struct doctor *d)
{
	const struct lr_found *best = NULL;

	for (size_t i = 0; i < d->n_found; i++)
		if (!strcmp(d->found[i].pool_name, d->c->cfg.pool) &&
		    (!best || is_known_pool(d, &d->found[i].pool)))
			best = &d->found[i];
	return best;
}

static void not_found(struct doctor *d)
{
	char others[256] = "";
	size_t at = 0;

	for (size_t i = 0; i < d->n_found && at < sizeof others; i++)
		at += (size_t)snprintf(others + at, sizeof others - at,
				       "%s\"%s\"", i ? ", " : "",
				       d->found[i].pool_name);
	if (others[0])
		doctor_wrong(d, "coordinator", 4,
			     "set pool in /etc/lanram/lanram.conf and restart "
			     "the daemons",
			     "no pool \"%s\" is announced here, but %s",
			     d->c->cfg.pool, others);
	else if (d->c->cfg.discovery)
		doctor_wrong(d, "coordinator", 4,
			     "sudo systemctl enable --now lanram-coordinator, "
			     "on one machine",
			     "no coordinator of pool \"%s\" is announced on "
			     "this LAN",
			     d->c->cfg.pool);
	else
		doctor_wrong(d, "coordinator", 4,
			     "set coordinator = \"host:7450\"; or discovery = "
			     "true; in /etc/lanram/lanram.conf",
			     "discovery is off, and no coordinator is named in "
			     "the configuration");
}

/* As it is announced; or as it listens: what takes every address takes the
 * loopback's. Port 0 is not known then. */
static void own_addresses(const struct doctor *d, const struct lr_found *f,
			  char *out, size_t cap)
{
	const char *listen = d->c->cfg.coord_listen;
	bool any = !strncmp(listen, "[::]:", 5) ||
		   !strncmp(listen, "0.0.0.0:", 8);
	const char *colon = strrchr(listen, ':');

	if (f && lr_dev_eq(&f->pool, &d->daemons[DOCTOR_COORDINATOR].pool))
		snprintf(out, cap, "%s", f->addrs);
	else if (!colon || !strcmp(colon, ":0"))
		out[0] = '\0';
	else
		snprintf(out, cap, "%s%s", any ? "127.0.0.1" : "",
			 any ? colon : listen);
}

static void own_port_is_shut(struct doctor *d, const struct doctor_dial *a)
{
	const char *colon = strrchr(a->address, ':');
	char port[32];

	snprintf(port, sizeof port, "%s/tcp", colon ? colon + 1 : "7450");
	doctor_wrong(d, "port", 4,
		     a->err == LR_E_REFUSED
			     ? "sudo systemctl restart lanram-coordinator"
			     : doctor_open_port(port),
		     "the coordinator here cannot be reached at its own "
		     "address %s: %s",
		     a->address, doctor_why(a->err));
}

/* A firewall that drops what comes from elsewhere alone is not seen so. */
static void own_port(struct doctor *d, const char *addrs)
{
	struct doctor_dial a[ADDRESSES];
	size_t n = doctor_split(addrs, a, ADDRESSES);
	const struct doctor_dial *best;

	for (size_t i = 0; i < n; i++) {
		a[i].hello = true;
		a[i].peer = &d->daemons[DOCTOR_COORDINATOR].pool;
	}
	doctor_dial(d, a, n);
	best = first_good(a, n);
	for (size_t i = 0; best && i < n; i++)
		if (a[i].err)
			doctor_note(d, "port", "", "%s: %s", a[i].address,
				    doctor_why(a[i].err));
	if (best)
		doctor_ok(d, "port", "it answers this machine at %s",
			  best->reached);
	else if (n)
		own_port_is_shut(d, &a[0]);
}

static void own_coordinator(struct doctor *d)
{
	const struct lr_found *f = found_pool(d);
	char addrs[LR_ADDRS_MAX];

	own_addresses(d, f, addrs, sizeof addrs);
	doctor_ok(d, "coordinator", "it runs on this machine");
	doctor_ok(d, "address", "the local socket: no network lies between");
	own_port(d, addrs);
	snprintf(d->coordinator, sizeof d->coordinator, "this machine");
	if (d->avahi && !f)
		doctor_wrong(d, "coordinator", 4,
			     "sudo systemctl restart lanram-coordinator",
			     "it is not announced by mDNS: nobody else can "
			     "find it");
}

void doctor_coordinator(struct doctor *d)
{
	const struct lr_found *f = found_pool(d);
	const char *known = chosen(d), *named = d->c->cfg.coordinator;
	char host[256];

	if (d->daemons[DOCTOR_COORDINATOR].handle) {
		own_coordinator(d);
	} else if (named[0]) {
		snprintf(host, sizeof host, "%.*s",
			 (int)strcspn(named, ":"), named);
		doctor_ok(d, "coordinator",
			  "%s, named in the configuration", named);
		reach(d, host, named, NULL);
	} else if (f) {
		doctor_ok(d, "coordinator", "pool \"%s\" is announced by %s",
			  f->pool_name, f->host);
		reach(d, f->host, f->addrs, &f->pool);
	} else if (known[0] && strcmp(known, "local")) {
		doctor_note(d, "coordinator", "",
			    "not announced now; the daemon knows it at %s",
			    known);
		reach(d, known, known, NULL);
	} else {
		not_found(d);
	}
}

/* --- its key -------------------------------------------------------------- */

static bool daemon_refuses_pool(const struct doctor *d)
{
	for (unsigned i = 0; i < DOCTOR_ROLES; i++)
		if (d->daemons[i].stands &&
		    d->daemons[i].here.state == LR_HERE_WRONG_POOL)
			return true;
	return false;
}

static void known_key(struct doctor *d, const struct lr_dev *pool)
{
	const struct lr_found *f = found_pool(d);
	char id[LR_DEV_TEXT + 1];

	if (f && !d->reached)
		d->reached_pool = f->pool;
	if ((d->reached || f) && !lr_dev_eq(pool, &d->reached_pool))
		return;
	lr_dev_format(pool, id);
	doctor_ok(d, "key", "pool \"%s\" is the one known here (%.10s...)",
		  d->c->cfg.pool, id);
}

void doctor_key(struct doctor *d)
{
	struct lr_dev pin = {0};
	char path[600], mend[800];
	size_t before = d->n;
	int error;

	snprintf(path, sizeof path, "%s/pool.%s", d->c->cfg.state_dir,
		 d->c->cfg.pool);
	error = lr_pin_read(path, &pin, NULL);
	for (unsigned i = 0; error && i < DOCTOR_ROLES; i++)
		if (d->daemons[i].stands &&
		    !lr_dev_is_zero(&d->daemons[i].pool)) {
			pin = d->daemons[i].pool;
			error = 0;
		}
	if (!error && !daemon_refuses_pool(d))
		known_key(d, &pin);
	else if (error == EACCES)
		doctor_note(d, "key", "sudo lanram doctor",
			    "%s cannot be read by this user", path);
	else if (error)
		doctor_ok(d, "key", "no pool of this name is known here yet");
	if (d->n > before)
		return;
	snprintf(mend, sizeof mend,
		 "if the pool was made anew, or restored with a key that was "
		 "replaced since: sudo rm %s && sudo systemctl restart "
		 "lanram-requester lanram-donor",
		 path);
	doctor_wrong(d, "key", 6, mend,
		     "another pool calls itself \"%s\": its key is not the one "
		     "known here, it gets no data",
		     d->c->cfg.pool);
}

/* --- admission
 * --------------------------------------------------------------------------- */

static void tell_admission(struct doctor *d, const struct doctor_daemon *m)
{
	const char *host = d->coordinator[0] ? d->coordinator
					     : m->here.coordinator;
	char mend[256];

	switch (m->here.state) {
	case LR_HERE_READY:
		doctor_ok(d, "admitted", "the %s is in pool \"%s\"", m->name,
			  m->here.pool);
		break;
	case LR_HERE_PENDING:
		snprintf(mend, sizeof mend, "on %s: sudo lanram admit %s", host,
			 m->here.code);
		doctor_wrong(d, "admitted", 6, mend,
			     "the %s is not admitted yet: its request waits "
			     "there, code %s",
			     m->name, m->here.code);
		break;
	case LR_HERE_REFUSED:
		snprintf(mend, sizeof mend,
			 "ask the admin of %s; the request is renewed by "
			 "itself",
			 host);
		doctor_wrong(d, "admitted", 6, mend,
			     "the %s was refused or revoked by an admin",
			     m->name);
		break;
	case LR_HERE_AWAY:
		snprintf(mend, sizeof mend, "on %s: " START, host);
		doctor_wrong(d, "admitted", 4, mend,
			     "the %s is in the pool, but the coordinator does "
			     "not answer it",
			     m->name);
		break;
	case LR_HERE_VERSION:
		doctor_wrong(d, "admitted", 4,
			     "upgrade lanram on the older side",
			     "the %s is told: %s", m->name, m->here.text);
		break;
	case LR_HERE_WRONG_POOL:
		break; /* told with the key */
	case LR_HERE_SEARCHING:
		snprintf(mend, sizeof mend,
			 "sudo systemctl restart lanram-%s", m->name);
		if (d->reached)
			doctor_wrong(d, "admitted", 4, mend,
				     "the %s has not reached the coordinator, "
				     "though it can be reached from here",
				     m->name);
		break;
	}
}

void doctor_admitted(struct doctor *d)
{
	for (unsigned i = DOCTOR_REQUESTER; i <= DOCTOR_DONOR; i++)
		if (d->daemons[i].stands)
			tell_admission(d, &d->daemons[i]);
}

/* --- clock
 * ------------------------------------------------------------------------------- */

static int64_t unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void doctor_clock(struct doctor *d)
{
	struct doctor_daemon *m = doctor_member(d);
	struct lr_msg_check ask = {.uid = (uint32_t)geteuid()};
	struct lr_msg_check_r r;
	struct lr_answer a;
	int64_t begin, skew;

	if (!m || d->daemons[DOCTOR_COORDINATOR].handle)
		return; /* nobody to ask, or the same clock */
	begin = unix_ms();
	/* A donor's answer takes as long as the dial back. */
	if (!DOCTOR_ASK(m->handle, CHECK, check, &ask, CHECK_R, &a))
		return;
	if (lr_dec_check_r(a.f.meta, a.f.h.meta, &r)) {
		skew = unix_ms() - (int64_t)r.unix_ms;
		if (skew > 0) /* the time on the way is not the clock's */
			skew = begin < (int64_t)r.unix_ms
				       ? 0
				       : begin - (int64_t)r.unix_ms;
		if (llabs(skew) <= SKEW_MS)
			doctor_ok(d, "clock", "as the coordinator's");
		else
			doctor_wrong(d, "clock", 1,
				     "sudo timedatectl set-ntp true",
				     "this machine's clock is %lld s %s the "
				     "coordinator's: what is stored with --ttl "
				     "expires at the wrong time",
				     (long long)llabs(skew) / 1000,
				     skew > 0 ? "ahead of" : "behind");
	}
	lr_answer_done(&a);
}
