"""Spellings by which a text shows that something in it is secret, each with the words without which it cannot occur.

The words, in lower case, are searched first: patterns take far longer, and a queue has a hundred thousand reasons.
"""

from __future__ import annotations

import re
from functools import cache

NAMES = (
    "passw", "pass=", "pass:", "pass ", "pass_", "pass'", 'pass"', "pass>", "pass`", "pass\t", "pass.", "pass|", "pass-", "pass]",
    "passp", "passc", "_pass", "pwd", "pw=", "pw:", "pw ", "pw'", 'pw"', "pw>", "pw\t", "pw|", "secret", "token", "credential",
    "kennwort", "contrase", "motdepasse", "key=", "key:", "key ", "key'", 'key"', "key>", "key_", "key]", "key-", "key)", "key|",
    "auth=", "auth:", "auth'", 'auth"', "auth(", "auth_", "auth-", "authkey", "authorization",
)  # fmt: skip
"""What a name that says "this is secret" holds. Words that prose is full of (authentication) are not among them."""

# Stand for `x:y@`, a word of 32 letters and digits, four colons.
LOGIN, LONG, PGPASS = "\0login", "\0long", "\0colons"

_OPTION = r"(?:^|(?<=[\s\"',\[]))"
_VALUE = r"(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"',\]]+)"
_PROGRAMS = "mysql mariadb sshpass smbclient ldap swaks sendemail msmtp nail mailx mutt mosquitto 7z zip psql redis-cli curl".split()
_LABELS = r"smtps?|lmtp|relay|mailto|to|from|b?c?cc|rfc822|sip|xmpp|id"

