"""Decides whether a whole text explains failures in general rather than reports one.

Tables of reply codes, manuals, source code and release notes name many causes without anybody having any; a thread
may end with the failure mended. The judgement is of the text as a whole: single lines of it look like a report's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagnose.parse.pasted import prose
from diagnose.patterns import late

LINES = 2000  # enough to judge a text by
_MANY = 3  # causes or reply codes that together are a list
_SOME, _MOST = 0.2, 0.6  # shares of lines
_ESSAY = 30  # words of running prose
_PAGE, _READER = 150, 3  # words, and those to a reader for one about oneself: of questions and answers

# A reply code or status code that begins a line or a table's first cell, and what it means.
_CODE = late(
    r"^(?: *o )?[^\w\n]{0,8}(?:[A-Z][a-z]+ (?:[a-z]+ )?(?:[a-z]+: )?)?[\"'`(]*(?:(?P<reply>4[2-5]\d|5[0-5]\d)\b(?![./]\w))?[ -]?(?:(?P<status>[45]\.\d\.\d{1,3})\b)?(?!.*\w\[)",
    re.MULTILINE,
)
# Statements of source code, and other lines of it, which may be of a program's output, too.
_CODE_LINE = late(
    r"^\s+\*(?:/|\s|$)|;\s*$|^\s*(?:\d+\s{2,})?(?://|/\*|#[!:]|<\?php|msgid |msgstr |@test |expect\(|(?:case \S+|default):$|case .* in$|(?:end|fi|done|esac)$|else\b|"
    r"if (?:\(|[\w.!@]+[.(!?]|.*; then$)|(?:(?:pub|async|static|export) )*(?:func?|fn|impl|match|def|class|enum|package|import|require|const|var|let|public|private) |"
    r"(?:next|return|local|assert\w*|unless|echo) ?[\w\"'(]|(?:describe|it|context) [\"']|(?:@\w+|\w+(?:\.\w+)+) :?= |[$\w.:>\[\]'\"-]+ *(?::?=|=>) *.*[;,]$|"
    r"(?:try|rescue|.* ->|\w.* do)$|(?:- )?[a-z]\w*:(?: (?:'[^'\s]*'|\"[^\"\s]*\"|true|false|\d+\w?|\[[^\]\n]*\]))?$)"
)
_CODE_PART = late(r"^\s*(?:[\])}]|#)|[,({\[]\s*$|^\s*[\w.@&:]+(?:\([^()]*\))?$")
_COMMENT = late(r"/\*.*?\*/", re.DOTALL)
# Results of tests and monitoring: errors in their names were expected.
_PASSED = late(
    r"^[^\S\n]*(?:[✓✔√]|ok \d+\b|--- PASS|(?:[A-Z]{3,} )?OK(?: -|:) )|[^\S\n]{2}OK[^\S\n]{2}|\"stat(?:us|e)\": ?\"(?:up|ok|healthy|passed)\"",
    re.MULTILINE,
)
_NOT_PASSED = late(
    r"^[^\S\n]*(?:[✗✕×✘]|not ok\b|--- FAIL|(?:[A-Z]{3,} )?(?:CRITICAL|WARNING|UNKNOWN)\b)|[^\S\n]{2}(?:CRITICAL|WARNING|UNKNOWN|DOWN)[^\S\n]{2}|\"stat(?:us|e)\": ?\"(?!up|ok|healthy|passed)|^[^\S\n]*\d+ failing|^(?:SMTP )?(?:\w*[Ee]rror|ERROR)(?: \[\w+\])?: ",
    re.MULTILINE,
)
_TESTED = late(
    r"^[^\w\n]*(?:Ran )?\d+ (?:tests?|examples?|specs?|assertions?|passed|passing)(?:[,;:]| (?:passed|failed|run|in \d)\b|$)|\btest result: |^[^\S\n]*\d+\) (?:Error|Failure):$",
    re.MULTILINE,
)
# A change to source code, as git shows and mails it, and a list of those of a version.
_CHANGE = late(
    r"^(?:#{1,4} (?:Bug ?[Ff]ixes|\[?v?\d+\.\d+\.\d+\S* .{0,20}\d{4}-\d\d-\d\d.{0,9})|commit [\da-f]{7,40}|diff --git .*|@@ -\d.*|Signed-off-by: .*)$",
    re.MULTILINE,
)
# A page that explains errors has a remedy below each.
_REMEDY = late(
    r"^[^\w\n]*(?:solution|resolution|what to do|how to fix(?: it)?|lösung|solución|solução|soluzione|oplossing)\W{0,4}[:：]",
    re.I | re.M,
)
# Who reports an own failure, in the languages of posts; or whose failure a bounce reports.
_TELLER = late(
    r"(?<![\w./:@`-])(?:I|i|I['’]\w+|Im|[Mm]y|[Mm]e|mine|[Ii]ch|[Mm]ein\w*|[Jj]e|[Jj]['’]ai|mon|mes|[Mm]i|[Tt]engo|estoy|meu|minha|mio|ik|mijn|"
    r"[Яя]|мой|у меня|我\w*)(?![\w/.:@=-])|\b[Ww]e (?:are |were |have |had |just |keep |also )?(?:get|gett|see|seeing|had|try|tried|cannot|can.t|encount|receiv|use|using|run)\w*|\b[Yy]our (?:e?-?mail|message)s? (?:was|were|has|have|could)\b"
)
_GENERAL = late(
    r"\b(?:you|your|may|would|for instance|might|can|should|must|will|often|usually|typically|generally|normally|e\.g\.|for example|such as|by default|if|when|whether|"
    r"allows?|returns?|used to|pued\w+|cuando|kann|können|wenn|peu[tx]\w*|falls)\b",
    re.IGNORECASE,
)
# A line that a machine wrote, or a question, which anybody may have.
_WRITTEN = late(
    r"\?$|^\W*Q\d*:|^\s*\[[A-Z]{3,8}\] |^\s*[A-Z][\w .-]{1,20}\s+: \S|^\W*(?:<<<|>>>|<-|->|<\*\*)|^\s*at |\b\w+\[\d+\]:|^\W*\d{4}-\d\d-\d\d|(?:->|:) [\[{]|\b\w+(?:Exception|Error)\b|^\W*[45]\d\d[ -]|\w: \d{3}[ -]|\" *: *[\"{\[\d]"
)
# Where it happened, or to whom.
_ADDRESS = late(r"[\[(](?!127\.)(?:\d{1,3}\.){3}\d{1,3}[\])]|\b(?:to|an|à|a|para|для) [*<\"]*[\w.+-]+@[\w.-]+\.\w")
_PROSE = late(r"(?<![\w./:=@-])[A-Za-zÀ-ÿ]{2,}(?=[ ,.;!?)]|$)")
_SOLVED = late(
    r"\b(?:works?|working|fixed|solved|resolved)\b[^.?\n]{0,20}\b(?:now|again)\b|\b(?:now|again) (?:\S+ ){0,3}(?:works?|working|sending|fine|ok)\b|"
    r"\b(?:fixed|solved) (?:it|the (?:issue|problem)|this|by)\b|(?:^|[.!:] )(?:fixed|solved|resolved)(?=[.!,;:]|$)|\b(?:go|went|arrived?|get) (?:out |through )?(?:again|now)\b|\b(?:all|is|are) (?:good|fine|well|ok) (?:now|again)\b|\bworking with that\b|\bit(?:'s| is) (?:fixed|solved|working)\b|(?<!until )(?<!once )(?<!unless )\b(?:the|this|my) (?:issue|problem|bug) is (?:now )?(?:fixed|solved|resolved)\b",
    re.IGNORECASE,
)
_NOT = late(r"\b(?:not|but|still|except|until|nothing|no|same)\b|n.t\b|\?", re.IGNORECASE)


_MAIL = ("postfix/", "smtp", "status=", "queue id", "mail queue", "250 ", "sendmail", "@")


class Overview:
    """Passes lines on; counts them, keeps the first LINES, and notes whether any looks like mail (`mail`) or contains
    NUL (`binary`)."""

    def __init__(self, lines: Iterable[str | bytes]) -> None:
        self._source = lines
        self.lines = 0
        self.mail = self.binary = False
        self.first: list[str] = []

    def __iter__(self) -> Iterator[str | bytes]:
        for line in self._source:
            self.lines += 1
            self.binary = self.binary or ("\0" if isinstance(line, str) else b"\0") in line  # type: ignore[operator]
            if len(self.first) < LINES or not self.mail:
                text = line if isinstance(line, str) else line[:2000].decode("utf-8", "replace")
                self.first += [text] if len(self.first) < LINES else []
                self.mail = self.mail or any(word in text.lower() for word in _MAIL)
            yield line


def is_solved(text: str) -> bool:
    """Whether the last lines say that the failure is over."""
    end = " ".join([line.strip() for line in text.splitlines() if line.strip()][-3:])
    return any(_NOT.search(end, found.start()) is None for found in _SOLVED.finditer(end))


def is_test(text: str) -> bool:
    """Whether a text has a test run's results, in which errors were expected."""
    return _TESTED.search(text) is not None or (_PASSED.search(text) is not None and _NOT_PASSED.search(text) is None)


