"""What to do when a program cannot send, for each cause, in that program's own words (`diagnose.knowledge.programs`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import NOTHING, Cause, Remedy, Scalar
from diagnose.patterns import late
from diagnose.record import dataclass

_HOST = late(r"(?!-)[A-Za-z0-9_.:-]{1,255}")  # a command would take a dash for an option
# Text of a cause's own remedy that is Postfix's or has a gap, and so not this program's.
_FOREIGN = late(r"\b(?:post(?:conf|map|queue|super|fix|alias)|Postfix|main\.cf|master\.cf|mailq|smtpd?_\w+)\b|\{\w+\}")

_OPEN = "timeout 5 bash -c '</dev/tcp/{host}/{port}' && echo open"
_NAME = "getent ahosts {host}"
_SHOW = "{s_client} </dev/null"
_CERT = "{s_client} </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"

_CONNECT = (
    "Check {host_word} and {port_word} in {where}. From where the program runs (of a container: inside it), {server} must be "
    "reachable. If it is not while other ports are, the network or a firewall blocks this port: try {elsewhere}.",
    (_NAME, _OPEN),
)
_TLS = ("Make port and TLS agree in {where}: {tls}.", (_SHOW,))
_LOGIN = (
    "Put a user and password that {server} accepts into {where}: {login}. Gmail, Yahoo and others want an application password "
    "in place of the account's.",
    (),
)
_NAMES = (
    "{server_cap}: the name servers of the machine or container in which the program runs do not answer. Mend /etc/resolv.conf "
    "there (Docker: --dns or the daemon's dns setting), then {restart}.",
    ("cat /etc/resolv.conf", _NAME),
)
_NO_NAME = (
    "Correct {host_word} in {where}: no server has the name {name}. Look for a typing error or a blank.",
    (_NAME,),
)
_SENDER = (
    "Let {sender} be an address that the account may send as, mostly the login itself ({login}), or have it allowed at the "
    "provider.",
    (),
)

ADVICE: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "app-smtp-unreachable", "relay-unreachable", "egress-submission-blocked", "egress-port-25-blocked", "no-internet",
            "local-firewall-blocks-smtp", "remote-server-unreachable", "ipv6-broken",
        ),
        _CONNECT,
    ),
    **dict.fromkeys(
        (
            "app-tls-mismatch", "tls-wrapper-mismatch", "relay-requires-tls", "tls-required-not-offered", "tls-policy-failure",
        ),
        _TLS,
    ),
    **dict.fromkeys(
        (
            "app-credentials-rejected", "relay-credentials-rejected", "relay-app-password-required", "relay-auth-not-attempted",
            "sasl-key-mismatch", "relay-access-denied", "sasl-options-exclude-all", "sasl-mechanism-missing",
        ),
        _LOGIN,
    ),
    "auth-not-offered": (
        "Begin TLS before the login: {tls}. If the server wants no login on this port, leave the login empty ({login}).",
        (_SHOW,),
    ),
    "app-certificate-untrusted": (
        "See which CA signed the certificate of {server}. Is it a CA of your own, or is the certificate self-signed: {trust}. If "
        "the server leaves out its intermediate certificate, that must be mended on the server. Do not switch verification off.",
        (_CERT,),
    ),
    "tls-ca-bundle-missing": ("Install the CA certificates where the program runs, or name them to it: {trust}.", ()),
    "relay-certificate-invalid": (
        "Compare the names and dates in the certificate of {server} with {host_word} in {where}: use a name that is in the certificate, "
        "not an address or an alias. An expired certificate must be renewed on the server.",
        (_CERT,),
    ),
    "certificate-revocation-unchecked": (
        "Let the machine reach the addresses for revocation (CRL, OCSP; port 80) that the certificate of {server} names{revoke}.",
        ("{s_client} </dev/null | openssl x509 -noout -ext crlDistributionPoints,authorityInfoAccess",),
    ),
    **dict.fromkeys(
        ("tls-protocol-mismatch", "app-tls-too-old"),
        (
            "Let the program and {server} share a TLS version, 1.2 or newer: {protocol}. An old library or server must be updated.",
            ("{s_client} -tls1_2 </dev/null",),
        ),
    ),
    "app-config-invalid": (
        "Complete or correct {where}: {host_word}, {port_word}, {login}, {sender}. An empty value, one in the wrong section or a variable that "
        "the program does not see counts as missing. Then {restart}.",
        (),
    ),
    "recipient-address-malformed": ("Correct the recipient where the program has it from: local-part@domain and nothing else.", ()),
    **dict.fromkeys(("resolver-failing", "chroot-resolver-stale"), _NAMES),
    **dict.fromkeys(("relay-name-not-found", "recipient-domain-not-found", "local-hostname-unresolvable"), _NO_NAME),
    "smtp-listener-missing": (
        "Nothing listens at {server}: that is the machine or container in which the program itself runs. Name the real mail server "
        "in {where} ({host_word}, {port_word}), or start a mail server there. A program to which none is named often falls back on localhost.",
        ("ss -ltn",),
    ),
    **dict.fromkeys(("sender-not-allowed", "sender-unauthenticated"), _SENDER),
    # developers.google.com/identity/protocols/oauth2#expiration; learn.microsoft.com/entra/identity-platform/refresh-tokens
    "oauth-token-unusable": (
        "Sign in once more to get a new refresh token with the scope for SMTP, and put it with the client's ID and secret into "
        "{where}. Google ends the tokens of an app in testing after seven days, Microsoft those that nobody used for 90 days; a "
        "changed password may end both.",
        (),
    ),
    "app-worker-not-running": (
        "Start the worker that sends the application's queued mail, and read its log for why it stopped. The waiting mail is then "
        "sent; make sure that the worker also starts at boot.",
        (),
    ),
    "helo-name-invalid": (
        "Have the program greet with a full host name that resolves, or with an address in brackets ([192.0.2.1]): many take the name "
        "of the machine or container, or have a setting for it (local host name, HELO or EHLO name).",
        (),
    ),
    "postfix-not-installed": (
        "The program calls a sendmail command that is not there. Install one (msmtp-mta, or a mail server), or let the program speak "
        "SMTP: {host_word}, {port_word} and {login} in {where}.",
        ("ls -l /usr/sbin/sendmail",),
    ),
}  # fmt: skip


_NO_SETTING = frozenset({"app-worker-not-running", "recipient-address-malformed", "postfix-not-installed"})

# Explanations for causes whose own speaks of Postfix only.
EXPLAINED = {
    "app-smtp-unreachable": "The host name or port in {where} is wrong, or something on the way drops the connection.",
    "relay-name-not-found": "{host_cap} in {where} is misspelt or gone, or stands in a hosts file that the program does not see.",
    "oauth-token-unusable": (
        "The program logs in with an access token that lasts about an hour and is renewed with a refresh token. The provider has "
        "ended the refresh token, or does not know the client that shows it."
    ),
}


@dataclass(frozen=True)
class Fields:
    """The server that the text named (checked to be a name or address) and its port; None if it did not."""

    host: str | None
    port: int | None

    @classmethod
    def of(cls, data: Mapping[str, Scalar]) -> Fields:
        host, port = data.get("host"), data.get("port")
        return cls(
            host if isinstance(host, str) and _HOST.fullmatch(host) else None,
            port if isinstance(port, int) and 0 < port < 65536 else None,
        )


def rendered(cause: Cause, words: Mapping[str, Any], fields: Fields, data: Mapping[str, Scalar] = NOTHING) -> Remedy:
    """The remedy without gaps: a command that needs what the text does not name is left out."""
    own = words.get("advice", {}).get(cause.id)
    if own is not None:
        more = {name: str(value) for name, value in data.items() if value not in (None, "")}
        values = more | _values(words, fields)
        filled = (_fill(each, values) for each in own.get("commands", ()))
        return Remedy(
            text=_fill(_with_defaults(own["text"], values), values),
            commands=tuple(done for done in filled if not re.search(r"\{\w+\}", done)),
        )
    text, commands = ADVICE.get(cause.id) or (_neutral(cause, data), ())
    values = _values(words, fields)
    ends = f" Then {values['restart']}." if cause.id in ADVICE.keys() - _NO_SETTING and "{restart}" not in text else ""
    return Remedy(
        text=_fill(text, values) + ends if cause.id in ADVICE else text,
        commands=tuple(done for each in commands if "{" not in (done := _fill(each, values))),
    )


def without_postfix(cause: Cause, words: Mapping[str, Any]) -> Cause:
    """A cause without what it says of Postfix, for a program that speaks SMTP itself."""
    links = tuple(link for link in cause.links if "postfix.org" not in link)
    title = str(words.get("title", "")).partition(" (")[0]
    explanation = words.get("advice", {}).get(cause.id, {}).get("explanation", "")
    if not explanation and words and cause.id in EXPLAINED:
        explanation = _fill(EXPLAINED[cause.id], _values(words, Fields(None, None)))
    elif not explanation:
        general = re.sub(r"(?<![.;] )(?<!^)\bPostfix\b", title or "the program", cause.explanation)
        explanation = _without_postfix(re.sub(r"\bPostfix\b", _capital(title) or "The program", general))
    return replace(
        cause,
        title=re.sub(r"\bPostfix\b", title, cause.title) if title else cause.title,
        explanation=explanation,
        otherwise=re.sub(r",? then run: *postqueue -f", "", cause.otherwise),
        links=links,
    )


def _neutral(cause: Cause, data: Mapping[str, Scalar]) -> str:
    """A cause's own advice, its sentences on Postfix left out."""
    text = _with_defaults(cause.remedy, {name: str(value) for name, value in data.items() if value})
    return _without_postfix(text) or f"Rule it out first: {cause.rules_out}"


