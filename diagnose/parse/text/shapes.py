"""Patterns for secrets in text, each with literal words, one of which must occur in a match.

The words, in lower case, are searched first: patterns take far longer, and a queue can have a hundred thousand
reasons. Every repetition in a pattern is bounded, to avoid excessive backtracking.
"""

from __future__ import annotations

import re
from functools import cache

from diagnose.parse.text.prose import NOUNS

NAMES = (
    "passw", "pass=", "pass:", "pass ", "pass_", "pass'", 'pass"', "pass>", "pass`", "pass\t", "pass\n", "pass.", "pass|", "pass-", "pass]",
    "passp", "passc", "_pass", "pwd", "pw=", "pw:", "pw ", "pw'", 'pw"', "pw>", "pw\t", "pw|", "pw;", "pw,", "secret", "token", "credential",
    "clave", "key=", "key:", "key ", "key'", 'key"', "key>", "key_", "key]", "key-", "key)", "key|",
    "mdp", "ww:", "ww=", "ww :", "creds", "cred=", "securestring", "pass phrase", *NOUNS,
    "pass\\", "pwd\\", "pw\\", "key\\", "auth\\",  # JSON within JSON
    "auth=", "auth:", "auth'", 'auth"', "auth(", "auth_", "auth-", "authkey", "authorization",
)  # fmt: skip
"""What a name that says "this is secret" holds. Words that prose is full of (authentication) are not among them."""

# Pseudo-words for `x:y@`, `://` before `@`, a word of 32 letters and digits, three colons, a colon before four characters.
LOGIN, URL, LONG, PGPASS, PAIR = "\0login", "\0url", "\0long", "\0colons", "\0pair"

# Searched before the words that contain them: most texts have none.
_FIRST = (
    "pass", "pw", "secret", "token", "cred", "key", "auth", "login", "://", " -", "\t-", "-u", "-p", "hook", "dict", "valid ", "bad ",
    "attr", "sasl", "resp", "coded ", "client", "server", "private",
)  # fmt: skip

_OPTION = r"(?:^|(?<=[\s\"',\[]))"
_VALUE = r"(\"[^\"\n]+\"|'[^'\n]+'|\{[^{}\n]+\}|[^\s\"',\]]+)"
_PRIORITY = r"(?:emerg|alert|crit|err|warning|notice|info|debug)\b"  # journalctl -u postfix -p err
_PROGRAMS = "mysql mariadb sshpass smbclient ldap swaks sendemail msmtp nail mailx mutt mosquitto 7z zip psql redis-cli curl docker podman".split()
_SAID = r"(?:[a-z]*(?:ing|ions?|ers?|ed|able|ly|ments?|ity|ness|less|words?|ives?|als?|files?)|user\w*|(?:call|look)(?:back|up)s?|prompts?|fields?|values?|change|expiry|expires|instead|please|exchange|everyone|protocols?|resets?|strength|rules?|hash(?:es)?|schemes?|helpers?|grants?|store|cache|attempts?|mismatch|entropy|policy|policies|through)(?![a-z])"
_LABELS = r"smtps?|lmtp|relay|mailto|to|from|b?c?cc|rfc822|sip|xmpp|id|inet6?:\d{1,5}"

LOGINS = "zugangsdaten anmeldedaten identifiants credentials credenciales credenciais credenziali inloggegevens".split()

