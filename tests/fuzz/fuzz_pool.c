/* SPDX-License-Identifier: Apache-2.0 */
/* A whole pool (tests/sim), whose chance the input tells: which faults, when,
 * how late each message comes. The simulation's oracle judges: I1 to I5, no
 * acknowledged thing lost or stale, registers linearizable. What the input
 * does not tell is drawn from its first bytes. */
#include "tests/fuzz/fuzz.h"

#include "tests/sim/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sim sim;
	struct fuzz_in in = {data, size};
	uint64_t seed = fuzz_int(&in, 2);

	if (!sim.conn) {
		sim.conn = calloc(SIM_CONNS, sizeof *sim.conn);
		sim.free_conn = calloc(SIM_CONNS, sizeof *sim.free_conn);
		FUZZ_CHECK(sim.conn && sim.free_conn);
	}
	sim.theme = THEME_SHORT;
	sim.told = in.p;
	sim.n_told = in.left;
	if (!sim_run(&sim, seed, false)) {
		fprintf(stderr, "%s\n", sim.wrong);
		abort();
	}
	return 0;
}
