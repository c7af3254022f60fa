"""Reads deliveries from log lines of other mailers than Postfix: Exim (main log), sendmail, OpenSMTPD, msmtp, qmail.

Exim marks a line by a sign (Exim specification, "Log files"): ``=>`` and ``->`` delivered, ``==`` deferred, ``**``
failed. Sendmail writes ``stat=``, OpenSMTPD ``result=`` and ``stat=``, msmtp ``exitcode=`` and ``errormsg=``, qmail
``delivery N: deferral:`` with blanks as underscores. Clients that one of them rejected are strangers.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from datetime import datetime

from diagnose.knowledge.phrases import Grip
from diagnose.parse.log.logline import Line
from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.system import own_network
from diagnose.parse.words import reason as reasons_of, smtp_reply
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

_LONGEST = 4000  # characters of a line; some patterns take quadratic time
_EXIM = late(
    # Debugging output has no message id.
    r"(?:^|\s)(?:(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) |(?=(?:==|\*\*) \S+@\S+ R=))(?P<flag><=|=>|->|>>|\*>|==|\*\*|Completed|Frozen)(?: (?P<rest>.*))?$"
)
# Exim's note on one address before the outcome of the message: no sign, no recipient.
_EXIM_NOTE = late(
    r"(?:^|\s)(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) (?P<rest>(?:[\w-]+ authenticator failed )?(?:H=[\w.-]+ \[[0-9A-Fa-f.:]+\](?::\d{1,5})?:? )?"
    r"(?:[45]\d\d |SMTP error from remote|SMTP timeout |TLS (?:session|error)|Remote host closed connection|Network is |No route to |Connection |Operation timed).*)$"
)
_EXIM_ROUTE = late(r"\bR ?= ?(?P<router>[\w-]+)(?: T ?= ?(?P<transport>[\w-]+))?")
_EXIM_HOST = late(
    r"\b(?:H=)?(?:host )?(?P<host>[\w.-]+\.[\w-]+) \[(?P<address>[0-9A-Fa-f.:]+)\](?::(?P<port>\d{1,5}))?"
)
_EXIM_TAKER = late(r"\bH=(?P<host>[\w.-]+) \[")
_EXIM_REPLY = late(r"\bC=\"(?P<text>(?:[^\"\\]|\\.)*)\"")
_EXIM_FIELDS = late(r"\b(?:X|CV|DN|A|C|F|P|S|QT|DT|K|id|SNI|PRX|TFO)=(?:\"(?:[^\"\\]|\\.)*\"|\S+)")
_EXIM_TIMEOUT = late(r"\bSMTP timeout (?P<first>after initial connection)?.*")  # says more than the errno before it
_ERRNO = late(
    r"\b(?:Connection timed out|Connection refused|Network is unreachable|No route to host|Permission denied|Connection reset by peer|Operation timed out)\b"
)
_SENDMAIL = late(
    r"(?:\b(?P<id>\w{8,20}): )?\bto=(?P<to>[^,]*),.*?\bmailer=(?P<mailer>\w+),.*?\bstat=(?P<stat>.*)$", re.DOTALL
)
_LOOKED_UP = late(r"\(Name server: (?P<name>[\w.-]+?)\.?: ")
_REPLY = late(r"\breply=(?P<reply>[45]\d\d.*), stat=")
_DSN = late(r"\bdsn=(?P<dsn>[45]\.\d{1,3}\.\d{1,3})")
_STAT = late(r"^\W*stat=(?P<stat>Deferred: (?:Connection|Operation|No route|Network|Name server).*)$")
_SENDMAIL_RELAY = late(r"\brelay=(?P<host>[^\s,\[]*)\.?(?: ?\[(?P<address>[0-9A-Fa-f.:]+)\])?")
_OPENSMTPD = late(
    r"(?:\bresult=\"?(?P<result>Ok|TempFail|PermFail)\"?,? |\brelay: (?P<old>Ok|TempFail|PermFail) for )"
    r".*?\bstat=(?:\"(?P<stat>[^\"]*)\"|(?P<bare>.*)$)"
)
_EVPID = late(r"\b(?:evpid=|(?:Ok|TempFail|PermFail) for )(?P<id>[0-9a-f]{16})\b")
_OPENSMTPD_RELAY = late(r"\brelay=\"?(?P<address>[^\s\",]+)(?: \((?P<name>[\w.-]+)\))?")
_TO = late(r"\bto=<?(?P<to>[^>,\s]*)")
_NO_MX = late(r"Failed to resolve MX for \[relay:(?:[^@\],]*@)?(?P<host>[^,\]:]+)[^\]]*\]: (?P<stat>.*)$")
_QMAIL = late(r"\bdelivery \d+: (?P<result>success|deferral|failure): (?P<text>\S.*)$")
_NAMED = late(r"find any host named (?P<name>[\w.-]*\w)")
_OPENSMTPD_ERROR = late(r"\bmta error reason=(?:[\w ]+: )?(?P<text>\S.*)")
# dma connects to exchangers by name unless it has a smarthost; port 25 unless a smarthost has another.
_DMA = late(
    r"\bdma\[[\w.]+\]: connect to (?P<host>(?!smtp|relay|mail\.|submi)\S+) \[(?P<address>[0-9A-Fa-f.:]+)\] failed: (?P<text>.*)"
)
# Stalwart's events (crates/trc), with the text to put before their code and details.
_STALWART = late(r"\((?:delivery)\.(?P<event>[a-z-]+)\)(?P<rest>(?: \w+ = .*)?)$")
_STALWART_VALUE = late(
    r"\b(?P<key>hostname|to|code|details|reason|remoteIp|remotePort) = (?:\[?\"(?P<text>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^,\s\[]+))"
)
_STALWART_FAILED = {
    **dict.fromkeys(
        ("connect-error", "rcpt-to-rejected", "rcpt-to-failed", "mail-from-rejected", "message-rejected"), ""
    ),
    **dict.fromkeys(
        ("ehlo-rejected", "greeting-failed", "auth-failed", "dsn-temp-fail", "dsn-perm-fail", "failed"), ""
    ),
    **dict.fromkeys(("mx-lookup-failed", "ip-lookup-failed"), "MX lookup failed:"),
    "null-mx": "returned null MX",
    "start-tls-error": "TLS handshake failed:",
    "implicit-tls-error": "TLS handshake failed:",
    "start-tls-unavailable": "STARTTLS was not advertised by host",
}
_MSMTP = late(r"\bhost=(?P<host>\S+) .*\brecipients=(?P<to>\S+).*?\bexitcode=(?P<exit>\w+)")
_MSMTP_PORT = late(r"\bport (?P<port>\d{1,5})\b")
# The server's words, else msmtp's own.
_MSMTP_SAID = late(r"(?:smtpmsg='(?P<said>[245]\d\d.*?)' )?(?:errormsg='(?P<text>.*?)' )?exitcode=")

# A client of this mailer's own server was rejected or disconnected: routine for a server on the Internet.
_INBOUND = late(
    r"\bauthenticator failed for |\b(?:temporarily )?rejected (?:RCPT|MAIL|DATA|[HE]?[EH]LO|connection|AUTH|VRFY|EXPN|after DATA|STARTTLS)\b|"
    r"\brejected [EH]+LO or HELO|\bSMTP (?:syntax|protocol)(?: synchronization)? error (?:in |from |\()|\bSA: Action: |\bSMTP call from \S+|\bno host name found for IP address|"
    r"\b(?:unexpected disconnection while reading SMTP|no MAIL in SMTP connection|SMTP command timeout on)|\bTLS error on connection from |\b(?:refused|lost) connection from |\bsender verify (?:fail|defer)|"
    r"\bruleset=check_\w+, .*\breject=|\blost input channel from|\bdid not issue (?:MAIL|AUTH)|\bpossible SMTP attack|\bAUTH failure \(|"
    r"\bcourieresmtpd(?:\[\d+\])?: error,relay=|\b(?:rblsmtpd|qmail-smtpd): |\b(?:failed-command|bad-input|authentication) .*\baddress=|\bsmtp (?:event=)?(?:failed-command|bad-input)"
)
_BROKE_OFF = late(
    r"\b(?:unexpected disconnection while reading SMTP|no MAIL in SMTP connection|lost input channel from)"
)
# This mailer could not verify the login.
_OWN_LOGIN = late(r"\b435 Unable to authenticate at present\b.*: failed to (?:connect|open|read)")
# Stalwart notes that a domain lacks a policy, and continues; sendmail notes a client that disconnected.
_NOISE = late(
    r"\((?:dane|mta-sts|tls-rpt)\.[a-z-]+\).*\bstrict = false\b|\bcollect: (?:premature EOM|unexpected close)\b"
)
_CLIENT = late(
    r"(?:(?<!\()\[|address=|relay=|remoteIp = |rblsmtpd: (?:\S+ blocked )?|qmail-smtpd: .*?\bip )\[?(?P<address>(?:::ffff:)?\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]+)\b"
)
_BIG = late(
    r"\bH=\(?\S*\b(?:google|outlook|yahoo|icloud|amazonses|gmx|mailgun)\.(?:com|net|org)\b.*\bin (?:a )?(?:black ?|block)?list at "
)

SENDMAIL = frozenset({"sendmail", "sm-mta", "sm-msp-queue"})
_SENDMAIL_ID = late(r"^(?:NOQUEUE|[0-9A-Za-z]{6,20}): ")  # those of 2024 and 2025 begin like a reply code
_PROCESS = late(r"^\d{1,7} (?=[A-Z][\w:]*[-:])")  # between a stamp and its text: a process's number
_TAGGED = late(r"(?:msmtp|s+mtp|nullmailer[\w-]*|dma|sendEmail)", re.IGNORECASE)
# Messages of other mailers, with Postfix's equivalent that the tables know; {} is the name looked up.
_NO_ANSWER = "Host or domain name not found. Name service error for name={} type=MX: Host not found, try again"
_NO_SUCH = "Host or domain name not found. Name service error for name={} type=MX: Host not found"
_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (late(pattern, re.IGNORECASE), sentence)
    for pattern, sentence in (
        (
            r"host name lookup failure|temporary failure in MX lookup|CNAME.lookup.failed.temporarily|temporary failure in name resolution|"
            r"(?:DNS|MX|host) lookup\b.{0,60}(?:defer|did not complete|timed out|try again|temporar)|DNS error: temporary|SERVFAIL",
            _NO_ANSWER,
        ),
        (
            r"no MX found for domain|couldn.t find any host named|all relevant MX records point to non-existent|host unknown|"
            r"lookup of host \S+ failed|no (?:MX|such) (?:or A )?(?:records?|domain)\b|(?:domain|host)(?: name)? does not exist",
            _NO_SUCH,
        ),
        (
            r"network error on destination MXs|wasn.t able to establish an SMTP connection|no valid route to remote MX",
            "Connection timed out",
        ),
    )
)


def read(line: str, number: int = 0, at: datetime | None = None, port: int = 25) -> Delivery | Trouble | None:
    """The delivery or rejected client in a line; None if it is not from these mailers or only records incoming mail.
    port: the next hop's, if the line does not tell."""
    line = line[:_LONGEST]
    if _INBOUND.search(line) and not _OWN_LOGIN.search(line) and (turned := _turned_away(line, number, at)) is not None:
        return turned
    if _NOISE.search(line):
        reason = Reason(label="noise", text=reasons_of.mask(line), harmless=True)
        return Trouble(at=at, service=None, pid=None, text=reason.text, reason=reason, number=number)
    exim = _EXIM.search(line)
    if exim:
        return _exim(exim, number, at, port)
    if "stat=" in line:
        sendmail = _SENDMAIL.search(line)
        if sendmail:
            return _sendmail(line, sendmail, number, at)
        bare = _STAT.match(line)
        if bare:
            return _bare_stat(bare["stat"], number, at)
        smtpd = _OPENSMTPD.search(line)
        if smtpd:
            status = {"Ok": "sent", "TempFail": "deferred", "PermFail": "bounced"}[smtpd["result"] or smtpd["old"]]
            text = smtpd["stat"] or smtpd["bare"] or ""
            service = "lmtp" if " mda " in line else None
            to, relay, envelope = _TO.search(line), _OPENSMTPD_RELAY.search(line), _EVPID.search(line)
            host = (relay["name"] or relay["address"]) if relay else None
            found = delivery(status, text, number=number, at=at, to=to and to["to"], host=host, service=service)
            return replace(found, queue_id=envelope and envelope["id"])
    stalwart = _STALWART.search(line) if " = " in line else None
    if stalwart:
        return _stalwart(stalwart, number, at)
    unresolved = _NO_MX.search(line) if "resolve MX" in line else None
    if unresolved:
        return delivery("deferred", unresolved["stat"], number=number, at=at, host=unresolved["host"])
    qmail = _QMAIL.search(line) if "delivery " in line else None
    if qmail:
        status = {"success": "sent", "deferral": "deferred", "failure": "bounced"}[qmail["result"]]
        text = qmail["text"].replace("_", " ").rpartition("Remote host said: ")[2]
        text = text.partition("/Giving up on ")[0].rstrip("/ ")  # follows every refusal
        return delivery(status, text, number=number, at=at)
    refused = _OPENSMTPD_ERROR.search(line) if "mta error" in line else None
    if refused:
        return delivery("deferred", refused["text"], number=number, at=at)
    dma = _DMA.search(line) if "dma[" in line else None
    if dma:
        text = connecting(dma["host"], dma["address"], None, dma["text"])
        return delivery("deferred", text, number=number, at=at, host=dma["host"])
    if "exitcode=" in line:
        msmtp = _MSMTP.search(line)
        if msmtp:
            words = _MSMTP_SAID.search(line)
            status = "sent" if msmtp["exit"] == "EX_OK" else "bounced"
            text = (words["said"] or words["text"] if words else None) or line
            dialled = _MSMTP_PORT.search(text)
            text = connecting(msmtp["host"], None, dialled["port"] if dialled else "587", text)
            return delivery(status, text, number=number, at=at, to=msmtp["to"], host=msmtp["host"])
    return None


