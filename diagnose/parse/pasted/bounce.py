"""Reads reports of undelivered mail: the fields of RFC 3464, and the text that mailers write above them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from diagnose.knowledge.phrases import Grip
from diagnose.parse.pasted import dialogue
from diagnose.parse.pasted.mailhead import FIELD, field_name, opens
from diagnose.parse.words import reason as reasons_of, smtp_reply
from diagnose.parse.words.reason import Reason
from diagnose.parse.words.wrapped import unwrap
from diagnose.record import frozen

if TYPE_CHECKING:
    from email.message import Message

_Numbered = tuple[int, str]
_Block = dict[str, _Numbered]  # the fields of one recipient

_STATUS = frozenset(
    "diagnostic-code status action final-recipient original-recipient remote-mta reporting-mta arrival-date "
    "last-attempt-date will-retry-until x-postfix-queue-id x-postfix-sender original-envelope-id "
    "received-from-mta final-log-id x-actual-recipient dsn-gateway x-display-name x-supplementary-info".split()
)
_OF_A_COPY = frozenset({"received", "return-path", "message-id", "mime-version", "dkim-signature", "delivered-to"})
_STANDING = re.compile(
    r"This is the .{0,60} at \S[^:]*\.$|The usual cause of this .*|This is the mail system at host \S*|I'm sorry to have to inform you that your message could not|"
    r"be delivered to one or more recipients\.? ?(?:It's attached below\.)?|For further assistance, please (?:send mail to \S*|contact .*)|"
    r"If you do so, please include this problem report\..*|delete your own text from the attached returned message\.?|"
    r"^\W{0,20}The mail system\W{0,20}$|This message was created automatically by mail delivery software\W{0,20}|"
    r"\W{0,20}The following addresses had permanent(?: fatal)? errors\W{0,20}|\W{0,20}Transcript of session follows\W{0,20}|"
    r"A message that you (?:have )?sent (?:has not yet been|could not be) delivered to (?:one or more|all) of its(?: recipients)?\.?|"
    r"recipients\. This is a permanent error\.?|This is a permanent error; I've given up\. Sorry it didn't work out\.|"
    r"The following address(?:\(?es\)?)? failed:?|did not reach the following recipient(?:\(s\)|s)?:?|"
    r"Your message (?:to \S+ )?(?:couldn't|could not|wasn't|was not|has not been) (?:be )?delivered:?|"
    r"Delivery has failed to these (?:recipients|groups)[^:]*:?|Undelivered Mail Returned.*|Mail Delivery (?:Sub)?System|"
    r"(?:This is an automatically generated )?Delivery Status Notification(?: \(\w+\))?\.?|"
    r"Delivery to the following recipients? (?:has )?(?:failed|been delayed)(?: permanently)?[.:]?",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"[\s>]*[-=*_#]*\s*(?:Below this line is a copy|(?:This|Attachment) is a copy of (?:the|your)|(?:Original|Returned|Unsent|Undelivered|Failed|Bounced) "
    r"message\b|(?:Original )?Message (?:header|text|contents?)s? follows?|Your original message|The (?:header|following) .{0,30}original|"
    r"Original message headers)",
    re.IGNORECASE,
)  # fmt: skip
_OF_A_REPORT = re.compile(
    r"mailer-?daemon|post[_.-]?master|mail delivery|mail administrator|returned mail|undeliver|delivery (?:status|fail|report|notif|problem|error)|"
    r"failure notice|failed delivery|failure notification|non.?deliver|delayed mail|mail delivery failed|not delivered|"
    r"could not (?:be )?deliver|returning (?:your )?(?:mail|message)|message (?:delay|fail)|mail system error|bounce|user unknown",
    re.IGNORECASE,
)
_AUTO_REPLY = re.compile(
    r"(?:auto(?:matic|mated|mat\w+)?(?:[ -]?(?:reply|response|antwort)|: )|out of (?:the )?office|abwesen|r[ée]ponse auto)",
    re.I,
)
_COUNTS = re.compile(r"Report[- ]Domain: *\S+\s+Submitter: ", re.IGNORECASE)  # RFC 7489, 7.2.1.1; RFC 8460, 5.3
# From a delivery agent, for mail rejected by a filter rule or quota (RFC 5429, 2.1.1.1); a reader's is a manual action.
_REFUSED = re.compile(r"^Disposition: *automatic-action/[\w-]+ *; *deleted", re.IGNORECASE | re.MULTILINE)
_QUOTING = re.compile(r"(?P<code>[45]\d\d)-(?P<quote>['\"])(?P<reply>.*)(?P=quote)", re.DOTALL)
_MORE = re.compile(r"(?:^|: )(?P<code>[45]\d\d)-")  # a reply with more lines to come (RFC 5321, 4.2.1)
_MEMBER = re.compile(r'"(\w+)" ?: ?"([^"]*)')
_NOTICE = {
    "emailAddress": "Final-Recipient",
    "action": "Action",
    "status": "Status",
    "diagnosticCode": "Diagnostic-Code",
    "reportingMTA": "Reporting-MTA",
}
_PEER = re.compile(
    r"while talking to (?P<a>[\w.-]+\w)|(?:recipient|remote|receiving|destination) (?:domain \S+ by|host|server|mail server):? (?P<b>[\w-]+(?:\.[\w-]+)+)|"
    r"\bhost (?P<c>[\w-]+(?:\.[\w-]+)+)|(?:Generating server|Remote Server|reporting server):? (?P<d>[\w-]+(?:\.[\w-]+)+)|by (?P<e>[\w-]+(?:\.[\w-]+)+)\.? \[",
    re.IGNORECASE,
)
_RECIPIENT = re.compile(r"<(?P<bracketed>[^\s<>@]{1,64}@[\w.-]+)>|^\W{0,4}(?P<bare>[^\s<>@:]{1,64}@[\w.-]+\w)")
_KIND = re.compile(r"[\w./-]{1,20}\s*;\s*")
_DONE = frozenset({"delivered", "relayed", "expanded", "deliverable"})
_WAITS = re.compile(
    r"has been delayed|is delayed|will be retried|(?:delivery attempts|mail system) will continue|warning (?:message )?only|not? need to (?:re-?send)|"
    r"keep trying|temporary failure report|still (?:being )?(?:queued|in the queue)|has not yet been delivered",
    re.IGNORECASE,
)
_OF_A_MAILER = {
    "local-user-unknown": "recipient-unknown",  # local to the server that reports
    "app-connect-failed": "remote-server-unreachable",
    "app-smtp-unreachable": "remote-server-unreachable",
    "app-host-not-found": "dns-not-found",
}
_PARAGRAPH = 12  # lines that are joined
_MOST = 600  # lines of text; a report has a few, and the rest is the returned message


@frozen
class Spoken:
    """A report's text about a recipient, its line number, and the reason; done: delivered; waits: to be retried."""

    recipient: str | None
    number: int
    text: str
    reason: Reason | None
    done: bool = False
    waits: bool = False


