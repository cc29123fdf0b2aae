/* SPDX-License-Identifier: Apache-2.0 */
/* Every error there is: one table gives the names, the wire numbers, the exit
 * codes and the words. Lower layers return these and do not log. */
#ifndef LR_CORE_ERR_H
#define LR_CORE_ERR_H

/* clang-format off */
/*        name         exit  text */
#define LR_ERRORS(E) \
	E(OK,            0, "done") \
	E(FAILED,        1, "failed") \
	E(USAGE,         2, "wrong usage") \
	E(AMBIGUOUS,     2, "matches more than one") \
	E(ABSENT,        3, "not there") \
	E(UNREACHABLE,   4, "data not reachable now") \
	E(NO_POOL,       4, "no pool found") \
	E(NO_DAEMON,     4, "the local daemon is not running") \
	E(TIMEOUT,       4, "no answer in time") \
	E(FULL,          5, "pool full") \
	E(PERMISSION,    6, "not permitted") \
	E(NOT_ADMITTED,  6, "not admitted yet") \
	E(LOST,          7, "data lost") \
	E(UNKNOWN,       8, "outcome unknown") \
	E(INTERRUPTED, 130, "interrupted") \
	E(STALE,         4, "stale view") \
	E(SUPERSEDED,    1, "a newer write or removal won") \
	E(CONFLICT,      1, "changed meanwhile") \
	E(PROTOCOL,      1, "protocol error") \
	E(VERSION,       1, "protocol version not supported") \
	E(NO_MEMORY,     1, "out of memory") \
	E(CLOSED,        4, "link closed") \
	E(REFUSED,       4, "connection refused") \
	E(WRONG_PEER,    6, "not the peer that was expected") \
	E(CORRUPT,       7, "checksum mismatch") \
	E(BUSY,          4, "busy") \
	E(IO,            1, "input/output error")
/* clang-format on */

enum lr_err {
#define LR_ERR_ENUM(name, exit, text) LR_E_##name,
	LR_ERRORS(LR_ERR_ENUM)
#undef LR_ERR_ENUM
	LR_E_COUNT
};

/* A number from the wire that is no error of this version: FAILED. */
enum lr_err lr_err_from_wire(unsigned n);
const char *lr_err_name(enum lr_err err); /* "UNREACHABLE" */
const char *lr_err_text(enum lr_err err);
int lr_err_exit(enum lr_err err);

#endif
