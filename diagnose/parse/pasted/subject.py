"""Decides whether a program's text is about sending mail or about something else that failed."""

from __future__ import annotations

import re
from functools import lru_cache

from diagnose.patterns import late

_FETCHES = late(
    r"(?:imap|pop3)(?:s|4|_ssl|lib|store|client|exception|folder|protocol)?\b|poplib|IMAP[A-Z]|Net::POP|\bv?s?ftpd?\b|\bnet/pop\b",
    re.I,
)
_SENDS = late(r"smtp|sendmail|\bsend(?:ing)?\b|\boutgoing|mailer", re.I)


# Name servers, shells and the like log only their own work, whatever names the line contains.
_DAEMONS = late(
    r"(?:^|\s)(?:named|dnsmasq|unbound|pdns\w*|sshd?|smbd|nmbd|kubelet|ntpd|chronyd|mysqld|slapd|rsync(?: error)?)(?:\[\d+\])?: "
)
# Other systems by name, noun or port; links to documentation do not count.
_ELSEWHERE = late(
    r"\b(?:"
    # databases, directories and queues of messages
    r"databases?|tablespace|postgres\w*|psycopg\w*|password authentication failed for user|my?sql\w*|mariadb|redis|mongo\w*|"
    r"elasticsearch|cassandra|memcached|ldap_\w+|ldaps?|etcd|consul|zookeeper|amqp|rabbitmq|kafka|mqtt\w*|"
    # backups and files
    r"repositor(?:y|ies)|restic|borg\w*|veeam|buckets?|s3|(?:Put|Get|List)Object|shares?\b|shared folder|cifs|nfs|iscsi|samba|sftp|scp|rsync|"
    # the web, containers and secrets
    r"nginx|upstream|(?:ha)?proxy|urllib3|NewConnectionError|kube\w*|pods?|docker\w*|containerd|registry|vault|certbot|letsencrypt|"
    # logins of people, networks, printers
    r"publickey|rdp|openvpn|vpn|ipsec|charon|hostapd|wpa|radiusd|snmpd?|printers?\b|toner|"
    # messengers
    r"telegram|twilio|slack|discord|pushover)|"
    r"\bhttps?://(?!curl\.|schemas\.)|\b(?:ftp|imaps?|pop3s?|wss?|git)://|\b(?:GET|POST|PUT|HEAD|DELETE|PATCH) /|\bmethod=(?:GET|POST|PUT)\b|"
    r"\bERROR \d{4} \(\w{5}\)|\bSQLSTATE\b|\bpull image\b|"
    r"\bKilled process \d+ \((?!master|qmgr|smtp|cleanup|pickup|trivial|post|exim|send|dove|clam|spam|rspam|amavis|open)|"
    # a port, not the seconds or minutes of a time of day
    r"(?:\bport[ =:'\"]{1,4}|(?<=[\w\]])(?<!:\d\d)(?<![\sT\"(\[]\d\d):)(?:22|53|80|389|443|636|1433|1521|1883|3306|5432|5672|6379|8080|8443|9090|9092|9200|11211|27017)\b(?!:)",
    re.I,
)
_OF_MAIL = late(
    r"mail|smtp|\boutgoing server|\bmsa\b|\bmx\b|\brcpt\b|starttls|sender|recipient|\binbox|\bbounc|"
    # in other languages
    r"courriel|messagerie|correo|correio|poczt|\bposta\b|wiadomo|почт|письм|メール|邮件|郵件|postausgang|serveur (?:d.envoi|sortant)|"
    r"servidor (?:saliente|de sa.{1,2}da)|\buscita\b|исходящ|empf.{1,2}nger|destinat[ai]|получател|收件人|宛先|"
    # spam and lists
    r"spam|dnsbl|rbl\b|block ?list|black ?list|\blisted\b|"
    # mailers, services and the workers that send
    r"postfix|exim|nullmailer|msmtp|\b(?:retries_exceeded|network_failure|no_more_hosts)\b|sendgrid|mandrill|sparkpost|postmark|\bresend\b|brevo|\bworkers?\b|sidekiq|scheduler|background job|"
    # codes and ports
    r"\bE(?:SOCKET|AUTH|ENVELOPE|MESSAGE)\b|\b(?:421|45[0-5]|50[0135]|5[2-5]\d)[ -](?:[45]\.\d|(?-i:[A-Z]))|\b[45]\.\d\.\d{1,3}\b|"
    r"invalid_grant|AADSTS|(?::|\bport[ =:'\"]{1,4})(?:25|465|587|2525)\b",
    re.I,
)


# Addresses, quoted names, hosts, source files, LDAP filters and URLs may contain such words whatever went wrong.
_NAMES = late(
    r"[\w.+-]+@[\w.-]+|\"[^\"\s]+\"|'[^'\s]+'|(?<![\w.-])[A-Za-z][\w-]*(?:\.[\w-]+){2,}|/\S+\.(?:php|rb|py|js|go)\b|\bmail=[^)\s]*|\b(?:referr?er|path|uri|request)[=:] ?\"?\S+",
    re.I,
)


def is_of_mail(text: str) -> bool:
    """Whether a text has a word that shows it is about sending mail."""
    return _OF_MAIL.search(text) is not None


# "wget: …", "zabbix_server[12]: …": a program, unless it is the beginning of a message.
_SPEAKER = late(
    r"(?!(?:err|warn|fatal|crit|info|debug|connect|getaddr|socket|ssl|tls|message|reason|curl|php|status|exception)\w*:)(?:[a-z][\w.-]{1,30}|[\w.-]{2,30}(?=\[))(?:\[\d+\])?: \S"
)


_PRODUCTS = ("alertmanager", "gitea", "grafana", "mattermost", "wordpress")  # among `diagnose.knowledge.programs`


def is_of_others(text: str, program: str | None) -> bool:
    """Whether a text without a word of mail begins with a program's name, or is from a program with other tasks."""
    named = program in (None, "other") and _SPEAKER.match(text) is not None
    return (named or program in _PRODUCTS) and not is_of_mail(text)


# An aggregate report (RFC 7489, appendix C) of mail that receivers let pass.
_PASSED = late(r"<disposition>none</disposition>(?![\s\S]*<disposition>(?:quarantine|reject)<)")


@lru_cache(500)  # a log says the same again and again
def fetches(text: str) -> bool:
    """Whether a program failed to read mail by IMAP or POP3, or to reach something unrelated to mail."""
    if _DAEMONS.search(text) is not None or _PASSED.search(text) is not None:
        return True
    if _ELSEWHERE.search(text) is not None and not is_of_mail(_NAMES.sub(" ", text)):
        return True
    return _SENDS.search(text) is None and _FETCHES.search(text) is not None


# Logged by a proxy, a webmail or a mailbox server, with the client's address; or counts in a log summary.
_CLIENTS_LOGIN = late(
    r"\(total: \d+\)\s*$|^\s*\d+ {3,}[A-Za-z][\w ()%./-]*$|\bclient login failed: .{0,80} while in http auth state|\bhandler exception: authentication failed for \[|"
    r"\bIMAP Error: Login failed for|\[LOGIN_ERROR\]|\bloginname=|\[core\] deny|\[dnsbl\] host|\bfail2ban\.(?!utils\b)\w+\b|\bcrowdsec\w*/|^\"SMTPD\"\s|\bAuthentication attempt from \S+ has been rate-limited"
)


@lru_cache(500)
def is_clients_login(line: str) -> bool:
    """Whether a line is a server's report of a client's failed login, or a summary's count: unrelated to sending."""
    return _CLIENTS_LOGIN.search(line) is not None
