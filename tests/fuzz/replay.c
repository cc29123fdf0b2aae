/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_x FILE...: runs the inputs that are kept, without libFuzzer. */
#include "tests/fuzz/fuzz.h"

static int run_file(const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t n;

	if (!f) {
		perror(path);
		return 1;
	}
	n = fread(buf, 1, sizeof buf, f);
	fclose(f);
	/* Of its own size, so that ASan sees a read beyond. */
	exact = malloc(n ? n : 1);
	if (!exact)
		return 1;
	for (size_t i = 0; i < n; i++)
		exact[i] = buf[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= run_file(argv[i]);
	printf("%s: %d inputs\n", argv[0], argc - 1);
	return bad || argc < 2;
}