_TABLE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("private key--", "pgp message--"), r"-----BEGIN [A-Z ]{0,30}(?:PRIVATE KEY|PGP MESSAGE)[A-Z ]{0,10}-----((?:[^-]|-(?!-)){1,8000})"),
    (("private key--",), r"(?m)^((?:[A-Za-z0-9+/=]{12,100}\s{1,9}){1,100})-----END [A-Z ]{0,30}PRIVATE KEY"),
    (
        ("bearer", "basic ", "basic:", "token ", "token:", "digest ", "apikey ", "zoho-"),
        r"(?i)\b(?:Bearer|Basic|Token|Digest|ApiKey|Zoho-\w+)[ :]+[\"']?(?!(?:auth\w*|error|realm|token|is|not|login|SHA\d*|MD5)\b)"
        r"(?![a-z]+:\s)((?=\S{0,11}\d|\S{12})[^\s\"',;<>]{6,})",
    ),
    # user:password@host: with a scheme, before a bracket or a port, or with a telling password
    ((URL,), r"(?i)\b[a-z][\w+.-]{1,20}:(?://|\\?/\\?/)[^\s:/@\"'<>]{0,200}:(?!\d{1,5}/)([^\s\"'<>]{1,1000})(?=@)"),
    ((URL,), r"(?i)\b[a-z][\w+.-]{1,20}://([^\s:/@\"'<>]{16,1000})(?=@)"),
    (("://",), r"(?i)[\"'][a-z][\w+.-]{1,20}://[^\s:/@\"'<>]{0,200}:([^\n\"'<>]{1,200})(?=@[\w.:-]{1,255}/?[\"'])"),
    (("@[",), rf"(?i)(?<![\w.+=~%/-])(?!(?:{_LABELS})\b)[\w.+=~%-]{{1,200}}:([^\s@:\"'<>,]{{1,500}})(?=@\[)"),
    ((LOGIN,), r"(?<![\w.+=~%/-])[\w.+=~%-]{1,200}:([^\s@:\"'<>,]{1,500})(?=@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}:\d)"),
    (
        (LOGIN,),
        rf"(?i)(?<![\w.+=~%/:;-])(?!(?:{_LABELS}|user\w*|login|sender|reci\w*)\b)[\w.+=~%-]{{1,200}}:(?=[^\s@:\"'<>,]{{0,200}}[\d!#$%^&*+])"
        r"([^\s@:\"'<>,]{1,500})(?=@[\w-]{1,63}\.[\w-])",
    ),
    # URLs whose path or query is the secret.
    (
        ("hook", "discord", "telegram", "chat.google", "hc-ping", "/bot"),
        r"(?i)\bhttps?://(?:[\w.-]{0,80}?(?:hooks?|discord|api\.telegram|chat\.google|hc-ping|outlook\.office)[\w.:-]{0,80}/"
        r"|[\w.:-]{1,200}/(?:[\w-]{1,60}/){0,6}(?:hooks?|webhooks?|bot)[/\d])([^\s\"'>,;)]{8,})",
    ),
    (
        ("://",),
        r"(?i)://\S{1,200}?[?&;](?:key|sig|signature|auth|code|access|hash|t|k|sas|apikey|password|pw|token)=(3D(?:=\r?\n|[^\s&\"'<>])+|[^\s&\"'<>]+)",
    ),
    # Command lines.
    (
        ("-pass", "-pw", "-secret", "-token", "-api", "-auth", "-proxy-pass"),
        rf"(?i){_OPTION}--?(?:[\w-]*-)?(?:pass(?:word|wd|phrase|in|out)?|pwd?|secret|token|api-?key)(?:=|(?:\s|\\\n)+|['\"],\s*)(?!-){_VALUE}",
    ),
    ((" -u", " --user", "-user", '"-u', "'-u"), rf"{_OPTION}--?(?:u|user|proxy-user|login)(?:=|\s*|['\"],\s*)(?:'[\w.@+-]+:([^'\n]+)'|\"[\w.@+-]+:([^\"\n]+)\"|[\w.@+-]+:([^\s\"',\]]+))"),
    (
        (" -p", " -a", " -x", " -w", "\t-p", "\t-a"),
        rf"(?:\b(?:{'|'.join(_PROGRAMS)})\w*\b[^\n|;]{{0,300}}?|\s-u\s+[^\s-]\S{{0,60}}(?=\s+-p\s)(?!\s+-p\s+{_PRIORITY}))\s-(?:p|a?P|ap|xp|w|pw)(?!assword)(?:\s+|=)?(?:'([^'\n]{{1,200}})'|\"([^\"\n]{{1,200}})\"|(?![-\d]{{1,6}}(?:\s|$))([^\s\"',]+))",
    ),
    ((" -a",), rf"\b(?:redis-cli|https?)\b[^\n|;]{{0,300}}?\s-a\s+{_VALUE}"),
    (("-ap", "-xp", "-pw"), rf"{_OPTION}--?(?:ap|xp|pw)(?:\s+|['\"],\s*|=){_VALUE}"),
    ((" login ",), r"(?m)(?:^|[\s>])[A-Za-z]{0,4}\d{1,6} LOGIN (?:\"[^\"\n]{0,100}\"|[^\s\"]{1,100}) (?:\"((?:[^\"\\\n]|\\.)+)\"|([^\s\"{]+))"),  # IMAP
    ((" login {", "} login {"), r"\bLOGIN \{\d+\+?\}\s*\n(?:[^\n]{0,20}\+[^\n]*\n)?[^\n]{1,100}\{\d+\+?\}\s*\n(?:[^\n]{0,20}\+[^\n]*\n)?([^\n]+)"),
    (("proctitle=",), r"\bproctitle=([0-9A-Fa-f]{8,})"),  # auditd: all arguments, in hexadecimal
    (("pass ",), r"\bUSER [^\n]{1,100}\n(?:[^\n]*\n){0,3}?[^\n]{0,40}\bPASS ([^\n]+)"),  # POP3, FTP
    (
        ("echo ", "printf "),
        r"(?:passwordeval\W{1,4}(?:echo|printf)\s+|\b(?:echo|printf)\s+(?:-[ne]+\s+|(?:'[^'\n]{0,60}%s'|\"[^\"\n]{0,60}%s\"|%s)\s+(?:\S{1,60}\s+(?=['\"]))?){0,2}(?=[^\n]{1,200}?\|\s*(?:base64|openssl|docker|podman|htpasswd|sudo|chpasswd|saslpasswd2|gcloud|kubectl|gh|vault|aws|az)))(?:'([^'\n]+)'|\"([^\"\n]+)\"|['\"]?([^\s'\"|]+))",
    ),
    (("masterauth", "requirepass"), r"(?i)\b(?:masterauth|requirepass)\s+[\"']?([^\s\"']+)"),
    # Passwords and their hashes in the format of user databases.
    (
        (") != ", "{s", "{p", "{c", "{m", "{b", "{a", "{d"),
        r"(?i)\{(?:S?SHA\d*|S?MD5|PLAIN|CLEAR\w*|CRYPT|SHA\d*-CRYPT|MD5-CRYPT|BLF-CRYPT|ARGON2\w*|SCRAM[\w-]*|CRAM-MD5|DIGEST-MD5|PBKDF2\w*)\}([^\s:,\"'}]{4,})"
        r"|\b[A-Z][A-Z\d-]{2,20}\(([^()\n]{3,200})\) != ",  # dovecot
    ),
    (("$",), r"\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2\w{0,2})\$([^\s:,\"'}]{8,})"),
    # A line of a password table.
    (("]:",), r"(?m)\[[\w.:-]{1,255}\]:\w{1,12}(?:[ \t]+=?[ \t]*|=)[\w.+-]{1,64}(?:@[\w.-]{1,100})?:(?!\s)([^\n\"]{2,300}?)(?=[\"']?\s*(?:$|>>|\|)|\"|[,}])"),
    (
        (PAIR,),
        r"(?m)^(?:\[?[\w-]+(?:\.[\w-]+)+\]?(?::\w{1,12})?|@?[\w.+-]{0,64}@[\w-]+(?:\.[\w-]+)+)(?:[ \t]+=?[ \t]*|=)[\w.+-]{1,64}(?:@[\w.-]{1,100}:(?!//)([^\s:\"]{4,200})|:(?!\d{1,5}\s*$)([^\s:/\"]{4,200}))[ \t\r]*$",
    ),
    ((PAIR,), r"(?m)^[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}:(?!\d{1,5}[ \t\r]*$)([^\s/~:\"]{4,200})[ \t\r]*$"),  # postmap -q
    # exim's passwd.client
    ((PAIR,), r"(?m)^(?:\*(?:\.[\w-]+){0,9}:|[\w-]+(?:\.[\w-]+)+:(?=[^\n]*:[^\n]*[A-Z\d!#$%^&*+=@:]))(?!\d+:)[\w.+@-]{1,100}:(?!(?i:fail|err|den[iy]|refus|in?valid|un[akr]|reject|time|full|closed|lost|not))(\S{4,200})[ \t\r]*$"),
    ((PAIR,), r"(?m)^(?:[\w-]+(?:\.[\w-]+)+)?:[\w-]+(?:\.[\w-]+)+(?::\d{1,5})?[ \t]+\S{1,100}[ \t]+(\S{4,200})[ \t\r]*$"),  # qmail's smtproutes
    ((PAIR,), r"(?m)^\[?[\w-]+(?:\.[\w-]+)+\]?(?::\w{1,12})?[ \t]+[\w.+-]{1,64}@[\w.-]{1,100}:(?!//|\d{1,5}(?:[:\s]|$))([^\s:\"][^\n\"]{3,200})$"),
    (("name=",), r"\bname=[\w.+-]{1,64}:([^\s@]{2,200})(?=@)"),  # Postfix: name service error for name=
    (("ignoring this line",), r"\bignoring this line: [^\n]{0,200}?[:\s]([^\s:]{4,200})[ \t]*(?=$|\n)"),  # postmap
    # Flow style: {user: x, password: a b, port: 587}
    (
        ("passw", "pass", "pwd", "secret", "token"),
        r"(?i)\{[^{}\n]{0,300}?\b[\w-]{0,30}(?:pass(?:word|wd)?|pwd|secret|token)\s?[:=]\s{1,4}(?!(?:not|no|is|must|wrong|invalid|missing)\b)([^\s,{}\"'\[]{1,60} [^,{}\n\"']{1,100}?)(?=\s{0,4}[,}])",
    ),
    # The value before the name: <param value="…" name="smtp.password">, SET value = '…' WHERE name = 'smtp_password'
    (
        ("value",),
        r"(?i)\bvalue\s?=\s?(?:\"([^\"\n]+)\"|'([^'\n]+)')(?=[^\n<>;]{0,40}\b(?:name|key|id)\s?=\s?[\"'][\w.-]{0,40}(?:pass|pwd|secret|token|credential))",
    ),
    (("</label>",), r"(?i)passw\w{1,4}[^<\n]{0,20}</label>\s{0,9}<input\b[^>]{0,200}?\bvalue=\"([^\"]+)\""),
    # Commands that store a secret: … secrets create x --value …, kv put mail/password …
    (
        ("--value", "--body", "--secret-"),
        rf"(?i)(?:pass|secret|token|vault|pwd)[\w:/.-]{{0,60}}\s[^\n|;]{{0,160}}?--(?:value|body|secret-string|secret-value)(?:=|\s+){_VALUE}",
    ),
    (
        ("vault ",),
        rf"\bvault (?:write|kv put)\s[^\n|;]{{0,160}}?\bvalue={_VALUE}",
    ),
    (
        (" put ", " set ", " update ", " write "),
        rf"(?i)\b(?:put|set|update|write)\s+[\w./:-]{{0,60}}[/_.:-](?:password|passwd|pass|secret|token|pwd)\s+(?!to\b|for\b|in\b|is\b|on\b|with\b|and\b|of\b){_VALUE}",
    ),
    ((" as ",), r"(?i)'([^'\n]+)' AS [\"'`]?\w{0,20}pass"),  # in a query for a login
    (("(pw", "(pass"), rf"(?i)\((?:pwd?|pass(?:word)?)[ :=]{{1,2}}(?!{_SAID}|(?:incorrect|wrong|missing|empty|unknown|none|null|auth)\b)([^\s()]{{4,200}})\)"),
    (("word from ",), r"(?i)\bpassword (?:was )?(?:changed )?from ([^\s\"',;]{3,60}) to ([^\s\"',;.]{3,60})"),
    (("client_send",), r"\bclient_send\s*=\s*([^\n]+)"),  # exim's authenticators
    (("password",), r"(?m)^[ \t]*(?:user(?:name)?|login|from|auth)[ \t]+\S+[ \t]*\n[ \t]*password[ \t]+(?!(?:is|was|not|has|for|must|does|failed|wrong|required|expired|change\w*|authenticat\w*)\b)([^\n]+)"),  # msmtprc
    (("password",), r"(?i)<input\b(?=[^>]{0,300}?\btype=[\"']?password)[^>]{0,300}?\bvalue=(?:\"([^\"]+)\"|'([^']+)'|([^\s\"'>]+))"),
    (("cookie:",), r"(?i)\bcookie: ?[\w-]{1,60}=([^\n\"']{4,})"),
    (("otp", "one-time", "code is", "pin"), r"(?i)\b(?:otp|pin|(?:one-time|verification|login|security) \w+)(?:: ?| is | )(\d{4,8})\b"),
    (("authenticat",), r"(?i)\bauthenticat\w{1,6} (?:as |[\w@.+-]{1,60} )?(?:with|using) [\"']([^\"'\n]{4,200})[\"']"),
    (("auth login",), r"(?i)\bAUTH LOGIN\b[^\n]{0,120}?[\s/]C: ?((?=[a-z\d+/]*[A-Z+/=]|[A-Za-z+/]*\d)[A-Za-z0-9+/]{4,}={0,2})"),  # in one line
    (("htpasswd ",), r"\bhtpasswd\s+(?=-\w*b)-\w*n\w*\s+[\w.@+-]+\s+[\"']?([^\s\"']+)"),
    (("passw",), r"(?i)\b(?:app[ -]password[ \t]*[:=]?|passw\w{1,4}[ \t]*[:=])[ \t]*[\"']?([a-z]{4}(?: [a-z]{4}){3})(?=[\"':;,.)]|\s*$|\s\d)"),  # as Google and Yahoo issue them
    (("/pass", "/ pass"), r"(?i)\b(?:login|user\w*)\s?/\s?pass\w*\s?[:=]\s?[^\s/]{1,64}\s?/\s?([^\s\"']{4,200})"),
    (("s/",), r"\bs/[^/\n]{0,60}pass[^/\n]{0,60}/[^/\n]{0,60}?pass\w{0,8}[ =:]{1,3}([^/\n]{4,200})/"),  # sed
    (("{-",), r"(?i)\{--?(?:[\w-]*-)?(?:pass\w*|pwd?|secret|token|api-?key)=([^}\n]{1,300})\}"),  # an argument of pipe(8)
    (("table ",), r"\btable [\w-]{1,60} \{[^}\n]{0,200}?= ?\"?[\w.+@-]{1,64}:([^\s\",}]{4,200})"),  # smtpd.conf
    (("authinfo", '"u:', '"u='), r"(?i)\"P[:=]([^\s\"]{2,200})\""),  # sendmail's authinfo
    (("postmap ",), r"(?im)\bpostmap [^\n]{0,200}?(?:->|=>|:)[ \t]{1,9}[\w.+@-]{1,100}:([^\s:]{4,200})[ \t\r]*$"),
    (("htpasswd ",), r"\bhtpasswd\s+(?:-\w+\s+){0,5}-\w*b\w*\s+(?:-\w+\s+){0,5}\S+\s+\S+\s+[\"']?([^\s\"']+)"),
    (("\\0", "\\x00"), r"\\(?:0{1,3}|x00)[A-Za-z](?:[^\\\"'\s]|\\@){0,200}\\(?:0{1,3}|x00)([^\"'\n\\]{4,200})"),  # AUTH PLAIN spelt out
    (("assword",), r"(?i)\bassword[^\n]{0,60}\bsend\s+(?:--\s+)?\"([^\"\n]{2,200}?)(?:\\[rn])?\""),  # expect
    ((" p:", " pw:", " pass:"), r"(?i)\bu(?:ser)?: ?[^\s,;]{1,100}[ ,;/]{1,3}p(?:w|ass)?: ?([^\s,;\"'<>]{4,200})"),
    (("unused parameter",), r"unused parameter: [\w.-]{0,80}(?:pass|pw|secret|token|key|auth|login|cred)[\w.-]{0,40}=([^\n]+)"),
    (("pass:",), r"\bpass:([^\s\"',]+)"),
    ((" pass ",), r"(?i)\b(?:user(?:name)?|login|account) [\w.@+-]{1,64},? pass (?=\S{0,60}\d)([^\s\"'`()=]{6,200})"),
    ((" pass `", " pass '", ' pass "', "password `", "password '", 'password "'), r"(?i)\b(?:user(?:name)?|login|account)\s{1,9}[`'\"][^`'\"\n]{0,200}[`'\"]\s{1,9}pass\w{0,9}\s{1,9}[`'\"]([^\n]{1,300}?)[`'\"](?:[\s,;.)]|$)"),
    ((r"\r\n",), r"[\"']((?=[A-Za-z\d+/]*[a-z=])(?=[a-z\d+/]*[A-Z+/=]|[A-Za-z+/]*\d)[A-Za-z0-9+/]{4,}={0,2})(?:\\r)?\\n[\"']"),  # as strace shows it
    (("doveadm ",), r"\bdoveadm auth (?:test|login)\s+(?:-\w\s+\S+\s+){0,4}[\w.@+-]+\s+(\S+)"),
    (("machine ",), r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S+)"),
    (("identified",), r"(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:'([^'\n]+)'|\"([^\"\n]+)\"|([^\s\"';]+))"),
    # relayhost = [host]:587:user:…
    (("]:",), r"\]:\d{1,5}:[\w.+@-]{1,64}:([^\s,\"']{4,200})"),
    (("|",), r"(?m)(?:^|: )[\w.+@-]{1,64}\|[\w-]+(?:\.[\w-]+)+:([^\s:]{4,200})[ \t\r]*$"),  # dma's auth.conf
    (("label ", "label="), r"(?i)\blabel\s?=?\s?\"?(?!https?:|\w+:/)[\w.+@-]{1,64}:([^\s\"',:]{4,200})"),  # smtpd.conf's secrets
    (("command trace: ",), r"\bcommand trace: (?!suppressed)\S{1,100}[ /]{1,3}(?!suppressed)(\S{4,200})"),  # JavaMail
    ((" failed for ",), r"(?i)\b(?:login|auth\w*) failed for [\w.+-]{1,64}[:/]([^\s@\"'<>:/]{4,200})(?=[\s@:,]|$)"),
    # A password of letters only that a sentence calls one.
    (
        ("password ", "pass ", " pw ", "wort ", "token "),
        r"(?m)(?:\b(?:with|using|and|my|app|our) (?:(?:password|passwort|pass|pw) )|, pw |\b(?:[Pp]ass|[Kk]enn)wort lautet )"
        rf"(?!{_SAID})([a-z]{{6,40}}|(?<=lautet )\w{{4,40}})(?=$|[.,;)]|\s(?:on|and|but|und|aber|does|did|is not|isn't|at|gets?)\b)",
    ),
    (
        ("334 ugfzc3dvcmq6", "334 vxnlcm5hbwu6"),  # the server's question and the answer in one line
        r"\b334 (?:UGFzc3dvcmQ6|VXNlcm5hbWU6)\b[^\n]{0,60}?[:>\s](?![A-Z]{4,8}\b|[A-Z]?[a-z]+\b(?!=))((?=[a-z\d+/]*[A-Z+/=]|[A-Za-z+/]*\d)[A-Za-z0-9+/]{4,}={0,2})(?![\w+/=-])",
    ),
    ((PGPASS,), r"(?m)^(?!(?:[\da-f]{1,4}:){4})[\w.-]+:\d{2,5}:(?:[\w*.-]+:[\w.@-]+:(\S{4,})|[A-Za-z][\w.+@-]*:(?!TLSv|SSLv)((?=\S*[A-Z\d!#$%^&*+=-])[^\s:]{4,}))[ \t]*$"),  # .pgpass, a host and a login
    # A client's base64 after its mark.
    (
        ("server:", "client:", "srv:", "\nc:", "\nr:", "\ns:", "\nt:", " c: ", " s: ", "> ", "< ", "->", "<-", "=>", "~>", ">>", "<<", "c] ", "s] "),
        r"(?m)(?:(?:SERVER|CLIENT|SRV|\b[CRST])(?::| ->|\])[ \t]*|(?:^|\]: |\d: )[<>] \S+\[[\da-fA-F.:]+\](?::\d+)?: |(?:^|[\s:'\"])(?:>{1,3}|<{1,3}|->|=>|<-|~>)[ \t]*)"
        r"(?![A-Z]{4,8}[ \t\r]*$|\d+[ \t\r]*$|(?:/[a-z]{2,20}){2,9}[ \t\r]*$)((?=[a-z\d+/]*[A-Z+/=]|[A-Za-z+/]*\d)[A-Za-z0-9+/]{4,}={0,2})[ \t\r]*$",
    ),
    # smtp -v, proxymap -v, SASL libraries, dovecot
    (
        ("auth ", "auth\t"),
        r"(?i)(?<!250[ -])\bAUTH\s+(?:PLAIN|LOGIN|X?OAUTH\w*|NTLM|CRAM-MD5|DIGEST-MD5|SCRAM-[\w-]+|GSSAPI)[ \t]+=?(?!(?:commands?|exchange|dialogue|failed|method|mechanisms?)\b)([A-Za-z0-9+/=_-]{4,})(?![A-Za-z0-9+/=_-]|\s[A-Z])",
    ),
    (("0000",), r"(?mi)^(?:[\da-f]{4})?[\da-f]{3}0:?[ \t]{1,4}((?:[\da-f]{2}){1,4}(?:[ \t]{1,2}(?:[\da-f]{2}){1,4}){3}[^\n]*)"),  # a hex dump
    (("coded ",), r"(?i)\b(?:un|de|en)?coded (?:initial )?(?:reply|response|client response|challenge)[:=] ?([^\n]+)"),
    (("resp=", "resp:", "response=", "response:", "resp "), r"(?i)(?<![a-z])(?:init_response|resp|(?:initial|client|auth)[_-]response)[ =:]+([^\s,;]+)"),
    ((" = ", "result="), r"(?i)\b(?:sasl|passw)[^\s:]{0,60}:[^\n]{0,300}? (?:=|result=) ?[^\s:]{0,80}:([^\s\n][^\n]*)"),
    (("result=",), r"(?i)\b(?:sasl|passw)[^\n]{0,300}?\bresult=([^\s:]{0,80}:\S+)"),
    ((" attr ", "attribute value"), r"\b(?:send attr \S+ = |input attribute value: )[^\s/:]+:(?!/(?:[a-z_.-]+/)+)(\S[^\n]*)"),
    (("xsasl",), r"(?i)\bxsasl[^\s:]{0,60}: [^\n]{0,300}?(?:auth|resp\w*|line)[ =:]+([A-Za-z0-9+/]{8,}={0,2})"),
    # Postfix quotes text that it cannot parse.
    (("unsupported dictionary",), r"unsupported dictionary type: [\w.+@-]+:(?!/|\w+:/)([^\s,]{4,200})"),
    (("unsupported dictionary",), r"unsupported dictionary type: [\w.-]+ \((?![Ii]s the |(?:\w+:)?/)([^)\n]*)"),
    (("duplicate ",), r"(?im)duplicate (?:entry|key): \"?\[?[\w.-]{1,255}\]?(?::\d{1,5})?[:= ]{1,3}([^\s\":]{1,200}:[^\"\n]+|\S{6,}?)\"?$"),
    (("duplicate ",), r"(?im)duplicate entry: \"?[^\s\":]{1,255}:(?!\d{1,5}\"?$)([^\s\":]+)\"?$"),
    (
        ("instead of", "valid table", "valid map", "valid dict", "bad table", "bad map", "bad dict"),
        r"(?i)(?:instead of|(?:invalid|bad) (?:table|map|dictionary))[^\n\"]{0,40}\"(?![\w/.-]+\"|\w+:/)([^\"\n]+)\"",
    ),
)  # fmt: skip


