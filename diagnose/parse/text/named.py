"""Values that a name marks as secret: `password = …`, in the syntax of configurations, programs and prose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.parse.text.blocks import block, continued
from diagnose.parse.text.bounds import LEAD, bounds, ending, find
from diagnose.parse.text.prose import COMPLAINT, NOUNS, PROSE, STATE, said
from diagnose.parse.text.telling import JUDGED, PATH, REFERENCE, random, telling
from diagnose.patterns import late

Span = tuple[int, int]
_STRONG = (
    r"pass phrase|pass(?:word|wort|wd|phrase|code|w)?(?![a-z]{0,12}(?:ing|ive|age|ed|es|eng\w{0,9}|port|thr\w{0,9})\b)|pwd|pw(?![a-z])"
    rf"|psswd|{'|'.join(NOUNS)}|(?<![a-z])ww(?=\s?[:=]|$)|mdp(?![a-z])|creds?(?![a-z])|securestring|(?<![a-z])clave(?![a-z])|secret|token|credential|(?:api|access|private|shared|account|server|smtp|mail\w{{0,12}}"
    r"|master|signing|encryption|license|app|webhook|send\w{0,12}|auth|mandrill|postmark|sparkpost|brevo|resend)[\s._-]?key"
)
_NAMED = late(rf"(?:{_STRONG})|(?:key(?!cloak|board|word|sto|server|ring|tab|chain)|auth(?!ent|or(?!ization)))")
NAME = late(_STRONG, re.I)
_NOUN = late(rf"(?i)(?:\w+-|[^\x00-\x7f]+)?(?!pass$)(?:{_STRONG})[^\W_]*\Z")
_HEAD = late(r"[\w.$-]{0,60}\Z")
_REST = late(r"(?:(?![\u306f\u662f\u4e3a\u70ba])[\w.-]){0,60}")
_FILED = late(
    r"(?:files?|paths?|maps?|dir\w*|command|cmd|eval|policy|length|types?|format|scheme|enable[d]?|mechanisms?|options?"
    r"|attr\w*|required|count|age|expir\w*|domain|service|security|transport|exceptions|header|names?|refs?|methods?|level|valid\w*"
    r"|lookup|authenticate|results?|cache\w*|quer(?:y|ies)|limit|rate\w*|keyword\w*|keys|authentication)$",
    re.I,
)
_SEP = late(
    r"""(?P<close>(?:\\{0,3}["'`]|[\])}>*]|%5[Dd]|&quot;|:(?:protected|private)(?=\])){0,8}(?:[ \t]?\([\w /-]{1,30}\)(?=\s{0,9}[=:]))?)(?P<sep>\s{0,9}(?:=>|->|:=|<-|<<<|==?|::?|\uff1a|[|\u2502]|\?\?|%3[Dd])(?:\s{0,12}(?=\\{0,3}["'`]|string\(\d)|[ \t]{0,9})"""
    r"""|;s:\d{1,5}:(?=\\?")|[ \t]+(?:changed|set)(?:[ \t]+from)?[ \t]+(?=["'`])"""
    r"""|(?<=>)|\s\.{1,40}\s|\s{0,3},\s{0,9}|\s{0,2}\(\s{0,3}|[ \t]{0,2}\[|\s?(?:\u306f|\u662f)\s?(?=[\u300c"'])|(?:\u306f|\u662f|[ \t]+(?:is|was|to|ist|as|by|of|est|es|\u00e8|\u00e9|\u00e4r):?(?=[ \t]+\S))?[ \t]{1,20})"""
)
_PAIR = late(  # {"name": "SMTP_PASSWORD", "value": "…"}, <name>password</name><value>…, key="password" value="…"
    r"""(?:\\?["'`]|[\]>]|</\w{1,20}>|[\s,;<]|\\n){1,12}(?:string|value|val|content|default|data)\\?["']?(?:\s{0,9}(?:=>|[:=,])\s{0,9}|>\s{0,9})""",
    re.I,
)
_ATTRIBUTES = late(r"""(?:\s+[\w:-]{1,40}\s*=\s*(?:"[^"]{0,80}"|'[^']{0,80}')){1,5}\s*>""")
_CELL = late(
    r"\s{0,3}:?\s{0,3}(?:</\w{1,10}>\s{0,9}){1,3}(?:<\w{1,10}(?:\s[^<>\n]{0,80})?>\s{0,9}){1,3}"
)  # a cell beside its label
_THEN = late(r"""["']\s{0,3}(?:->|=>|to)\s{1,3}(["'])([^"'\n]+)\1""")  # the new value after a change
_BEGINNING = late(
    r"""(?:[\w.@:~\\/() -]{0,60}[>#$%][ \t]+)?[\s#;/*!$@%:{(\[\-<>|"'+]*(?:[\w.-]+(?:[ \t]+|=)){0,2}[$@*&:"'\[{(%]*"""
)
SYSLOG = late(
    r"(?:<\d{1,3}>\d? ?)?(?:\w{3} +\d+ [\d:]{8}|\d{4}-\d\d-\d\d[T ][\d:.,]+\S*) (?:\S+ )?[\w./()@-]+(?:\[\d+\])?: |\[[^\]\n\"']{1,40}\](?!:) ?"
)
_ALIAS = late(r"\*([\w-]{1,60})")
_NEAR = 4000  # characters around an alias that are searched for its anchor
_MEMBER = late(r"""\\?["'](?P<key>[\w.-]{1,40})\\?["']\s{0,3}(?::|=>)\s{0,3}(?P<quote>\\?["'])""")
_MEMBER_NAMED = late(r"(?:user|login|host|server|type|id|port|scope|e?mail|name|mech|method)\w*|\w*name", re.I)
_LIST = ("[", "{", "(", ",")
_LISTED = late(r"(?![\"'`])[^\n\[\](){}]{1,200}?(?=, ?[\w.-]{1,60}=|[\])}])")  # in [name=value, name=value]
_ALONE = late(r"[^\s\"'(]+?(?=\s*(?:\n|\\n|$))")


def values(text: str, lowered: str) -> Iterator[Span]:
    """Spans of values after secret names, and of new values they are changed to. lowered: the text in lower case."""
    done = tried = 0
    word, blank = late(r"\S*"), late(r"\s")
    for core in _NAMED.finditer(lowered if len(lowered) == len(text) else text):
        if core.start() < done:
            continue
        head = _HEAD.search(text, max(0, core.start() - 60), core.start())
        begin = head.start() if head else core.start()
        begin += text[begin - 1 : begin + 1] == "\\n"  # an escaped line end, not a letter
        rest = _REST.match(text, core.end())
        end = rest.end() if rest else core.end()
        name = text[begin:end].rstrip(".-")
        strong = NAME.search(name) is not None
        span = _value(text, name, begin, begin + len(name), strong)
        if span is None and strong and _NOUN.match(name) and not _FILED.search(name):
            # A sentence has blanks between its nouns; a hostile word may hold a hundred of them.
            if not tried or not name.isascii() or blank.search(text, tried, begin):
                span = said(text, begin, begin + len(name))
            tried = begin + len(name)
        done = begin + len(name)  # skip further words in the same name
        if span is not None and text[span[0]] == "{" and (members := _members(text, span[0])):
            yield from members
            done = members[-1][1]
        elif span is not None:
            begin, done = span
            if (alias := _ALIAS.fullmatch(text, begin, done)) is not None:
                anchor = re.compile(rf"&{alias[1]}[ \t]+(\S[^\n]*)").search(text, max(0, begin - _NEAR), begin + _NEAR)
                if anchor is not None:  # YAML: the anchor has the secret
                    yield anchor.span(1)
                    continue
            done = continued(text, done)
            if (then := _THEN.match(text, done)) is not None:
                yield then.span(2)
            if done - begin >= 400 and (rest := word.match(text, done)):
                done = rest.end()
            yield begin, done


def _value(text: str, name: str, begin: int, end: int, strong: bool) -> Span | None:
    """Span of the value that belongs to a name; None if there is none or it is not secret."""
    if re.search(r"(?i)public|enabled?$", name):
        return None
    if text[begin - 1 : begin] == "/" and "=" not in text[end : end + 5]:
        return None  # a path
    strong = strong and not _FILED.search(name)
    pair = _PAIR.match(text, end)
    if pair is not None:
        if text[pair.end() - 1] == ">":
            return _element(text, pair.end(), strong)
        return _checked(text, bounds(text, pair.end(), False), strong, "=")
    if (cell := _CELL.match(text, end)) is not None:
        return _element(text, cell.end(), False)
    attributes = _ATTRIBUTES.match(text, end) if text[begin - 1 : begin] in ("<", ":") else None
    if attributes is not None:
        return _element(text, attributes.end(), strong)
    if strong and (lines := block(text, begin, end)) is not None:
        held = text[slice(*lines)]
        return None if " " in held and COMPLAINT.search(held) else lines
    sep = _SEP.match(text, end)
    if sep is None:
        return None
    kind = sep["sep"].strip().replace("\uff1a", ":") or (" " if not sep["close"].endswith(">") else ">")
    # PHP's serialize, a value to fall back on, a drawn table, and dots that lead to a column.
    kind = ":" if kind[-1] == ":" and kind != "::" else {";": "=", "?": "=", "\u2502": "|", ".": " "}.get(kind[0], kind)
    if sep["close"].endswith(">") and kind == ">":
        return _element(text, sep.end(), strong)
    listed = _LISTED.match(text, sep.end()) if kind == "=" and text[:begin].rstrip(" ")[-1:] in _LIST else None
    if strong and listed is not None:
        return _checked(text, (*listed.span(), True), strong, kind)
    line = text.rfind("\n", 0, begin) + 1
    escaped = text.rfind("\\n", max(line, begin - 400), begin)
    line = line if escaped < 0 else escaped + 2
    before = text[begin - 1 : begin]
    if before in ("'", '"') and not sep["close"] and kind in ("=", ":"):  # "NAME=value"
        mark = "\\" + before if text[begin - 2 : begin - 1] == "\\" else before
        return _checked(text, (sep.end(), ending(text, mark, sep.end()), False), strong, kind)
    whole = False
    if strong and begin - line < 400:
        head = SYSLOG.match(text, line, begin)
        whole = bool(_BEGINNING.fullmatch(text, head.end() if head else line, begin))
    if kind == "," and text[line:begin].strip() == "" and _ALONE.match(text, sep.end()):
        kind = "="  # a line of CSV
    if kind == " ":
        if not strong or COMPLAINT.match(text, sep.end()) or before == "=" or (name.lower() == "pass" and not whole):
            return None
        if (
            "\t" in sep["sep"]
            or len(sep["sep"]) > 1
            or (whole and (lone := _ALONE.match(text, sep.end())) and not STATE.fullmatch(lone[0]))
        ):
            kind = ":"
    whole = whole and kind in ("=", ":", ":=", "=>", "->", "::", "<-", "|")
    return _checked(text, bounds(text, sep.end(), whole), strong, kind)


def _members(text: str, at: int) -> list[Span]:
    """Spans of the values in an object that is secret as a whole, except those that only name something (user, host,
    port)."""
    found: list[Span] = []
    done = at
    for each in _MEMBER.finditer(text, at, at + 1000):
        if each.start() < done:
            continue
        if "}" in text[done : each.start()]:
            break
        begin = each.end()
        done = ending(text, each["quote"], begin)
        value = text[begin:done]
        if value and not _MEMBER_NAMED.fullmatch(each["key"]) and not REFERENCE.match(value):
            found.append((begin, done))
    return found


def _element(text: str, begin: int, strong: bool) -> Span | None:
    lead = LEAD.match(text, begin)
    begin = lead.end() if lead else begin
    return _checked(text, (begin, find(text, "]]>" if lead else "</", begin), False), strong, ">")


def _checked(text: str, place: tuple[int, int, bool], strong: bool, kind: str) -> Span | None:
    begin, end, quoted = place
    value = text[begin:end].strip()[:JUDGED]
    if not value or REFERENCE.match(value) or value.startswith("- ") or (kind == " " and value.startswith("--")):
        return None
    end = begin + len(text[begin:end].rstrip())
    if kind == ">" and not strong:
        return (begin, end) if telling(value) else None
    if strong and _filed_value(value):
        return None
    if quoted and not any(map(str.isalnum, value)):
        return None
    if quoted or kind == ">":
        if kind in (" ", "(", "[") and PROSE.match(value) and " " in value:
            return None
        if (
            kind == ","
            and not telling(value)
            and not re.search(r"[({][^(){}]{0,80}$|['\"]-+[\w-]*['\"],\s*\S{0,3}$", text[max(0, begin - 90) : begin])
        ):
            return None
        return (begin, end) if strong or (telling(value) and " " not in value) or _login(value) else None
    if PROSE.match(value.lstrip("([<")) and not telling(value.split()[0]):
        return None
    if not strong and kind == ":" and value.endswith(":"):
        return None  # auth: somebody: …
    if strong and kind in ("=", ":=", "=>", "<-", "->", "|", "==", "<<<"):
        return begin, end
    if strong and kind == ":" and " " in value and COMPLAINT.search(value) and not any(map(random, value.split())):
        return None
    apart = text[begin - 1 : begin].isspace()  # as in prose, unlike Go's {Password:x User:y}
    if strong and kind == ":" and apart and not telling(value) and re.match(r"[ \t]+[A-Za-z]", text[end : end + 20]):
        return None
    if strong and kind == ":" and re.fullmatch(r"\d+/(?:tcp|udp|sctp|dccp)", value):
        return None
    if strong and kind == ":":
        return (
            (begin, end)
            if telling(value) or value.islower() or not re.fullmatch(r"[A-Z]?[a-z]+(?: .*|\.(?: .*)?)", value)
            else None
        )
    if kind == "(" and re.match(r"[A-Za-z_]+\)", text[begin : begin + 80]):
        return None  # a variable, in code
    if kind == "," or (kind == "(" and len(value) < 8):
        return None
    return (begin, end) if telling(value) or (not strong and _login(value)) else None


def _filed_value(value: str) -> bool:
    path = PATH.fullmatch(value)
    return path is not None and not re.search(r"\d.*[A-Z]|[A-Z].*\d", value)


def _login(value: str) -> bool:
    return bool(re.fullmatch(r"[\w.+-]{1,60}:(?![\d/]+$)[^\s/:][^\s:]{3,}", value))
