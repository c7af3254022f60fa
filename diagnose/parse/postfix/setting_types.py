"""The syntax of main.cf values, and which values make a Postfix daemon refuse to start.

A parameter's type (yes/no, a number, a time) is inferred from its default in the installed build (`postconf -d`).
The values of enumerated parameters are from postconf(5).
"""

import functools
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence

from diagnose.parse.postfix.postconf import expand
from diagnose.parse.postfix.tls_settings import LEVELS
from diagnose.record import frozen

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"\s*([+-]?\d+)(?:([smhdw]).*)?$")  # Postfix ignores text after the unit's letter
_NUMBER = re.compile(r"\s*[+-]?\d+$")
# Parameters whose default looks like a yes/no, number or time but that accept other values too.
_MORE_THAN_THEIR_DEFAULT = re.compile(
    r"^(?:.*_tcp_port|.*_feedback|milter_protocol|mail_release_date|mail_version|process_id|compatibility_level|process_id_directory"
    r"|.*_loglevel|.*_forbid_bare_newline|.*_reject_unlisted.*|smtputf8_autodetect_classes|postscreen_dnsbl_.*ttl|.*_dh\d+_param_file)$"
)
_LEVELS = frozenset(LEVELS)
_SASL_OPTIONS = frozenset(("noplaintext", "noactive", "nodictionary", "noanonymous", "mutual_auth", "forward_secrecy"))
_ENUMERATED: dict[str, frozenset[str]] = {
    "smtp_tls_security_level": _LEVELS,
    "lmtp_tls_security_level": _LEVELS,
    "smtpd_tls_security_level": _LEVELS,
    "smtp_address_preference": frozenset(("any", "ipv4", "ipv6")),
    "smtp_dns_support_level": frozenset(("disabled", "enabled", "dnssec")),
    "smtp_tls_ciphers": frozenset(("export", "low", "medium", "high", "null")),
    "smtp_tls_mandatory_ciphers": frozenset(("export", "low", "medium", "high", "null")),
    "smtpd_sasl_type": frozenset(("cyrus", "dovecot")),
    "mynetworks_style": frozenset(("class", "subnet", "host")),
    "milter_default_action": frozenset(("accept", "reject", "tempfail", "quarantine", "shutdown")),
}
_EMPTY_ALLOWED = frozenset((*(f"{p}_tls_security_level" for p in ("smtp", "lmtp", "smtpd")), "smtp_dns_support_level"))
_LISTS: dict[str, frozenset[str]] = {
    "inet_protocols": frozenset(("all", "ipv4", "ipv6")),
    "smtp_sasl_security_options": _SASL_OPTIONS,
    "smtp_sasl_tls_security_options": _SASL_OPTIONS,
    "smtp_sasl_tls_verified_security_options": _SASL_OPTIONS,
    "smtp_host_lookup": frozenset(("dns", "native")),
}
# postconf(5), of smtpd_*_restrictions; those that take an argument, which is no word of this kind, as well.
RESTRICTIONS = frozenset(
    (
        *"defer defer_if_permit defer_if_reject permit reject reject_plaintext_session sleep warn_if_reject".split(),
        *"permit_inet_interfaces permit_mynetworks permit_sasl_authenticated permit_tls_all_clientcerts".split(),
        *"permit_tls_clientcerts permit_dnswl_client permit_rhswl_client permit_auth_destination permit_mx_backup".split(),
        *"permit_naked_ip_address check_policy_service check_etrn_access check_ccert_access check_relay_domains".split(),
        *(f"check_{part}_access" for part in "client helo recipient sender sasl reverse_client_hostname".split()),
        *(
            f"check_{of}_{what}_access"
            for of in "client helo recipient sender reverse_client_hostname".split()
            for what in ("a", "mx", "ns")
        ),
        *(f"reject_rhsbl_{part}" for part in "client helo recipient sender reverse_client".split()),
        *"reject_rbl_client reject_rbl reject_maps_rbl reject_multi_recipient_bounce reject_unauth_destination".split(),
        *"defer_unauth_destination reject_unauth_pipelining reject_unlisted_recipient reject_unlisted_sender".split(),
        *"reject_unverified_recipient reject_unverified_sender reject_sender_login_mismatch".split(),
        *"reject_authenticated_sender_login_mismatch reject_known_sender_login_mismatch".split(),
        *"reject_unauthenticated_sender_login_mismatch reject_unknown_client_hostname reject_unknown_client".split(),
        *"reject_unknown_reverse_client_hostname reject_unknown_forward_client_hostname".split(),
        *(f"reject_{how}_helo_hostname" for how in ("invalid", "non_fqdn", "unknown")),
        *"reject_invalid_hostname reject_non_fqdn_hostname reject_unknown_hostname".split(),
        *(f"reject_{how}_{of}" for how in ("non_fqdn", "unknown") for of in ("recipient", "sender", "address")),
        *(f"reject_unknown_{of}_domain" for of in ("recipient", "sender")),
    )
)
ALLOWED: Mapping[str, frozenset[str]] = {**_ENUMERATED, **_LISTS}
"""The words that a parameter takes."""