def note(line: str, number: int = 0, at: datetime | None = None, port: int = 25) -> Delivery | None:
    """The failure of one address of a next hop that Exim notes; the outcome follows in another line. None for other
    lines."""
    found = _EXIM_NOTE.search(line[:_LONGEST]) if "-" in line else None
    if found is None:
        return None
    text, host = _exim_said(found["rest"], port)
    return delivery("deferred", text, number=number, at=at, host=host, queue_id=found["id"])


def words_of(line: Line) -> str:
    """The text after stamp and program name; with the name if only that identifies the program."""
    text = _PROCESS.sub("", line.text)
    if line.service in SENDMAIL:
        return _SENDMAIL_ID.sub("", text)
    return f"{line.service}[0]: {text}" if _TAGGED.fullmatch(line.service or "") else text


def _exim(match: re.Match[str], number: int, at: datetime | None, port: int) -> Delivery | None:
    flag, rest = match["flag"], match["rest"] or ""
    if flag in {"<=", "Completed", "Frozen"}:
        return None
    to = rest.split(" ", 1)[0].rstrip(":")
    if flag not in {"==", "**"}:
        taker, reply = _EXIM_TAKER.search(rest), _EXIM_REPLY.search(rest)
        host, service = (taker["host"], "smtp") if taker else (None, "local")
        text = reply["text"] if reply else rest
        return delivery("sent", text, number=number, at=at, to=to, host=host, service=service, queue_id=match["id"])
    route = _EXIM_ROUTE.search(rest)
    tail = rest[route.end() :] if route else rest[len(to) :]
    remote = route is None or "smtp" in (route["transport"] or "smtp")
    text, host = _exim_said(tail, port, remote)
    return delivery(
        "deferred" if flag == "==" else "bounced",
        text,
        number=number,
        at=at,
        to=to,
        host=host,
        queue_id=match["id"],
    )


