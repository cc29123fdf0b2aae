/* SPDX-License-Identifier: Apache-2.0 */
/* The daemons of this machine: their sockets, versions, limits, and whether
 * what they hold could be swapped out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/output.h"
#include "wire/version.h"

#define ASK_MS	    2500
#define MEMLOCK_MIN 65536 /* keys take a few pages */

/* --- sockets
 * ------------------------------------------------------------------------------ */

/* Connects; errno's number if nobody takes us. */
static int knock(const char *path, pid_t *ret_pid)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who;
	socklen_t len = sizeof who;
	int fd, error = 0;

	if (strlen(path) >= sizeof a.sun_path)
		return ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		error = errno;
	else if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		*ret_pid = who.pid;
	close(fd);
	return error;
}

static void is_away(struct doctor *d, enum doctor_role role, const char *path,
		    int error)
{
	const char *name = d->daemons[role].name;
	char start[64];

	snprintf(start, sizeof start, "sudo systemctl start lanram-%s", name);
	if (error == ECONNREFUSED)
		doctor_wrong(d, "daemons", 4, start,
			     "the %s died: %s is there, but nobody listens",
			     name, path);
	else if (error != ENOENT)
		doctor_wrong(d, "daemons", error == EACCES ? 6 : 4,
			     error == EACCES ? "as root, or see socket_mode in "
					       "the configuration"
					     : "",
			     "%s: %s", path, strerror(error));
	else if (role == DOCTOR_REQUESTER &&
		 d->daemons[DOCTOR_COORDINATOR].handle)
		doctor_note(d, "daemons", start,
			    "no requester runs: data cannot be stored from "
			    "here");
	else if (role == DOCTOR_REQUESTER)
		doctor_wrong(d, "daemons", 4, start,
			     "the requester is not running (%s): nothing on "
			     "this machine can use the pool",
			     path);
	else if (role == DOCTOR_DONOR)
		doctor_note(d, "daemons", start,
			    "no donor runs: this machine lends no RAM");
}

static bool take_here(struct doctor_daemon *m)
{
	struct lr_msg_here ask = {0};
	struct lr_msg_here_r r;
	struct lr_answer a;

	if (!DOCTOR_ASK(m->handle, HERE, here, &ask, HERE_R, &a))
		return false;
	if (lr_dec_here_r(a.f.meta, a.f.h.meta, &r)) {
		m->stands = true;
		m->dev = r.dev;
		m->pool = r.pool;
		m->here.state = r.state;
		lr_str_copy(r.pool_name, m->here.pool, sizeof m->here.pool);
		lr_str_copy(r.coordinator, m->here.coordinator,
			    sizeof m->here.coordinator);
		lr_str_copy(r.code, m->here.code, sizeof m->here.code);
	}
	lr_answer_done(&a);
	return true;
}

static enum lr_err greet(struct doctor_daemon *m)
{
	struct lr_msg_hello hello = {.proto_min = lr_proto_min,
				     .proto_max = lr_proto_max,
				     .role = LR_LINK_LOCAL,
				     .name = lr_str("doctor"),
				     .version = lr_str(PACKAGE_VERSION),
				     .site = lr_str(""),
				     .addrs = lr_str("")};
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_msg_welcome r;
	struct lr_answer a;
	enum lr_err err;

	lr_enc_hello(&w, &hello);
	err = lr_client_ask(m->handle, LR_M_HELLO, w.p, w.len, &a);
	if (!err && a.f.h.type != LR_M_WELCOME)
		err = LR_E_PROTOCOL;
	if (!err && lr_dec_welcome(a.f.meta, a.f.h.meta, &r)) {
		m->pool = r.pool;
		lr_str_copy(r.version, m->version, sizeof m->version);
	}
	lr_answer_done(&a);
	return err;
}

static void no_answer(struct doctor *d, const struct doctor_daemon *m,
		      enum lr_err err, const char *path)
{
	char restart[64];

	snprintf(restart, sizeof restart, "sudo systemctl restart lanram-%s",
		 m->name);
	if (err == LR_E_VERSION)
		doctor_wrong(d, "daemons", 1, restart,
			     "the %s (process %d) and this program are of "
			     "versions that do not speak to each other: %s",
			     m->name, (int)m->pid, lanram_error(m->handle));
	else
		doctor_wrong(d, "daemons", 4, restart,
			     "the %s (process %d) does not answer on %s: it "
			     "hangs, or is stopped",
			     m->name, (int)m->pid, path);
}

static void is_there(struct doctor *d, enum doctor_role role, const char *path)
{
	struct doctor_daemon *m = &d->daemons[role];
	struct lanram_options opt = {.socket = path, .deadline_ms = ASK_MS};
	enum lr_err err = LR_E_NO_MEMORY;

	if (lanram_open(&opt, &m->handle) == LANRAM_OK)
		err = greet(m);
	if (!err) {
		doctor_ok(d, "daemons", "the %s runs (process %d, version %s)",
			  m->name, (int)m->pid, m->version);
		if (role != DOCTOR_COORDINATOR)
			take_here(m);
		return;
	}
	no_answer(d, m, err, path);
	lanram_close(m->handle);
	m->handle = NULL;
}

