# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a user names: PFX, public certificate, or thumbprint. PRIVATE to the collection."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Any

from .errors import SstpError
from .inputs import clean_thumbprint
from .windows import Secret
from .x509 import Candidate, Certificate, encode_pfx, load_certificate, load_pfx

Reader = Callable[[str, str], tuple[bytes, str]]

SOURCE_SPEC: dict[str, Any] = {
    "pfx": {"type": "str", "no_log": True},
    "pfx_password": {"type": "str", "no_log": True},
    "certificate": {"type": "str"},
    "thumbprint": {"type": "str"},
}


def pfx_candidate(args: dict[str, Any], read: Reader) -> Candidate | None:
    """The content of option pfx, or None. read: path or content -> bytes and how to call it."""
    if args["pfx"] is None:
        return None
    data, name = read(args["pfx"], "PFX")
    return load_pfx(data, args["pfx_password"], name)


def named_certificate(args: dict[str, Any], read: Reader) -> tuple[str | None, Certificate | None]:
    """Thumbprint and, where the controller has it, certificate that the options pfx, certificate and thumbprint name.

    They may be given together, but then must name the same one.
    """
    candidate = pfx_candidate(args, read)
    certificate = candidate.certificate if candidate else None
    if args["certificate"] is not None:
        given = load_certificate(read(args["certificate"], "certificate")[0])
        if certificate is not None and given != certificate:
            raise SstpError(f"Options pfx and certificate name different certificates ({certificate.thumbprint} and {given.thumbprint}); give one of them.")
        certificate = given
    thumbprint = clean_thumbprint(args["thumbprint"], "Option thumbprint") if args["thumbprint"] else None
    if certificate is None:
        return thumbprint, None
    if thumbprint is not None and thumbprint != certificate.thumbprint:
        raise SstpError(f"Option thumbprint names {thumbprint}, but the certificate given is {certificate.thumbprint}; give one of them.")
    return certificate.thumbprint, certificate


def sealed(candidate: Candidate, build: int) -> Secret:
    """The candidate for one call: encrypted with a random password of 256 bits that nobody else ever sees."""
    password = secrets.token_hex(32)
    return Secret(base64.b64encode(encode_pfx(candidate, password, build)).decode(), password)
