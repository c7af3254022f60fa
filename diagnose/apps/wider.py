"""Adds what a settings file takes from other files: env_file and secrets of compose files, EnvironmentFile of units,
password files, the .env beside a program's settings, profiles, and tables of logins.

widened(path, grammar, text, other)   the entries with those of the other files; a later one overrides
"""

from __future__ import annotations

import fnmatch
import itertools
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from diagnose.apps import grammars
from diagnose.apps.entry import DOLLAR, Entry, Malformed
from diagnose.apps.profiles import profiled
from diagnose.patterns import late

Other = Callable[[str, str], tuple[str, str]]
"""(path, kind) to text and problem; kind "settings", "password" for a file that is nothing else, or "folder": its files' names, one a line."""
MISSING = "not found"
OF_OTHERS = ("EnvironmentFile", "env_file.smtp", "authpath")
"""Keys under which a missing file of others is remarked."""
_MOST = 8  # other files read for one

OF_FILE = late(
    r"(?P<name>(?!.*(?:ca|cert|key)_?file$).*(?:pass|user|login|secret|token|host|smtp|mail).*?)(?:__FILE|_FILE|_file)$",
    re.I,
)
_SHOWN = late(r"(?:/bin/|/usr/bin/)?(?:cat|head -n ?1|head -1)\s+(/[\w./@+-]+)")  # msmtp's passwordeval
_SERVICE = late(
    r"services\.(?P<name>[\w.-]+?)\.(?P<rest>env_file(?:\.path)?|secrets(?:\.source)?|environment|image|build|network_mode)\b"
)
_COMPOSE = (
    *("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"),
    *("compose.override.yaml", "docker-compose.override.yml"),
)
_SERVER = late(r"(?:SMTP|MAIL).*(?:HOST|SERVER|ADDR(?:ESS)?|URL|DSN)$")
# Services that an application outside containers may use, too.
_BESIDE = late(
    r"postgres|postgis|timescale|mysql|mariadb|percona|redis|valkey|keydb|dragonfly|memcached|mongo|rabbitmq|kafka|zookeeper|nats|elastic|"
    r"opensearch|solr|meili|typesense|minio|localstack|clickhouse|influx|nginx|traefik|caddy|httpd|haproxy|adminer|pgadmin|phpmyadmin|"
    r"mailhog|mailpit|mailcatcher|maildev|mosquitto|vault:|consul|selenium|cassandra|couch|neo4j|qdrant|chroma|ollama",
    re.I,
)
# The container may see the whole file: as env_file, in the image, or in a mounted folder.
_OTHERWISE = late(
    r"env_file|^\s+(?:build|extends):|^include:|(?:^|[\s\"'])(?:\.|\$\{?PWD\}?)(?:/(?:\.env)?)?:|source:\s*\.", re.M
)


def nobody(path: str, kind: str) -> tuple[str, str]:
    """An `Other` that can read no file."""
    return "", "not read"