# Numbers and times that must be 1 or more: the tables of Postfix's sources (global/mail_params.c, cleanup_init.c, qmgr.c, smtp_params.c, smtpd.c).
_ABOVE_ZERO = re.compile(
    r"hopcount_limit|queue_file_attribute_count_limit|virtual_alias_(?:recursion|expansion|address_length)_limit|default_process_limit|max_use"
    r"|hash_queue_depth|(?:fork|deliver_lock)_(?:attempts|delay)|debug_peer_level|header_(?:size|address_token)_limit|mime_(?:nesting|boundary_length)_limit"
    r"|max_idle|ipc_(?:timeout|idle|ttl)|trigger_timeout|stale_lock_time|daemon_timeout|queue_run_delay|m(?:in|ax)imal_backoff_time"
    r"|transport_retry_time|qmgr_(?:daemon|ipc)_timeout|qmgr_message_(?:active|recipient)_limit|initial_destination_concurrency"
    r"|(?:smtp|lmtp)_(?:helo|lhlo|mail|rcpt|rset|quit|starttls|data_(?:init|xfer|done)|xforward)_timeout"
    r"|milter_(?:connect|command|content)_timeout|smtpd_(?:timeout|recipient_limit|recipient_overshoot_limit|(?:hard|soft)_error_limit|junk_command_limit|starttls_timeout|proxy_timeout)"
)
_LEVEL = re.compile(r"\d+(?:\.\d+){0,2}")


@frozen
class Rejection:
    """A value that Postfix refuses. `expected`: boolean, number, time, one-of, list-of, host-name, interface, network,
    restriction.

    `daemon` is the affected one (see `daemon_of`); `fatal`: it exits.
    """

    parameter: str
    value: str
    expected: str
    daemon: str
    fatal: bool
    text: str


def boolean(value: str) -> bool | None:
    """yes or no, ignoring case; None for a bad boolean."""
    return {"yes": True, "no": False}.get(value.lower())


def integer(value: str) -> int | None:
    """A decimal number; None for a bad one, or with anything after it."""
    return int(value) if value.isascii() and len(value) < 20 and _NUMBER.match(value) else None


def seconds(value: str, unit: str = "s") -> int | None:
    """Seconds of a time such as 30s, 5m, 4h, 2d, 1w; a bare number is in `unit`. None for a bad time."""
    match = _TIME.match(value) if value.isascii() and len(value) < 20 else None
    if not match:
        return None
    return int(match[1]) * _UNITS.get(match[2] or unit, 1)


@functools.lru_cache(maxsize=256)  # each recipient's route splits the same lists
def before_networks(restrictions: Sequence[str]) -> Sequence[str]:
    """Those of a list of restrictions that come before any permit for this host's networks, and judge them, too."""
    own = (n for n, word in enumerate(restrictions) if word in ("permit_mynetworks", "permit"))
    return restrictions[: next(own, len(restrictions))]


