/* SPDX-License-Identifier: Apache-2.0 */
/* A place of limited size that values are put into and taken out of. */
#ifndef LR_BENCH_CHURN_H
#define LR_BENCH_CHURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct churn_value {
	union {
		char text[28];	 /* pool: the object's ID */
		uint64_t number; /* store: the first entry's */
	} id;
	uint32_t bytes;
};

/* All end the program when they fail for another reason than want of room. */
struct churn_ops {
	void (*open)(char **args);
	bool (*put)(struct churn_value *v, const void *bytes); /* false: full */
	void (*drop)(const struct churn_value *v);
	void (*close)(void);
	/* Said after each row: what all that costs there. */
	void (*tell)(uint64_t value_bytes);
};

extern const struct churn_ops churn_store, churn_pool;

void churn_die(const char *what);

#endif
