"""Decides whether a program's text is about an attempt to send mail.

Networks, logins and certificates fail in every program with the same words. A text that shows what was attempted is
judged by that: it speaks SMTP, is from a mail library, names a mail port, or says that mail could not be sent. One
that shows something else (another protocol's URL or port, the name of another program or of its package) is about that,
unless it shows sending, too. A bare error, which shows neither, is taken for the mail program's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from diagnose.parse.pasted.server import server_in
from diagnose.patterns import late

_Numbered = tuple[int, str]
_FETCHES = late(
    r"(?:imap|pop3)(?:s|4|_ssl|lib|store|client|exception|folder|protocol)?\b|poplib|IMAP[A-Z]|Net::POP|\bv?s?ftpd?\b|\bnet/pop\b|"
    # programs that only fetch, and response codes of IMAP (RFC 5530)
    r"\b(?:get|fetch)mail(?:rc)?\b|\bfetch\w* (?:\S+ )?e?mails?\b|\w[:,] ?(?:110|143|993|995)\b(?![.:]\d)|\bmbsync\b|\bofflineimap|\[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|UNAVAILABLE|ALERT|PRIVACYREQUIRED)\]",
    re.I,
)
_SMTP = late(r"smtp|sendmail|\bsend\w* (?:\S+ ){0,4}(?:e-?)?mail|\boutgoing|mailer", re.I)

# --- signs of sending mail ---

_MAIL = r"\be-?mails?\b|\bmails?\b"
_SENT = r"(?:sen[dt]\w*|deliver\w*|submit\w*|transmi\w+|transport|dispatch\w*|outgoing|outbound|queue)"
_FAILED = r"(?:fail\w*|errors?|problem|could|cannot|can.t|not|unable|rejected|refused)"
# Libraries and APIs that send mail, by their modules, classes and paths.
_LIBRARIES = late(
    r"smtplib|net[/:-]+smtp|(?<![\w./\\-])(?:e?mail(?:er)?|smtp)\.[a-z]{2,4}:\d|[/\\]\w*smtp\w*[./\\]|(?-i:\b(?:smtp|SMTP)\.[a-z]*[A-Z]|\b(?:Smtp|SMTP)[A-Z]\w)|send[-_]?e?mail|mail[-_]send|(?:mailgun|sendgrid|postmark)\w*error|nodemailer|phpmailer|swift_?mailer|(?:javax|jakarta|angus|sun)\.mail|component\W+mailer|action ?mailer|"
    r"mailkit|net\.mail|\bcdo\.message|gen_smtp|swoosh|bamboo|\b(?:retries_exceeded|network_failure|no_more_hosts)\b|gomail|lettre|\b(?:mail|email)::|wp_mail|core/mail|mail\.backends|zend_mail|laminas\W+mail|"
    r"smtp-connection|/sendmail\b|/etc/(?:postfix|exim|mail)|/var/spool/(?:client)?mqueue|smtp_port_t\b|(?:sendmail|postfix|exim)_\w*t:|//api\.\S*mail|/v\d[\d.]*/\S*\b(?:e?mail|messages|smtp)\b",
    re.I,
)
# A server's reply, a client's code for one, and a refused OAuth grant.
_REPLY = late(
    r"(?<![\w.:])(?:421|45\d|5[0-5]\d),?[ -](?:[45]\.\d|[A-Z<\"'#])|(?<![\d.])[45]\.\d\.\d{1,3}(?![\d.])|"
    r"\bE(?:SOCKET|AUTH|ENVELOPE|MESSAGE)\b|invalid_grant"
)
_PORTS = frozenset({24, 25, 26, 465, 587, 1025, 2465, 2525, 2587, 10024, 10025, 10026})
_PORT = late(
    r"(?:[\w\]]:|port\W{1,6}|\b(?:telnet|nc) \S+ )(?:25|465|587|2525|1025|2465|2587)(?!\d|:\d)|:(?:smtps?|submissions?)\b|\bdest=(?:25|465|587)\b",
    re.I,
)
_WORDS = late(
    r"smtp|\bstmp\b|sendmail|\behlo\b|\bhelo\b|starttls|\brcpt\b|\bmail from\b|\bmx(?:[.\d-]| (?:record|host|lookup))|in reply to|\bm[st]a\b|mail ?(?:server|host|gateway|relay|system)|"
    # programs and services that do nothing else
    r"\b(?:postfix|postdrop|exim4?|msmtp|nullmailer|dma|qmail|mutt|horde|sendgrid|mailgun|mandrill|sparkpost|postmark|resend|brevo|mailjet)(?:(?-i:[A-Z])|\b(?![-_.]))|"
    # who sends to whom, and what becomes of it
    r"recipient|addressee|\bsender\b(?![\]=])|\bfrom address|envelope|\brelay|undeliver|newsletter|non.?deliver|\bbounced?\b|\binbox|mailbox|"
    r"\bspf\b|dkim|dmarc|greylist|block ?list|black ?list|dnsbl|\brbl\b|\bspam\b|\bptr\b|outgoing server|smarthost|e?mail settings|"
    rf"{_SENT}(?:\W+\w+){{0,6}}?\W*(?:{_MAIL})|(?:{_MAIL}|mailer)(?:\W+\w+){{0,6}}?\W+(?:{_SENT}|{_FAILED})\b|"
    # in other languages
    r"courriel|messagerie|correo|correio|poczt|\bposta\b|wiadomo|по[чш]т|\be-?post|письм|メール|메일|[邮郵][件箱]|信箱|postausgang|serveur (?:d.envoi|sortant)|"
    r"servidor (?:saliente|de sa.{1,2}da)|\buscita\b|исходящ|empf.{1,2}nger|destinat[ai]|получател|收件人|宛先",
    re.I,
)
# Addresses, URLs, paths, hosts, quoted names and values may contain such words whatever failed.
_NAMES = late(
    r"[\w.+-]+@[\w.-]+|\b\w+://\S+|(?<![\w.-])(?!postfix/)[\w.-]*/[\w./-]+|(?<![\w.])(?!smtp|mx\b|sendmail)(?:[\w-]+\.)+[A-Za-z][\w-]*\b(?!\()|\"(?!SMTP)[^\"\s]+\"|'(?!SMTP)[^'\s]+'|\b[\w.-]+=\S*"
)
_QUOTED = late(r"(?<!File )\"[^\"\s]+(?<!Error)\"|'[^'\s]+(?<!Error)'")

_DELIVERED = late(
    r"\b(?:delivery successful|(?<!no )(?<!\b0 )(?:e-?mail|message|mail)s?\b(?:(?!\bnot\b|\bnever\b|\. ).){0,40}\b(?<!\bbe )(?<!\bare )(?:was )?(?:sent|delivered|accepted)(?: (?:successfully|to|via|for|by)\b| ?[{(\[]|[!.]?\s*$|, 0 )|"
    r"(?:e-?)?mails (?:are|were|get) (?:sent|delivered) (?:correctly|fine)|(?:successfully|succesfully) sent|\bMessage sent #\d+ to |sent successfully|250 (?:2\.\d\.\d )?.{0,12}(?:queued as|Message accepted)|"
    r"250 2\.\d\.\d .{0,60}\b(?:queued|accepted)|accepted(?:=|:? ?)\[[^\]]+@|attempt \d+(?:/\d+)? (?:ok|succeeded|successful))",
    re.I,
)

_BUT = late(r"\bbut\b.{0,80}\bnot\b|\b(?:fails?|failing|bounces?)\b|\berror: (?!0|no|null)", re.I)


def delivered(line: str) -> bool:
    """Whether a line says that a message was sent."""
    sent = _DELIVERED.search(line)
    return sent is not None and _BUT.search(line, sent.end()) is None


@lru_cache(500)  # a log says the same again and again
def sends(text: str) -> bool:
    """Whether a text shows an attempt to send mail."""
    return _REPLY.search(text) is not None or _shows_sending(text)


def _shows_sending(text: str) -> bool:
    return (
        _PORT.search(text) is not None
        or _LIBRARIES.search(_QUOTED.sub(" ", text)) is not None
        or _WORDS.search(_NAMES.sub(" ", text)) is not None
    )


_LINK = late(r"https?://\S+")
_OF_MAIL = late(r"(?<!_)mail|(?<!\[)\bworkers?\b|sidekiq|scheduler|background job", re.I)


def is_of_mail(text: str) -> bool:
    """Whether a text has a word or a reply that makes it likely to be about sending mail."""
    return _OF_MAIL.search(_NAMES.sub(" ", text)) is not None or sends(text)


def is_another_protocols(text: str) -> bool:
    """Whether a text shows something else than sending mail, whatever the codes of its replies, and links in them."""
    text = _LINK.sub(" ", text)
    return (fetches(text) or _names_another(text)) and not (_OF_MAIL.search(text) or _shows_sending(text))


# --- signs of something else ---

# A URL, an audit record's program, and status codes of SQL, LDAP and HTTP; databases, and PostgreSQL's log.
_PROTOCOL = late(
    r"(?<![\w+])(?!(?:smtps?|submissions?|mailto|ssl|tls|tcp|starttls|file)\b)[a-z][a-z0-9+.-]{1,12}://|\bcomm=\"|"
    r"\bHTTP (?:request|error)\b|\bSQLSTATE\b|\bERROR \d{4} \(|\bLDAP: error code\b|\bldap_\w+\(|\bSTATEMENT:  |\b(?:MySQL|MariaDB|PostgreSQL|Redis) server\b|\b(?:HTTP|SIP|RTSP|ICAP)[/ ]\d",
    re.I,
)
_ENDPOINT = late(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3} ?: ?(\d{2,5})(?![\d:])")
# "wget: …", "zabbix_server[12]: …": a program, unless it is the beginning of a message.
_SPEAKER = late(
    r"^\s?(?!(?:err|warn|fatal|crit|info|debug|connect|getaddr|socket|ssl|(?:gnu)?tls|x509|message|reason|curl|php|sh|status|exception)\w*:)"
    r"(?P<name>(?!ERR|WARN|FATAL|CRIT|INFO|DEBUG|NOTICE|SMTP|SSL|TLS|DNS|PHP)[A-Z]{3,8}|[a-z][\w.-]{1,30}(?<![Ee]rror)(?<!Exception)|[\w.-]{2,30}(?=\[))(?:\[\d+\])?: \S",
    re.MULTILINE,
)
# "PG::ConnectionBad", "psycopg2.OperationalError": the package of an exception.
_PACKAGE = late(
    r"(?<![\w.:\\/-])(?P<package>[A-Za-z_]\w*)(?:(?:::|\.|\\{1,2})\w+)*(?:::|\.|\\{1,2})[A-Z][\w$]*(?:Error|Exception|Bad|Refused|Timeout|Invalid)\b"
)
_ANYBODYS = frozenset(
    "net openssl errno java javax jakarta sun system socket ssl _ssl timeout asyncio illuminate symfony swift smtp".split()
)


@lru_cache(500)
def is_unrelated(text: str) -> bool:
    """Whether a text shows what was attempted, and that it was not to send mail."""
    return fetches(text) or (_names_another(text) and not sends(text))


def _names_another(text: str) -> bool:
    return (
        _PROTOCOL.search(text) is not None
        or any(port not in _PORTS for port in (server_in(text)[1], *map(int, _ENDPOINT.findall(text))) if port)
        or any("mail" not in found["name"] for found in _SPEAKER.finditer(text))
        or any(found["package"].lower() not in _ANYBODYS for found in _PACKAGE.finditer(text))
    )


def of_sending(lines: list[_Numbered]) -> list[_Numbered]:
    """The lines of one paragraph without those that show something else, and what is indented below them, unless a
    line near them shows sending."""
    if not _names_another("\n".join(line for _, line in lines)):
        return lines
    speakers = [found["name"] if (found := _SPEAKER.match(line)) else "" for _, line in lines]

    def near(at: int) -> Iterator[str]:
        """The line, and all of the same program; of one that names none, the next, the one before, and the one that
        it is indented below."""
        below = max((place for place in range(at) if not lines[place][1][:1].isspace()), default=at)
        for place, (_, line) in enumerate(lines):
            next_to = abs(place - at) == 1 or (place == below and lines[at][1][:1].isspace())
            next_to = next_to and not (speakers[place] and speakers[at])
            same = place == at or next_to or (speakers[at] and speakers[at] in line)
            if same and not delivered(line):
                yield line

    kept: list[_Numbered] = []
    others = False
    for at, (number, line) in enumerate(lines):
        others = (_names_another(line) or (others and line[:1].isspace())) and not sends("\n".join(near(at)))
        if not others:
            kept.append((number, line))
    return kept


# Programs with other tasks, among `diagnose.knowledge.programs`.
PRODUCTS = ("alertmanager", "gitea", "grafana", "mattermost", "wordpress")
# An aggregate report (RFC 7489, appendix C) of mail that receivers let pass.
_PASSED = late(r"<disposition>none</disposition>(?![\s\S]*<disposition>(?:quarantine|reject)<)")


@lru_cache(500)
def fetches(text: str) -> bool:
    """Whether a program failed to read mail by IMAP or POP3, or a report says that mail passes."""
    return _PASSED.search(text) is not None or (_SMTP.search(text) is None and _FETCHES.search(text) is not None)


# Logged by a proxy, a webmail or a mailbox server, with the client's address; or counts in a log summary.
_CLIENTS_LOGIN = late(
    r"\(total: \d+\)\s*$|#\d+\(\w+\) <\w*>; \w+; |^\s*\d+ {3,}\w[\w ()%./-]*$|\bclient login failed: .{0,80} while in http auth state|\bhandler exception: authentication failed for \[|"
    r"\bIMAP Error: Login failed for|\[LOGIN_ERROR\]|\bloginname=|\[core\] deny|\[dnsbl\] host|\bfail2ban\.(?!utils\b)\w+\b|\bcrowdsec\w*/|^\"SMTPD\"\s|\(during SMTP connection from |:(?:25|465|587),[\d.:a-f]+:\d{4,5},[-+*<>],|\bIP address [\d.]+(?:$|, mail from| found in)|\brelay attempt blocked\b|\battack detected from\b|\bAuthentication attempt from \S+ has been rate-limited"
)


@lru_cache(500)
def is_clients_login(line: str) -> bool:
    """Whether a line is a server's report of a client's failed login, or a summary's count: unrelated to sending."""
    return _CLIENTS_LOGIN.search(line) is not None
