# SPDX-License-Identifier: Apache-2.0
# Unit tests: each module's owner adds programs in the fragments below.
include tests/unit/core.mk
include tests/unit/wire.mk
include tests/unit/net.mk
include tests/unit/store.mk
include tests/unit/disco.mk
include tests/unit/client.mk
include tests/unit/daemon.mk
include tests/unit/tui.mk
include tests/cli/cli.mk
include tests/lab/lab.mk
include tests/sim.mk
include tests/fuzz/fuzz.mk

# Checks of the tree itself.
tree_checks = tests/check-pure tests/check-listed tests/check-docs
dist_check_SCRIPTS += $(tree_checks)
TESTS += $(tree_checks)
EXTRA_DIST += tests/run tests/deb tests/lab tests/screens

dist-hook:
	find "$(distdir)" -name __pycache__ -prune -exec rm -rf {} +

TESTS_ENVIRONMENT = top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' \
	ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