_TABLE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("private key--", "pgp message--"), r"(?s)-----BEGIN [A-Z ]*(?:PRIVATE KEY|PGP MESSAGE)[A-Z ]*-----(.{0,8000}?)(?:-----END|\Z)"),
    # Keys as their providers make them.
    (("sg.",), r"(?<!\w)SG\.([\w-]{10,}(?:\.[\w-]{6,})?)"),
    (("xkeysib-", "xsmtpsib-"), r"(?<!\w)x(?:key|smtp)sib-([\w-]{8,})"),
    (("xox",), r"(?<!\w)xox[abeoprs]-([\w-]{8,})"),
    (("key-",), r"(?<!\w)key-([0-9a-f]{16,})"),
    (("md-",), r"(?<!\w)md-([\w-]{12,})"),
    (("akia", "asia"), r"(?<!\w)(?:AKIA|ASIA)([0-9A-Z]{12,})"),
    (("re_",), r"(?<!\w)re_(?=\w*[A-Z\d])(\w{12,})"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), r"(?<!\w)(?:gh[oprsu]|github_pat)_(\w{16,})"),
    (("glpat-", "pm-"), r"(?<!\w)(?:glpat|pm)-([\w-]{18,})"),
    (("eaa",), r"(?<!\w)EAA([A-Za-z0-9]{20,})"),
    (("_live_", "_test_"), r"(?<!\w)(?:sk|pk|rk)_(?:live|test)_(\w{10,})"),
    (("sk-",), r"(?<!\w)sk-([\w-]{20,})"),
    (("mlsn.", "mlsp"), r"(?<!\w)mls[np][._](\w{12,})"),
    (("ya29.", "aiza", "gocspx-", "1//0"), r"(?<!\w)(?:ya29\.|AIza|GOCSPX-|1//0)([\w-]{10,})"),
    (("hf_", "npm_", "lm_", "dop_v1_", "shpat_", "nr_"), r"(?<!\w)(?:hf|npm|lm|dop_v1|shpat|nr)_(?=\w*\d)(\w{16,})"),
    ((LONG,), r"(?<!\w)(?:SK([0-9a-f]{32})|([0-9a-f]{32}-(?:us\d{1,2}|[0-9a-f]{8}-[0-9a-f]{8})))(?!\w)"),
    ((LONG,), r"(?<![\w+/])(?=\w*[a-z])(?=[A-Za-z+/]*\d)(B[A-Za-z0-9+/]{43})(?![\w+/=])"),
    (("eyj",), r"(?<!\w)eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"),
    (
        ("bearer", "basic ", "basic:", "token ", "token:", "digest ", "apikey ", "zoho-"),
        r"(?i)\b(?:Bearer|Basic|Token|Digest|ApiKey|Zoho-\w+)[ :]+[\"']?(?!(?:auth\w*|error|realm|token|is|not|login|SHA\d*|MD5)\b)"
        r"((?=\S*\d|\S{12})[^\s\"',;<>]{6,})",
    ),
    # user:password@host: with a scheme, before a bracket or a port, or with a telling password
    (("://",), r"(?i)\b[a-z][\w+.-]{1,20}:(?://|\\?/\\?/)[^\s:/@\"'<>]*:([^\s\"'<>]+)(?=@)"),
    (("://",), r"(?i)\b[a-z][\w+.-]{1,20}://([^\s:/@\"'<>]{16,})(?=@)"),
    (("@[",), rf"(?i)(?<![\w/])(?!(?:{_LABELS})\b)[\w.+=~%-]+:([^\s@:\"'<>,]+)(?=@\[)"),
    ((LOGIN,), r"(?<![\w/])[\w.+=~%-]+:([^\s@:\"'<>,]+)(?=@[\w-]+(?:\.[\w-]+)+:\d)"),
    (
        (LOGIN,),
        rf"(?i)(?<![\w/:;=])(?!(?:{_LABELS}|user\w*|login|sender|reci\w*)\b)[\w.+=~%-]+:([^\s@:\"'<>,]*[\d!#$%^&*+][^\s@:\"'<>,]*)"
        r"(?=@[\w-]+(?:\.[\w-]+)+)",
    ),
    # Addresses whose path or query is the secret.
    (
        ("hook", "discord", "telegram", "chat.google", "hc-ping", "/bot"),
        r"(?i)\bhttps?://(?:[\w.-]*(?:hooks?|discord\w*|api\.telegram|chat\.google\w*|hc-ping|outlook\.office)[\w.:-]*/"
        r"|[\w.:-]+/(?:[\w-]+/)*(?:hooks?|webhooks?|bot)[/\d])(\S{8,}?)(?=[\"'\s>,;)]|$)",
    ),
    (
        ("://",),
        r"(?i)://\S{1,200}?[?&;](?:key|sig|signature|auth|code|access|hash|t|k|sas|apikey|password|pw|token)=([^\s&\"'<>]+)",
    ),
    # Command lines.
    (
        ("-pass", "-pw", "-secret", "-token", "-api", "-auth", "-proxy-pass"),
        rf"(?i){_OPTION}--?(?:[\w-]*-)?(?:pass(?:word|wd|phrase|in|out)?|pwd?|secret|token|api-?key)(?:=|\s+|['\"],\s*)(?!-){_VALUE}",
    ),
    ((" -u", " --user", "-user", '"-u', "'-u"), rf"{_OPTION}--?(?:u|user|proxy-user|login)(?:=|\s*|['\"],\s*)[\"']?[\w.@+-]+:([^\s\"',\]]+)"),
    (
        tuple(_PROGRAMS),
        rf"\b(?:{'|'.join(_PROGRAMS)})\w*\b[^\n|;]*?\s-(?:p|a?P|ap|xp|w|pw|a)(?!assword)(?:\s+|=)?[\"']?(?![-\d]{{1,6}}(?:\s|$))([^\s\"',]+)",
    ),
    (("-ap", "-xp", "-pw"), rf"{_OPTION}-(?:ap|xp|pw)(?:\s+|['\"],\s*|=){_VALUE}"),
    (("pass:",), r"\bpass:([^\s\"',]+)"),
    # Calls and pairs: login("user", "…"), NetworkCredential("user", "…"), auth=("user", "…")
    (
        ("credential", "login", "auth(", "auth=", "auth =", "auth:", "auth [", "auth[", "authentication(", "authenticate(", "userpass"),
        r"(?i)(?:credentials?|authenticat\w*|login|auth|userpass)\s*[=:]?\s*[(\[]\s*[bru@$]?(?:\"[^\"\n]*\"|'[^'\n]*')\s*,\s*[bru@$]?"
        r"(?:\"([^\"\n]+)\"|'([^'\n]+)')",
    ),
    ((" pass `", " pass '", ' pass "', "password `", "password '", 'password "'), r"(?i)\b(?:user(?:name)?|login|account)\s+[`'\"][^`'\"\n]*[`'\"]\s+pass\w*\s+[`'\"]([^`'\"\n]*)"),
    (("machine ",), r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S+)"),
    (("identified",), r"(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+[\"']?([^\s\"';]+)"),
    ((PGPASS,), r"(?m)^(?!(?:[\da-f]{1,4}:){4})[\w.-]+:\d{2,5}:[\w*.-]+:[\w.@-]+:(\S{4,})\s*$"),  # .pgpass
    # A client's word of base64 behind its mark.
    (
        ("server:", "client:", "srv:", "\nc:", "\nr:", "\ns:", "\nt:", " c: ", " s: ", "> ", "< ", "->", "<-", "=>", "~>", ">>", "<<", "c] ", "s] "),
        r"(?m)(?:(?:SERVER|CLIENT|SRV|\b[CRST])(?::| ->|\])[ \t]*|(?:\]|\d): [<>] \S+: |(?:^|[\s:'\"])(?:>{1,3}|<{1,3}|->|=>|<-|~>)[ \t]*)"
        r"(?![A-Z]{4,8}\s*$|\d+\s*$)((?=[a-z\d+/]*[A-Z+/=]|[A-Za-z+/]*\d)[A-Za-z0-9+/]{4,}={0,2})\s*$",
    ),
    # smtp -v, proxymap -v, SASL libraries, dovecot
    (
        ("auth ", "auth\t"),
        r"(?i)\bAUTH\s+(?:PLAIN|LOGIN|X?OAUTH\w*|NTLM|CRAM-MD5|DIGEST-MD5|SCRAM-[\w-]+|GSSAPI)[ \t]+=?([A-Za-z0-9+/=_-]{4,})(?![\w-]*\s[A-Z]+)",
    ),
    (("coded ",), r"(?i)\b(?:un|de|en)?coded (?:initial )?(?:reply|response|client response|challenge)[:=] ?([^\n]+)"),
    (("resp=", "resp:", "response=", "response:", "resp "), r"(?i)(?<![a-z])(?:init_response|resp|(?:initial|client|auth)_response)[ =:]+([^\s,;]+)"),
    ((" = ", "result="), r"(?i)\b(?:sasl|passw)\S*:[^\n]* (?:=|result=) ?\S*?:([^\s\n][^\n]*)"),
    (("result=",), r"(?i)\b(?:sasl|passw)[^\n]*\bresult=(\S*:\S+)"),
    ((" attr ", "attribute value"), r"\b(?:send attr \S+ = |input attribute value: )[^\s/:]+:([^\s/][^\n]*)"),
    (("xsasl",), r"(?i)\bxsasl\S*: [^\n]*?(?:auth|resp\w*|line)[ =:]+([A-Za-z0-9+/]{8,}={0,2})"),
    # Postfix quotes what it cannot make sense of.
    (("unsupported dictionary",), r"unsupported dictionary type: [\w.-]+ \((?!is the|/)([^)\n]*)"),
    (("duplicate ",), r"(?i)duplicate (?:entry|key): \"?\[?[\w.-]+\]?(?::\d+)?[:= ]+([^\s\"]+:[^\"\n]+|\S{6,}?)\"?$"),
    (("duplicate ",), r"(?i)duplicate entry: \"?[^\s\":]+:(?!\d{1,5}\"?$)([^\s\":]+)\"?$"),
    (
        ("instead of", "valid table", "valid map", "valid dict", "bad table", "bad map", "bad dict"),
        r"(?i)(?:instead of|(?:invalid|bad) (?:table|map|dictionary))[^\n\"]{0,40}\"(?![\w/.-]+\"|\w+:/)([^\"\n]+)\"",
    ),
)  # fmt: skip


@cache
def words() -> tuple[str, ...]:
    """All the words of the shapes, each once."""
    return tuple(dict.fromkeys(word for needed, _ in _TABLE for word in needed))


@cache
def shapes() -> tuple[tuple[frozenset[str], re.Pattern[str]], ...]:
    """(words of which one must occur, pattern): its groups are the secrets, all of it where it has none. Compiled on
    first use: importing this module must stay quick."""
    return tuple((frozenset(needed), re.compile(pattern)) for needed, pattern in _TABLE)
