"""A machine with a secret wherever one may stand: `plant` writes them and tells which they are."""

from __future__ import annotations

from pathlib import Path

from tests.hostile import spellings
from tests.hostile.planted import RANDOM, SHAPES, b64

from .machine import Machine

# `§` is the secret, `±` its base64, `þ` base64 of NUL acme NUL secret. One secret for each line.
_MAIN_CF = """
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd, texthash:/etc/postfix/sasl/second, regexp:/etc/postfix/third, inline:{ {[a.example.com]:587 = acme:§} }
sender_dependent_relayhost_maps = inline:{ { @x.example.com = acme:§@[smtp.x.example.com]:587 } }
lmtp_sasl_password_maps = static:acme:§
tlsproxy_password_maps = unionmap:{ static:{acme:§}, hash:/etc/postfix/sasl_passwd }
other_sasl_password_maps = pipemap:{inline:{x.example.com=acme:§}, static:{b:§}}
many_sasl_password_maps = randmap:{acme:§,beta:§}
virtual_mailbox_maps = mysql:/etc/postfix/mysql-virtual.cf
virtual_mailbox_domains = proxy:pgsql:/etc/postfix/pgsql-virtual.cf
ldapsource_bind_pw = §
accounts_bind_pw = § §
my_relay_login = acme:§
site_api_key = §
mysecret = §
webhook_url = https://hooks.example.com/services/T01/B02/§
backup_dsn = mysql://acme:§@db.example.com/mail
mailbox_command = /usr/bin/deliver --password § --user $USER
smtp_generic_maps = texthash:/etc/postfix/generic
submission_password = "§"
"""
_MASTER_CF = """
acme  unix  -  n  n  -  -  pipe
  flags=Rq user=nobody argv=/usr/bin/push --password § --to ${recipient}
other  unix  -  n  n  -  -  pipe user=nobody argv=/usr/bin/curl -u acme:§ https://api.example.com/send
relay2  unix  -  -  y  -  -  smtp -o smtp_sasl_password_maps=static:acme:§
  -o { smtp_sasl_password_maps = inline:{ {b.example.com = acme:§} } }
third  unix  -  n  n  -  -  spawn user=nobody argv=/usr/bin/env API_TOKEN=§ /usr/bin/filter
"""
_TABLES = {
    "/etc/postfix/sasl_passwd": "[smtp.mandrillapp.com]:587 acme:§\n[b.example.com]:587\tbeta:§\n# [old.example.com]:587 old:§\nc.example.com   acme@c.example.com:§\n",
    "/etc/postfix/sasl/second": "[d.example.com]:25 acme:§\ne.example.com = acme:§\n",
    "/etc/postfix/third": "/^f\\.example\\.com$/ acme:§\n",
    "/etc/postfix/mysql-virtual.cf": "hosts = db\nuser = mail\npassword = §\nquery = SELECT 1\n",
    "/etc/postfix/pgsql-virtual.cf": "hosts = postgresql://mail:§@db/mail\npassword=§\nquery = SELECT 1\n",
    "/etc/mail-diagnose.toml": 'notify = ["https://hooks.example.invalid/services/§/§", "ntfy:https://acme:§@ntfy.example.invalid/mail"]\nheartbeat = "https://hc.example.invalid/ping/§"\ntimeout = 12\n',
    "/srv/app/email-connection.properties": "mail.host=smtp.mandrillapp.com\nmail.host.port=587\nmail.smtp.auth=true\nmail.smtp.auth.username=acme\nmail.smtp.auth.password=§\n# mail.smtp.auth.password=§\nmail.smtp.from=a@b.example.com\napi.token=§\nurl=https://acme:§@x.example.com/\n",
    "/srv/app/config.php": "<?php\n$CONFIG = array(\n  'mail_smtpmode' => 'smtp',\n  'mail_smtphost' => 'smtp.mandrillapp.com',\n  'mail_smtpport' => '587',\n  'mail_smtpauth' => 1,\n  'mail_smtpname' => 'acme',\n  'mail_smtppassword' => '§',\n  'dbpassword' => '§',\n  'secret' => '§',\n);\n",
    "/srv/app/application.yml": "spring:\n  mail:\n    host: smtp.mandrillapp.com\n    port: 587\n    username: acme\n    password: §\n  datasource:\n    url: jdbc:mysql://db/app?user=acme&password=§\n    password: '§'\n",
    "/srv/app/compose.yml": "services:\n  app:\n    image: acme\n    environment:\n      - SMTP_HOST=smtp.mandrillapp.com\n      - SMTP_PORT=587\n      - SMTP_USER=acme\n      - SMTP_PASSWORD=§\n  db:\n    environment:\n      POSTGRES_PASSWORD: §\n",
    "/srv/app/.env": "MAIL_HOST=smtp.mandrillapp.com\nMAIL_PORT=587\nMAIL_USERNAME=acme\nMAIL_PASSWORD='§'\nMAILER_DSN=smtp://acme:§@smtp.mandrillapp.com:587\nSTRIPE=sk_live_§\nAPP_KEY=base64:§\nexport DB_PASSWORD=\"§\"\n",
}
_PROCESSES = """
app --smtp-password §
app --token=§ --verbose
swaks -au acme -ap §
app https://acme:§@api.example.com/
java -Dmail.smtp.password=§ -jar a.jar
curl -u acme:§ x
"""
_VARIABLES = "SMTP_PASSWORD MAILGUN_API_KEY GITHUB_TOKEN DB_PASS RELAY_SECRET MAILER_DSN".split()
# What applications and operators write into the mail log, each line once.
_LOG = r"""
postfix/smtp[9]: warning: relayhost acme:§@[smtp.example.com]:587 not found
postfix/smtp[9]: error: unsupported dictionary type: acme (§ is not valid)
postfix/smtp[9]: > h.example.com[192.0.2.1]:587: AUTH PLAIN þ
postfix/smtp[9]: send attr value = acme:§
postfix/proxymap[9]: warning: connect to mysql server db: Access denied for user 'mail' (password '§')
postfix/local[9]: 4F00BA1: to=<a@b.example.com>, relay=local, status=bounced (Command died with status 1: "/usr/bin/push --password §")
postfix/pipe[9]: 4F00BA2: to=<a@b.example.com>, relay=acme, status=bounced (command "curl -u acme:§ https://x" failed)
postfix/smtp[9]: 4F00BA3: to=<a@b.example.com>, relay=smtp.mandrillapp.com[192.0.2.2]:587, dsn=5.7.8, status=bounced (SASL authentication failed; server said: 535 5.7.8 key md-§ refused)
postfix/smtp[9]: 4F00BA4: to=<a@b.example.com>, status=deferred (host h said: 535 5.7.8 acme/§ password=§ (in reply to end of DATA command))
app[9]: {"level":"error","smtp":{"user":"acme","password":"§"}}
app[9]: time=x level=error msg="login failed" password="§" user=acme
app[9]: javax.mail.AuthenticationFailedException: 535 5.7.8 bad, password: §
app[9]: Traceback: smtplib.SMTPAuthenticationError, login('acme', '§')
app[9]: DEBUG SMTP: AUTH LOGIN command trace suppressed, password §
app[9]: Swift_TransportException user "acme" password "§" 535 5.7.8
app[9]: Authorization: Bearer §
app[9]: using DSN smtp://acme:§@smtp.example.com:587
app[9]: export SMTP_PASS='§'
app[9]: ['host' => 'x', 'password' => '§']
app[9]: client_secret=§&grant_type=password
app[9]: <smtp user="acme" password="§"/>
app[9]: - name: SMTP_PASSWORD, value: §
app[9]: openssl s_client -connect h:587 -starttls smtp -pass pass:§
app[9]: swaks --server h --auth-user acme --auth-password § --to a@b.example.com
app[9]: machine smtp.example.com login acme password §
app[9]: db.example.com:5432:mail:acme:§
app[9]: acme:$apr1$8sdf9Kd2$§
dovecot: auth: Debug: client in: AUTH 1 PLAIN service=smtp resp=þ
dovecot: auth-worker(9): sql(acme): Password mismatch (given password: §)
saslauthd[9]: do_auth : auth failure: [user=acme] [service=smtp] [password=§]
app[9]: Proxy-Authorization: Basic ±
app[9]: X-Postmark-Server-Token: §
app[9]: token is §
app[9]: vault kv put secret/smtp password=§
app[9]: docker run -e SMTP_PASSWORD=§ mailer
app[9]: Environment=SMTP_PASSWORD=§
"""


