"""Recognises the beginning of a message or bounce: header fields, and the opening sentences of mailers.

Every pasted line is tested, so only this part of the message reader is loaded before there is a message.
"""

from __future__ import annotations

import re

from diagnose.patterns import late

FIELD = late(r"^\s{0,4}(?P<name>[A-Za-z][A-Za-z0-9-]{1,40}):(?!:)(?:\s*(?P<value>.*))?$")
_HEADER = late(
    r"(?:received|from|to|cc|bcc|subject|date|message-id|mime-version|content-[\w-]+|x-[\w-]+|dkim-signature|return-path|sent|"
    r"delivered-to|auto-submitted|reply-to|user-agent|in-reply-to|references|arc-[\w-]+|authentication-results|list-[\w-]+|"
    r"received-spf|domainkey-signature|domainkey-status|envelope-to|delivery-date|feedback-id|organi[sz]ation|comments|keywords|"
    r"precedence|sender|errors-to|importance|priority|thread-[\w-]+|resent-[\w-]+|apparently-to|autocrypt|accept-language|acceptlanguage)$",
    re.IGNORECASE,
)
_OPENS = late(
    r"\s*(?:Reporting-MTA: *\S|Final-Recipient: *\S|Diagnostic-Code: *\S|Remote-MTA: *\w+;|"
    r"Status: *[245]\.\d{1,3}\.\d{1,3}\s*$|Action: *(?:failed|delayed|delivered|relayed|expanded)\s*$|"
    r"(?:Hi\. |Hi, )?This is the .{0,60}(?:program|mail system|delivery system|delivery agent|mail delivery|MTA) at \S|"
    r"This (?:message|report|e-?mail) (?:was|is) (?:created|generated) automatically by mail|"
    r"This is an? (?:automatic\w*|auto).{0,40}(?:Delivery Status|notification|bounce)|"
    r"Delivery (?:has failed|to the following recipients?)|The following address(?:es)? (?:failed|had)|"
    r"(?:A|Your) message (?:that you (?:have )?sent |to \S+ )?(?:could ?n[o']t|was ?n[o']t|has not) (?:yet )?(?:be |been )?delivered|"
    r"(?:\*\* )?(?:Address not found|Message (?:blocked|not delivered)|Delivery incomplete)(?: \*\*)?\s*$|"
    r"(?:(?:We're )?Sorry, |Unfortunately, )?(?:we|I) (?:were|was|are|am|had) (?:unable to deliver|trouble delivering) your|"
    r"Your message did not reach|The original message was received (?:at|on) \S|The following message to <|"
    r"Could not deliver message to the following|This is the MAILER-DAEMON|An error occurred while trying to deliver the mail|"
    r"I'm (?:afraid|sorry).{0,20} (?:wasn't|not able|unable).{0,20} deliver|"
    r"(?:-+ ?)?The following addresses had (?:permanent|transient|delivery))",
    re.IGNORECASE,
)


_OF_A_NOTICE = ("notificationType", '"eventType"', "commonHeaders")


def field_name(line: str) -> str:
    """The name of the message header field in a line, lower case; empty for any other line."""
    # nullmailer-send logs "From: <sender> to: <recipient>".
    field = FIELD.match(line) if line[:1].isalpha() and ":" in line[:42] and "> to: <" not in line else None
    return field["name"].lower() if field and _HEADER.match(field["name"]) else ""


def opens(line: str) -> bool:
    """Whether a line begins a report whose message head is missing."""
    return _OPENS.match(line) is not None


def is_notice(line: str) -> bool:
    """Whether a line is a sending service's notification in JSON, or a part of it."""
    return any(each in line for each in _OF_A_NOTICE)
