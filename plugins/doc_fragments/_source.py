# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that name a certificate on the controller. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    PFX = r"""
options:
  pfx:
    description:
      - A PFX file (PKCS12) on the controller, with a certificate and its private key. A relative path is looked for in the C(files)
        directories of the role and the play, as M(ansible.builtin.copy) does, and then in the current directory.
      - The content of such a file in base64 is taken as well, for example from a lookup.
      - A file encrypted with Ansible Vault is decrypted in memory.
    type: str
  pfx_password:
    description:
      - The password of O(pfx). It needs O(pfx).
      - No password and an empty one mean the same, as on Windows.
    type: str
"""

    CERTIFICATE = r"""
options:
  certificate:
    description:
      - A certificate without its private key, in PEM or DER, as a file on the controller. A relative path is looked for in the C(files)
        directories of the role and the play, as M(ansible.builtin.copy) does, and then in the current directory.
      - The content is taken as well, PEM as it is and DER in base64.
      - From PEM with several certificates the first one is taken.
    type: str
"""
