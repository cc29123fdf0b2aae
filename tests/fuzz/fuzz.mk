# SPDX-License-Identifier: Apache-2.0
# Fuzzers. With --enable-fuzz (clang) they search; in every other build they
# run the inputs that are kept in tests/fuzz/corpus.
fuzzers = \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_coord \
	tests/fuzz/fuzz_donor \
	tests/fuzz/fuzz_invitation \
	tests/fuzz/fuzz_link \
	tests/fuzz/fuzz_manifest \
	tests/fuzz/fuzz_message \
	tests/fuzz/fuzz_names \
	tests/fuzz/fuzz_op \
	tests/fuzz/fuzz_pool \
	tests/fuzz/fuzz_state \
	tests/fuzz/fuzz_txt \
	tests/fuzz/fuzz_view \
	tests/fuzz/fuzz_words
check_PROGRAMS += $(fuzzers)
dist_check_SCRIPTS += tests/fuzz/check-corpus
TESTS += tests/fuzz/check-corpus
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/search

if FUZZ
fuzz_main = tests/fuzz/fuzz.h
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
pool_cflags = $(sim_cflags) -g -fsanitize=fuzzer-no-link
pool_ldflags = -fsanitize=fuzzer
else
fuzz_main = tests/fuzz/fuzz.h tests/fuzz/replay.c
fuzz_ldflags = $(AM_LDFLAGS)
pool_cflags = $(sim_cflags)
pool_ldflags =
endif
fuzz_core = lib/wire/liblrwire.la lib/core/liblrcore.la

tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(fuzz_main)
tests_fuzz_fuzz_config_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_config_LDADD = lib/client/liblrclient.la
tests_fuzz_fuzz_coord_SOURCES = tests/fuzz/fuzz_coord.c $(fuzz_main)
tests_fuzz_fuzz_coord_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_coord_LDADD = $(fuzz_core) -lm
tests_fuzz_fuzz_donor_SOURCES = tests/fuzz/fuzz_donor.c $(fuzz_main)
tests_fuzz_fuzz_donor_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_donor_LDADD = $(fuzz_core)
tests_fuzz_fuzz_invitation_SOURCES = tests/fuzz/fuzz_invitation.c $(fuzz_main)
tests_fuzz_fuzz_invitation_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_invitation_LDADD = lib/net/liblrnet.la
tests_fuzz_fuzz_link_SOURCES = tests/fuzz/fuzz_link.c $(fuzz_main)
tests_fuzz_fuzz_link_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_link_LDADD = lib/net/liblrnet.la
tests_fuzz_fuzz_manifest_SOURCES = tests/fuzz/fuzz_manifest.c $(fuzz_main)
tests_fuzz_fuzz_manifest_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_manifest_LDADD = $(fuzz_core)
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c $(fuzz_main)
tests_fuzz_fuzz_message_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_message_LDADD = $(fuzz_core)
tests_fuzz_fuzz_names_SOURCES = tests/fuzz/fuzz_names.c $(fuzz_main) \
	$(register_model)
tests_fuzz_fuzz_names_CPPFLAGS = $(AM_CPPFLAGS) -DLR_MUTATIONS
tests_fuzz_fuzz_names_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_names_LDADD = $(CMOCKA_LIBS)
tests_fuzz_fuzz_op_SOURCES = tests/fuzz/fuzz_op.c $(fuzz_main)
tests_fuzz_fuzz_op_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_op_LDADD = $(fuzz_core)
# Without sanitizers, as tests/sim: lives are what counts.
tests_fuzz_fuzz_pool_SOURCES = tests/fuzz/fuzz_pool.c $(fuzz_main) \
	$(sim_sources) $(sim_core)
tests_fuzz_fuzz_pool_CFLAGS = $(pool_cflags)
tests_fuzz_fuzz_pool_LDFLAGS = $(pool_ldflags)
tests_fuzz_fuzz_pool_LDADD = $(XXHASH_LIBS) -lm
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c cli/pool_file.c \
	$(fuzz_main)
tests_fuzz_fuzz_state_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_state_LDADD = $(daemon_lanramd_LDADD)
tests_fuzz_fuzz_txt_SOURCES = tests/fuzz/fuzz_txt.c $(fuzz_main)
tests_fuzz_fuzz_txt_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_txt_LDADD = discovery/liblrdisco.la lib/core/liblrcore.la
tests_fuzz_fuzz_view_SOURCES = tests/fuzz/fuzz_view.c $(fuzz_main)
tests_fuzz_fuzz_view_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_view_LDADD = $(fuzz_core)
tests_fuzz_fuzz_words_SOURCES = tests/fuzz/fuzz_words.c $(fuzz_main)
tests_fuzz_fuzz_words_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_words_LDADD = lib/client/liblrclient.la