class Wider:
    """The file at hand, and the reading of others beside it."""

    def __init__(self, path: str, grammar: str, other: Other) -> None:
        self.path, self.grammar, self.other, self.left = path, grammar, other, _MOST
        self.folder = posixpath.dirname(path)

    def beside(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, name))

    def text(self, path: str, kind: str = "settings") -> tuple[str, str]:
        self.left -= 1
        return self.other(path, kind) if self.left >= 0 else ("", "too many files")

    def file(self, path: str, grammar: str = "") -> tuple[tuple[Entry, ...], str]:
        """(entries of another file, why there are none or "")."""
        text, problem = self.text(path)
        wanted = grammar or grammars.grammar_of(path, text)
        if problem or wanted is None:
            return (), problem or "not a format that this tool reads"
        try:
            return tuple(replace(each, path=path) for each in grammars.entries(text, wanted)), ""
        except Malformed as why:
            return (), str(why)

    def filled(
        self, entries: Sequence[Entry], values: Mapping[str, Entry], complete: bool = False, unset: bool = False
    ) -> list[Entry]:
        """The entries with variables filled from `values`. complete: a variable missing there is empty, and
        remarked; unset: only entries without a value are filled."""
        out = []
        for each in entries:
            given = next((values[name] for name in (each.variable, *each.also) if name in values), None)
            if given is not None and given.value is not None and not (unset and each.value is not None):
                here = given.path != "" or "." not in each.variable
                line, variable = (given.line, each.variable) if here else (each.line, "")
                each = replace(
                    each,
                    value=given.value,
                    variable=variable,
                    path=given.path,
                    line=line,
                    remark=given.remark,
                    bare=given.bare,
                )
            elif each.variable and complete and each.value is None:
                remark = f"setting-odd: {each.variable} is not set in {self.beside('.env')}: it becomes empty"
                each = replace(each, remark=each.remark or remark)
            out.append(each)
        return out

    def referred(self, entries: list[Entry]) -> list[Entry]:
        """The entries with references filled from Secrets and ConfigMaps in the same file (secretKeyRef), and from
        secrets.yaml beside it (!secret)."""
        names = {e.part: e.value for e in entries if e.key == "metadata.name"}
        held = {f"{names.get(e.part)}.{e.key}": e for e in entries if re.match(r"(?:data|stringData)\.", e.within)}
        places = {f"{names.get(e.part)}." for e in held.values()}
        if any(name.startswith("secrets.yaml.") for each in entries for name in each.also):
            kept = self.file(self.beside("secrets.yaml"))[0]
            held |= {f"secrets.yaml.{each.key}": each for each in kept}
            places |= {"secrets.yaml."} if kept else set()
        out = self.filled(entries, held) if held else entries
        for at, each in enumerate(out):
            place = next((p for p in places for n in each.also if n.startswith(p) and n not in held), "")
            if place and each.value is None:
                name = each.also[0].removeprefix(place)
                out[at] = replace(each, remark=f"setting-wrong: {place[:-1]} has no {name}")
        return out


def widened(path: str, grammar: str, text: str, other: Other) -> tuple[Entry, ...]:
    """The entries of a file, with those of files that it names or that are read with it. Raises Malformed."""
    wider = Wider(path, grammar, other)
    every = _together(wider, text, list(grammars.entries(text, grammar)))
    if grammar in ("yaml", "properties"):
        # Spring's ${spring.mail.host} refers to another key of the file.
        every = wider.filled(every, {e.key: e for e in every if "." in e.key and e.value is not None})
        every = wider.referred(every)
    if any(_SERVICE.match(each.key) or _SERVICE.match(each.within) for each in every):
        every = _composed(wider, every)
    elif grammar == "unit":
        every = _unit(wider, _overridden(wider, every))
    elif grammar == "script":
        every = _started(wider, every)
    elif grammar in ("code", "yaml") and any(each.variable for each in every):
        every = _beside(wider, every, text)
        standing = {each.key: each for each in every if each.within == "Env"}
        every = wider.filled(every, standing, unset=True) if standing else every
    if re.search(r"(?:^|/)(?:application|bootstrap)\.(?:ya?ml|properties)$", path):
        every = profiled(wider, every)
    elif path.endswith("/.env"):
        if any(each.key == "MAILER_DSN" for each in every):
            every += wider.file(f"{path}.local", "dotenv")[0]
            stage = next((each.value for each in reversed(every) if each.key == "APP_ENV"), "")
            for name in (f"{path}.{stage}", f"{path}.{stage}.local") if stage else ():
                every += wider.file(name, "dotenv")[0]
        every = _handed(wider, every)
    return tuple(_logins(wider, _secrets(wider, every)))