def items(value: str) -> tuple[str, ...]:
    """The items of a list separated by commas and white space; text in braces stays together."""
    found: list[str] = []
    word: list[str] = []
    level = 0
    for char in value:
        if level == 0 and char in ", \t\r\n":
            if word:
                found.append("".join(word))
                word = []
            continue
        level = max(0, level + (char == "{") - (char == "}"))
        word.append(char)
    if word:
        found.append("".join(word))
    return tuple(found)


def kind_of(parameter: str, defaults: Mapping[str, str]) -> str:
    """boolean, number, time or text, inferred from the parameter's default."""
    if parameter not in defaults or _MORE_THAN_THEIR_DEFAULT.match(parameter):
        return "text"
    default = expand(defaults[parameter], defaults)
    if boolean(default) is not None:
        return "boolean"
    if _NUMBER.match(default):
        return "number"
    return "time" if re.fullmatch(r"\d+[smhdw]", default) else "text"


def daemon_of(parameter: str) -> str:
    """The daemon that reads a parameter, by its prefix: smtp, smtpd, lmtp, postscreen, local, virtual, cleanup, else
    all."""
    prefix = parameter.partition("_")[0]
    return prefix if prefix in ("smtp", "smtpd", "lmtp", "postscreen", "local", "virtual", "cleanup") else "all"


def rejected(settings: Mapping[str, str], defaults: Mapping[str, str]) -> tuple[Rejection, ...]:
    """The explicitly set values (`postconf -n`) that Postfix refuses, by parameter name. `defaults`: `postconf -d`."""
    merged = {**defaults, **settings}
    found: list[Rejection] = []
    for parameter in sorted(settings):
        value = expand(settings[parameter], merged)
        if "$" in value and value == settings[parameter]:
            continue
        found.extend(_judge(parameter, value, kind_of(parameter, defaults)))
        if restricts(parameter):
            classes = items(merged.get("smtpd_restriction_classes", ""))
            found.extend(_unknown_restrictions(parameter, value, classes))
    return tuple(found)


def restricts(parameter: str) -> bool:
    """Whether the parameter is a list of smtpd's restrictions."""
    return parameter.startswith("smtpd_") and parameter.endswith("_restrictions")


def _unknown_restrictions(parameter: str, value: str, classes: Sequence[str]) -> Iterator[Rejection]:
    for word in items(value):
        name = word.rstrip(";")
        if re.fullmatch(r"[a-z_]*_[a-z_]*;?", word) and (name != word or name not in {*RESTRICTIONS, *classes}):
            text = f"{parameter} has {word!r}, which is no restriction of smtpd"
            yield Rejection(
                parameter=parameter, value=value, expected="restriction", daemon="smtpd", fatal=True, text=text
            )


def _bad_network(value: str) -> tuple[str, str] | None:
    """The first invalid net/mask pattern and the reason, None if there is none; names, files and tables are not
    checked."""
    for word in items(value):
        plain = word.lstrip("!")
        address, slash, bits = plain.replace("[", "", 1).replace("]", "", 1).partition("/")
        if not slash or not bits.isdecimal() or not re.fullmatch(r"[\dA-Fa-f.:]+", address):
            continue
        try:
            ipaddress.ip_network(f"{address}/{bits}")
        except ValueError as error:
            return word, "an address of a host, not of a network" if "host bits" in str(error) else "no network"
    return None


