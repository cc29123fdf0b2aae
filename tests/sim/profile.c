/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is like: drawn before it begins. */
#include "tests/sim/sim.h"

static void draw_net(struct sim *s, struct profile *p)
{
	p->delay_ms = sim_chance(s, 600) ? sim_draw(s, 2) : sim_draw(s, 20);
	p->jitter_ms = sim_chance(s, 600) ? sim_draw(s, 4) : sim_draw(s, 60);
	if (sim_chance(s, 500)) {
		p->late_permille = 1 + sim_draw(s, 30);
		p->late_ms = sim_chance(s, 500) ? 300 : 5000;
	}
}

static void draw_works(struct sim *s, struct profile *p)
{
	p->op_ms = 60 + sim_draw(s, 400);
	p->chunked = sim_chance(s, 500);
	p->removals = sim_chance(s, 600);
	p->pct[0] = 20;
	p->pct[1] = p->chunked ? 10 : 0;
	p->pct[2] = 30;
	p->pct[3] = p->removals ? 12 : 0;
	p->registers = sim_draw(s, 4);
	p->pct[4] = p->registers ? 20 : 0;
	p->pct[5] = p->registers ? 15 : 0;
	p->names = sim_chance(s, 500) ? 1 + sim_draw(s, SIM_NAMES) : 0;
	p->pct[6] = p->names ? 10 : 0;
	p->pct[7] = p->names ? 25 : 0;
	p->pct[8] = 3;
	p->pct[9] = sim_chance(s, 500) ? 10 : 0;
}

static void draw_sizes(struct sim *s, struct profile *p)
{
	bool big = p->theme != THEME_SWEEP && sim_chance(s, 10);

	p->nslots = LR_CLASSES * (1 + sim_draw(s, sim_chance(s, 800) ? 2 : 16));
	p->devs = 3 + sim_draw(s, big ? 60 : 6);
	if (big && sim_chance(s, 100))
		p->devs = 200;
	p->clients = 2 + sim_draw(s, 4);
}

static void draw_faults(struct sim *s, struct profile *p)
{
	uint32_t slow = 1u << F_PAUSE_LONG | 1u << F_CUT_COORD_LONG |
			1u << F_STARVE;

	p->faults = (uint32_t)sim_random(s) & (uint32_t)sim_random(s) &
		    ((1u << FAULTS) - 1);
	p->faults |= 1u << sim_draw(s, FAULTS);
	if (p->theme == THEME_SWEEP)
		p->faults = (p->faults & (uint32_t)sim_random(s)) | slow |
			    1u << F_SLOW;
	if (p->theme == THEME_SHORT || p->theme == THEME_SLOW ||
	    p->theme == THEME_RESTORED || p->theme == THEME_PRESSED)
		p->faults &= ~slow;
	if (p->theme == THEME_SLOW)
		p->faults |= 1u << F_SLOW | 1u << F_LAG | 1u << F_ROLL;
	if (!p->faults)
		p->faults = 1u << F_KILL;
}

/* Long lives are few: they take long. */
static enum theme draw_theme(struct sim *s)
{
	unsigned at = sim_draw(s, 100);

	return at < 3 ? THEME_LONG :
	       at < 5 ? THEME_SWEEP :
	       at < 9 ? THEME_SLOW :
			THEME_SHORT;
}

void nemesis_draw_profile(struct sim *s)
{
	struct profile *p = &s->p;

	*p = (struct profile){ 0 };
	p->theme = draw_theme(s);
	if (s->seed % 16 == 15)
		p->theme = THEME_RESTORED;
	if (s->seed % 16 == 13)
		p->theme = THEME_PRESSED;
	if (s->theme)
		p->theme = s->theme;
	draw_sizes(s, p);
	draw_net(s, p);
	draw_works(s, p);
	p->active_ms = 5000 + sim_draw(s, 15000);
	p->fault_ms = 200 + sim_draw(s, 2500);
	if (p->theme == THEME_LONG || p->theme == THEME_SWEEP) {
		p->active_ms = 90000 + sim_draw(s, 60000);
		p->op_ms *= 3;
		p->fault_ms = 200 + sim_draw(s, 8000);
	}
	if (p->theme == THEME_SWEEP) {
		p->active_ms = 180000 + sim_draw(s, 80000);
		p->fault_ms = 4000 + sim_draw(s, 12000);
		p->chunked = p->removals = true;
		p->pct[1] = 25;
		p->pct[3] = 12;
	}
	draw_faults(s, p);
	p->careful = sim_chance(s, 750);
	/* Not drawn: the lives without it stay what they were. */
	p->forward = s->seed % 5 == 2 || s->seed % 5 == 3;
	p->via = s->seed % 10 == 0;
	p->trickle = s->seed % 7 == 4 || s->seed % 7 == 5;
	p->full = p->theme != THEME_SWEEP && sim_chance(s, 100);
}