def notified(number: int, line: str) -> tuple[Spoken, ...]:
    """Reads a sending service's JSON notification (Amazon SES), complete or cut: a result for each bounced recipient."""
    _, _, bounced = line.replace('\\"', '"').partition('"bouncedRecipients"')
    fields = [(number, f"{_NOTICE[name]}: {value}") for name, value in _MEMBER.findall(bounced) if name in _NOTICE]
    return read(fields) if fields else ()


def is_report(message: Message, parts: Sequence[tuple[str, str]]) -> bool:
    """Whether a message reports on the delivery of another; ``parts`` are its (type, text) pairs."""
    if message.get_param("report-type") == "disposition-notification":
        return any(_REFUSED.search(text) for kind, text in parts if kind.endswith("disposition-notification"))
    if message.get_content_type() == "multipart/report" or message.get("X-Failed-Recipients"):
        return True
    if any(kind.startswith("text/x-delivery-status") for kind, _ in parts):
        return True
    if is_from_a_mailer(str(message.get("From") or ""), str(message.get("Subject") or "")):
        return True
    first = parts[0][1].lstrip() if parts else ""
    return any(opens(line) for line in first.splitlines()[:2])


def reason_of_subject(message: Message) -> str:
    """The reason in a report's Subject, for mailers that write it there; else ""."""
    from email.header import decode_header, make_header

    try:
        subject = str(make_header(decode_header(str(message.get("Subject") or ""))))
    except (ValueError, LookupError):
        return ""
    named = re.match(r"(?:returned mail|delivery failure): *(?P<reason>[^\n]+)", subject, re.IGNORECASE)
    return named["reason"] if named else ""


