/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names in the small world of tests/unit/test_register_model.c,
 * whose chance the input tells: updates at donors whose configuration changes,
 * messages late and lost. The histories must be linearizable. */
#define MODEL_FUZZED
#define STEPS 600
#include "tests/unit/test_register_model.c"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	draw_told = data;
	draw_told_left = size;
	FUZZ_CHECK(run_world(size ? data[0] : 0));
	return 0;
}
