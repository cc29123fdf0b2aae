/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "net/identity.h"

/* --- what was found
 * --------------------------------------------------------------------- */

static void add(struct doctor *d, const char *step, enum doctor_state state,
		int code, const char *mend, const char *fmt, va_list ap)
{
	struct doctor_step *s = &d->steps[d->n];
	char *text, *safe;

	if (d->n == DOCTOR_STEPS_MAX)
		return;
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	out_must(text);
	safe = out_escape(text, strlen(text));
	free(text);
	*s = (struct doctor_step){.name = step,
				  .state = state,
				  .code = code,
				  .text = safe,
				  .mend = out_escape(mend, strlen(mend))};
	d->n++;
}

void doctor_ok(struct doctor *d, const char *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, step, DOCTOR_OK, 0, "", fmt, ap);
	va_end(ap);
}

void doctor_note(struct doctor *d, const char *step, const char *mend,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, step, DOCTOR_NOTE, 0, mend, fmt, ap);
	va_end(ap);
}

void doctor_wrong(struct doctor *d, const char *step, int code,
		  const char *mend, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, step, DOCTOR_WRONG, code, mend, fmt, ap);
	va_end(ap);
}

const char *doctor_open_port(const char *port)
{
	static char text[160];
	const char *slash = strchr(port, '/');

	if (access("/usr/sbin/ufw", X_OK) == 0)
		snprintf(text, sizeof text, "sudo ufw allow %s", port);
	else if (access("/usr/bin/firewall-cmd", X_OK) == 0)
		snprintf(text, sizeof text,
			 "sudo firewall-cmd --permanent --add-port=%s && sudo "
			 "firewall-cmd --reload",
			 port);
	else
		snprintf(text, sizeof text,
			 "sudo nft list ruleset, and accept %s dport %.*s in "
			 "the chain that drops it",
			 slash + 1, (int)(slash - port), port);
	return text;
}

/* --- asking
 * ---------------------------------------------------------------------------- */

bool doctor_ask(struct lanram *handle, unsigned type,
		const struct lr_writer *meta, unsigned want,
		struct lr_answer *ret)
{
	memset(ret, 0, sizeof *ret);
	if (!handle || meta->bad)
		return false;
	if (!lr_client_ask(handle, type, meta->p, meta->len, ret) &&
	    ret->f.h.type == want)
		return true;
	lr_answer_done(ret);
	return false;
}

struct doctor_daemon *doctor_member(struct doctor *d)
{
	for (unsigned i = DOCTOR_REQUESTER; i <= DOCTOR_DONOR; i++)
		if (d->daemons[i].stands &&
		    d->daemons[i].here.state == LR_HERE_READY)
			return &d->daemons[i];
	return NULL;
}

/* --- the report
 * ------------------------------------------------------------------------- */

static int worst(const struct doctor *d)
{
	int code = 0;

	for (size_t i = 0; i < d->n; i++)
		if (d->steps[i].code > code)
			code = d->steps[i].code;
	return code;
}

static const char *const states[] = {"ok", "note", "wrong"};

static int print_json(const struct doctor *d)
{
	json_t *steps = out_must(json_array());
	int code = worst(d);

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_step *s = &d->steps[i];

		json_array_append_new(
			steps, json_pack("{ss ss so so si}", "step", s->name,
					 "state", states[s->state], "text",
					 out_json_text(s->text), "mend",
					 out_json_text(s->mend), "code",
					 s->code));
	}
	return out_json(json_pack("{sb si so}", "ok", !code, "code", code,
				  "steps", steps),
			code);
}

static int print_text(const struct doctor *d)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_step *s = &d->steps[i];

		printf("%-5s  %-12s %s\n", states[s->state], s->name, s->text);
		if (s->mend[0])
			printf("%-5s  %-12s -> %s\n", "", "", s->mend);
		wrong += s->state == DOCTOR_WRONG;
	}
	if (wrong)
		printf("%u thing%s wrong\n", wrong, wrong == 1 ? " is" : "s are");
	else
		printf("all is well\n");
	return out_finish(worst(d));
}

/* --- the examination
 * --------------------------------------------------------------------- */

static void (*const examine[])(struct doctor *d) = {
	doctor_daemons, doctor_mdns,  doctor_coordinator,
	doctor_key,	doctor_admitted, doctor_donors,
	doctor_encryption, doctor_clock, doctor_versions,
	doctor_memory,
};

static bool start(struct doctor *d)
{
	return uv_loop_init(&d->loop) == 0 &&
	       lr_identity_make(&d->identity) == LR_E_OK &&
	       (d->tls = lr_tls_new(d->identity)) != NULL;
}

static void done(struct doctor *d)
{
	for (unsigned i = 0; i < DOCTOR_ROLES; i++)
		lanram_close(d->daemons[i].handle);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	uv_loop_close(&d->loop);
	lr_tls_free(d->tls);
	lr_identity_free(d->identity);
	for (size_t i = 0; i < d->n; i++) {
		free(d->steps[i].text);
		free(d->steps[i].mend);
	}
	free(d);
}

int cli_doctor(struct cli *c, int argc, char **argv)
{
	struct doctor *d = out_must(calloc(1, sizeof *d));
	int code;

	(void)argc, (void)argv;
	d->c = c;
	if (!start(d))
		return out_say(1, "out of memory");
	for (size_t i = 0; i < sizeof examine / sizeof *examine; i++)
		examine[i](d);
	code = c->json ? print_json(d) : print_text(d);
	done(d);
	return code;
}
