"""Sender domains of this host's own mail: submitted on the host, from its own network, or after a login.

Mail received from another server, to be forwarded or stored, has senders whose SPF records rightly do not list this
host.
"""

from __future__ import annotations

from collections.abc import Iterable

from diagnose.patterns import late

_LINE = late(
    r"postfix[\w.-]*/(?:[\w.-]+/)*(?:smtpd|pickup|qmgr)\[\d+\]: (?P<id>[0-9A-Za-z]{6,25}): (?P<rest>(?:client|uid|from)=.*)"
)
_FROM = late(r"from=<[^<>@]+@(?P<domain>[\w-]+(?:\.[\w-]+)+)>")
NEAR = late(
    r"client=[^\s\[]*\[(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|::1\]|f[cd][0-9a-f]{2}:)(?!.*\borig_client=)"
)
KEPT = 20_000  # messages that are remembered


def domains(lines: Iterable[str], filtered: bool = False) -> tuple[str, ...]:
    """Sender domains in Postfix's own log lines, lower case, the most frequent first. filtered: a content filter on
    this host reinjects all mail, so a local client says nothing about its origin."""
    own: dict[str, None] = {}
    counted: dict[str, int] = {}
    for line in lines:
        if "from=<" not in line and ": client=" not in line:
            continue
        found = _LINE.search(line)
        if found is None:
            continue
        id, rest = found["id"], found["rest"]
        if rest.startswith("uid=") or "sasl_username=" in rest or (not filtered and NEAR.match(rest)):
            own[id] = None
            if len(own) > KEPT:
                del own[next(iter(own))]
        elif rest.startswith("from=<") and id in own and (sender := _FROM.match(rest)) is not None:
            domain = sender["domain"].lower()
            counted[domain] = counted.get(domain, 0) + 1
    return tuple(sorted(counted, key=lambda domain: (-counted[domain], domain)))
