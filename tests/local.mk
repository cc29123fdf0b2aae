# SPDX-License-Identifier: Apache-2.0
# Unit tests: each module's owner adds programs in the fragments below.
include tests/unit/core.mk
include tests/unit/wire.mk
include tests/unit/net.mk
include tests/unit/store.mk
include tests/unit/disco.mk
include tests/unit/client.mk
include tests/unit/daemon.mk

# Checks of the tree itself.
dist_check_SCRIPTS += tests/check-pure tests/check-listed
TESTS += tests/check-pure tests/check-listed
EXTRA_DIST += tests/run

TESTS_ENVIRONMENT = top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' \
	ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

check-pure: 
	$(srcdir)/tests/check-pure $(srcdir)
check-listed:
	$(srcdir)/tests/check-listed $(srcdir)
.PHONY: check-pure check-listed
