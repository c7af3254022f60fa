"""Mailers other than Postfix that may be a host's MTA: how to recognise each, and where its daemon, settings, queue
and log are.

One mailer a file, `<id>.toml`:

title       what it is called; program: whose words advice uses (`diagnose.knowledge.programs`)
real        what the path that /usr/sbin/sendmail leads to, or the package that owns it, looks like (a pattern)
version     the words of a command that tells it, and the pattern of the number in what it says
process     the daemon's name (a pattern), argument what its command line must hold; left out where it has none
listens     false: it accepts no mail over SMTP; keywords: the names of its settings, by which a misspelt one is recognised
unit        its service; account: as whom it connects, "" for whoever calls it; group: whose rights its command has then
writes      what account or group must be able to write, below the spool; bit: of the mode of its command (or injector), which else
            has the rights of whoever calls it
settings    files, the first that is there counts; logins: files with passwords of their own
reading     how they are read: "exim", "format" (by `knowledge/applications`), "sendmail", "smtpd"
spool       queue directories, the first that is there counts; listing: the words of the command that lists it
log         files (patterns), the newest first; left out where it writes to syslog
panic       files that hold what kept it from working
check       the words of a command that checks the settings, and the pattern of an error in what it says
release     the command that releases a held message, whose id follows
keys        what a plan writes: the names of host and port (server: both in one), ca, and the settings for starttls, implicit and
            login as pairs; # before a name: commented out. between: what stands between name and value; schemes: those of a URL
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from diagnose.knowledge import documents


@functools.cache
def mailers() -> Mapping[str, Mapping[str, Any]]:
    """Every mailer's table by its id."""
    return documents.folder("mailers")


def recognise(text: str) -> str:
    """The id of the mailer that a path or a package's name belongs to, "" where none is known."""
    return next((id for id, table in mailers().items() if re.search(table["real"], text, re.I)), "")
