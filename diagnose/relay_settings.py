"""Postfix's settings for a chosen relay: main.cf, the password line, and the commands in order. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from enum import IntEnum

from diagnose.knowledge.distributions import FAMILIES
from diagnose.knowledge.labels import Endpoint, Relay, RelayHost
from diagnose.record import frozen

MAP_TYPES = ("lmdb", "hash", "cdb", "btree", "dbm", "texthash")
UNCOMPILED = frozenset({"texthash"})
RESTART = frozenset({"inet_interfaces", "inet_protocols"})  # master reads these on start, not on reload


@frozen
class System:
    """The system that the settings are for.

    family: "debian", "rhel", "suse", "alpine", "arch" or "". ca_bundle: an existing file, None if unknown.
    map_type: default_database_type; supported_map_types: `postconf -m`, empty if unknown. sasl_package: to
    install, blank-separated; None or "" if the plug-ins exist. postfix_version: "3.7.11", None if unknown.
    """

    family: str = ""
    ca_bundle: str | None = None
    map_type: str = ""
    sasl_package: str | None = None
    supported_map_types: Collection[str] = ()
    postfix_version: str | None = None
    config_directory: str = "/etc/postfix"


class Seen(IntEnum):
    """The result of probing a host and port; lower is better."""

    OPEN = 0  # this very host and port answered
    PASSES = 1  # the port answered at other hosts
    UNKNOWN = 2
    BLOCKED = 3  # the port did not answer at other hosts
    CLOSED = 4  # this very host and port did not answer

    @property
    def verified(self) -> bool:
        return self <= Seen.PASSES


@frozen
class Choice:
    relay: Relay
    host: RelayHost
    endpoint: Endpoint
    seen: Seen


def version(system: System) -> tuple[int, ...]:
    """(3, 7) for "3.7.11"; (3, 4) if unknown."""
    match = re.match(r"(\d+)\.(\d+)", system.postfix_version or "")
    return (int(match[1]), int(match[2])) if match else (3, 4)


def map_type(system: System) -> str:
    supported = system.supported_map_types
    if system.map_type and (not supported or system.map_type in supported):
        return system.map_type
    if not supported:
        return "hash"
    return next((kind for kind in MAP_TYPES if kind in supported), "texthash")


def main_cf(choice: Choice, system: System) -> dict[str, str]:
    settings = {
        "relayhost": f"[{choice.host.name}]:{choice.endpoint.port}",
        "smtp_sasl_auth_enable": "yes",
        "smtp_sasl_password_maps": f"{map_type(system)}:{system.config_directory}/sasl_passwd",
        "smtp_sasl_security_options": "noanonymous",
        "smtp_tls_security_level": "encrypt",
    }
    if version(system) >= (3, 0):
        # Also set for STARTTLS: a "yes" left over from port 465 would break 587.
        settings["smtp_tls_wrappermode"] = "yes" if choice.endpoint.implicit else "no"
    family = FAMILIES.get(system.family)
    bundle = system.ca_bundle or (family.ca_file if family else None)
    if bundle:
        settings["smtp_tls_CAfile"] = bundle
    return settings


def password_line(choice: Choice, sender: str | None) -> str:
    relay = choice.relay
    word = re.sub(r"[^A-Z0-9]+", "-", relay.id.upper()).strip("-")
    user, password = f"<YOUR-{word}-USER-NAME>", f"<YOUR-{word}-PASSWORD>"
    if relay.login.stated or relay.id == choice.host.name:
        user, password = relay.login.user, relay.login.password
    domain = (sender or "").rpartition("@")[2].lower()
    if sender and domain in relay.mail_domains:
        user = sender
    return f"[{choice.host.name}]:{choice.endpoint.port} {user}:{password}"


def install(system: System) -> tuple[str, ...]:
    packages = (system.sasl_package or "").split()
    if not packages:
        return ()
    family = FAMILIES.get(system.family)
    tool = family.install if family else ""
    if family and version(system) < (3, 0):
        tool = family.install_old or tool
    return (f"{tool} {shlex.join(packages)}",) if tool else ()


# Replaces the line for the same relay and keeps those of other relays. A line whose placeholders
# are not filled in never replaces an existing one, so that running it twice loses no password.
_WRITE = (
    "(umask 077; cd {directory} && touch sasl_passwd && LINE={line} awk '"
    'BEGIN {{ split(ENVIRON["LINE"], word, " ") }} '
    "$1 != word[1] {{ print; next }} "
    'ENVIRON["LINE"] ~ /<YOUR-/ {{ print; kept = 1 }} '
    'END {{ if (!kept) print ENVIRON["LINE"] }}'
    "' sasl_passwd > sasl_passwd.new && mv -f sasl_passwd.new sasl_passwd)"
)


def commands(settings: Mapping[str, str], line: str, system: System, sender: str | None) -> tuple[str, ...]:
    where = system.config_directory
    option = "" if where == "/etc/postfix" else f" -c {shlex.quote(where)}"
    main_cf, saved = f"{where}/main.cf", f"{where}/main.cf.before-relay"
    table = settings["smtp_sasl_password_maps"]
    kind = table.partition(":")[0]
    changes = " ".join(shlex.quote(f"{name}={value}") for name, value in settings.items())
    take = ("stop", "start") if RESTART & set(settings) else ("reload",)
    return (
        f"test -e {shlex.quote(saved)} || cp -p {shlex.quote(main_cf)} {shlex.quote(saved)}",
        *install(system),
        _WRITE.format(directory=shlex.quote(where), line=shlex.quote(line)),
        *(() if kind in UNCOMPILED else (f"postmap{option} {shlex.quote(table)}",)),
        f"postconf{option} -e {changes}",
        f"postfix{option} check",
        *(f"postfix{option} {verb}" for verb in take),
        f"postqueue{option} -f",
        "mail-diagnose run" + (f" --from {shlex.quote(sender)}" if sender else ""),
    )
