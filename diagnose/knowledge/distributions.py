"""Names that differ between families of Linux distributions (packages, paths, services), from distributions.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnose.knowledge import documents
from diagnose.record import frozen

_TABLE: Mapping[str, Any] = documents.document("distributions.toml")
CA_FILES: tuple[str, ...] = (*_TABLE["ca_files"],)
TRUST_STORES: tuple[str, ...] = (*_TABLE["trust_stores"],)
CA_PACKAGE: str = _TABLE["ca_package"]
LOCAL_CAS: tuple[str, ...] = tuple(_TABLE["local_cas"])
REBUILD_CA: tuple[tuple[str, ...], ...] = tuple((*words,) for words in _TABLE["rebuild_ca"])
OWNERS: tuple[tuple[str, ...], ...] = tuple((*words,) for words in _TABLE["owners"])
VERIFY: tuple[tuple[str, ...], ...] = tuple((*words,) for words in _TABLE["verify"])
POSTFIX_FILES: str = _TABLE["postfix_files"]
MASTERS: tuple[str, ...] = (*_TABLE["masters"],)
SENDMAIL: tuple[str, ...] = (*_TABLE["sendmail"],)
SHIPPED: tuple[str, ...] = (*_TABLE["shipped"],)
FILLS_CHROOT: str = _TABLE["fills_chroot"]
PACKAGE_DATABASES: tuple[str, ...] = (*_TABLE["package_databases"],)
PACKAGE_LOGS: Mapping[str, str] = _TABLE["package_logs"]
LOGS: tuple[str, ...] = (*_TABLE["logs"],)
SHARED_LOGS: tuple[str, ...] = (*_TABLE["shared_logs"],)
AUDIT_LOG: str = _TABLE["audit_log"]
KERNEL_LOGS: tuple[str, ...] = (*_TABLE["kernel_logs"],)
LOCKS: Mapping[str, Sequence[str]] = _TABLE["locks"]
PID_FILES: Mapping[str, Sequence[str]] = _TABLE["pid_files"]


@frozen
class Family:
    """newer: a member's id to (version, the map type that it uses by default from there on). manager: of services."""

    ids: tuple[str, ...]
    ca_file: str = CA_FILES[0]
    map_type: str
    newer: Mapping[str, tuple[int, str]]
    sasl_packages: tuple[str, ...]
    install: str
    install_old: str = ""
    reinstall: str = ""
    log_files: tuple[str, ...] = ()
    manager: str = "systemd"


def _family(values: Mapping[str, Any]) -> Family:
    plain: dict[str, Any] = {key: (*value,) if isinstance(value, list) else value for key, value in values.items()}
    plain.pop("python", None)
    newer = {id: (since, kind) for id, (since, kind) in values.get("newer", {}).items()}
    return Family(**plain | {"newer": newer})


FAMILIES = {name: _family(values) for name, values in _TABLE["families"].items()}
LOG_FILES = tuple(dict.fromkeys(path for family in FAMILIES.values() for path in family.log_files))


def service(manager: str, verb: str, unit: str = "postfix") -> str:
    """The command that controls a service. manager: systemd, openrc, sysv, or "" for none (in a container, where
    Postfix's own command starts and stops it); verb: start, stop, restart, reload, status."""
    if not manager and verb == "restart":  # postfix(1) has no such verb
        return f"{unit} stop && {unit} start"
    template: str = _TABLE["services"].get(manager, "{unit} {verb}")
    return template.format(verb=verb, unit=unit)