def _exim_said(tail: str, port: int, remote: bool = True) -> tuple[str, str | None]:
    """Exim's error, with a failed connection in Postfix's wording; and the server's name."""
    where = _EXIM_HOST.search(tail)
    host = where["host"] if where else None
    text = _EXIM_FIELDS.sub("", tail).strip(" :")
    timeout = _EXIM_TIMEOUT.search(text)
    # With TCP Fast Open a connect without an answer ends "after initial connection"; the port says more then.
    if timeout and not (timeout["first"] and where and (where["port"] or port != 25)):
        text = timeout.group()
    elif where and remote and "SMTP error from remote" not in text:
        text = connecting(host, where["address"], where["port"] or str(port), text)
    return text, host


def _sendmail(line: str, match: re.Match[str], number: int, at: datetime | None) -> Delivery:
    stat = match["stat"].strip()
    where, named = _SENDMAIL_RELAY.search(line), _LOOKED_UP.search(stat)
    host = named["name"] if named else where["host"].rstrip(".") if where else None
    service = "local" if match["mailer"] == "local" else None
    told = functools.partial(
        delivery, number=number, at=at, to=match["to"].strip("<>"), host=host, service=service, queue_id=match["id"]
    )
    if stat.startswith("Sent"):
        return told("sent", stat)
    dsn, reply = _DSN.search(line), _REPLY.search(line)
    text = stat.partition("Deferred: ")[2] or (f"{dsn.group('dsn')} {stat}" if dsn else stat)
    if dsn and stat == "User unknown" and dsn["dsn"].startswith("5.7."):
        text = ""  # sendmail uses this text of sysexits.h for any refusal; the line before quotes the reply
    text = reply["reply"] if reply else text  # since 8.16
    if text.startswith("Connection reset by ") and host:  # after it was established
        text = f"lost connection with {host}[{where.group('address') or '0.0.0.0' if where else '0.0.0.0'}]"
    if match["mailer"] in {"esmtp", "smtp", "relay"}:
        text = connecting(host, where["address"] if where else None, None, text)
    return told("deferred" if stat.startswith("Deferred") else "bounced", text)


