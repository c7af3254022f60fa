"""Values that a sentence or a form calls a password: `the password of that mailbox is …`, or on the line below its label."""

from __future__ import annotations

import re
from itertools import islice

from diagnose.parse.text.bounds import bounds
from diagnose.parse.text.telling import REFERENCE, telling
from diagnose.patterns import late

Span = tuple[int, int]
NOUNS = tuple(
    """kennwort|contrase|motdepasse|mot de passe|mots de passe|senha|palavra-passe|wachtwoord|has\u0142o|has\u0142a|\u043f\u0430\u0440\u043e\u043b|\u5bc6\u7801|\u5bc6\u78bc|\u6388\u6743\u7801|\u6388\u6b0a\u78bc
    |\u30d1\u30b9\u30ef\u30fc\u30c9|\u6697\u8a3c\u756a\u53f7|\ube44\ubc00\ubc88\ud638|salasana|l\u00f6senord|passord|adgangskode|heslo|parola d'ordine|parola|\u015fifre|jelsz\u00f3|\u03ba\u03c9\u03b4\u03b9\u03ba\u03cc|\u03ba\u03c9\u03b4\u03b9\u03ba\u03bf
    |\u0643\u0644\u0645\u0629 \u0627\u0644\u0645\u0631\u0648\u0631|\u0643\u0644\u0645\u0629 \u0627\u0644\u0633\u0631|\u05e1\u05d9\u05e1\u05de|m\u1eadt kh\u1ea9u|kata sandi|lozinka|geslo|slapta\u017eod|parool|\u0e23\u0e2b\u0e31\u0e2a\u0e1c\u0e48\u0e32\u0e19""".replace("\n    ", "").split("|")
)  # fmt: skip
"""Words for a password in other languages, as stems in lower case."""

_SENTENCE = late(r"(?:(?![.!?]\s|\n\s*\n)[\s\S]){0,140}")
_LINK = late(
    r"[ \t]*(?:[:\uff1a=\u2014\u2013]|[-=]>)\s?(?!//)(?=\S)|\s(?:is|was|to|ist|war|lautet|hei\u00dft|es|era|est|\u00e8|\u00e9|je|er|\u00e4r|on|jest|este|\u03b5\u03af\u03bd\u03b1\u03b9|adalah)(?:[ \t]+(?:bien|now|still|jetzt|auf))?(?=[\s:])[ \t:]*\s|[\u662f\u4e3a\u306f\u70ba\u00ab\u201c\u201e(]",
    re.I,
)
_GIVEN = late(
    r"\b(?:with|using|and|my|app|our|as|mit|als|con|avec|met|med|com|\u0441|set|put|typed|entered|puse|mis)(?:[ \t]+(?:the|my|la|le|l\u0430|das|dem|het))?[ \t]+[\w-]*\Z",
    re.I,
)
_PHRASE = late(r"[a-z]{3,}(?:-[a-z]{3,}){2,5}")  # words joined, as password managers make them
_BELOW = late(
    r"(?:[^\n.:!?]{0,60}\?|[ \t]*(?P<mark>[:\uff1a]?))[ \t]*\n(?:[ \t>|*-]*\n){0,2}[ \t>|*-]*(?P<by><?[\w.-]{1,20}[>:]+[ \t]+)?(?P<value>\S{4,200})[ \t]*(?=\n|$)"
)
_ON = late(  # behind a word that is the password
    r"[\s.,;)!\"'\uff0c\u3002]*(?:$|\n|(?<=[.,;)!\uff0c\u3002])|(?<=\s)(?:and|but|with|for|on|in|at|does|did|is not|isn't|gets?|und|aber|y|e|i|et|en|pero|mais|ma|maar|och|men|a|ale|ama|ve|\u0438|\u043d\u043e|\u043d\u0435|eingetragen|gesetzt|verwendet)\b|(?<=\s)\()",
    re.I,
)
COMPLAINT = late(  # a statement about a password instead of the password
    r"(?<![a-z])(?:fail|err|den[iy]|refus|in?valid|incorrect|wrong|falsch|ung\u00fcltig|abgelaufen|onjuist|nespr\u00e1v|\u043d\u0435\u0432\u0435\u0440|requir|expir|mismatch|miss|reject|unable|unexpected|not\b|must|"
    r"please|timed|closed|lost|reset|accept|too\b)|n't\b|\b[2-5]\d\d[ -]",
    re.I,
)
PROSE = late(
    r"""(?:a|an|and|any|are|as|at|authenticat\w*|available|bad|based|been|but|by|can|cannot|can't|change[ds]?|check\w*|command|
    configur\w*|contains?|could|database|denied|deprecated|did|disabled|do|does|doesn't|empty|enable[ds]?|entry|entries|error|
    exceed\w*|exchange|expect\w*|expired?|fail\w*|field|file|files|for|form|format|found|from|generat\w*|given|grant|has|hash|
    have|hidden|id|if|in|incorrect|information|invalid|is|isn't|it|just|length|like|list|lookup\w*|login|looks|managers?|map|
    maps|matche?[ds]?|maximum|may|mechanisms?|methods?|minimum|mismatch|missing|must|name|needed|needs|new|no|none|not|null|
    number|of|off|ok|old|on|only|or|out|param\w*|plain|please|policy|possible|problem|prompt|protect\w*|provided|received|
    redacted|reject\w*|replace\w*|requests?|required?|requires|reset|response|result|scheme|secret|sent|server|set|settings?|
    should|source|specified|storage|store[ds]?|string|success\w*|supplied|support\w*|table|than|that|the|this|timed|to|too|true|
    false|type|unchanged|password(?= )|siehe|see|voir|zie|undefined|unknown|unset|unsupported|update[ds]?|used|user|username|using|valid|value|verif\w*|via|was|were|which|
    will|with|without|wrong|yes|you|your|yet|ung[uü]ltig|falsch|abgelaufen|abgelehnt|incorrect[aeo]|incorret[ao]|inv[aá]lid[aeo]|
    err(?:ada|on[ée]e|ata|[óo]ne[ao])|onjuist|ongeldig|nieprawid\w+|неверный|неправильный|yanlış|错误|不正确)(?![\w-])""",
    re.I | re.X,
)
# What a sentence says about a password instead of naming it: a state, a property, where it is.
STATE = late(
    r"(?:[\w'-]*(?:ing|ions?|ers?|ed|able|ible|ly|ments?|ity|ness|less|ives?|als?|ful|ous|files?|bar|lich|ig|iert|los|isch|\u00e9e?s?|[aeiu]d[ao]|[aiu]t[ao]|os[ao]|n[\u00fd\u00e1\u00e9]|\u0442\u044c|[\u044b\u0438\u043e]\u0439|\u0435\u043d|\u043d[\u0430\u043e]|\u0430\u044f)"
    r"|ge\w+(?:t|en)|ver\w+t|user\w*|password\w*|(?:call|look)(?:back|up)s?|prompts?|fields?|values?|change|expiry|expires|instead|please|exchange|everyone|protocols?|resets?|strength"
    r"|rules?|hash(?:es)?|schemes?|helpers?|store|cache|mismatch|entropy|polic(?:y|ies)|through|strong|weak|long|short|right|good|fine|same|here|there|below|gone|known|unknown|secret|safe|plain|null|none|empty|hidden|wrong|bad"
    r"|korrekt|falsch|leer|gleich|da|dabei|unten|oben|nicht|kein|nein|bien|bon(?:ne)?|faux|mal|corre[ct]\w*|incorre[ct]\w*|giust\w+|sbagliat\w+|errat\w+|goed|juist|fout|onjuist|verlopen|r\u00e4tt|fel|forkert|v\u00e4\u00e4rin|oikein|dobr\w+|z\u0142\w+|spr\u00e1v\w+|hib\u00e1s\w*|nieprawid\w+|yanl\u0131\u015f|do\u011fru"
    r"|\u0432\u0435\u0440\w+|\u043d\u0435\w+|\u043f\u0440\u0430\u0432\w+|[a-z_]+_\w+)(?![\w-])",
    re.I,
)
_LABEL = late(
    r"(?:user|log|sign|submit|rememb|forgot|server|host|port|e-?mail|show|hide|address|account|security|encrypt|ssl|tls|smtp|imap|pop3?|auth|connect|save|cancel|next|confirm|ok|yes|no)\w*|.*[:=]",
    re.I,
)