def _with_defaults(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\|([^{}]*)\}", lambda found: values.get(found[1], found[2]), text)


def _without_postfix(text: str) -> str:
    return " ".join(each for each in re.split(r"(?<=[.;]) +", text) if not _FOREIGN.search(each))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _values(words: Mapping[str, Any], fields: Fields) -> dict[str, str]:
    host, port = fields.host, fields.port
    place = f"{host} port {port}" if host and port else host or (f"port {port}" if port else "")
    server = place if host else f"the server ({place})" if port else "the server"
    implicit, starttls = words["implicit"], words["starttls"]
    tls = (
        f"TLS from the first byte on {port}: {implicit}; STARTTLS on 587: {starttls}"
        if port in IMPLICIT_TLS_PORTS
        else f"STARTTLS on {port or 587}: {starttls}; TLS from the first byte on 465: {implicit}"
    )
    revocation = words.get("revocation")
    values = {
        **{key: value for key, value in words.items() if isinstance(value, str)},
        "host_word": words["host"],
        "port_word": words["port"],
        "server": server,
        "server_cap": _capital(server) if not host else server,
        "host_cap": _capital(words["host"]),
        "name": host or "it asks for",
        "tls": tls,
        "elsewhere": f"{'' if port in IMPLICIT_TLS_PORTS else f'{implicit}; or '}port {'2525' if port == 587 else '587 or 2525'}: {starttls}",
        "revoke": f", or switch only that check off: {revocation}" if revocation else "",
    }
    del values["host"], values["port"]
    if host:
        values["host"] = host
    if port:
        values["port"] = str(port)
    if host and port:
        how = "" if port in IMPLICIT_TLS_PORTS else "-starttls smtp "
        values["s_client"] = f"openssl s_client {how}-connect {f'[{host}]' if ':' in host else host}:{port}"
    return values


def _fill(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found.group()), text)