# Pattern of a path; names of the files that it overrides, and of those that override it, with the pattern's groups.
_TOGETHER = (
    (r"\.env\.local", (".env",), ()),
    (r"(application|bootstrap)-[\w-]+\.(ya?ml|properties)", (r"\1.\2",), ()),
    (r"((?:docker-)?compose)\.(ya?ml)", (), (r"\1.override.\2",)),
    (r"((?:docker-)?compose)\.override\.(ya?ml)", (r"\1.\2",), ()),
    (r"appsettings\.json", (), ("appsettings.Production.json",)),
    (r"appsettings\.\w+\.json", ("appsettings.json",), ()),
    (r"config/default\.(json5?|ya?ml)", (), (r"production.\1", r"local.\1", r"local-production.\1")),  # node-config
    (r"config/(?:production|local)\.(json5?|ya?ml)", (r"default.\1",), ()),
    (r"zulip/settings\.py", ("zulip-secrets.conf",), ()),
)


def _together(wider: Wider, text: str, entries: list[Entry]) -> list[Entry]:
    """The entries with those of files that the program always reads with this one; a Python module's at its import."""
    for pattern, below, above in _TOGETHER:
        if found := re.search(rf"(?:^|/){pattern}$", wider.path):
            first, last = (
                [entry for name in names for entry in wider.file(wider.beside(found.expand(name)))[0]]
                for names in (below, above)
            )
            entries = [*first, *entries, *last]
    for found in (
        [*re.finditer(r"^[ \t]*from \.(\w+) import \*", text, re.M)][:3][::-1] if wider.path.endswith(".py") else ()
    ):
        at = sum(each.start < found.start() for each in entries if not each.path)
        entries[at:at] = wider.file(wider.beside(f"{found[1]}.py"))[0]
    return entries


