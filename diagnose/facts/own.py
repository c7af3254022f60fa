"""Whether the objects that a text names belong to this host's mail service. Anybody can write a log line, a reply or an
error: a name in it is trusted only if Postfix's own settings contain it, too."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import Mta, mta
from diagnose.host.query import Read
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

_WORD = late(r"[\s,;{}()<>\"'=|]+")
_SUFFIX = late(r"\.(?:db|lmdb|cdb|dir|pag|sdbm|lock|tmp)$")
_PATH = late(r"(?<![\w.\]/-])/[^/\s,;:()<>\[\]\"'=|][^\s,;:()<>\[\]\"'=|]*")
# Other objects that Postfix's programs mention by name.
_NAMED = late(
    r"private/(?P<service>[\w.-]+)"
    r"|(?:configuration|bad string length [^:]*|config variable|parameter|unused parameter):? \"?(?P<parameter>[a-z]\w*_\w+)"
    r"|(?:dictionary type:? \"?|connect to (?=\w+ server)|\bdict_(?=ldap|mysql|pgsql|sqlite|nis|memcache))(?P<type>[a-z]+)"
    r"|(?:bind|interface found for) (?P<address>[\da-fA-F.:]{3,})"
    r"|host(?:/service)? (?:or service )?not found: (?P<host>[\w.-]+)"
    r"|(?:inet|unix|local):(?P<socket>[\w.@/-]+(?::\w+)?)"
    r"|(?P<policy>TLS policy table)"
    r"|(?P<demand>TLS is required)"
    r"|/master\.cf: line \d+: [^:]{1,60}: (?P<written>[^\s,]+)"
    r"|died with status \d+: \"?(?P<command>[\w./-]+)"
)
_BELOW = tuple(
    "queue_directory data_directory daemon_directory shlib_directory mail_spool_directory meta_directory "
    "virtual_mailbox_base alternate_config_directories multi_instance_directories smtp_tls_CApath".split()
)
_ITS_FILES = ("main.cf", "master.cf", "main.cf.proto", "master.cf.proto", "dynamicmaps.cf", "postfix-files")
# Files that Postfix's programs open without any setting, and the places of local mailboxes.
_SYSTEM = tuple(
    "/etc/resolv.conf /etc/hosts /etc/nsswitch.conf /etc/services /etc/localtime /etc/host.conf /etc/sasldb2 "
    "/etc/sasl2 /etc/aliases /etc/ssl/openssl.cnf /etc/crypto-policies /usr/lib /usr/lib64 /usr/share /lib "
    "/dev/null /dev/urandom /dev/log /proc /home /var/mail /var/spool/mail".split()
)
_DEMANDS = ("_tls_security_level", "_enforce_tls", "_tls_per_site")
_NO_DEMAND = ("", "none", "may", "dane", "no")
_ANY = ("0.0.0.0", "::", "127.0.0.1", "::1")


def foreign(ctx: Asks, reason: Reason) -> str | None:
    """The first file, table, service, parameter, address or command that a text names and this host's Postfix does not;
    None if there is none. A server's reply is not examined: it names that server's own."""
    if reason.code is not None or reason.quoted:
        return None
    text = reason.text
    matches = _NAMED.finditer(text)
    named = [(each.start(), kind, name) for each in matches for kind, name in each.groupdict().items() if name]
    named += [(match.start(), "path", match[0].rstrip(".")) for match in _PATH.finditer(text)]
    if not named:
        return None
    postfix = mta(ctx)
    if not postfix.settings:
        return None  # no settings to compare with, or to change
    own = _Own(postfix, ctx.ask(Read(f"{postfix.config_directory}/master.cf")).text)
    return next((name for _, kind, name in sorted(named) if not own.has(kind, name)), None)


class _Own:
    """The words in all settings and services, tables also without their types."""

    def __init__(self, postfix: Mta, master_cf: str) -> None:
        """master_cf: its text, "" if it cannot be read."""
        self.postfix = postfix
        self.master_cf = master_cf
        texts = [postfix.value(name) for name in postfix.settings if name != "debugger_command"]
        for service in postfix.master.services:
            texts += [service.name, service.command, *service.argv, *service.overrides.values()]
        words = {word.rstrip(":") for text in texts for word in _WORD.split(text) if word}
        for word in tuple(words):
            while (cut := word.find(":")) > 0:
                word = word[cut + 1 :]
                words.add(word)
        self.words = words
        places = [place for name in _BELOW for place in postfix.words(name) if place.startswith("/")]
        self.below = tuple(place.rstrip("/") + "/" for place in (*places, *_SYSTEM) if place != "/")
        self.files = {f"{postfix.config_directory}/{name}" for name in _ITS_FILES} | set(_SYSTEM)

    def has(self, kind: str, name: str) -> bool:
        if kind == "parameter":
            return name in self.postfix.settings
        if kind == "written":
            return not self.master_cf or name in self.master_cf
        if kind == "type":
            return any(f"{name}:" in value for value in self.postfix.settings.values())
        if kind in ("policy", "demand"):
            endings = ("_tls_policy_maps", *(_DEMANDS if kind == "demand" else ()))
            return any(
                name.endswith(endings) and value.lower() not in _NO_DEMAND
                for name, value in self.postfix.settings.items()
            )
        if kind == "address" and name.rstrip(":") in _ANY:
            return True
        name = name.rstrip(":")
        bare = _SUFFIX.sub("", _SUFFIX.sub("", name))
        if {name, bare, f"[{name}]", f"private/{name}"} & self.words:
            return True
        return name.startswith("/") and (name in self.files or (".." not in name and name.startswith(self.below)))
