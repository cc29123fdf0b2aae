/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names in the small world of tests/unit/register_model.h, whose
 * chance the input tells: updates at donors whose configuration changes,
 * messages late and lost. The histories must be linearizable. */
#include "core/mutate.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/register_model.h"

#define STEPS 600

const char *lr_mutation;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FUZZ_CHECK(register_run(size ? data[0] : 0, STEPS, data, size));
	return 0;
}
