# SPDX-License-Identifier: Apache-2.0
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = packaging/liblanram.pc

dist_man_MANS += packaging/man/lanram.1 packaging/man/lanramd.8 \
	packaging/man/lanram.conf.5 packaging/man/lanram-metrics.7 \
	packaging/man/lanram-protocol.7

completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = packaging/completion/lanram

unit_in = packaging/systemd/lanram-coordinator.service.in \
	packaging/systemd/lanram-donor.service.in \
	packaging/systemd/lanram-requester.service.in
if SYSTEMD_UNITS
systemdunitdir = $(systemdsystemunitdir)
nodist_systemdunit_DATA = $(unit_in:.service.in=.service)
CLEANFILES += $(nodist_systemdunit_DATA)
endif

# Paths are known to make, not to configure.
packaging/systemd/%.service: packaging/systemd/%.service.in
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
		$(SED) 's,[@]sbindir@,$(sbindir),g' $< > $@.tmp && mv $@.tmp $@

# Not by DATA: dots and dashes in the names, and an owner's lanram.conf stays.
install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/sysusers.d' \
		'$(DESTDIR)$(prefix)/lib/tmpfiles.d' '$(DESTDIR)$(sysconfdir)/lanram'
	$(INSTALL_DATA) $(srcdir)/packaging/systemd/lanram.sysusers \
		'$(DESTDIR)$(prefix)/lib/sysusers.d/lanram.conf'
	$(INSTALL_DATA) $(srcdir)/packaging/systemd/lanram.tmpfiles \
		'$(DESTDIR)$(prefix)/lib/tmpfiles.d/lanram.conf'
	test -e '$(DESTDIR)$(sysconfdir)/lanram/lanram.conf' || \
		$(INSTALL_DATA) $(srcdir)/packaging/lanram.conf \
		'$(DESTDIR)$(sysconfdir)/lanram/lanram.conf'

# The owner's configuration goes only if it is still the one we brought.
uninstall-hook:
	rm -f '$(DESTDIR)$(prefix)/lib/sysusers.d/lanram.conf' \
		'$(DESTDIR)$(prefix)/lib/tmpfiles.d/lanram.conf'
	if cmp -s $(srcdir)/packaging/lanram.conf \
		'$(DESTDIR)$(sysconfdir)/lanram/lanram.conf'; then \
		rm -f '$(DESTDIR)$(sysconfdir)/lanram/lanram.conf'; fi

EXTRA_DIST += $(unit_in) packaging/lanram.conf packaging/debian \
	packaging/systemd/lanram.sysusers packaging/systemd/lanram.tmpfiles \
	packaging/install-needs packaging/export-tree packaging/build-deb \
	packaging/quickstart
