# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a certificate for SSTP: one rule, one small function. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
import difflib
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .chains import Path, details_of, is_self_signed, path_of
from .errors import SstpError, one_line
from .names import EKU_ANY_PURPOSE, EKU_SERVER_AUTHENTICATION
from .sstp.verification import verify_name
from .x509 import Certificate, Details

ERROR, WARNING, INFO, IGNORE = "error", "warning", "info", "ignore"
SEVERITIES = (ERROR, WARNING, INFO, IGNORE)

_CLOCKS_APART = dt.timedelta(minutes=5)
# Days: more is as good as for ever, and near what a timedelta takes.
_A_MILLION = 1_000_000
_LEAST_RSA, _MOST_RSA = 2048, 4096
_CURVES = ("secp256r1", "secp384r1")
_STRONG_HASHES = ("sha256", "sha384", "sha512", "sha224", "sha3-256", "sha3-384", "sha3-512", "")
# Names that resolve only inside of a company: RFC 6762 appendix G, RFC 2606, RFC 8375, and .internal of ICANN.
_INSIDE = ("local", "localhost", "internal", "intranet", "lan", "corp", "home", "private", "test", "invalid", "home.arpa")


@dataclass(frozen=True)
class Problem:
    """Something that stands against a certificate. sentence goes on after "the certificate"; actual is what was found."""

    id: str
    severity: str
    sentence: str
    actual: str

    def to_result(self) -> dict[str, Any]:
        return {"id": self.id, "severity": self.severity, "actual": one_line(self.actual), "message": one_line(f"The certificate {self.sentence}.")}


@dataclass(frozen=True)
class Circumstances:
    """What a certificate is held against.

    now: the time by the server's clock; here: by the controller's, None where that is not to count. expiry_days: how long before the end to warn.
    names: those that clients dial (clean). old: the certificate that it is to follow. issuers and roots: what is known to be at hand, None for not known.
    severities: rule id -> severity, where it is not the rule's own.
    """

    now: dt.datetime
    here: dt.datetime | None = None
    expiry_days: int = 0
    names: tuple[str, ...] = ()
    old: Certificate | None = None
    issuers: tuple[Certificate, ...] | None = None
    roots: tuple[Certificate, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)


_Judged = Iterator[tuple[str, str]]
_Judge = Callable[[Certificate, Details, Circumstances], _Judged]


@dataclass(frozen=True)
class Rule:
    """severity: unless the user has another one. event: of RasSstp, that breaking it leads to. title: what is asked for."""

    id: str
    severity: str
    title: str
    judge: _Judge
    event: int | None = None


# --- the certificate itself: sentence and what was found ---


