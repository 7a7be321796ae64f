# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a user names: PFX; certificate, key and chain; or thumbprint. PRIVATE to the collection."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .chains import leaves_of, path_of
from .encodings import Contents, Origin, read_contents, read_pfx, refused
from .errors import SstpError
from .inputs import optional_thumbprint
from .windows import Secret
from .x509 import Candidate, Certificate, ServerKey, encode_pfx, public_bytes

Reader = Callable[[str, str], tuple[bytes, str]]

SOURCE_SPEC: dict[str, Any] = {
    "pfx": {"type": "str", "no_log": True},
    "pfx_password": {"type": "str", "no_log": True},
    "certificate": {"type": "str"},
    "private_key": {"type": "str", "no_log": True},
    "private_key_password": {"type": "str", "no_log": True},
    "chain": {"type": "list", "elements": "str"},
    "thumbprint": {"type": "str"},
    "dns_names": {"type": "list", "elements": "str"},
    "severities": {"type": "dict"},
}
_MOST_NAMED = 5


def candidate_of(args: dict[str, Any], read: Reader) -> Candidate | None:
    """What the options pfx, certificate, private_key and chain hold; None where there is none of them. read: path or content -> bytes and how to call it.

    They may all be given, but then must be about the same certificate. Raises SstpError, with the id of what is wrong as its fact rule.
    """
    wanted = optional_thumbprint(args)
    given = [heap for heap in (_pfx(args, read), _plain(args, read)) if heap is not None]
    if not given:
        return None
    chain = sum((_contents(text, "chain", args, read) for text in args["chain"] or ()), Contents())
    found = [_candidate(contents, chain, wanted, what) for contents, what in given]
    first, last = found[0], found[-1]
    if first.certificate != last.certificate:
        both = f"({first.certificate.thumbprint} and {last.certificate.thumbprint})"
        raise refused("sources_differ", f"Options pfx and certificate name different certificates {both}; give one of them.")
    if wanted is not None and wanted != first.certificate.thumbprint:
        sentence = f"Option thumbprint names {wanted}, but the certificate given is {first.certificate.thumbprint}; give one of them."
        raise refused("sources_differ", sentence)
    path = path_of(first.certificate, [*first.chain, *last.chain, *(one.root for one in found if one.root)])
    return Candidate(first.certificate, path.issuers, first.key or last.key, path.root)


_Heap = tuple[Contents, str]


def _pfx(args: dict[str, Any], read: Reader) -> _Heap | None:
    if args["pfx"] is None:
        return None
    data, name = read(args["pfx"], "PFX")
    origin = Origin("PFX", name, "pfx_password")
    contents = read_pfx(data, args["pfx_password"], origin)
    if not contents.keys:
        raise refused("key_absent", f"{origin} has no private key; export the certificate again together with its private key.")
    return contents, f"PFX {name}"


def _plain(args: dict[str, Any], read: Reader) -> _Heap | None:
    """What the options certificate and private_key hold together, whichever of them holds what."""
    names = [name for name in ("certificate", "private_key") if args[name] is not None]
    if not names:
        for name in ("chain", "private_key_password"):
            if args[name] and (name == "private_key_password" or args["pfx"] is None):
                raise SstpError(f"Option {name} goes with a certificate, and there is none; give it as certificate.")
        return None
    contents = sum((_contents(args[name], name, args, read) for name in names), Contents())
    if args["private_key"] is not None and not contents.keys:
        raise refused("key_absent", "Option private_key holds no private key, but certificates alone; give the key that belongs to the certificate.")
    return contents, " and ".join(f"option {name}" for name in names)


def _contents(text: str, option: str, args: dict[str, Any], read: Reader) -> Contents:
    what = option.replace("_", " ")
    data, name = read(text, what)
    return read_contents(data, args["private_key_password"], Origin(what, name, "private_key_password"))


def _candidate(contents: Contents, chain: Contents, wanted: str | None, what: str) -> Candidate:
    """The one certificate that is meant, with its key and what is above it."""
    certificates = list(dict.fromkeys((*contents.certificates, *chain.certificates)))
    keys = {public_bytes(key.public_key()): key for key in (_server_key(key, what) for key in (*contents.keys, *chain.keys))}
    if not certificates:
        raise refused("certificate_absent", f"There is a private key in {what}, but no certificate; give the one that was issued for it.")
    own = [one for one in certificates if _public(one) in keys] if keys else leaves_of(certificates)
    if not own:
        seen = _listed(leaves_of(certificates))
        raise refused("key_mismatch", f"The private key in {what} does not belong to its certificate ({seen}); give the two that were issued together.")
    leaf = _chosen(own, wanted, what)
    path = path_of(leaf, certificates)
    return Candidate(leaf, path.issuers, keys.get(_public(leaf) or b""), path.root)


def _chosen(own: Sequence[Certificate], wanted: str | None, what: str) -> Certificate:
    named = [one for one in own if one.thumbprint == wanted]
    if named:
        return named[0]
    if len(own) > 1:
        raise refused("certificate_ambiguous", f"There are {len(own)} certificates in {what} that may be meant ({_listed(own)}); name one with thumbprint.")
    return own[0]


def _public(certificate: Certificate) -> bytes | None:
    try:
        return public_bytes(certificate.parsed.public_key())
    except Exception:  # whatever is wrong with its key, it is none that anybody has given
        return None


def _server_key(key: object, what: str) -> ServerKey:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise refused("key_unsupported", f"The private key in {what} is neither RSA nor ECDSA, and Windows serves TLS with no other; have one issued.")
    return key


def _listed(certificates: Iterable[Certificate]) -> str:
    texts = [f"{one.thumbprint} {one.subject}" for one in certificates]
    rest = f" and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return ", ".join(texts[:_MOST_NAMED]) + rest


def sealed(candidate: Candidate, build: int) -> Secret:
    """The candidate for one call: encrypted with a random password of 256 bits that nobody else ever sees."""
    password = secrets.token_hex(32)
    return Secret(base64.b64encode(encode_pfx(candidate, password, build)).decode(), password)