def is_answer(message: Message) -> bool:
    """Whether a message other than a failure report is an automatic reply (RFC 3834), receipt or aggregate report."""
    sent = str(message.get("Auto-Submitted") or "").lower()
    receipt = message.get_content_type() == "multipart/report"  # RFC 8098: read, or deleted unread
    subject = str(message.get("Subject") or "")
    return receipt or sent.startswith("auto-replied") or any(each.match(subject) for each in (_AUTO_REPLY, _COUNTS))


def before_original(lines: Sequence[_Numbered]) -> Sequence[_Numbered]:
    """A report's own lines, before the returned message or its head.

    The head of a report that is forwarded inline does not end it.
    """
    run: dict[str, str] = {}
    start = 0
    for place, (_, line) in enumerate(lines):
        if _ORIGINAL.match(line) and place:
            return lines[:place]
        name = field_name(line)
        if name:
            start = start if run else place
            run[name] = line
            if (
                len(run) > 2
                and _OF_A_COPY & set(run)
                and not is_from_a_mailer(run.get("from", ""), run.get("subject", ""))
            ):
                return lines[:start]
        elif not (run and line[:1] in {" ", "\t"}):
            run = {}
    return lines


_EXPIRED = re.compile(r"[45]\.4\.7\b")


def is_from_a_mailer(*fields: str) -> bool:
    """Whether a From or Subject is that of a delivery report."""
    return any(_OF_A_REPORT.search(field) for field in fields)


def read(lines: Sequence[_Numbered]) -> tuple[Spoken, ...]:
    """Reads a report: a result for each recipient in its fields, else for each in its text."""
    blocks, told = _sorted(lines)
    named = [block for block in blocks if _value(block, "final-recipient", "diagnostic-code", "status")]
    server = next((host for block in blocks if (host := _value(block, "reporting-mta"))), "")
    peer = next((name for _, line in told if (name := _peer(line))), None) or _host(server)
    stages = _stages(told)
    found = [_of_block(block, peer, stages) for block in named]
    if found and all(each.done for each in found):
        return tuple(found)
    if not all(each.done or (each.reason and each.reason.grip >= Grip.WORD) for each in found) or not found:
        remote = next((host for block in named if (host := _value(block, "remote-mta"))), server)
        words = _of_words(told, _host(remote))
        found = [_better(each, words) for each in found] or words
    waits = next(((number, line.strip()) for number, line in told if _WAITS.search(line)), None)
    if any(_value(block, "action").lower() == "delayed" for block in named) or (waits and not named):
        found = [_waiting(each, waits or (each.number, f"delayed: {each.text}")) for each in found]
    elif not any(each.reason and each.reason.label == "message-expired" for each in found):
        found += [_given_up(block) for block in named[:1] if _EXPIRED.match(_value(block, "status"))]
    return tuple(found)


def _given_up(block: _Block) -> Spoken:
    """A result for expiry (RFC 3463, x.4.7), in addition to the reason for each failed attempt."""
    text = f"Status: {_value(block, 'status')}"
    reason = Reason(label="message-expired", text=text, grip=Grip.HINT)
    return Spoken(recipient=None, number=block["status"][0], text=text, reason=reason)


def _waiting(spoken: Spoken, told: _Numbered) -> Spoken:
    """The result as waiting: a retried message has not expired. Without another reason, it is retry-pending."""
    if spoken.done or (spoken.reason and (spoken.reason.label != "message-expired" or spoken.reason.grip >= Grip.WORD)):
        return replace(spoken, waits=not spoken.done)
    number, text = told
    reason = Reason(label="retry-pending", text=text, grip=Grip.WORD)
    return replace(spoken, number=number, reason=reason, waits=True)


