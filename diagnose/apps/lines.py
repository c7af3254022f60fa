"""Line-based settings: mailers' files, systemd units, env files, a bare URL, and tables of logins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from diagnose.apps.entry import Entry


def words(text: str) -> Iterator[Entry]:
    """Lines `name value`, and of nullmailer's remotes `host protocol --name=value`. Settings of msmtp accounts that
    the default account does not use, and of further remotes, get the prefix `other.`."""
    blocks: dict[str, list[Entry]] = {}
    parents: dict[str, str] = {}
    block, default, at, remotes = "", "", 0, 0
    for number, line in enumerate(text.split("\n"), 1):
        begins, at = at, at + len(line) + 1
        found = re.match(r"\s*(?P<key>[A-Za-z_][\w.-]*)(?:[ \t]*=[ \t]*|[ \t]+|$)(?P<value>.*?)\s*$", line)
        if found is None:
            continue
        key, value, start = found["key"], found["value"], begins + found.start("value")
        if key in ("account", "defaults"):
            block = value.partition(":")[0].strip() if key == "account" else "defaults"
            if key == "account" and ":" in value:
                parents[block] = value.partition(":")[2].strip()
            default = (value.partition(":")[2].strip() or block) if block == "default" else default
            yield Entry(key=key, value=value, line=number, start=start, end=start + len(value))
            continue
        if "." in key and (re.match(r"(?:smtps?|qmqp)\b|$", value) or "--" in value):
            where = begins + found.start("key")
            other = "other." if remotes else ""  # nullmailer tries the first one first
            remotes += 1
            yield Entry(key=f"{other}remote.host", value=key, line=number, start=where, end=where + len(key))
            protocol = re.match(r"(?!-)[\w-]+(?=\s|$)", value)
            if protocol:
                yield Entry(
                    key=f"{other}remote.protocol",
                    value=protocol[0],
                    line=number,
                    start=start,
                    end=start + protocol.end(),
                )
            options = list(re.finditer(r"(?<=\s)(?:--)?([\w-]+)(?:=(?P<v>\"[^\"]*\"|'[^']*'|\S*))?", f" {value}"))[
                bool(protocol) :
            ]
            begins = start - 1
            for one in options:
                given = one["v"] if one["v"] is not None else "yes"
                first = begins + (one.start("v") if one["v"] is not None else one.end())
                last = begins + one.end()
                yield Entry(key=f"{other}--{one[1]}", value=given.strip("\"'"), line=number, start=first, end=last)
            continue
        quote = value[:1] if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1 else ""
        bare = value[1:-1] if quote else value or "yes"  # a flag of dma
        entry = Entry(key=key.lower(), value=bare, line=number, start=start, end=start + len(value), quote=quote)
        blocks.setdefault(block, []).append(entry)
    if default and default not in {*blocks, *parents}:
        at = text.rfind(default)
        remark = f"setting-wrong: no account {default} is defined"
        number = text.count("\n", 0, at) + 1
        yield Entry(key="account", value="default", line=number, start=at, end=at, remark=remark)
    named = [name for name in blocks if name not in ("", "defaults")]
    counting = ["", "defaults", default if default in {*blocks, *parents} else named[0] if named else "default"]
    while counting[-1] in parents and parents[counting[-1]] not in counting:
        counting.append(parents[counting[-1]])
    for name, found_here in blocks.items():
        for entry in found_here:
            yield entry if name in counting else replace(entry, key=f"other.{entry.key}")


def unit(text: str) -> Iterator[Entry]:
    """Each assignment in Environment= of a systemd unit, EnvironmentFile=, and credentials (systemd.exec(5))."""
    section = ""
    for line in re.finditer(
        r"^[ \t]*(?:\[(?P<section>[^\]\n]*)\]|(?P<key>Environment(?:File)?|(?:Load|Set)Credential(?:Encrypted)?)=(?P<all>(?:[^\n]*\\\n)*[^\n]*))",
        text,
        re.M,
    ):
        if line["section"] is not None:
            section = line["section"]
            continue
        number, at = text.count("\n", 0, line.start()) + 1, line.start("all")
        outside = (
            ""
            if section in ("Service", "Container")
            else "setting-wrong: it is outside [Service], where systemd ignores it"
        )
        if line["key"] == "EnvironmentFile":
            path = line["all"].strip().strip("\"'")
            yield Entry(
                key="EnvironmentFile", value=path, line=number, start=at, end=at + len(line["all"]), remark=outside
            )
            continue
        if "Credential" in line["key"]:
            name, _, given = line["all"].partition(":")
            if line["key"] == "LoadCredential":
                yield Entry(
                    key=f"credential.{name.strip()}",
                    value=given.strip() or f"/etc/credstore/{name.strip()}",
                    line=number,
                    start=at,
                    end=at + len(line["all"]),
                )
            elif given:
                start = at + len(name) + 1
                key = f"credential.{name.strip()}.password"
                yield Entry(key=key, value=given, line=number, start=start, end=start + len(given))
            continue
        if not line["all"].strip():
            yield Entry(key="Environment", value="", line=number, start=at, end=at)
        last: Entry | None = None
        for found in _ASSIGNED.finditer(line["all"]):
            group = next(name for name in ("double", "single", "bare") if found[name] is not None)
            name, sign, value = found[group].partition("=")
            if not sign or not re.fullmatch(r"[A-Za-z_]\w*", name):
                if last is not None and found[group] != "\\":
                    last = replace(
                        last, remark="setting-wrong: it ends at the blank, as the assignment is not in quotes"
                    )
                continue
            if last is not None:
                yield last
            start = at + found.start(group) + len(name) + 1
            bare = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1 else value
            filled = re.search(r"%(?!%)[A-Za-z0-9](?!/)", bare.replace("%%", ""))
            odd = filled if _SECRET.search(name) else None
            remark = (
                f"setting-wrong: {odd[0]} is a specifier to systemd: a percent sign is written %%" if odd else outside
            )
            known = None if filled and not odd else bare.replace("%%", "%")
            last = Entry(key=name, value=known, line=number, start=start, end=start + len(value), remark=remark)
        if last is not None:
            yield last


_SECRET = re.compile(r"pass|pwd|secret|token|key|url|dsn", re.I)  # in other variables a specifier is intended
_ASSIGNED = re.compile(
    r"""(?<!\S)(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|(?P<bare>[^\s"']+(?:"[^"]*"|'[^']*')?\S*))"""
)


def environment(text: str) -> Iterator[Entry]:
    """A file for EnvironmentFile= (systemd.exec(5)): comments only on lines of their own, no expansion."""
    pattern = r"""^[ \t]*(?P<export>export[ \t]+)?(?P<key>[A-Za-z_]\w*)[ \t]*=[ \t]*(?P<value>"(?:\\.|[^"\\])*"(?=[ \t]*$)|'[^']*'(?=[ \t]*$)|[^\n]*)"""
    for found in re.finditer(pattern, text, re.M):
        raw = found["value"].rstrip(" \t\r")
        quote = raw[:1] if raw[:1] in ("'", '"') and raw[-1:] == raw[:1] and len(raw) > 1 else ""
        start = found.start("value")
        value = raw[1:-1] if quote else raw
        yield Entry(
            key=found["key"],
            value=re.sub(r'\\(["\\$`])', r"\1", value) if quote == '"' else value,
            line=text.count("\n", 0, start) + 1,
            start=start,
            end=start + len(raw),
            quote=quote,
            remark="setting-wrong: systemd ignores a line that begins with export" if found["export"] else "",
        )


def literal(text: str) -> Iterator[Entry]:
    """A file for docker run's --env-file: the value is the rest of the line, unchanged."""
    for found in re.finditer(r"^[ \t]*(?P<key>[A-Za-z_][\w.-]*)=(?P<value>[^\r\n]*)", text, re.M):
        value, (start, end) = found["value"], found.span("value")
        quoted = len(value) > 1 and value[0] in ("'", '"') and value[-1] == value[0]
        yield Entry(
            key=found["key"],
            value=value,
            line=text.count("\n", 0, start) + 1,
            start=start,
            end=end,
            exact=True,
            remark="setting-wrong: in a file of --env-file the quotes are part of the value" if quoted else "",
        )


def url(text: str) -> Iterator[Entry]:
    """The first line that is a URL, under the key URL."""
    found = re.search(r"^[ \t]*(?P<url>\w+(?:\+\w+)?://\S*)", text, re.M)
    if found:
        number, (start, end) = text.count("\n", 0, found.start("url")) + 1, found.span("url")
        yield Entry(key="URL", value=found["url"], line=number, start=start, end=end)


def logins(text: str) -> Iterator[Entry]:
    """Exim's passwd.client (host:user:password) and dma's auth.conf (user|host:password)."""
    behind = 0
    for number, line in enumerate(text.split("\n"), 1):
        at, behind = behind, behind + len(line) + 1
        found = re.match(r"\s*(?P<user>[^#\s|:]+)\|(?P<host>[^:\s]+)(?::(?P<password>.*))?$", line) or re.match(
            r"\s*(?P<host>\*|[^#\s:|]+):(?P<user>[^:\s]+)(?::(?P<password>.*))?$", line
        )
        for name in ("host", "user", "password") if found else ():
            assert found is not None
            start, end = (at + each for each in found.span(name)) if found[name] is not None else (at, at)
            yield Entry(key=f"login.{name}", value=found[name] or "", line=number, start=start, end=end)