def _judge(parameter: str, value: str, kind: str) -> list[Rejection]:
    def no(expected: str, text: str, fatal: bool = True) -> list[Rejection]:
        return [
            Rejection(
                parameter=parameter, value=value, expected=expected, daemon=daemon_of(parameter), fatal=fatal, text=text
            )
        ]

    if kind == "boolean" and boolean(value) is None:
        return no("boolean", f"{parameter} takes yes or no, not {value!r}")
    if kind == "number" and integer(value) is None:
        return no("number", f"{parameter} takes a number, not {value!r}")
    if kind == "time" and seconds(value) is None:
        return no("time", f"{parameter} takes a time such as 30s or 1h, not {value!r}")
    if kind in ("number", "time"):
        given, least = (
            integer(value) if kind == "number" else seconds(value),
            int(bool(_ABOVE_ZERO.fullmatch(parameter))),
        )
        if given is not None and given < least:
            return no(kind, f"{parameter} takes {least} or more, not {value!r}")
    if parameter == "compatibility_level" and not _LEVEL.fullmatch(value):
        return no("number", f"compatibility_level takes a version such as 3.6, not {value!r}")
    if parameter in _ENUMERATED:
        allowed = _ENUMERATED[parameter]
        empty = not value and parameter in _EMPTY_ALLOWED
        if not empty and value.lower() not in allowed:
            return no("one-of", f"{parameter} takes one of {', '.join(sorted(allowed))}, not {value!r}")
    if parameter in _LISTS:
        words = items(value)
        if parameter == "inet_protocols" and not words:
            return no("list-of", "inet_protocols must not be empty")
        bad = [word for word in words if word.lower() not in _LISTS[parameter]]
        if bad:
            return no("list-of", f"{parameter} does not know {bad[0]!r}")
    if parameter == "mynetworks" and (bad_one := _bad_network(value)):
        word, why = bad_one
        text = f"mynetworks has {word}, which is {why}"
        return [Rejection(parameter=parameter, value=value, expected="network", daemon="smtpd", fatal=True, text=text)]
    if parameter in ("myhostname", "mydomain") and (why := bad_host_name(value)):
        return no("host-name", f"{parameter} is {why}: {value!r}")
    if parameter == "inet_interfaces":
        if not items(value):
            return no("interface", "inet_interfaces must not be empty")
        for word in items(value):
            if word.startswith("[") != word.endswith("]") or "/" in word or not word.isascii():
                return no("interface", f"inet_interfaces takes all, loopback-only, addresses or names, not {word!r}")
    if parameter == "mynetworks":
        for word in items(value):
            if why := bad_network(word):
                return no("network", f"mynetworks: {word!r} {why}", fatal=False)
    return []


def bad_host_name(name: str) -> str:
    """Why Postfix's valid_hostname() refuses a name; '' if it accepts it."""
    if not name:
        return "empty"
    if len(name) > 255 or any(len(label) > 63 for label in name.split(".")):
        return "too long"
    if re.fullmatch(r"[\d.]+", name):
        return "a number or an address, not a name"
    if name.startswith((".", "-")) or name.endswith("-") or ".." in name:
        return "misplaced in its dots or hyphens"
    if re.search(r"[^A-Za-z0-9._-]", name) and name.isascii():
        return "written with characters that no host name has"
    return "" if name.isascii() else "not in ASCII"


def bad_network(word: str) -> str:
    """Why an item of mynetworks is not a network; '' for a good one, a file name or a table."""
    body = word.removeprefix("!")
    if body.startswith("/") or (
        re.match(r"[a-z]+:(?!:)\S*[/{\w]", body) and not re.fullmatch(r"[0-9a-fA-F:./]+", body)
    ):
        return ""
    if ":" in body and not body.startswith("["):
        return "is an IPv6 address without its brackets: write [address]/bits"
    match = re.fullmatch(r"\[([^\]]*)\](?:/(\d+))?", body)
    text = (match[1] + (f"/{match[2]}" if match[2] else "")) if match else body
    if match and match[1].count(":") < 2 and not re.fullmatch(r"[\d.]+", match[1]):
        return "is no address"
    if not re.match(r"[\d.:/a-fA-F]+$", text):
        return "" if re.fullmatch(r"[\w.-]+", text) else "is no network"
    try:
        ipaddress.ip_network(text, strict=True)
    except ValueError:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            return "is no network"
        return "has bits set beyond its prefix length, which Postfix refuses"
    return ""