def _better(spoken: Spoken, words: Sequence[Spoken]) -> Spoken:
    """The result from a recipient's fields, or from the text about it (else about anybody) if that is more specific."""
    of_it = [each for each in words if each.recipient == spoken.recipient and each.reason] or words
    best = max(of_it, key=lambda each: each.reason.grip if each.reason else 0)
    if spoken.done or best.reason is None or (spoken.reason and spoken.reason.grip >= best.reason.grip):
        return spoken
    return replace(best, recipient=spoken.recipient)


def _sorted(lines: Sequence[_Numbered]) -> tuple[list[_Block], list[_Numbered]]:
    """A report's field blocks, one for each recipient, and its other lines."""
    blocks: list[_Block] = []
    told: list[_Numbered] = []
    fields: dict[str, _Numbered] = {}
    last = ""
    for number, line in lines:
        field = FIELD.match(line)
        name = field["name"].lower() if field else ""
        if field and (name in _STATUS or (fields and not line[:1].isspace())):
            if name in fields and name in {"final-recipient", "diagnostic-code", "status", "action"}:
                blocks.append(fields)
                fields = {}
            fields[name], last = (number, (field["value"] or "").strip()), name
        elif fields and line.strip():
            start, value = fields[last]
            fields[last] = (start, f"{value} {line.strip()}"[: reasons_of.LONGEST])
        else:
            if fields:
                blocks.append(fields)
                fields = {}
            told.append((number, line))
    if fields:
        blocks.append(fields)
    return blocks, told


def _value(block: _Block, *names: str) -> str:
    """The value of the first of these fields present, "" if none is."""
    return next((block[name][1] for name in names if name in block), "")


def _host(value: str) -> str | None:
    return _KIND.sub("", value, count=1).split(" ")[0].strip("[]()") or None


def _peer(line: str) -> str | None:
    """The server that answered according to a line of text."""
    named = _PEER.search(line)
    return next((each for each in named.groups() if each), None) if named else None


def _stages(told: Sequence[_Numbered]) -> dict[str, str]:
    """Stage by reply, for replies that the report's text quotes with their command ("in reply to RCPT TO command")."""
    if not any("in reply" in line for _, line in told):
        return {}
    cores = [unwrap(text) for _, text, _, _ in _said(told, None) if " reply to" in text]
    return {core.text: core.stage for core in cores if core.stage}


def _of_block(block: _Block, peer: str | None, stages: Mapping[str, str]) -> Spoken:
    peer = _host(_value(block, "remote-mta")) or peer
    recipient = _KIND.sub("", _value(block, "final-recipient", "original-recipient"), count=1).strip("<> ")
    status = _value(block, "status").split(" ")[0]
    action = _value(block, "action").lower()
    if action in _DONE or status[:1] == "2":
        return Spoken(recipient=recipient or None, number=0, text=action, reason=None, done=True)
    said = _KIND.sub("", _value(block, "diagnostic-code"), count=1)
    said = _quoted(said)
    number = block.get("diagnostic-code", block.get("status", (0, "")))[0]
    words = smtp_reply.parse(said) if stages else None
    stage = stages.get(words.canonical) if words else None
    reason = _classified(said, peer, stage) if said else None
    if (reason is None or reason.grip < Grip.WORD) and re.match(r"[45]\.\d", status):
        coded = _classified(_coded(said, status), peer, stage)
        if coded is not None and (reason is None or coded.grip > reason.grip):
            reason = coded
    return Spoken(recipient=recipient or None, number=number, text=said or status, reason=reason)


def _classified(text: str, peer: str | None, stage: str | None = None) -> Reason | None:
    """The reason in the words of a mailer that delivers to exchangers."""
    reason = reasons_of.classify(text, peer=peer, stage=stage)
    if reason is None:
        return None
    label = _OF_A_MAILER.get(reason.label, reason.label)
    port = reason.peer_port or (25 if label.startswith("connect-") else None)
    return replace(reason, label=label, peer_port=port)


def _of_a_language(text: str) -> Reason | None:
    """The reason in a sentence of another language, whose phrases are otherwise searched only after a reply code."""
    reason = reasons_of.classify(f"550 {text}")
    if reason is None or not (reason.entry or "").startswith("languages-"):
        return None
    return replace(reason, text=text, code=None)