def _stalwart(match: re.Match[str], number: int, at: datetime | None) -> Delivery | None:
    """The delivery in a Stalwart event; None for an event without an outcome."""
    event, said = match["event"], match["rest"]
    values = {each["key"]: each["text"] or each["bare"] for each in _STALWART_VALUE.finditer(said)}
    host, to = values.get("hostname"), values.get("to")
    if event in {"delivered", "dsn-success"}:
        return delivery("sent", said, number=number, at=at, to=to, host=host)
    about = _STALWART_FAILED.get(event)
    if about is None:
        return None
    text = " ".join(filter(None, (about, values.get("code"), values.get("details"), values.get("reason")))).strip()
    if event == "connect-error":
        text = connecting(host, values.get("remoteIp"), values.get("remotePort"), text)
    status = "bounced" if event.endswith(("rejected", "perm-fail", "null-mx")) else "deferred"
    return delivery(status, text, number=number, at=at, to=to, host=host)


def _bare_stat(stat: str, number: int, at: datetime | None) -> Delivery:
    """The delivery in a lone `stat=` field of a sendmail line, as people often post it; it names the server after
    the error."""
    where = re.search(r"\b(?:with|by|for) (?P<host>[\w.-]+)", stat)
    host = where["host"].rstrip(".") if where else None
    return delivery("deferred", connecting(host, None, None, stat), number=number, at=at, host=host)


