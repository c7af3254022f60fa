"""The steps that faults are made of: each returns a function that does one thing to a machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from .machine import SECRET, LabError, Machine
from .network import HOST_IPV4

Step = Callable[[Machine], None]


def settings(**values: str | None) -> Step:
    """Parameters of main.cf; None removes one."""
    return lambda m: m.postconf(**values)


def append(path: str, text: str) -> Step:
    """Add text to a file."""

    def step(m: Machine) -> None:
        with m.path(path).open("a") as file:
            file.write(text)

    return step


def replace(path: str, old: str, new: str) -> Step:
    """Change text in a file; it must be there."""

    def step(m: Machine) -> None:
        text = m.read(path)
        assert old in text, f"{path} has no {old!r}"
        mode = m.path(path).stat().st_mode & 0o7777
        m.write(path, text.replace(old, new), mode)

    return step


def write(path: str, text: str | bytes, mode: int = 0o644, owner: str = "root", group: str = "root") -> Step:
    return lambda m: m.write(path, text, mode, owner, group)


def run(*argv: str, user: str | None = None, stdin: str | None = None) -> Step:
    """A command whose exit status does not matter."""

    def step(m: Machine) -> None:
        m.run(*argv, user=user, stdin=stdin)

    return step


def shell(script: str) -> Step:
    return run("sh", "-c", script)


def mapped(parameter: str, text: str) -> Step:
    """A lookup table for a parameter of main.cf, compiled."""

    def step(m: Machine) -> None:
        path = f"/etc/postfix/{parameter}"
        m.write(path, text)
        m.run("postmap", f"hash:{path}")
        m.postconf(**{parameter: f"hash:{path}"})

    return step


def nft(where: str, rules: str) -> Step:
    """Rules at gateway, isp or internet (chain first), or the host's own whole ruleset."""
    return lambda m: m.network.nft(where, rules)


def wait(pattern: str, seconds: float = 15) -> Step:
    return lambda m: m.wait_for(pattern, seconds)


def pause(seconds: float) -> Step:
    return lambda m: time.sleep(seconds)


def mail(
    to: str = "maria@northwind-trading.com", sender: str = "", times: int = 1, body: str = "", user: str = "www-data"
) -> Step:
    def step(m: Machine) -> None:
        for _ in range(times):
            m.submit(to, sender, body, user)

    return step


_SMTP_CLIENT = """\
import smtplib
s = smtplib.SMTP({host!r}, {port}, local_hostname={helo!r}, timeout=8)
s.sendmail({sender!r}, [{to!r}], "From: {sender}\\nTo: {to}\\nSubject: Verify\\n\\n" + {body!r})
"""


def smtp_mail(
    to: str = "maria@northwind-trading.com",
    sender: str = "noreply@brightwater-labs.com",
    port: int = 25,
    host: str = "127.0.0.1",
    helo: str = "localhost",
    body: str = "Hello.",
) -> Step:
    """Submit as an application does, by SMTP to this host; what it answers does not matter."""
    script = _SMTP_CLIENT.format(host=host, port=port, helo=helo, sender=sender, to=to, body=body)

    def step(m: Machine) -> None:
        m.run("/usr/bin/python3", "-c", script, user="www-data")

    return step


def smtp_mail_from_gateway(to: str, sender: str, helo: str = "printer.lan") -> Step:
    """Another machine of the LAN hands mail to this one."""
    script = _SMTP_CLIENT.format(host=HOST_IPV4, port=25, helo=helo, sender=sender, to=to, body="Scan.")

    def step(m: Machine) -> None:
        m.network.run("gateway", "/usr/bin/python3", "-c", script, check=False)

    return step


def relay(
    host: str = "smtp.mandrillapp.com",
    port: int = 587,
    *,
    next_hop: str = "",
    key: str = "",
    line: str = "",
    user: str = "lab-user",
    password: str = SECRET,
    kind: str = "",
    tls: str = "encrypt",
    compile_map: bool = True,
    mode: int = 0o600,
    **more: str | None,
) -> Step:
    """A relay with a login, set up as the manuals say; every part can be given otherwise."""
    next_hop = next_hop or f"[{host}]:{port}"
    line = line or f"{key or next_hop} {user}:{password}"

    def step(m: Machine) -> None:
        path, type_ = f"{m.config}/sasl_passwd", kind or m.map_type
        m.write(path, line + "\n", mode)
        values: dict[str, str | None] = {
            "relayhost": next_hop,
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"{type_}:{path}",
            "smtp_sasl_security_options": "noanonymous",
            "smtp_tls_security_level": tls,
            "smtp_tls_CAfile": m.ca_file,
            "smtp_tls_CApath": None,
        }
        if port == 465:
            values["smtp_tls_wrappermode"] = "yes"
        values |= more
        m.postconf(**values)
        if compile_map and type_ in ("hash", "btree", "lmdb", "cdb"):
            m.run("postmap", f"{type_}:{path}")

    return step


def older(path: str, seconds: float) -> Step:
    """Set a file's times back."""

    def step(m: Machine) -> None:
        when = time.time() - seconds
        os.utime(m.path(path), (when, when))

    return step


def clock(days: float) -> Step:
    """Set every process of the machine off by so many days, by libfaketime preloaded into each."""

    def step(m: Machine) -> None:
        found = sorted(m.path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not found:
            raise LabError("this case needs the package libfaketime")
        m.write("/etc/faketimerc", f"{days:+.0f}d\n")
        m.write("/etc/ld.so.preload", str(found[0])[len(str(m.path("/"))) :].rjust(1, "/") + "\n")

    return step


def journal() -> Step:
    """Keep the log in systemd's journal alone, by a real journald; no mail.log."""
    start = (
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup; mkdir -p /run/systemd/journal /run/log/journal;"
        " (setsid /lib/systemd/systemd-journald >/dev/null 2>&1 &); ln -s /run/systemd/journal/dev-log /dev/log;"
        " for i in 1 2 3 4 5 6 7 8 9 10; do test -S /run/systemd/journal/dev-log && break; sleep 0.1; done"
    )

    def step(m: Machine) -> None:
        m.postconf(maillog_file=None)
        m.run("sh", "-c", f"{start}; rm -f /var/log/mail.log")
        m.journal = True

    return step


def systemd(m: Machine) -> None:
    """The machine's first process becomes systemd, in a cgroup of its own, with Debian's units and Postfix enabled. Raises LabError."""
    group = next(p for p in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if (p / "cgroup.procs").exists())
    own = group / f"lab-{m.pid}"
    own.mkdir()
    m.cgroup = own
    (own / "cgroup.procs").write_text(str(m.pid))
    m.write("/etc/systemd/system/lab.target", "[Unit]\nWants=postfix.service dbus.socket\nAllowIsolate=yes\n")
    m.path("/run/systemd/system").mkdir(parents=True)
    # systemd-tmpfiles empties /tmp file by file, which takes longer than it may where tests left thousands.
    m.run("mount", "-t", "tmpfs", "tmpfs", "/tmp")
    os.kill(m.pid, signal.SIGUSR1)
    for _ in range(100):
        if m.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
            return
        time.sleep(0.2)
    raise LabError(f"systemd did not come up: {m.run('systemctl', 'list-jobs').stdout}")
