# SPDX-License-Identifier: Apache-2.0
# lib/net, over real sockets on loopback.
net_tests = \
	tests/unit/test_dial \
	tests/unit/test_identity \
	tests/unit/test_invitation \
	tests/unit/test_line \
	tests/unit/test_link \
	tests/unit/test_link_close \
	tests/unit/test_link_hostile \
	tests/unit/test_link_limits \
	tests/unit/test_link_memory \
	tests/unit/test_link_queue \
	tests/unit/test_listener \
	tests/unit/test_spin \
	tests/unit/test_succession
check_PROGRAMS += $(net_tests)
TESTS += $(net_tests)
net_kit = tests/unit/net_kit.c tests/unit/net_kit.h
net_libs = lib/net/liblrnet.la $(CMOCKA_LIBS)

tests_unit_test_dial_SOURCES = tests/unit/test_dial.c $(net_kit)
tests_unit_test_dial_LDADD = $(net_libs)
tests_unit_test_identity_SOURCES = tests/unit/test_identity.c
tests_unit_test_identity_LDADD = $(net_libs)
tests_unit_test_invitation_SOURCES = tests/unit/test_invitation.c
tests_unit_test_invitation_LDADD = $(net_libs)
tests_unit_test_line_SOURCES = tests/unit/test_line.c
tests_unit_test_line_LDADD = $(net_libs)
tests_unit_test_link_SOURCES = tests/unit/test_link.c $(net_kit)
tests_unit_test_link_LDADD = $(net_libs)
tests_unit_test_link_close_SOURCES = tests/unit/test_link_close.c $(net_kit)
tests_unit_test_link_close_LDADD = $(net_libs)
tests_unit_test_link_hostile_SOURCES = tests/unit/test_link_hostile.c \
	$(net_kit)
tests_unit_test_link_hostile_LDADD = $(net_libs)
tests_unit_test_link_limits_SOURCES = tests/unit/test_link_limits.c $(net_kit)
tests_unit_test_link_limits_LDADD = $(net_libs)
# Its allocations fail on demand.
tests_unit_test_link_memory_SOURCES = tests/unit/test_link_memory.c $(net_kit) \
	$(fail_nth)
tests_unit_test_link_memory_LDFLAGS = $(AM_LDFLAGS) $(fail_nth_ldflags)
tests_unit_test_link_memory_LDADD = $(net_libs)
tests_unit_test_link_queue_SOURCES = tests/unit/test_link_queue.c $(net_kit)
tests_unit_test_link_queue_LDADD = $(net_libs)
tests_unit_test_listener_SOURCES = tests/unit/test_listener.c $(net_kit)
tests_unit_test_listener_LDADD = $(net_libs)
tests_unit_test_succession_SOURCES = tests/unit/test_succession.c $(net_kit)
tests_unit_test_succession_LDADD = $(net_libs)
tests_unit_test_spin_SOURCES = tests/unit/test_spin.c $(net_kit)
tests_unit_test_spin_LDADD = $(net_libs)