def connecting(host: str | None, address: str | None, port: str | None, error: str) -> str:
    """A failed connection in Postfix's wording, which the tables know; other errors unchanged."""
    host = host or address
    if not (known := _ERRNO.search(error)):
        return error
    error = known.group()
    return f"connect to {host}[{address or '0.0.0.0'}]:{port or 25}: {error}" if host else error


def _turned_away(line: str, number: int, at: datetime | None) -> Trouble | None:
    """The trouble of an outside client that this mailer refused. None for a client on this host or network, unless
    it disconnected."""
    client = _CLIENT.search(line)
    address = client["address"].removeprefix("::ffff:") if client else ""
    if client is not None and own_network.is_private(address) and _BROKE_OFF.search(line):
        # Earlier lines give the reason.
        noise = Reason(label="noise", text=reasons_of.mask(line), grip=Grip.HINT, harmless=True)
        return Trouble(at=at, service=None, pid=None, text=noise.text, reason=noise, client=address, number=number)
    if client is None or own_network.is_private(address):
        return None
    reason = reasons_of.classify(line) or Reason(label="noise", text=reasons_of.mask(line), grip=Grip.HINT)
    if _BIG.search(line):
        # Lists do not contain large providers' servers: this one refuses the resolver's queries.
        reason = Reason(label="blocklist-query-refused", text=reason.text, grip=Grip.NAMES)
    else:
        reason = Reason(label="noise", text=reason.text, grip=Grip.HINT, harmless=True, entry=reason.entry)
    return Trouble(
        at=at, service=None, pid=None, text=reasons_of.mask(line), reason=reason, client=address, number=number
    )