def explains(text: str, causes: int, named_in: list[str]) -> bool:
    """Whether a text is a list of failures, source code, a test's results, or prose that tells of nobody's failure.

    causes: how many different ones it names; named_in: the lines that name them.
    """
    if is_test(text) or _CHANGE.search(text) is not None:
        return True
    if prose.HAPPENED.search(text) is not None:
        return False
    code = _COMMENT.sub("", text).splitlines()
    outside = [line for line in named_in if line in code]
    if (
        causes >= _MANY
        or (is_code(code) and (not outside or _code(outside, parts=True) > _MOST))
        or len(_REMEDY.findall(text)) > 1
    ):
        return True
    codes = max(len({found[name] for found in _CODE.finditer(text)} - {None}) for name in ("reply", "status"))
    if codes >= _MANY:
        return True
    running = "\n".join(line for line in text.splitlines() if _WRITTEN.search(line) is None or codes > 1)
    words, general = len(_PROSE.findall(running)), len(_GENERAL.findall(running))
    about_oneself = len(_TELLER.findall(running))
    if _ADDRESS.search(text) is not None or (about_oneself and (words < _PAGE or general < _READER * about_oneself)):
        return False
    return words >= _ESSAY and (codes > 1 or general > 1 or prose.is_vague(text))


def is_code(lines: list[str]) -> bool:
    """Whether most lines are source code or configuration."""
    statements = _code(lines)
    return statements > _MOST or (statements > _SOME and _code(lines, parts=True) > _MOST)


def _code(lines: list[str], *, parts: bool = False) -> float:
    """The share of statements among lines that are not blank. parts: other lines of source code count, too."""
    lines = [line for line in lines if line.strip()]
    kinds = (_CODE_LINE, _CODE_PART) if parts else (_CODE_LINE,)
    return sum(any(each.search(line) for each in kinds) for line in lines) / max(len(lines), 1)