# Likewise, but a group is secret only if it looks like a secret by itself.
_PAIR = r"(?:sha\d*|md5|[a-z]*id|ref|etag|commit|build|version|tag|urn|mid|https?|file|data|cert\w*|fingerprint|serial|dsn|at|on|by|said|code|status)"
_TELLING: tuple[tuple[tuple[str, ...], str], ...] = (
    # user:password by itself
    ((PAIR,), rf"(?i)(?<![\w/:.@$-])(?!{_PAIR}:)[\w.+-]{{2,64}}(?:@[\w.-]{{1,100}})?:(?=[^\s/]{{0,60}}\d)(?=[^\s/]{{0,60}}[a-z])([^\s/:,;()\"'<>\[\]]{{8,200}})(?![:/])"),
    (("user/", "user:", "name:", "name/", "login:", "login/", "account:", "account/", "cred", "login ", "zugangsdaten"), r"(?i)(?:user\w*|login|account|zugangsdaten|cred(?:ential)?s?)\s?(?:[/:]|\s(?=[^\s/]{1,64}/))\s?(?:pass\w*\s?[:=]?\s?)?[\w.@+-]{1,64}\s?[/:]\s?([^\s\"',;/]{6,200})"),
    ((LOGIN,), r"(?<![\w.+=~%/:;-])[\w.+=~%-]{1,200}:([^\s@:\"'<>,/]{6,500})(?=@[\w-])"),
    (("key ", " pw "), r"(?i)\b(?:using|with|our|your|my|the|api|for|is) (?:key|pw) [\"']?([^\s\"'<>]{8,200})"),
    (("sig", "otp", "pin", "session", "jwt"), r"(?i)(?<![\w-])(?:sig|signature|otp|pin|session(?:id)?|jwt)[=:] ?([^\s&;,\"'<>]{6,400})"),
    ((PGPASS,), r"(?m)(?:^|: )(?!(?:[\da-f]{1,4}:){4})[\w.-]+:\d{2,5}:[\w*.-]+:[\w.@-]+:([^\s:]{8,})"),
    ((" as the pass", " as my pass", " as our pass"), r"(?i)(?<!\S)[\"'`]?([^\s\"'`]{4,60})[\"'`]? as (?:the|my|our) pass(?!\w*-?(?:file|map|table))"),
    ((*LOGINS,), rf"(?i)\b(?:{'|'.join(LOGINS)})(?:\s?[:=]|\s(?:are|sind|sont|son|sono|s\u00e3o)(?=\s))\s?[^\s/]{{1,64}}(?:\s?/\s?|\s(?:and|und|et|y|e|en)\s)([^\s\"']{{4,200}})"),
    (("(pass", "(secret", "(token", "(the "), r"(?i)[\"'`]([^\"'`\n]{6,200})[\"'`] \((?:the )?(?:password|secret|token|api key)\)"),
    ((" -p", " -w"), r"(?<=\s)-[pPw]\s+([^\s\"',;/]{10,200})"),
    ((" argv=",), r"(?<=\s)-[A-Za-z]\s+([^\s\"',;/]{12,200})"),  # pipe(8) and spawn(8) of Postfix
    (("dsn=", "dsn ="), r"\b[A-Z][A-Z\d_]*DSN ?= ?(?![\"']?[\w+]+:)((?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'])+)"),
    (("pass ",), r"(?i)\bpass [\"'`]?([^\s\"'`()=]{6,200})"),
    (("key ",), r"(?i)\bkey [\"']?([^\s\"'<>]{8,200})[\"']? (?:is|was|has)\b"),
    ((" @ ",), r"(?<!\S)[\w.+-]{1,64} ?[/:] ?([^\s/:]{6,200}) @ ?[\w-]"),
    (("send ",), r"\bsend\s\"([^\"\n]{4,200})\\[rn]\""),
    (("auth ", "login "), r"(?i)\b(?:AUTH|login) (?!(?:from|for|to|in|on|at|by|with|after)\b)(?:PLAIN|LOGIN )?\s?[\w.@+-]{1,64} ([^\s\"',;]{8,200})"),
    (("535",), r"\b53[45][ -][^\n]{0,300}?[\w.@+-]{2,64}[/:]([^\s/:,;()\"'<>]{8,200})"),
)  # fmt: skip

