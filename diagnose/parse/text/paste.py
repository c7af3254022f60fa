"""Characters that copying from a web page leaves in a text file.

Kinds: trailing-backslash, smart-quote, nbsp, zero-width, bom, dash (a long one for a hyphen), entity (HTML's
&amp; and the like), prompt, cr.
Postfix has no backslash continuation; it reads these characters as part of the name or the value.
"""

import re

_SMART = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2032\u2033"
_BLANKS = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u00ad"
MARKS = "\ufeff\u00ef\u00bb\u00bf"  # a byte-order mark, also when read as Latin-1
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_ENTITY = re.compile(r"&(?:#\d{2,4}|#x[0-9a-fA-F]{2,4}|amp|lt|gt|quot|apos|nbsp);")
# A shell's prompt, then a word that can begin a command or a setting. '# ' alone is an ordinary comment.
_PROMPT = re.compile(r"^\s*(?:\$ +(?=\S)|>+ +(?=\S)|[\w.-]+@[\w.-]+(?::[^\s$#]*)?[$#] +|root#\s+)")


def artifacts(line: str) -> tuple[str, ...]:
    """The kinds of paste artefacts in one line (without its newline), in a fixed order."""
    found: list[str] = []
    body = line
    if body.endswith("\r"):
        found.append("cr")
        body = body.rstrip("\r")
    if body.startswith(("\ufeff", "\u00ef\u00bb\u00bf")):
        found.append("bom")
        body = body.lstrip(MARKS)
    if body.rstrip().endswith("\\"):
        found.append("trailing-backslash")
    if any(c in _SMART for c in body):
        found.append("smart-quote")
    if any(c in _BLANKS for c in body):
        found.append("nbsp")
    if any(c in _ZERO_WIDTH or c == "\ufeff" for c in body):
        found.append("zero-width")
    if any(c in _DASHES for c in body):
        found.append("dash")
    if _ENTITY.search(body):
        found.append("entity")
    if _PROMPT.match(body):
        found.append("prompt")
    return tuple(found)


def homoglyphs(name: str) -> tuple[str, ...]:
    """Non-ASCII characters in a name that should be ASCII, as 'U+0421', in order of appearance."""
    return tuple(dict.fromkeys(f"U+{ord(c):04X}" for c in name if ord(c) > 127))
