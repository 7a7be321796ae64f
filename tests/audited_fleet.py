# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit of a fleet of any size returns, made up but of the real form: for tests, screenshots and benchmarks of the report."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

NOW = dt.datetime(2026, 11, 25, 6, tzinfo=dt.timezone.utc)
_ROTATE = "rotate the certificate (rras.sstp.rotate)"
_EKU = "1.3.6.1.5.5.7.3.1"


def stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Issued:
    """A certificate by what a record says of it."""

    def __init__(self, subject: str, days: int, *, now: dt.datetime = NOW, issuer: str = "CN=Example Issuing CA,O=Example") -> None:
        identity = f"{subject} {days} {issuer}".encode("utf-8", "surrogatepass")
        self.thumbprint = hashlib.sha1(identity).hexdigest().upper()
        self.sha256 = hashlib.sha256(identity).hexdigest().upper()
        self.subject, self.issuer, self.days = subject, issuer, days
        self.not_after = now + dt.timedelta(days=days, hours=3)
        self.not_before = self.not_after - dt.timedelta(days=365)

    def as_record(self) -> Json:
        return {
            "thumbprint": self.thumbprint,
            "sha256": self.sha256,
            "subject": self.subject,
            "issuer": self.issuer,
            "serial_number": self.sha256[:18],
            "not_before": stamp(self.not_before),
            "not_after": stamp(self.not_after),
            "extended_key_usage": [_EKU],
            "names": [self.subject.removeprefix("CN=")],
            "days_left": self.days,
        }

    def at(self, place: str, subject: str, agrees: bool | None = True) -> Json:
        return {
            "place": place,
            "subject": subject,
            "thumbprint": self.thumbprint,
            "sha256": self.sha256,
            "shows": self.subject,
            "agrees": agrees,
            "not_after": stamp(self.not_after),
            "days_left": self.days,
        }


def blank(place: str, subject: str, shows: str, agrees: bool | None) -> Json:
    """A place that shows no certificate."""
    return {"place": place, "subject": subject, "thumbprint": None, "sha256": None, "shows": shows, "agrees": agrees, "not_after": None, "days_left": None}


def finding(id_: str, severity: str, subject: str, **more: Any) -> Json:
    base = {"expected": "something", "actual": "something else", "event": None, "seen": None, "remedy": _ROTATE, "repair": None, "repairable": True}
    return {"id": id_, "severity": severity, "subject": subject, **base, **more}


def event(number: int, minutes: int, *, now: dt.datetime = NOW) -> Json:
    """So many minutes before now."""
    texts = {
        21: ("The hash of the certificate that HTTP has could not be read.", "0x80070520", "A logon session is missing: the private key is not there."),
        18: ("The SSTP service could not read the configuration.", None, None),
        24: ("The certificates bound to IPv4 and IPv6 differ.", None, "A renewal has changed one of the two records."),
    }
    meaning, code, explanation = texts[number]
    when = stamp(now - dt.timedelta(minutes=minutes)).replace("Z", ".000Z")
    return {"id": number, "level": 2, "time": when, "data": [code or "SHA256"], "code": code, "meaning": meaning, "explanation": explanation}


def record(host: str, current: Issued, *, now: dt.datetime = NOW, mode: str = "automatic", findings: Sequence[Json] = (), **more: Any) -> Json:
    """A host at which all places agree; more replaces keys of the record."""
    places = [
        current.at("binding_ipv4", "0.0.0.0:443"),
        current.at("binding_ipv6", "[::]:443"),
        current.at("registry_sha256", "SHA256CertificateHash"),
        blank("registry_sha1", "SHA1CertificateHash", "no value", None),
        current.at("store", r"LocalMachine\MY"),
        current.at("served_ipv4", "127.0.0.1:443"),
        current.at("served_ipv6", "[::1]:443"),
        current.at("wire", "203.0.113.5:443"),
    ]
    return {
        "schema": 1,
        "host": host,
        "server": host.partition(".")[0].upper()[:15],
        "time": stamp(now),
        "port": 443,
        "mode": mode,
        "compliant": not any(one["severity"] == "error" for one in findings),
        "places": places,
        "certificates": [current.as_record()],
        "findings": list(findings),
        "ignored": [],
        "events": [],
        "events_error": None,
        **more,
    }


def replaced(places: Sequence[Json], **by_place: Json) -> list[Json]:
    return [by_place.get(place["place"], place) for place in places]


def _repair(host: str) -> str:
    return f"ansible-playbook rras.sstp.rotate --limit {host} -e sstp_certificate_thumbprint=new"


def stale_hash(host: str, days: int, *, now: dt.datetime = NOW) -> Json:
    """Renewed in HTTP.SYS only: SstpSvc still has the hash of the old one."""
    new, old = Issued("CN=vpn.example.com", days, now=now), Issued("CN=vpn.example.com", 4, now=now)
    wrong = finding(
        "registry_sha256_different", "error", "SHA256CertificateHash", expected=new.sha256, actual=old.sha256, event=25,
        seen=stamp(now - dt.timedelta(hours=3)), repair=_repair(host),
    )  # fmt: skip
    soon = finding("expires_soon", "warning", r"LocalMachine\MY", expected="at least 30 days left", actual="4 days left", repair=_repair(host))
    made = record(host, new, now=now, findings=[wrong, soon], certificates=[new.as_record(), old.as_record()])
    made["places"] = replaced(made["places"], registry_sha256=old.at("registry_sha256", "SHA256CertificateHash", False))
    return made


