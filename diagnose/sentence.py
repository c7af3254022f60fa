"""Joins an observation's subject and summary to one line."""

from __future__ import annotations

import re

# Verbs that begin a predicate: "port 25 belongs to Exim", not "port 25: belongs to Exim".
_PREDICATE = re.compile(
    r"(?:accepts|answers|belongs|closes|connects|defers|does|ends?|exists|expires|greets|has|holds|is|leads|leaves|lies|listens|matches|names|"
    r"offers|pins|publishes|refuses|rejects|requires|resets|resolves|runs|says|sent|sends|speaks|verifies|was|(?:can|cannot|could not) be)\b"
)
_OWN = re.compile(r"(?:Could not|Too few) ")  # a complete sentence


def joined(subject: str, summary: str) -> str:
    """One sentence: the summary alone if it names the subject, else both, with a colon unless the summary is a
    predicate."""
    subject = subject.removesuffix(f" {summary.partition(' ')[0]}")  # "FILE KEY" of "KEY is not set"
    if not subject or _OWN.match(summary):
        return summary
    if _PREDICATE.match(summary):
        return f"{subject} {summary}"
    return summary if _named(subject, summary) else f"{subject}: {summary}"


def _named(subject: str, summary: str) -> bool:
    """Whether the summary names the subject: "smtp" is not named by "smtp.example.com", "TCP 25" is by "port 25"."""
    words = summary.lower().replace("tcp ", "port ")
    spelled = subject.lower().replace("tcp ", "port ")
    either = {spelled, re.sub(r"(?<=\w):(\d+)$", r" port \1", spelled)}
    return any(re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-]|\.\w)", words) for each in either)