def _composed(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """A compose file's entries with its .env filled in, and those of its env_files (docs.docker.com/compose)."""
    found, problem = wider.file(wider.beside(".env"), "dotenv") if any(e.variable for e in entries) else ((), "")
    values = {each.key: _dollar(each) for each in found}
    entries = wider.filled(
        [_dollar(each) if each.within else each for each in entries], values, complete=not problem and bool(found)
    )
    before: list[Entry] = []
    for at, each in enumerate(entries):
        service = _SERVICE.match(each.key)
        if service is None or not each.key.endswith((".env_file", ".env_file.path")) or not each.value:
            continue
        own, problem = wider.file(wider.beside(each.value), "dotenv")
        within = f"services.{service['name']}.environment"
        before += [replace(_dollar(one), within=within) for one in own]
        beside = [e.value for e in entries[max(0, at - 1) : at + 2] if e.key.endswith("env_file.required")]
        if problem == MISSING and not (each.key.endswith("env_file.path") and "false" in beside):
            remark = f"setting-wrong: {wider.beside(each.value)} does not exist, and Compose does not start without it"
            before.append(replace(each, key="env_file.smtp", remark=remark))
    return [*before, *entries]


def _handed(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """A .env's entries; remarks servers set only there if a compose file beside it passes no such variable to a
    service."""
    servers = [each.key for each in entries if _SERVER.search(each.key)]
    texts = [wider.text(wider.beside(name))[0] for name in _COMPOSE] if servers else []
    text = "\n".join(texts)
    images = [each for each in re.findall(r"^\s+image:\s*[\"']?([^\s\"']+)", text, re.M) if not _BESIDE.search(each)]
    filled = set(re.findall(r"\$\{?(\w+)", text)) & {each.key for each in entries}
    if not images or not filled or _OTHERWISE.search(text):
        return entries
    remark = "setting-odd: Compose uses .env only to fill in ${...}: no service gets this variable"
    out = [each for each in servers if not re.search(rf"\b{re.escape(each)}\b", text)]
    return [replace(each, remark=each.remark or remark) if each.key in out else each for each in entries]


def _dollar(entry: Entry) -> Entry:
    """The entry, remarked if Compose takes a dollar sign in its value for a variable; else with $$ as $."""
    if entry.value is None or (entry.quote == "'" and not entry.within) or not DOLLAR.search(entry.value):
        return replace(entry, value=entry.value.replace("$$", "$")) if entry.value else entry
    return replace(
        entry,
        remark=entry.remark
        or "setting-odd: Compose takes the dollar sign as the start of a variable: write $$ for one",
    )


_UNITS = tuple(f"{place}/systemd/system" for place in ("/usr/lib", "/lib", "/run", "/etc"))
"""Where units and their drop-ins lie, the one that overrides the others last (systemd.unit(5))."""


def _overridden(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """A unit's entries with those of its drop-ins, sorted by name; for a drop-in, with its unit and the other drop-ins."""
    named = re.match(r"(?P<unit>.+\.(?:service|container))(?:\.d/[^/]+\.conf)?$", wider.path)
    if named is None:
        return entries
    folder, _, unit = named["unit"].rpartition("/")
    folders = _UNITS if folder in _UNITS else (folder,)
    units = tuple(dict.fromkeys((unit, re.sub(r"@[^@]+(?=\.\w+$)", "@", unit))))  # an instance and its template
    drops: dict[str, str] = {}
    for each, place in itertools.product(reversed(units), folders):
        names, _ = wider.other(f"{place}/{each}.d", "folder")
        drops.update({name: f"{place}/{each}.d/{name}" for name in names.split("\n") if name.endswith(".conf")})
    if wider.path == named["unit"]:
        out = entries
    else:
        places = (f"{place}/{each}" for each, place in itertools.product(units, reversed(folders)))
        out = list(next(filter(None, (wider.file(place, "unit")[0] for place in places)), ()))
        drops.setdefault(posixpath.basename(wider.path), wider.path)
    for _, place in sorted(drops.items()):
        out = [*out, *(entries if place == wider.path else wider.file(place, "unit")[0])]
    return out


def _started(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """A script's entries with those of --env-file in front, since --env overrides them."""
    before: list[Entry] = []
    for each in entries:
        if each.key != "env-file" or not each.value:
            continue
        own, problem = wider.file(wider.beside(each.value), "literal")
        before += [replace(one, within="container.environment") for one in own]
        if problem == MISSING and each.value.startswith("/"):
            remark = f"setting-wrong: {each.value} does not exist, and the container does not start without it"
            before.append(replace(each, key="env_file.smtp", remark=remark))
    return [*before, *entries]


_LISTS = {"Environment": re.compile(r"(?!EnvironmentFile$)\w+"), "EnvironmentFile": re.compile("EnvironmentFile")}


def _unit(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """A unit's entries, followed by those of EnvironmentFile=, which override Environment=; an empty assignment of
    either resets it; %d is the folder of LoadCredential= (systemd.exec(5))."""
    after: list[Entry] = []
    for at in [at for at, each in enumerate(entries) if each.key in _LISTS and not each.value]:
        own = _LISTS[entries[at].key]
        entries = [each for number, each in enumerate(entries) if number > at or not own.fullmatch(each.key)]
    kept = {each.key: each for each in entries if each.key.startswith("credential.")}
    for at, each in enumerate(entries):
        if each.value and each.value.startswith("%d/") and OF_FILE.fullmatch(each.key):
            place = kept.get(f"credential.{each.value[3:]}")
            named = place is not None and (place.value or "").startswith("/")
            entries[at] = replace(each, value=None, sealed=not named, file=place.value or "" if place and named else "")
        if each.key != "EnvironmentFile" or not each.value:
            continue
        name = each.value.removeprefix("-")
        if not name.startswith("/") or re.search(r"[*?%]", name):
            continue
        found, problem = wider.file(name, "environment")
        after += found
        if problem == MISSING and not each.value.startswith("-"):
            after.append(
                replace(each, remark=f"setting-wrong: {name} does not exist, and the unit does not start without it")
            )
    return [*entries, *after]


def _beside(wider: Wider, entries: list[Entry], text: str) -> list[Entry]:
    """The entries with variables from the project's .env, in this folder or one of the three above, and the files
    that override it: for the stage and this machine (dotenv-rails, Next.js, Symfony), and those that the program
    names."""
    folder = wider.folder
    stage = re.search(r"/environments/(\w+)\.rb$", wider.path)
    names = [".env", *re.findall(r"['\"](?:[\w.-]*/)*(\.env\.[\w.-]+)['\"]", text)[:2]]
    if re.search(r"\.(?:rb|ya?ml|[cm]?[jt]s)$", wider.path):
        own = stage[1] if stage else "prod" if wider.path.endswith("ml") else "production"
        names += [f".env.{own}", ".env.local", f".env.{own}.local"]
    wider.left = 4 * len(names)
    for _ in range(4):
        found = [entry for name in dict.fromkeys(names) for entry in wider.file(f"{folder}/{name}", "dotenv")[0]]
        if found:
            return wider.filled(entries, {each.key: each for each in found})
        folder = posixpath.dirname(folder)
        if folder in ("", "/"):
            break
    wider.left = _MOST
    return entries


def _secrets(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """The entries with values read from files of their own, such as passwords."""
    out: list[Entry] = []
    for each in entries:
        out.append(each)
        named = re.fullmatch(r"\$__file\{(/[^{}]+)\}", each.value or "")
        whole = OF_FILE.fullmatch(each.key.rpartition(".")[2])
        shown = _SHOWN.fullmatch(each.value or "") if each.key == "passwordeval" else None
        place = each.file or (named[1] if named else shown[1] if shown else each.value if whole else "") or ""
        if not place.startswith("/"):
            continue
        name = f"{each.key.rpartition('.')[0]}.{whole['name']}".lstrip(".") if whole and not named else each.key
        name = "password" if shown else name
        contained = _SERVICE.match(each.within)
        if contained:
            place, remark = _secret(wider, entries, contained["name"], place)
            if not place or remark:
                out.append(replace(each, key=name, value=None, file="", remark=remark))
                continue
        text, problem = wider.text(place, "password")
        if problem == MISSING:
            taken = replace(each, key=name, value=None, file="", remark=f"setting-wrong: {place} does not exist")
        else:
            value = None if problem else text.strip("\r\n")
            taken = replace(each, key=name, value=value, quote='"', bare=False, file="", path=place, line=1)
        if each.key == name:
            out[-1] = taken
        else:
            out.append(taken)
    return out


def _secret(wider: Wider, entries: Sequence[Entry], service: str, place: str) -> tuple[str, str]:
    """(path of a compose file's secret on this host or "", a remark on what is wrong or "")."""
    name = place.removeprefix("/run/secrets/")
    if name == place:
        return "", ""
    given = [e.value for e in entries if re.fullmatch(rf"services\.{re.escape(service)}\.secrets(?:\.source)?", e.key)]
    file = next((e.value for e in entries if e.key == f"secrets.{name}.file"), None)
    if name not in given:
        return "", f"setting-wrong: the secret {name} is not given to the service {service}"
    return (wider.beside(file), "") if file else ("", "")


def _logins(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """The entries with the smarthost's login, from dma's AUTHPATH or Exim's passwd.client."""
    host = next((e for e in reversed(entries) if e.key in ("smarthost", "dc_smarthost")), None)
    auth = next((e for e in reversed(entries) if e.key == "authpath"), None)
    if host is None or not host.value or (host.key == "smarthost" and auth is None):
        return entries
    place = auth.value if auth is not None and auth.value else wider.beside("passwd.client")
    found, problem = wider.file(place, "logins")
    if problem == MISSING and auth is not None:
        return [*entries, replace(auth, remark=f"setting-wrong: {place} does not exist")]
    if problem:
        unread = Entry(key="login.user", value=None, line=host.line, start=0, end=0)
        return entries if problem == MISSING else [*entries, unread]
    server = re.sub(r"[:;\]].*", "", host.value.lower().lstrip("["))
    for at, each in enumerate(found):
        if each.key == "login.host" and fnmatch.fnmatchcase(server, (each.value or "").lower()):
            return [*entries, *found[at : at + 3]]
    if not found:
        return entries
    remark = f"setting-odd: {place} has a login for {found[0].value}, but none for {server}"
    return [*entries, replace(host, remark=remark)]