def said(text: str, begin: int, end: int) -> Span | None:
    """Span of the password that is named after its noun (`begin` to `end`): in the sentence, or alone on the next line."""
    below = _BELOW.match(text, end)
    if below is not None:
        value = below["value"]
        line = text.rfind("\n", 0, begin) + 1
        label = not below["by"] and begin - line < 24 and not re.search(r"[.!,=]", text[line:begin])
        if (
            _evident(value)
            or (below["mark"] and not value.isalpha())
            or (label and value.isalnum() and not _no_password(value))
        ):
            return below.span("value") if not _LABEL.fullmatch(value) else None
        return None
    sentence = _SENTENCE.match(text, end)
    stop = sentence.end() if sentence else end
    given = _GIVEN.search(text, max(0, begin - 40), begin) is not None
    places = [(end, end)] if given else []
    links = islice(_LINK.finditer(text, end, stop), 12)  # a hostile line may hold a hundred
    for at, behind in (*places, *(link.span() for link in links)):
        filler, link = text[end:at], "".join(text[at:behind].split())
        if "\n" in filler and not link.isalpha():
            return None  # another line's name
        if COMPLAINT.search(filler) or len(filler.split()) > (1 if link == "(" else 7):
            return None
        first, last, quoted = bounds(text, _blank(text, behind), False)
        value = text[first:last].strip(" \t.,;!\uff0c\u3002")
        first += text[first:last].find(value)
        last = first + len(value)
        if (
            len(value) < 4
            or value.startswith("--")
            or "://" in value
            or "\u2026" in value
            or REFERENCE.match(text, first)
        ):
            continue
        if quoted and "\n\n" not in value:
            prose = " " in value and PROSE.match(value) and not any(map(telling, value.split()))
            return None if prose else (first, last)
        if _evident(value):
            return first, last
        if COMPLAINT.match(value):
            return None
        named = re.fullmatch(r"[\w.#!$%&+-]+", value) and (
            (given and at == end) or link.isalpha() or (len(link) > 1 and link[-1] == ":")
        )
        if named and "\n" not in text[end:last] and not _no_password(value) and _ON.match(text, last):
            return first, last
    return None


def _blank(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _evident(value: str) -> bool:
    """Whether a value shows by itself that it is a password."""
    digits, upper, lower = (any(map(kind, value)) for kind in (str.isdigit, str.isupper, str.islower))
    phrase = _PHRASE.fullmatch(value) and not any(map(PROSE.match, value.split("-")))
    return telling(value) or (digits and upper and lower and "@" not in value) or bool(phrase)


def _no_password(value: str) -> bool:
    """Whether a word rather tells something about a password. German nouns do not, though they may end like adjectives."""
    return (
        STATE.fullmatch(value) is not None
        or PROSE.match(value) is not None
        or COMPLAINT.match(value) is not None
        or _LABEL.fullmatch(value) is not None
    )