# Providers' key formats, searched in words of twelve or more characters.
_KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("sg.",), r"(?<!\w)SG\.([\w-]{10,}(?:\.[\w-]{6,})?)"),
    (("xkeysib-", "xsmtpsib-"), r"(?<!\w)x(?:key|smtp)sib-([\w-]{8,})"),
    (("xox",), r"(?<!\w)xox[abeoprs]-([\w-]{8,})"),
    (("key-",), r"(?<!\w)key-((?=[a-z]*\d)[0-9a-z]{16,})"),
    (("md-",), r"(?<!\w)md-((?=[\w.-]{0,40}[A-Z])(?=[\w.-]{0,40}\d)[\w-][\w.-]{10,100}\w|[\w-]{12,})"),
    (("akia", "asia"), r"(?<!\w)(?:AKIA|ASIA)([0-9A-Z]{12,})"),
    (("akia", "asia", "aws"), r"(?<![\w+/])((?=[a-z\d+/]*[A-Z])(?=[A-Z\d+/]*[a-z])(?=[A-Za-z+/]*\d)[A-Za-z0-9+/]{40})(?![\w+/=])"),
    (("re_",), r"(?<!\w)re_(?=\w*[A-Z\d])(\w{12,})"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), r"(?<!\w)(?:gh[oprsu]|github_pat)_(\w{16,})"),
    (("glpat-", "pm-"), r"(?<!\w)(?:glpat|pm)-([\w-]{18,})"),
    (("eaa",), r"(?<!\w)EAA([A-Za-z0-9]{20,})"),
    (("whsec_", "dckr_pat_"), r"(?<!\w)(?:whsec|dckr_pat)_([\w+/=-]{12,})"),
    (("xapp-",), r"(?<!\w)xapp-\d-([\w-]{12,})"),
    (("age-secret-key-",), r"(?i)\bAGE-SECRET-KEY-(\w{12,})"),
    (("_live_", "_test_"), r"(?<!\w)(?:sk|pk|rk)_(?:live|test)_(\w{10,})"),
    (("sk-",), r"(?<!\w)sk-([\w-]{20,})"),
    (("mlsn.", "mlsp"), r"(?<!\w)mls[np][._](\w{12,})"),
    (("ya29.", "aiza", "gocspx-", "1//0"), r"(?<!\w)(?:ya29\.|AIza|GOCSPX-|1//0)([\w-]{10,})"),
    (("hf_", "npm_", "lm_", "dop_v1_", "shpat_", "nr_"), r"(?<!\w)(?:hf|npm|lm|dop_v1|shpat|nr)_(?=\w*\d)(\w{16,})"),
    ((LONG,), r"(?<!\w)(?:SK([0-9a-f]{32})|([0-9a-f]{32}-(?:us\d{1,2}|[0-9a-f]{8}-[0-9a-f]{8})))(?!\w)"),
    ((LONG,), r"(?<![\w+/])(?=\w*[a-z])(?=[A-Za-z+/]*\d)(B[A-Za-z0-9+/]{43})(?![\w+/=])"),
    (("eyj",), r"(?<!\w)eyJ[\w-]{6,2000}\.[\w-]{1,4000}(?:\.[\w-]*)?"),
)  # fmt: skip