def _quoted(text: str) -> str:
    """The reply that a gateway quotes after its own words, else the text."""
    quoting = _QUOTING.search(text)
    return f"{quoting['code']} {quoting['reply']}" if quoting else text


def _coded(said: str, status: str) -> str:
    """A reply with the enhanced code from the report's Status, if it has none itself."""
    if re.search(r"\b[45]\.\d{1,3}\.\d{1,3}\b", said):
        return said
    code = re.match(r"[45]\d\d[ -]", said)
    return f"{code[0]}{status} {said[4:]}" if code else f"{status} {said}"


def _of_words(lines: Sequence[_Numbered], peer: str | None) -> list[Spoken]:
    """Results from a report's text: for each recipient, the paragraph or line with the most specific reason."""
    recipient: str | None = None
    best: dict[str | None, Spoken] = {}
    for number, text, stage, server in _said(lines, peer):
        named = _RECIPIENT.search(text)
        recipient = (named["bracketed"] or named["bare"]) if named else recipient
        reason = _classified(text, server, stage) or _of_a_language(text)
        if reason is None or (reason.label == "noise" and not reason.harmless):
            continue
        known = best.get(recipient)
        if known is None or known.reason is None or _tells(reason, text) > _tells(known.reason, known.text):
            best[recipient] = Spoken(recipient=recipient, number=number, text=text, reason=reason)
    surest = max((_tells(each.reason, each.text) for each in best.values() if each.reason), default=(False, 0))
    told = [
        each
        for each in best.values()
        if each.reason and _tells(each.reason, each.text) >= (surest[0], 0 if each.recipient else surest[1])
    ]
    return told or [Spoken(recipient=None, number=lines[0][0] if lines else 0, text="", reason=None)]


def _tells(reason: Reason, text: str) -> tuple[bool, int]:
    """Rank of a reason: a server's reply ranks above a mailer's own words, except those of expiry."""
    by_reply = reason.label != "message-expired" and smtp_reply.find(text) is not None
    return reason.grip >= Grip.WORD and by_reply, reason.grip


# How qmail-remote.c introduces a server's reply.
_AT = {
    " but greeting failed": "greeting",
    " but my name was rejected": "ehlo",
    " but sender was rejected": "mail",
    " does not like recipient": "rcpt",
    " failed on DATA command": "data",
    " failed after I sent the message": "dot",
}


def _said(lines: Sequence[_Numbered], peer: str | None) -> Iterator[tuple[int, str, str | None, str | None]]:
    """(line number, text, stage of the session, server) of sentences, with wrapped lines joined, and of paragraphs."""
    stage = told = None
    paragraph: list[_Numbered] = []
    sentence: list[str] = []
    margin = start = 0
    field = ""  # the header field that the line belongs to
    for number, line in (*lines[:_MOST], (0, "")):
        spoken = dialogue.read(line, alone=False) if line.strip() else None
        reply = (spoken.reply or "") if spoken is not None else ""
        indent = len(line) - len(line.lstrip())
        begun = _MORE.search(sentence[-1]) if sentence else None
        goes_on = begun is not None and line.lstrip().startswith((f"{begun['code']}-", f"{begun['code']} "))
        if sentence and not goes_on and (spoken is not None or indent <= margin):
            yield start, _quoted(" ".join(sentence)), told or stage, peer
            sentence = []
        if not line.strip() or len(paragraph) >= _PARAGRAPH:
            if len(paragraph) > 1:
                yield paragraph[0][0], _quoted(" ".join(each for _, each in paragraph)), told or stage, peer
            paragraph, told = [], None
        peer = _peer(line) or peer
        stage = spoken.stage or stage if spoken is not None else stage
        told = next((at for words, at in _AT.items() if words in line), told)
        text = reply if spoken is not None else _STANDING.sub("", line).strip()
        field = field_name(line.strip()) or (field if indent and text else "")
        if text and not field:
            if not sentence:
                start, margin = number, indent
            sentence.append(text)
            paragraph.append((number, text))