void doctor_daemons(struct doctor *d)
{
	static const char *const names[DOCTOR_ROLES] = {
		CLI_REQUESTER, CLI_DONOR, CLI_COORDINATOR};
	char path[300];
	int error;

	for (unsigned i = DOCTOR_ROLES; i--;) {
		d->daemons[i].name = names[i];
		snprintf(path, sizeof path, "%.100s/%s.sock", d->c->cfg.run_dir,
			 names[i]);
		error = knock(path, &d->daemons[i].pid);
		if (error)
			is_away(d, i, path, error);
		else
			is_there(d, i, path);
	}
	d->needs_mdns = !d->c->cfg.coordinator[0] &&
			!d->daemons[DOCTOR_COORDINATOR].handle;
}

/* --- versions
 * ----------------------------------------------------------------------------- */

static void donor_versions(struct doctor *d)
{
	struct lr_msg_donors m = {.uid = (uint32_t)geteuid()};
	struct doctor_daemon *r = &d->daemons[DOCTOR_REQUESTER];
	struct lr_rec_donor rec;
	struct lr_reader in;
	struct lr_answer a;
	char version[32];

	if (!r->stands || r->here.state != LR_HERE_READY ||
	    !DOCTOR_ASK(r->handle, DONORS, donors, &m, DONORS_R, &a))
		return;
	in = lr_reader(a.f.bulk, a.f.h.bulk);
	while (in.left && lr_dec_rec_donor(&in, &rec)) {
		if (!lr_str_copy(rec.version, version, sizeof version) ||
		    !version[0] || !strcmp(version, PACKAGE_VERSION))
			continue;
		doctor_note(d, "versions", "",
			    "%.*s runs %s, here is %s: upgrade the older one "
			    "when it suits",
			    (int)rec.name.n, rec.name.p, version,
			    PACKAGE_VERSION);
	}
	lr_answer_done(&a);
}

void doctor_versions(struct doctor *d)
{
	size_t before = d->n;
	char restart[64];

	for (unsigned i = 0; i < DOCTOR_ROLES; i++) {
		const struct doctor_daemon *m = &d->daemons[i];

		if (!m->version[0] || !strcmp(m->version, PACKAGE_VERSION))
			continue;
		snprintf(restart, sizeof restart,
			 "sudo systemctl restart lanram-%s", m->name);
		doctor_note(d, "versions", restart,
			    "the %s is still %s, installed is %s", m->name,
			    m->version, PACKAGE_VERSION);
	}
	donor_versions(d);
	if (d->n == before)
		doctor_ok(d, "versions", "%s, as all that could be asked",
			  PACKAGE_VERSION);
}

/* --- memory
 * ------------------------------------------------------------------------------- */

/* The number behind `key` in a file of /proc; UINT64_MAX: not there. */
static uint64_t number_in(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	uint64_t found = UINT64_MAX;
	unsigned long long n;
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), "%llu", &n) == 1)
			found = n;
	if (f)
		fclose(f);
	return found;
}

static void check_locked(struct doctor *d)
{
	size_t before = d->n;
	char path[64], mend[128];
	uint64_t limit;

	for (unsigned i = 0; i < DOCTOR_ROLES; i++) {
		const struct doctor_daemon *m = &d->daemons[i];

		if (!m->pid)
			continue;
		snprintf(path, sizeof path, "/proc/%d/limits", (int)m->pid);
		limit = number_in(path, "Max locked memory");
		if (limit >= MEMLOCK_MIN)
			continue;
		snprintf(mend, sizeof mend,
			 "sudo systemctl edit lanram-%s, there: [Service] "
			 "LimitMEMLOCK=8M",
			 m->name);
		doctor_wrong(d, "memory", 1, mend,
			     "the %s may lock only %llu bytes: its keys could "
			     "be swapped out",
			     m->name, (unsigned long long)limit);
	}
	if (d->n == before)
		doctor_ok(d, "memory", "enough memory may be locked");
}

static bool swap_is_on(void)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[512];
	int lines = 0;

	while (f && fgets(line, sizeof line, f))
		lines++;
	if (f)
		fclose(f);
	return lines > 1;
}

/* Its cgroup, or one above, is given no swap. */
static bool is_kept_from_swap(pid_t pid)
{
	char line[512] = "", path[700], *end;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "0::", 3))
			break;
	if (f)
		fclose(f);
	if (strncmp(line, "0::", 3))
		return false;
	line[strcspn(line, "\n")] = '\0';
	for (end = line + strlen(line); end; end = strrchr(line + 3, '/')) {
		*end = '\0';
		snprintf(path, sizeof path,
			 "/sys/fs/cgroup%s/memory.swap.max", line + 3);
		if (number_in(path, "") == 0)
			return true;
	}
	return false;
}

static void check_swap(struct doctor *d)
{
	const struct doctor_daemon *m = &d->daemons[DOCTOR_DONOR];
	char path[64];
	uint64_t swapped;

	if (!swap_is_on()) {
		doctor_ok(d, "swap", "there is none: lent RAM stays RAM");
		return;
	}
	if (!m->pid) {
		doctor_ok(d, "swap", "no donor here that it could slow down");
		return;
	}
	if (is_kept_from_swap(m->pid)) {
		doctor_ok(d, "swap", "it is on, but not for the donor");
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/status", (int)m->pid);
	swapped = number_in(path, "VmSwap:");
	doctor_wrong(d, "swap", 1,
		     "sudo systemctl edit lanram-donor, there: [Service] "
		     "MemorySwapMax=0; or: sudo swapoff -a",
		     "what the donor holds can be swapped out (%llu KiB are "
		     "now): reads then wait for the disk",
		     (unsigned long long)(swapped == UINT64_MAX ? 0 : swapped));
}

void doctor_memory(struct doctor *d)
{
	check_locked(d);
	check_swap(d);
}
