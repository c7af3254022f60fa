from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="content-rejected",
    title="The server refuses the message's content or format",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "The message has a high spam score, contains a link or attachment the server refuses, or is malformed "
        "(bare line feeds, no From or Date, over-long lines)."
    ),
    remedy=(
        "Read the reply: it often names the rule. Send a plain message (mail-diagnose send); if that is "
        "accepted, change the application's template. Have the application generate proper headers (From, "
        "Date, Message-ID) and CRLF line endings."
    ),
    rules_out="A plain test message to the same recipient is refused too.",
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc5322", "https://www.postfix.org/smtp.8.html"),
)