@cache
def _index(keys: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(string to search first, words that contain it), each word once."""
    rest = dict.fromkeys(
        word for needed, _ in (_KEYS if keys else (*_TABLE, *_TELLING)) for word in needed if word[0] != "\0"
    )
    if keys:
        return (("", tuple(rest)),)
    rest |= dict.fromkeys(NAMES)
    found: list[tuple[str, tuple[str, ...]]] = []
    for first in _FIRST:
        held = tuple(word for word in rest if first in word)
        rest = {word: None for word in rest if word not in held}
        found.append((first, held))
    return (*found, *((word, (word,)) for word in rest))


def words() -> tuple[str, ...]:
    """All words of the patterns."""
    return tuple(_rows())


@cache
def _rows() -> dict[str, tuple[int, ...]]:
    table = (*_KEYS, *_TABLE, *_TELLING)
    words = {word for needed, _ in table for word in needed}
    return {word: tuple(row for row, (needed, _) in enumerate(table) if word in needed) for word in words}


_compiled = cache(lambda row: re.compile((*_KEYS, *_TABLE, *_TELLING)[row][1]))
_SURE = len(_KEYS) + len(_TABLE)
_LOGIN = re.compile(r":[^\s@:]{1,500}@")
_URL = re.compile(r":\\?/\\?/[^\s@]{1,1200}@")
_PAIRED = re.compile(r":/?[^\s:/,;()\[\]<>]{4}")
_LONG = re.compile(r"[A-Za-z0-9+/]{32}")


def shapes(text: str, lowered: str, long: str) -> tuple[list[tuple[re.Pattern[str], bool]], bool]:
    """(pattern, sure) of the patterns that may match a text, and whether one of NAMES occurs in it. sure: every
    match is secret, otherwise only one that looks like a secret. The groups of a match are the secrets, the whole
    match if it has none. long: the text's words of twelve or more characters.

    Patterns are compiled on first use, so that importing this module stays fast.
    """
    padded = f"\n{lowered}"
    held = [word for first, words in _index(False) if first in padded for word in words if word in padded]
    if long:
        low = long.lower()
        held += [word for word in _index(True)[0][1] if word in low]
        held += [LONG] if _LONG.search(long) else []
    if "@" in text:
        held += [mark for mark, pattern in ((LOGIN, _LOGIN), (URL, _URL)) if pattern.search(text)]
    if _PAIRED.search(text):
        held.append(PAIR)
    if text.count(":") > 2:
        held.append(PGPASS)
    if not held:
        return [], False
    index = _rows()
    rows = {row for word in held for row in index.get(word, ())}
    return [(_compiled(row), row < _SURE) for row in sorted(rows)], any(word in NAMES for word in held)


def keyed(word: str) -> bool:
    """Whether a word in a log may be a provider's key, or base64 of a login."""
    return _starts().search(word) is not None


_starts = cache(
    lambda: re.compile(
        "|".join(re.escape(word.rstrip(".")) for word in _index(True)[0][1] if word not in ("_live_", "_test_"))
        + r"|[spr]k_(?:live|test)_|^A[A-P][A-Za-z0-9+/]{6}|^dXNlcj|^bi[a-z]s|^B[A-Za-z0-9+/]{43}$|^(?:SK)?[0-9a-f]{32}",
        re.I,
    )
)
