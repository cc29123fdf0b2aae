# SPDX-License-Identifier: Apache-2.0
# The command without a pool; with one, tests/lab has it.
dist_check_SCRIPTS += tests/cli/test_cli.py tests/cli/test_completion.py
TESTS += tests/cli/test_cli.py tests/cli/test_completion.py