def key_lost(host: str, days: int, *, now: dt.datetime = NOW) -> Json:
    """Event 21: the record of IPv6 is gone and nothing is served."""
    current = Issued(f"CN={host}", days, now=now)
    findings = [
        finding("binding_missing", "error", "[::]:443", expected="an HTTP.SYS record", actual="none", event=21, seen=stamp(now),
                repair=_repair(host)),
        finding("key_unusable", "error", r"LocalMachine\MY", expected="a private key that signs", actual="error 0x80070520", event=21, repairable=False,
                remedy="import the certificate with its private key again (rras.sstp.certificate)"),
        finding("no_revocation", "info", r"LocalMachine\MY", expected="a revocation address that clients reach", actual="none", repairable=False),
    ]  # fmt: skip
    made = record(host, current, now=now, findings=findings, events=[event(21, 3 + 7 * number, now=now) for number in range(4)])
    made["places"] = replaced(
        made["places"],
        binding_ipv6=blank("binding_ipv6", "[::]:443", "no record", False),
        registry_sha256=blank("registry_sha256", "SHA256CertificateHash", "a hash of no known certificate", False),
        served_ipv6=blank("served_ipv6", "[::1]:443", "no answer", False),
        wire=blank("wire", "203.0.113.5:443", "no answer", False),
    )
    return made


def expiring(host: str, days: int, *, now: dt.datetime = NOW) -> Json:
    current = Issued(f"CN={host}", days, now=now)
    actual = f"{days} days left" if days >= 0 else f"expired {-days} days ago"
    severity, id_ = ("warning", "expires_soon") if days >= 0 else ("error", "certificate_expired")
    remedy = "renew it, then rotate to the new one"
    late = finding(id_, severity, "0.0.0.0:443", expected="at least 30 days left", actual=actual, repairable=False, remedy=remedy)
    return record(host, current, now=now, findings=[late], ignored=[{"id": "no_revocation", "reason": "The CA is offline by design.", "findings": 2}])


def well(host: str, days: int, *, now: dt.datetime = NOW, mode: str = "automatic") -> Json:
    return record(host, Issued(f"CN={host}", days, now=now), now=now, mode=mode)


def result(made: Json) -> Json:
    """As registered: more than the record, and failed where the audit was to fail on findings."""
    return {"changed": False, "compliant": made["compliant"], "findings": made["findings"], "record": made}


def unreachable(reason: str = "Task failed: the connection to the host timed out after 30 s.") -> Json:
    return {"unreachable": True, "changed": False, "msg": reason}


def small(now: dt.datetime = NOW) -> dict[str, Json]:
    """A dozen hosts with a bit of everything."""
    offload = well("vpn-lb.example.com", 210, now=now, mode="offload")
    offload["places"] = [Issued("CN=vpn-lb.example.com", 210, now=now).at("balancer", "203.0.113.80:443"), *offload["places"][2:4]]
    return {
        "vpn01.example.com": result(key_lost("vpn01.example.com", 190, now=now)),
        "vpn02.example.com": result(stale_hash("vpn02.example.com", 361, now=now)),
        "vpn03.example.com": result(expiring("vpn03.example.com", -3, now=now)),
        "vpn04.example.com": result(expiring("vpn04.example.com", 19, now=now)),
        "vpn05.example.com": result(well("vpn05.example.com", 75, now=now)),
        "vpn06.example.com": result(well("vpn06.example.com", 140, now=now, mode="administrator")),
        "vpn07.example.com": result(well("vpn07.example.com", 241, now=now)),
        "vpn08.example.com": result(well("vpn08.example.com", 263, now=now)),
        "vpn10.example.com": unreachable(),
        "vpn11.example.com": {"failed": True, "msg": "SstpSvc is not installed: install the Remote Access role with routing and VPN."},
        "vpn12.example.com": result(well("vpn12.example.com", 1900, now=now)),
        "vpn-lb.example.com": result(offload),
    }


def yesterday() -> dict[str, Json]:
    """The same dozen a day before: some were well, one more was there, one not yet."""
    now = NOW - dt.timedelta(days=1)
    fleet = small(now)
    fleet["vpn01.example.com"] = result(well("vpn01.example.com", 191, now=now))
    fleet["vpn05.example.com"] = result(stale_hash("vpn05.example.com", 76, now=now))
    fleet["vpn10.example.com"] = result(expiring("vpn10.example.com", 12, now=now))
    fleet["vpn09.example.com"] = result(well("vpn09.example.com", 12, now=now))
    del fleet["vpn08.example.com"]
    return fleet


def large(count: int, now: dt.datetime = NOW) -> dict[str, Json]:
    """One in eight has something; no chance in it, so that every run measures the same."""
    fleet: dict[str, Json] = {}
    for number in range(count):
        host = f"vpn{number:04}.site{number % 40:02}.example.com"
        days = 3 + number * 7919 % 397
        kind = number % 24
        made = {3: stale_hash, 11: key_lost, 19: expiring}.get(kind, well)(host, days if kind != 19 else days % 40 - 6, now=now)
        made["events"] = made["events"] or [event(21, 60 * 24 * back, now=now) for back in range(1, 1 + number % 6)]
        fleet[host] = result(made) if kind != 23 else unreachable()
    return fleet