def delivery(
    status: str,
    text: str,
    *,
    number: int,
    at: datetime | None,
    to: str | None = None,
    host: str | None = None,
    queue_id: str | None = None,
    service: str | None = None,
    port: int = 25,
) -> Delivery:
    reason: Reason | None = None
    host = None if host == "-" else host
    if status != "sent":
        text = text.rpartition("LMTP server error: ")[2]  # then the mailbox server's reply
        named = _NAMED.search(text)
        name = host or (to or "").rpartition("@")[2] or (named["name"] if named else "")
        known = next((sentence for pattern, sentence in _SENTENCES if pattern.search(text)), "")
        if not name and "name=" in known:
            known = ""
        reason = reasons_of.classify(known.format(name or "relay") or text, peer=host, port=port, service=service)
        quoted = smtp_reply.find(text) if reason is not None and reason.label.startswith("app-") else None
        if quoted is not None:  # a mailer quotes a server, not an application
            reason = reasons_of.classify(quoted.canonical, peer=host, port=port, service=service)
        reason = _by_route(reason, host, to) if reason is not None else None
    return Delivery(
        at=at,
        queue_id=queue_id,
        sender=None,
        recipient=to,
        relay_host=host,
        service=service,
        status=status,
        text=reasons_of.mask(text[:2000]),
        reasons=(reason,) if reason is not None else (),
        number=number,
    )


def _by_route(reason: Reason, host: str | None, to: str | None) -> Reason:
    """The reason with a label for its route: a refusing listener on this host, or a next hop other than the
    recipient's domain that this host, not a server's reply, did not find."""
    label, domain = reason.label, (to or "").rpartition("@")[2].lower()
    if label == "connect-refused" and own_network.is_loopback(reason.peer_address or host or ""):
        label = "smtp-listener-missing"
    elif label == "dns-not-found" and not reason.code and host and host.lower() != domain:
        label = "relay-name-not-found"
    return replace(reason, label=label)
