"""Recognises prose about errors: a quoted error need not be an actual failure.

Documentation, release notes and newsletters mention several errors without anybody having them. A single quoted
error counts as a failure, unless the log beside it shows that mail goes through.
"""

from __future__ import annotations

import re
from dataclasses import replace

from diagnose.parse.text import spelled
from diagnose.parse.words import concepts, reason as reasons_of, smtp_reply
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

_QUOTED = late(r"[\"„“”«»`](?P<text>[^\"„“”«»`\n]{8,160})[\"„“”«»`]")
_REPLY = late(r"(?<![\w.:])[45]\d\d[ -][245]\.\d{1,3}\.\d{1,3} [A-Za-z]")
_MACHINES = late(
    r"(?<![\w.:])[45]\d\d[ -](?:[A-Z<(#\"']|[245]\.\d)|[\w)\]]: +[*_~`]{0,4}[\w\"'<]|\d\.\d{1,3}:\d{2,5}\b|"
    r"\b(?:[Cc]ode|[Ee]rror|[Ff]ehler|[Ee]rreur)[ #:=(]{0,2}-?\d"
)  # a reply, a message after a colon, an address and its port, or an error's number
_WORD = late(r"(?<![\w.:/=@\[-])[A-Za-zÀ-ÿ]{2,20}(?=[\s,.;!?])")
_WORDS = 6  # words outside quotes that make a sentence rather than a program's message
_OF_A_MACHINE = late(
    r"postfix/|\bstatus=|\b\w+=\"|\b(?:error|msg|level)=|\bsaid: |^\s*at |\bline \d+|[{}]|\b\w+\[\d+\]:|\\n|^\d{4}-\d\d-\d\d|--->|\bexception '|\b441 4\.4\.1 ",
    re.IGNORECASE | re.MULTILINE,
)
# Somebody meets an error.
_MET = r"\b(?:I|we|it|that|users?|customers?|he|they) (?:'m |'re |am |are |is |was |just |only |always |now |still )?(?:get|gets|got|getting|see|saw|seeing|receive|had|have|has|tried|try|keep|keeps)\b"
# Somebody reports a problem, or asks.
_TOLD = late(
    rf"\?|{_MET}|"
    r"\bgiv(?:es|ing|en) me\b|\b(?:fails|failed|failing|bounced?|stopped|rejected|returned|says|complains|dies|broke|shows)\b(?! the)|\bhelp\b|\bplease\b|"
    r"\b(?:bekomme|erhalte|kommt|Hilfe|reçois|obtiens|recibo)\b",
    re.IGNORECASE,
)


# The person to whom it happened.
_TELLER = late(
    r"\b(?:I|we|my|our|us|me|mine|says|said|users?|customers?|he|she|they|everyone|nobody|nothing|ich|wir|mein\w*|unsere?|"
    r"bekomme|erhalte|kommt|kommen|je|nous|notre|mes|nos|recibo|nuestro|mi|ik|wij|onze|mijn)\b",
    re.IGNORECASE,
)
# A sentence about what may happen.
_IF = late(
    r"(?:^|(?<=[.!?] )|(?<=: )(?-i:(?=[a-z])))\W{0,4}(?:if|when|in case|wenn|falls|si)\b(?:[^?!\n:]|[\n:](?= ?[a-zà-ÿ])){0,300}?(?:[?!]|\.(?= |$)|$)",
    re.IGNORECASE,
)
# A rule that matches failures, as of fail2ban or a log checker, is not a failure itself.
_RULE = late(r"\bfailregex\b|<HOST>|\(\?[:P<=!]|\.\*\\|\\\[[^\]\n]{0,40}\\\]|\\[dsSwb][+*]")

# A setting of main.cf(5), a variable or count with its value, a row of a name and its state, or a comment.
_SETTING = late(
    r"\s*(?:# ?[A-Za-z]+ [a-z]|[a-z]\w*_\w+ (?:\(default: |= ?)|(?:reject|permit|check)_\w|"
    r"(?:- )?(?!\w*(?i:err|code|exception|reason|status))[A-Za-z]\w*_\w+(?:\{[^}]*\})?(?:[:=] ?| )[^\s:]+$|[\w.-]+(?: {2,}|\t+)[\w-]+$)"
)

# Source code that handles possible errors.
_HANDLES = late(
    r"^[^\S\n]*(?:except [\w.(), ]+(?: as \w+)?:|\}? ?catch ?\(|rescue [A-Z]|if err != nil|throw new \w+\()",
    re.MULTILINE,
)
# A program ran: a stack trace, a stamp, the place in a file.
HAPPENED = late(
    r"Traceback|^=[A-Z]+ REPORT|^[^\S\n]*at \S|^[^\S\n]*File \"|(?:\bon|,|\bat \S+) line \d+\b|\w\.[a-z]\w{0,4}:\d+: |--->|^[^\w\n]*\d{1,4}[-/.]\d\d[-/.]\d{2,4}\b|\b\d\d:\d\d:\d\d\b|^[\w.]+(?:Error|Exception):|^(?:SMTP )?[Ee]rror: |^Diagnostic-Code:",
    re.MULTILINE,
)


def is_rule(text: str) -> bool:
    """Whether a paragraph has patterns of log lines, or error-handling code, instead of log lines."""
    return _RULE.search(text) is not None or (_HANDLES.search(text) is not None and HAPPENED.search(text) is None)


def is_setting(line: str) -> bool:
    """Whether a line is a setting or a comment, which may name what is refused."""
    return _SETTING.match(line) is not None


def is_account(text: str) -> bool:
    """Whether a paragraph is prose that mentions two or more errors, but nobody who has them."""
    return (
        _is_prose(text)
        and _TOLD.search(_QUOTED.sub(" ", text)) is None
        and _quoted(text) + _replies(text) >= 2
        and _quoted(text) > 0
    )


def is_vague(text: str) -> bool:
    """Whether a text is a person's sentence without a machine's error; a single word in it is not a refusal."""
    return _is_prose(text) and _MACHINES.search(text) is None and _quoted(text) == 0


def without_conditions(text: str) -> str:
    """The text without sentences that begin with a condition, such as what to do if something fails."""
    return _IF.sub(lambda found: found[0] if _TELLER.search(found[0]) else "", text)


def quotes(text: str) -> bool:
    """Whether the error in a sentence is a quotation."""
    return _is_prose(text) and _quoted(text) > 0


def without_secret(text: str, reason: Reason) -> Reason:
    """The reason with only the reply's words if the text around mentions a password, which may be anywhere in it."""
    reply = smtp_reply.find(reason.text) if spelled.speaks_of_one(text) else None
    if reply is None or not spelled.speaks_of_one(" ".join(text.split()).replace(reply.text, " ")):
        return reason
    return replace(reason, text=reply.canonical)


def _is_prose(text: str) -> bool:
    outside = _QUOTED.sub(" ", text)
    return len(_WORD.findall(outside)) >= _WORDS and _OF_A_MACHINE.search(text) is None


def _quoted(text: str) -> int:
    """The number of quotations that are errors."""
    said = (found["text"] for found in _QUOTED.finditer(text))
    return sum(reasons_of.classify(each) is not None or concepts.meaning(each) is not None for each in said)


def _replies(text: str) -> int:
    return len(_REPLY.findall(_QUOTED.sub(" ", text)))
