# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that name a certificate on the controller. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
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
  certificate:
    description:
      - A certificate in PEM, DER or PKCS7, as a file on the controller, which is looked for as O(pfx) is. A vault-encrypted one is decrypted in memory.
      - The content is taken as well, PEM as it is and DER in base64.
      - The file may hold the chain too, in any order, and in PEM the private key. Of several certificates the one that the private key belongs to is
        meant. Without a key it is the one that has issued none of the others.
      - It may be in UTF-8 or UTF-16, with any line ends, with a byte order mark, indented, and with other text around it.
    type: str
  private_key:
    description:
      - The private key of O(certificate) in PEM or DER (PKCS8, PKCS1 or SEC1), encrypted or not, as a file on the controller or as content.
      - The certificate may be in the same file.
    type: str
  private_key_password:
    description:
      - The password of a private key that is encrypted. It needs O(certificate) or O(private_key).
    type: str
  chain:
    description:
      - The certificates above the one that is meant, in PEM, DER or PKCS7, as files on the controller or as content, in any order. They are added to
        those that come with O(pfx) or O(certificate).
    type: list
    elements: str
  dns_names:
    description:
      - The names that clients dial, DNS names or IP addresses. A certificate that does not cover all of them has the problem V(name_missing).
        A wildcard in the certificate counts. A name in another script than ASCII may be given as it is.
      - Where no certificate is named otherwise, the newest certificate in MY of LocalMachine that covers all of them is meant, as far as its
        private key works and it has no problem of the severity V(error). That is how one is found that AD CS has enrolled, or an ACME client
        has put there.
    type: list
    elements: str
  severities:
    description:
      - Severities of the rules for certificates, by the id of the rule, where they are not to be the rule's own. The rules are listed in
        C(docs/certificates.md).
      - Each must be V(error), V(warning), V(info) or V(ignore). With V(ignore) the rule says nothing.
    type: dict
"""
