"""A Postfix host for tests of checks: the answers of postconf(1) and the files, given as data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from diagnose.check import (
    Check,
    Context,
    Dial,
    Exec,
    Listeners,
    Lock,
    MailLog,
    MailQueue,
    MapLookup,
    Now,
    Processes,
    Read,
    Settings,
    Skip,
    Stat,
)  # fmt: skip
from diagnose.host.memo import FakeHost, Memo, Recorder
from diagnose.host.query import (
    ExecReply,
    ListenersReply,
    LockReply,
    LogReply,
    MapReply,
    NowReply,
    Process,
    ProcessesReply,
    Query,
    ReadReply,
    StatReply,
)  # fmt: skip
from diagnose.model import Observation, Status, Target

NOW = 1_795_360_000.0
DEFAULTS = {
    "alias_maps": "hash:/etc/aliases", "command_directory": "/usr/sbin", "compatibility_level": "3.6",
    "config_directory": "/etc/postfix", "content_filter": "", "daemon_directory": "/usr/lib/postfix/sbin",
    "data_directory": "/var/lib/postfix", "default_transport": "smtp", "defer_transports": "", "inet_interfaces": "all",
    "inet_protocols": "all", "mail_owner": "postfix", "mail_version": "3.7.11", "maillog_file": "",
    "message_size_limit": "10240000", "milter_default_action": "tempfail", "mydestination": "$myhostname, localhost",
    "mydomain": "example.net", "myhostname": "app.example.net", "multi_instance_directories": "", "non_smtpd_milters": "",
    "queue_directory": "/var/spool/postfix", "queue_minfree": "0", "relayhost": "", "sendmail_path": "/usr/sbin/sendmail",
    "setgid_group": "postdrop", "smtp_bind_address": "", "smtp_sasl_auth_enable": "no", "smtp_sasl_password_maps": "",
    "smtp_tls_security_level": "", "smtp_tls_wrappermode": "no", "smtp_use_tls": "no", "smtpd_milters": "",
    "rewrite_service_name": "rewrite", "smtpd_sasl_auth_enable": "no", "smtpd_sasl_path": "smtpd", "smtpd_sasl_type": "cyrus", "soft_bounce": "no",
    "transport_maps": "", "virtual_alias_domains": "$virtual_alias_maps", "virtual_alias_maps": "", "smtp_connect_timeout": "30s", "master_service_disable": "",
}  # fmt: skip
MASTER = """\
smtp       inet  n       -       y       -       -       smtpd
pickup     unix  n       -       y       60      1       pickup
cleanup    unix  n       -       y       -       0       cleanup
qmgr       unix  n       -       n       300     1       qmgr
rewrite    unix  -       -       y       -       -       trivial-rewrite
bounce     unix  -       -       y       -       0       bounce
defer      unix  -       -       y       -       0       bounce
smtp       unix  -       -       y       -       -       smtp
relay      unix  -       -       y       -       -       smtp
showq      unix  n       -       y       -       -       showq
error      unix  -       -       y       -       -       error
retry      unix  -       -       y       -       -       error
discard    unix  -       -       y       -       -       discard
local      unix  -       n       n       -       -       local
virtual    unix  -       n       n       -       -       virtual
lmtp       unix  -       -       y       -       -       lmtp
"""
RUNNING = (
    Process(
        pid=10, parent=1, name="master", command=("/usr/lib/postfix/sbin/master", "-w"), user="root", started=NOW - 900
    ),
    Process(pid=11, parent=10, name="pickup", command=("pickup", "-l"), user="postfix", started=NOW - 800),
    Process(pid=12, parent=10, name="qmgr", command=("qmgr", "-l"), user="postfix", started=NOW - 800),
)


def machine(
    explicit: Mapping[str, str] | None = None,
    *,
    master: str = MASTER,
    files: Mapping[str, str] | None = None,
    stats: Mapping[str, StatReply] | None = None,
    complaints: str = "",
    maps: Mapping[tuple[str, str], MapReply] | None = None,
    log: tuple[str, ...] = (),
    root: bool = True,
    more: Mapping[Any, Any] | None = None,
    by_kind: Mapping[Any, Any] | None = None,
) -> FakeHost:
    """`explicit`: what main.cf sets; `complaints`: what postconf writes to stderr; `stats` and `files` by path."""
    explicit = dict(explicit or {})
    shown = {**DEFAULTS, **explicit}
    texts = {"/etc/postfix/main.cf": "".join(f"{k} = {v}\n" for k, v in explicit.items()), **(files or {})}
    answers: dict[Query[Any], Any] = {
        Exec(("postconf",)): ExecReply(code=0, out=_lines(shown), err=complaints),
        Exec(("postconf", "-n")): ExecReply(code=0, out=_lines(explicit), err=complaints),
        Exec(("postconf", "-d")): ExecReply(code=0, out=_lines(DEFAULTS)),
        Exec(("postconf", "-M")): ExecReply(code=0, out=master),
        Exec(("postconf", "-P")): ExecReply(code=0),
        Exec(("postconf", "-m")): ExecReply(
            code=0, out="btree cidr hash inline lmdb pcre proxy regexp static texthash unix\n"
        ),
        Now(): NowReply(epoch=NOW, user="root" if root else "nobody", root=root),
        Processes(): ProcessesReply(processes=RUNNING),
        Lock("/var/spool/postfix/pid/master.pid"): LockReply(held=True, holder=10, text="10"),
        MailLog(86_400.0): LogReply(lines=log, source=("/var/log/mail.log",)),
        Listeners(): ListenersReply(),
        **(more or {}),
    }
    kinds: dict[type, Any] = {
        Read: lambda q: ReadReply(text=texts[q.path]) if q.path in texts else ReadReply(problem="not found"),
        Stat: lambda q: (stats or {}).get(q.path, StatReply()),
        MapLookup: lambda q: (maps or {}).get((q.table, q.key), MapReply()),
        Exec: lambda q: ExecReply(problem=f"not found: {q.argv[0]}"),
        MailQueue: lambda q: None,
        Dial: lambda q: None,
        **(by_kind or {}),
    }
    return FakeHost(*answers.items(), by_kind=kinds)


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name} = {settings[name]}\n" for name in sorted(settings))


def run(check: Check, host: FakeHost, recipient: str | None = None, sender: str | None = None) -> list[Observation]:
    """The observations; an empty list where the check leaves itself out. Every sign must be declared."""
    context = Context(Recorder(Memo(host), time.monotonic() + 5), Target(sender, recipient), Settings())
    found: list[Observation] = []
    try:
        found += check.body(context)
    except Skip:
        return []
    assert not [o.sign for o in found if not check.declares(o.sign)]
    for observation in found:
        keys = check.keys(observation.sign)
        odd = {k: v for k, v in observation.data.items() if (known := keys.get(k)) is not None and v not in known}
        assert not odd, f"{observation.sign}: not declared: {odd}"
    return found


def failed(observations: list[Observation]) -> list[str]:
    return [observation.sign for observation in observations if observation.status is Status.FAILED]


def of(observations: list[Observation], sign: str) -> list[Observation]:
    return [observation for observation in observations if observation.sign == sign]
