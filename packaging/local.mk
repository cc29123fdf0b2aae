# SPDX-License-Identifier: Apache-2.0
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = packaging/liblanram.pc
