# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's SSTP server, written from MS-SSTP and domain.md 4 alone: it shares nothing with the product's client.

http, packets, keys, binding, ppp, lcp, auth, network and call do no input or output: bytes in, bytes out, time from
outside. listener puts them behind a host's port; host_state says what a host's raw state means for a login.
"""