def _secret(shape: str) -> str:
    return SHAPES[shape]()


class Planted:
    """The secrets, each with the place that it was written to."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def fill(self, text: str, where: str, shapes: tuple[str, ...]) -> str:
        out = []
        for line in text.strip("\n").split("\n"):
            while "§" in line or "±" in line or "þ" in line:
                value = _secret(RANDOM.choice(shapes))
                self.places[value] = f"{where}: {line.strip()[:90]}"
                at = min(place for mark in "§±þ" if (place := line.find(mark)) >= 0)
                shown = {"§": value, "±": b64(value), "þ": b64(f"\0acme\0{value}")}[line[at]]
                line = line[:at] + shown + line[at + 1 :]
            out.append(line)
        return "\n".join(out) + "\n"


WORDLIKE = ("word", "long", "dashes", "hex", "lower")


def plant(m: Machine) -> Planted:
    """Write them, start the processes that hold some, and log the rest; Postfix runs already."""
    planted = Planted()
    with m.path("/etc/postfix/main.cf").open("a") as file:
        file.write(planted.fill(_MAIN_CF, "main.cf", WORDLIKE))
    with m.path("/etc/postfix/master.cf").open("a") as file:
        file.write(planted.fill(_MASTER_CF, "master.cf", WORDLIKE))
    for path, text in _TABLES.items():
        m.write(path, planted.fill(text, path, ("word", "long", "dashes", "hex")), 0o600)
    m.run("postmap", "/etc/postfix/sasl_passwd")
    for number, line in enumerate(planted.fill(_PROCESSES, "process", ("word", "dashes")).strip().split("\n")):
        variable = _VARIABLES[number % len(_VARIABLES)]
        value = _secret("word")
        planted.places[value] = f"environment: {variable}"
        said = f"smtp://acme:{value}@h.example.com:587" if variable == "MAILER_DSN" else value
        script = "import os, sys; os.close(0); os.close(1); os.close(2); os.fork() and sys.exit(); os.setsid(); import time; time.sleep(600)"
        m.run("/usr/bin/python3", "-c", script, *line.split(" "), env={variable: said})
    stamp = m.run("date", "+%b %e %T").stdout.strip()
    spelled = Path(spellings.__file__).with_name("said.txt").read_text(encoding="utf-8").strip().split("\n")
    written = [
        line
        for line in (*spelled, *spellings.WORD.strip().split("\n"))
        if line.count("§") == 1 and not set(line) & set("±þøß")
    ]
    lines = planted.fill(_LOG, "log", ("word", "dashes", "hex", "dots"))
    lines += planted.fill("\n".join(f"app[9]: {line}" for line in written), "log", ("word", "dashes", "hex"))
    with m.path("/var/log/mail.log").open("a") as file:
        for line in lines.strip().split("\n"):
            file.write(f"{stamp} app {line}\n")
    return planted
