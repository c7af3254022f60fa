"""Daemons that stand beside Postfix on a machine: a content filter that re-injects, Dovecot's login service, OpenDKIM."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .machine import Machine
from .steps import Step

_FILTER = """\
import smtplib, socketserver

class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\\r\\n")

    def handle(self):
        self.say("220 [127.0.0.1] ESMTP amavisd-new service ready")
        sender, recipients = "", []
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "QUIT":
                return self.say("221 2.0.0 Bye")
            if verb == "EHLO":
                self.say("250-[127.0.0.1]"); self.say("250-SIZE"); self.say("250-8BITMIME"); self.say("250 ENHANCEDSTATUSCODES")
                continue
            if verb == "MAIL":
                sender, recipients = line.split("<")[1].split(">")[0], []
            if verb == "RCPT":
                recipients.append(line.split("<")[1].split(">")[0])
            if verb == "DATA":
                self.say("354 go on")
                body = b""
                while (text := self.rfile.readline()) != b".\\r\\n":
                    body += text
                with smtplib.SMTP("127.0.0.1", 10025, local_hostname="localhost") as back:
                    back.sendmail(sender, recipients, body)
                self.say("250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued")
                continue
            self.say("250 2.1.0 Ok")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 10024), Session).serve_forever()
"""

_LOGIN = """\
import os, pwd, socketserver

class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"VERSION\\t1\\t2\\nMECH\\tPLAIN\\tplaintext\\nMECH\\tLOGIN\\tplaintext\\nSPID\\t77\\nCUID\\t1\\n"
                         b"COOKIE\\t0123456789abcdef0123456789abcdef\\nDONE\\n")
        while line := self.rfile.readline():
            if line.startswith(b"AUTH"):
                self.wfile.write(b"OK\\t" + line.split(b"\\t")[1] + b"\\tuser=portal\\n")

path = "/var/spool/postfix/private/auth"
server = socketserver.ThreadingUnixStreamServer(path, Session)
account = pwd.getpwnam("postfix")
os.chown(path, account.pw_uid, account.pw_gid)
os.chmod(path, 0o660)
server.serve_forever()
"""


def _daemon(name: str, script: str) -> Step:
    def step(m: Machine) -> None:
        m.write(f"/usr/local/sbin/{name}", "#!/usr/bin/python3\n" + script, 0o755)
        m.run("sh", "-c", f"setsid /usr/local/sbin/{name} </dev/null >/dev/null 2>&1 & sleep 0.4")

    return step


_HANGS = """\
import socket
server, kept = socket.create_server(("127.0.0.1", {port})), []
while True:
    kept.append(server.accept())
"""


def hanging(name: str, port: int) -> Step:
    """A program that takes connections and never says anything."""
    return _daemon(name, _HANGS.format(port=port))


def content_filter() -> Step:
    """amavis' place: takes mail on 10024 and hands it back on 10025."""
    return _daemon("amavisd", _FILTER)


def login_service() -> Step:
    """Dovecot's place: answers smtpd's login questions on private/auth."""
    return _daemon("dovecot-auth", _LOGIN)


class DkimKey:
    """A key pair. private: PEM; record: what the domain publishes of it."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
        self.private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, none).decode()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_key().public_bytes(serialization.Encoding.DER, form)
        self.record = f"v=DKIM1; h=sha256; k=rsa; p={base64.b64encode(public).decode()}"


_OPENDKIM = """\
Syslog no
UserID opendkim
Mode sv
Domain brightwater-labs.com
Selector mail
KeyFile /etc/dkimkeys/mail.private
Socket inet:8891@localhost
"""


def opendkim(key: DkimKey) -> Step:
    """The real milter, asked for all mail, with one key for the customer's domain."""

    def step(m: Machine) -> None:
        m.write("/etc/opendkim.conf", _OPENDKIM)
        m.write("/etc/dkimkeys/mail.private", key.private, 0o600, "opendkim", "opendkim")
        m.postconf(smtpd_milters="inet:localhost:8891", non_smtpd_milters="$smtpd_milters")
        m.run("sh", "-c", "mkdir -p /run/opendkim; setsid opendkim -f </dev/null >/dev/null 2>&1 & sleep 0.5")

    return step