def _key_type(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    served = details.key_type == "rsa" or (details.key_type == "ec" and details.curve in _CURVES)
    if not served:
        kind = f"an EC key on the curve {details.curve}" if details.key_type == "ec" else f"a key {details.key_type}"
        yield f"has {kind}, with which Windows serves no TLS unless it is set up for it; have it issued for RSA, or for ECDSA on P-256 or P-384", kind


def _key_size(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.key_type == "rsa" and details.key_size < _LEAST_RSA:
        sentence = f"has an RSA key of {details.key_size} bits, which clients refuse; have it issued for a new key of {_LEAST_RSA} bits or more"
        yield sentence, f"{details.key_size} bits"


def _key_excess(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.key_type == "rsa" and details.key_size > _MOST_RSA:
        sentence = f"has an RSA key of {details.key_size} bits, which makes every handshake slow; {_MOST_RSA} bits are the most that is usual"
        yield sentence, f"{details.key_size} bits"


def _signature(certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.signature_hash not in _STRONG_HASHES and not is_self_signed(certificate):
        yield f"was signed with {details.signature_hash.upper()}, which clients refuse; have it issued with SHA-256", details.signature_hash


def _signature_pss(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.is_pss:
        yield "was signed with RSASSA-PSS, which some clients do not verify; have the CA sign with PKCS #1 v1.5 or ECDSA", "RSASSA-PSS"


def _eku_absent(certificate: Certificate, _details: Details, _around: Circumstances) -> _Judged:
    if certificate.eku is None:
        sentence = "has no extended key usage; whether SSTP takes it is not documented, so have it issued with Server Authentication"
        yield sentence, "no extended key usage"


def _eku_unfit(certificate: Certificate, _details: Details, _around: Circumstances) -> _Judged:
    if certificate.eku is not None and not {EKU_SERVER_AUTHENTICATION, EKU_ANY_PURPOSE} & set(certificate.eku):
        sentence = "is not meant for servers: its extended key usage has neither Server Authentication nor Any Purpose; have it issued anew"
        yield sentence, ", ".join(certificate.eku)


def _key_usage(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.key_usage is not None and "digital_signature" not in details.key_usage:
        found = ", ".join(sorted(details.key_usage)).replace("_", " ") or "none"
        yield "has a key usage without digital signature, which ECDHE and TLS 1.3 need; have it issued anew", found


def _authority(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.is_ca:
        yield "is that of a certification authority, and would lay the key that signs others open to the internet; have one issued for the server", "a CA"


def _critical(_certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.unknown_critical:
        found = ", ".join(details.unknown_critical)
        yield f"has a critical extension that clients do not know ({found}) and must refuse it for; have it issued without", found


# --- names ---


def _names_absent(certificate: Certificate, _details: Details, _around: Circumstances) -> _Judged:
    if not certificate.names:
        yield "has no subject alternative name, and only Windows still goes by its subject; have it issued with the name that clients dial", certificate.subject


def _names_missing(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    missing = [name for name in around.names if not covers(certificate, name)]
    if missing:
        found = ", ".join(certificate.names) or certificate.subject
        yield f"is not for {', '.join(missing)}, but for {found}; clients that dial the name refuse it, so have it issued with that name", found


def _names_lost(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    lost = [name for name in (around.old.names if around.old else ()) if name not in around.names and not covers(certificate, name)]
    if lost:
        found = ", ".join(certificate.names) or certificate.subject
        yield f"is not for {', '.join(lost)}, as the one that it follows; see that no client dials that name any more", found


def covers(certificate: Certificate, name: str) -> bool:
    """Do clients that dial that name (DNS in ASCII, or an IP address) take it? A wildcard as a name must be in it as it is."""
    if name.lower() in {own.lower() for own in certificate.names}:
        return True
    try:
        return "*" not in name and verify_name(certificate, name) is None
    except SstpError:
        return False


# --- time ---


def _clocks(around: Circumstances) -> list[tuple[str, dt.datetime]]:
    """The clocks that count, the server's first; whose it is is said only where they are far apart."""
    if around.here is None or abs(around.here - around.now) < _CLOCKS_APART:
        return [("", around.now)]
    return [(" by the server's clock", around.now), (" by the controller's clock, which is not that of the server", around.here)]


def _expired(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    for whose, now in _clocks(around):
        if now >= certificate.not_after:
            yield f"has expired on {certificate.not_after:%Y-%m-%d}{whose}; renew it", _stamp(certificate.not_after)
            return


def _expiring(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    left = certificate.not_after - around.now
    if dt.timedelta(0) < left <= dt.timedelta(days=min(around.expiry_days, _A_MILLION)):
        yield f"expires in {left.days} day{'s' if left.days != 1 else ''}; renew it", _stamp(certificate.not_after)


def _not_yet_valid(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    for whose, now in _clocks(around):
        if now < certificate.not_before:
            stamp = _stamp(certificate.not_before)
            yield f"is not valid before {stamp}{whose}; wait, or set the clock right", stamp
            return


def _stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- the chain ---


def _self_signed(certificate: Certificate, _details: Details, _around: Circumstances) -> _Judged:
    if is_self_signed(certificate):
        yield "is self-signed: only clients that have been given it as a root trust it; have it issued by a CA that they trust", "self-signed"


def _chain_incomplete(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    path = _open_path(certificate, around)
    if path is not None and not path.issuers:
        sentence = f"has no issuer at hand: {certificate.issuer} is not there, so the server does not send all that clients need; give the chain"
        yield sentence, f"no certificate of {certificate.issuer}"


def _root_absent(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    """Windows gets the roots of its own programme when it first needs one: https://learn.microsoft.com/windows-server/identity/ad-cs/configure-trusted-roots-disallowed-certificates"""
    path = _open_path(certificate, around)
    if path is not None and path.issuers:
        missing = path.issuers[-1].issuer
        sentence = f"has a chain whose next certificate, {missing}, is not there: nothing is lost if that is a root that clients trust, else give it"
        yield sentence, f"no certificate of {missing}"


def _open_path(certificate: Certificate, around: Circumstances) -> Path | None:
    """The way up, where it is known not to end at a root."""
    if around.issuers is None or is_self_signed(certificate):
        return None
    path = path_of(certificate, (*around.issuers, *around.roots))
    return path if path.root is None else None


def _above(certificate: Certificate, around: Circumstances) -> tuple[Certificate, ...]:
    path = path_of(certificate, (*(around.issuers or ()), *around.roots))
    return path.issuers if path.root is None or path.root == certificate else (*path.issuers, path.root)


def _issuer_expired(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    for issuer in _above(certificate, around):
        if not issuer.not_before <= around.now < issuer.not_after:
            dates = f"{issuer.not_before:%Y-%m-%d} to {issuer.not_after:%Y-%m-%d}"
            yield f"has an issuer out of its time, {issuer.subject} (valid {dates}); give the chain with the issuer's present certificate", dates


def _issuer_unfit(certificate: Certificate, _details: Details, around: Circumstances) -> _Judged:
    for issuer in _above(certificate, around):
        details = details_of(issuer)
        if details is None or not details.is_ca:
            yield f"was issued by {issuer.subject}, which is no certification authority; clients refuse that, so have it issued by one", issuer.subject
        elif details.signature_hash not in _STRONG_HASHES and not is_self_signed(issuer):
            yield f"has an issuer, {issuer.subject}, that was signed with {details.signature_hash.upper()}, which clients refuse", details.signature_hash


# --- revocation ---


def _revocation_absent(certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if not details.revocation_urls and not is_self_signed(certificate):
        yield "names neither a CRL nor an OCSP server, so clients cannot see whether it was revoked, and refuse it (0x80092012)", "no address"


def _revocation_unreachable(certificate: Certificate, details: Details, _around: Circumstances) -> _Judged:
    if details.revocation_urls and not is_self_signed(certificate) and not any(_is_public(url) for url in details.revocation_urls):
        found = ", ".join(details.revocation_urls)
        yield f"names CRLs that clients on the internet do not reach ({found}), and they refuse it (0x80092013); publish one over http", found


def _is_public(url: str) -> bool:
    """Is it an address that a client on the internet may reach, in kind? ldap and file are not, nor are names and addresses of inner networks."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if parts.scheme.lower() not in ("http", "https") or not host:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not any(host == name or host.endswith("." + name) for name in _INSIDE)


RULES = {
    rule.id: rule
    for rule in (
        Rule("key_unsupported", ERROR, "an RSA key, or an ECDSA key on P-256 or P-384", _key_type),
        Rule("key_weak", ERROR, "an RSA key of 2048 bits or more", _key_size),
        Rule("key_large", WARNING, "an RSA key of 4096 bits or less", _key_excess),
        Rule("signature_weak", ERROR, "a signature with SHA-256 or better", _signature),
        Rule("signature_pss", WARNING, "a signature that all clients verify", _signature_pss),
        Rule("eku_absent", WARNING, "an extended key usage with Server Authentication", _eku_absent),
        Rule("eku_unfit", ERROR, "Server Authentication or Any Purpose as extended key usage", _eku_unfit, 11),
        Rule("key_usage_unfit", ERROR, "a key usage with digital signature, or none", _key_usage),
        Rule("certificate_is_ca", ERROR, "a certificate of a server, not of a CA", _authority),
        Rule("critical_extension_unknown", ERROR, "no critical extension that clients do not know", _critical),
        Rule("name_absent", WARNING, "a subject alternative name", _names_absent),
        Rule("name_missing", ERROR, "every name that clients dial", _names_missing),
        Rule("name_lost", WARNING, "every name of the certificate that it follows", _names_lost),
        Rule("certificate_expired", ERROR, "a certificate that has not expired", _expired),
        Rule("certificate_expiring", WARNING, "a certificate that does not expire soon", _expiring),
        Rule("certificate_not_yet_valid", ERROR, "a certificate that is valid already", _not_yet_valid),
        Rule("self_signed", WARNING, "a certificate that a CA has issued", _self_signed),
        Rule("chain_incomplete", WARNING, "the issuer's certificate", _chain_incomplete),
        Rule("root_absent", INFO, "all issuers up to the root", _root_absent),
        Rule("issuer_expired", ERROR, "issuers within their time", _issuer_expired),
        Rule("issuer_unfit", ERROR, "issuers that are CAs, signed with SHA-256 or better", _issuer_unfit),
        Rule("revocation_absent", WARNING, "the address of a CRL or an OCSP server", _revocation_absent),
        Rule("revocation_unreachable", WARNING, "a CRL or an OCSP server that clients on the internet reach", _revocation_unreachable),
    )
}
UNREADABLE = Problem("certificate_unreadable", ERROR, "cannot be read, so nothing can be said of it; have it issued anew", "unreadable")


def fitness(certificate: Certificate, around: Circumstances) -> tuple[Problem, ...]:
    """What stands against this certificate for SSTP, errors first; rules that are ignored say nothing."""
    details = details_of(certificate)
    if details is None:
        return (UNREADABLE,)
    problems = [
        Problem(rule.id, around.severities.get(rule.id, rule.severity), sentence, actual)
        for rule in RULES.values()
        for sentence, actual in rule.judge(certificate, details, around)
    ]
    problems = [problem for problem in problems if problem.severity != IGNORE]
    return tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity)))


def clean_severities(given: Mapping[str, Any] | None) -> dict[str, str]:
    """The option severities: rule id -> severity. Raises SstpError for a rule or a severity that there is not."""
    cleaned = {}
    for rule, severity in (given or {}).items():
        if rule not in RULES:
            close = difflib.get_close_matches(str(rule), RULES, 1)
            hint = f"did you mean {close[0]}" if close else f"there are {', '.join(RULES)}"
            raise SstpError(f"Option severities names the rule {rule!r}, which there is not; {hint}{'?' if close else '.'}")
        if severity not in SEVERITIES:
            raise SstpError(f"Option severities gives the rule {rule} the severity {severity!r}; it must be one of {', '.join(SEVERITIES)}.")
        cleaned[str(rule)] = str(severity)
    return cleaned
