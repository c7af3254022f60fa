"""A short hash that is equal on hosts with the same Postfix configuration."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import Mta, mta
from diagnose.host.kept import Keeper
from diagnose.host.query import Now
from diagnose.parse.text.known import STARS

# Parameters that differ between hosts configured from one template: postconf(5).
_OF_ONE_HOST = frozenset(
    "myhostname mydomain myorigin mydestination mynetworks inet_interfaces proxy_interfaces smtp_bind_address smtp_bind_address6 "
    "smtp_helo_name lmtp_lhlo_name smtpd_banner virtual_alias_domains".split()
)
_TABLE_IN_LINE = re.compile(r"\b(static|inline|(?:pcre|regexp|cidr)(?=:\{)):.*", re.S)
_NOT_TOLD = re.compile(rf"\S*(?:{re.escape(STARS)}|left-out-\d+-(?:short|medium|long))\S*")


def fingerprint(ctx: Asks, hide: Callable[[Any], Any]) -> str:
    """Twelve hexadecimal digits of a hash over main.cf's settings and master.cf's services; "" if they cannot be read.

    This host's names and addresses and possible secrets are left out; as a recording has no secrets either, it
    yields the same value as its host. hide: masks the secrets known by value.
    """
    postfix = mta(ctx)
    if not postfix.installed or postfix.problem or not postfix.explicit:
        return ""
    now = ctx.ask(Now())
    own = {now.fqdn, now.hostname, postfix.value("myhostname"), postfix.value("mydomain")} - {"", "localhost"}
    names = re.compile(
        "|".join(rf"(?<![\w-]){re.escape(each)}(?![\w-])" for each in sorted(own, key=len, reverse=True))
    )
    lines = [f"{name} = {value}" for name, value in _told(postfix).items() if name not in _OF_ONE_HOST]
    keeper = Keeper()
    alike = [_NOT_TOLD.sub("?", keeper.text(line)) for line in hide(sorted(lines))]
    text = "\n".join(names.sub("@", " ".join(line.split())) if own else line for line in alike)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _told(postfix: Mta) -> Mapping[str, str]:
    settings = {name: _TABLE_IN_LINE.sub(r"\1:", value) for name, value in postfix.explicit.items()}
    for each in postfix.master.services:
        words = " ".join(_TABLE_IN_LINE.sub(r"\1:", word) for word in each.argv)
        flags = f"{each.private} {each.unprivileged} {each.chroot} {each.wakeup} {each.maxproc}"
        settings[f"{each.name}/{each.type}"] = f"{flags} {each.command} {words}"
    return settings
