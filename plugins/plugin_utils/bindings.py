# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning for single HTTP.SYS records. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .changes import Change, DeleteRecord, Plan, SetRecord
from .inputs import Endpoint
from .state import HostState, SslRecord


@dataclass(frozen=True)
class BindingOptions:
    """certificate_store_name None: as it is, or MY for a new record or one whose certificate changes.

    take_over: a record of another application becomes app_id's; else a record keeps the owner that it has.
    """

    certificate_hash: str | None
    certificate_store_name: str | None
    app_id: str
    take_over: bool = False


def plan_bindings(state: HostState, endpoints: Iterable[Endpoint], wanted: str, options: BindingOptions) -> Plan:
    """wanted is present or absent."""
    changes: list[Change] = []
    for endpoint in endpoints:
        old = state.record(endpoint)
        if wanted == "absent":
            if old:
                changes.append(DeleteRecord(endpoint))
        elif (new := _wanted_record(endpoint, old, options)) != old:
            changes.append(SetRecord(new))
    return Plan(tuple(changes))


def _wanted_record(endpoint: Endpoint, old: SslRecord | None, options: BindingOptions) -> SslRecord:
    thumbprint = options.certificate_hash or ""
    named = options.certificate_store_name
    if old is None:
        return SslRecord(endpoint, thumbprint, options.app_id, named or "MY")
    app_id = options.app_id if options.take_over else old.app_id
    if named is None:
        return replace(old.bound_to(thumbprint), app_id=app_id)
    store = old.certificate_store_name if named.upper() == old.store else named
    return replace(old, certificate_hash=thumbprint, certificate_store_name=store, app_id=app_id)


def predict(state: HostState, plan: Plan) -> HostState:
    """The state with the plan's record changes made."""
    records = {record.endpoint: record for record in state.records}
    for change in plan.changes:
        if isinstance(change, SetRecord):
            records[change.record.endpoint] = change.record
        elif isinstance(change, DeleteRecord):
            records.pop(change.endpoint, None)
    return replace(state, records=tuple(records.values()))
