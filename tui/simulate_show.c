/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated pool as the dashboard's model has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/simulate_i.h"

static void show_pool(struct sim *s, const struct lr_coord_row *rows, size_t n)
{
	struct lr_coord_summary sum;
	struct tui_pool p = { .run = 1, .encrypted = true, .complete = true };
	unsigned wave = (unsigned)(s->now_ms / 1000 % 24);

	lr_coord_summarize(s->c, &sum);
	p.epoch = lr_coord_view(s->c)->epoch;
	p.stored = s->slot_bytes * (s->nslots / 3);
	p.usable = sum.usable;
	p.objects = lr_catalog_count(s->catalog);
	p.donors_up = sum.up;
	p.donors_known = sum.known;
	p.full = sum.full;
	p.short_ = sum.short_;
	p.unavailable = sum.unavailable;
	p.lost = sum.lost;
	p.survives_donor = sum.survives_donor;
	p.survives_machine = sum.survives_machine;
	p.rec_left = lr_coord_recovery_left(s->c);
	p.paused = lr_coord_is_paused(s->c);
	p.health = sum.unavailable || sum.lost ? LR_HEALTH_CRITICAL :
		   sum.short_		       ? LR_HEALTH_DEGRADED :
						 LR_HEALTH_OK;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].state == LR_DONOR_DOWN)
			continue;
		p.lent += rows[i].beat.lent;
		p.held += rows[i].beat.used;
		p.p50_us = rows[i].beat.p50_us;
		if (rows[i].beat.p99_us > p.p99_us)
			p.p99_us = rows[i].beat.p99_us;
	}
	p.gets = 700 + (wave < 12 ? wave : 24 - wave) * 60 +
		 tui_sim_draw(s, 120);
	p.puts = 40 + tui_sim_draw(s, 80);
	p.bytes_out = p.gets * 46000;
	p.bytes_in = p.puts * 190000;
	strcpy(p.pool_name, "home");
	strcpy(p.coordinator, "anvil");
	if (p.paused)
		strcpy(p.reasons[p.n_reasons++], "the rebuild is paused");
	tui_model_pool(s->s.m, &p);
}

static void show_donor(struct sim *s, const struct lr_coord_row *row)
{
	struct tui_donor d = { .dev = row->d.member.dev,
			       .inc = row->d.member.inc,
			       .lent = row->beat.lent,
			       .held = row->beat.used,
			       .host_available = row->beat.host_available,
			       .entries = row->beat.entries,
			       .since_ms = START_UNIX_MS + row->since_ms,
			       .p50_us = row->beat.p50_us,
			       .p99_us = row->beat.p99_us,
			       .slots_lost = row->slots_lost,
			       .slots_short = row->slots_short,
			       .state = (uint8_t)row->state };

	snprintf(d.name, sizeof d.name, "%s", row->d.member.name);
	snprintf(d.address, sizeof d.address, "%.90s", row->d.member.addrs);
	snprintf(d.version, sizeof d.version, "%s", row->d.version);
	tui_model_donor(s->s.m, &d);
}

static void show_devices(struct sim *s)
{
	struct tui_device d = { .dev = { { 0x11 } },
				.roles = LR_ROLE_REQUESTER | LR_ROLE_ADMIN };

	strcpy(d.name, "anvil");
	tui_model_device(s->s.m, &d, true);
	for (unsigned i = 0; i < s->n; i++) {
		d = (struct tui_device){ .dev = s->d[i].dev,
					 .roles = LR_ROLE_DONOR |
						  LR_ROLE_REQUESTER };
		snprintf(d.name, sizeof d.name, "%s", s->d[i].name);
		tui_model_device(s->s.m, &d, false);
	}
}

void tui_sim_show_here(struct sim *s)
{
	struct tui_here h = { .known = true,
			      .donor = true,
			      .state = LR_HERE_READY,
			      .lent = s->lend,
			      .used = s->lend / 2,
			      .host_available = 12 * GIB - s->lend };

	strcpy(h.name, "anvil");
	strcpy(h.pool_name, "home");
	strcpy(h.coordinator, "10.7.0.1:7450");
	snprintf(h.spec, sizeof h.spec, "%llu GiB",
		 (unsigned long long)(s->lend / GIB));
	tui_model_here(s->s.m, &h);
}

void tui_sim_show(struct sim *s)
{
	size_t n = lr_coord_rows(s->c, NULL, 0);
	struct lr_coord_row *rows = tui_must(calloc(n + 1, sizeof *rows));

	s->s.m->now_ms = tui_sim_unix_ms(s);
	n = lr_coord_rows(s->c, rows, n);
	show_pool(s, rows, n);
	tui_model_donors_begin(s->s.m);
	for (size_t i = 0; i < n; i++)
		show_donor(s, &rows[i]);
	tui_model_donors_end(s->s.m);
	tui_sim_show_here(s);
	show_devices(s);
	free(rows);
}
