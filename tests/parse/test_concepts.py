"""What nobody has written down is read by the concepts of its words."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from diagnose.knowledge import documents
from diagnose.knowledge.sayings import sayings
from diagnose.mail.explain import explain
from diagnose.model import Confidence, Report
from diagnose.parse.words import concepts

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)


def _explained(*lines: str) -> Report:
    return explain(lines, "text", NOW)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Weekly digest not mailed: the SMTP gateway turned the logon down as invalid", "app-credentials-rejected"),
        ("SmtpSinkFault: passwordNotAccepted", "app-credentials-rejected"),
        (
            "mail task 12: outgoing server did not let us in, our passphrase login was denied",
            "app-credentials-rejected",
        ),
        ("Alarm mail lost. The mail server certificate ran out on Sunday.", "relay-certificate-invalid"),
        ("E-mail sink: no trust in issuer of certificate shown by mx.example.org", "app-certificate-untrusted"),
        ("mail export: file is bigger than the SMTP server takes", "message-too-large"),
        ("SMTP sink stopped, mandatory encryption demanded by mail host", "relay-requires-tls"),
        ("mail sink: STARTTLS is not announced by server mx.example.org", "app-tls-mismatch"),
        ("MailJob aborted, host name of SMTP server has no resolution, unknown", "relay-name-not-found"),
        ("smtp sink: sender app@example.org is not permitted here", "sender-not-allowed"),
        ("newsletter mail stopped: messages of this hour exceed what is granted", "rate-limited"),
        ("mailer plug-in: consent for this mailbox has lapsed", "oauth-token-unusable"),
        ("smtp sink: mailbox nobody@example.org not registered here", "recipient-unknown"),
        ("mail pump: gateway 192.0.2.7 is not reachable", "app-smtp-unreachable"),
        ("mail pump: server certificate made out to another name", "relay-certificate-invalid"),
        ("mail pump: SMTP server offers no login mechanism", "auth-not-offered"),
        ("mail pump: look-up of MX for example.net timed out", "resolver-failing"),
        ("SMTP pump: silence of 40 seconds, no answer of host 192.0.2.7, giving up", "app-smtp-unreachable"),
        (
            "Mail::Pump::Fault: message 7 not sent: 452 you sent more messages this hour than is good, number exceeded",
            "rate-limited",
        ),
        ("Der Mailserver antwortet nicht", "app-smtp-unreachable"),
        ("Mail: Die Verbindung mit dem Server kann nicht hergestellt werden", "app-smtp-unreachable"),
        ("SMTP-Fehler: Konnte keine Verbindung zum SMTP-Host herstellen.", "app-smtp-unreachable"),
        ("SMTP 错误：无法连接到 SMTP 主机。", "app-smtp-unreachable"),
        ("Erro de SMTP: Não foi possível autenticar.", "app-credentials-rejected"),
        ("Chyba SMTP: Autentizace selhala.", "app-credentials-rejected"),
        ("Le courriel est refusé : la boîte du destinataire est pleine", "recipient-mailbox-full"),
        ("Correo no enviado: el certificado del servidor ha caducado", "relay-certificate-invalid"),
        ("Correio: ficou por enviar, senha errada", "app-credentials-rejected"),
        ("Posta: impossibile connettersi al server", "app-smtp-unreachable"),
        ("E-mail: het certificaat van de server wordt niet vertrouwd", "app-certificate-untrusted"),
        ("Poczta: nie znaleziono odbiorcy", "recipient-unknown"),
        ("Почта: неверный пароль", "app-credentials-rejected"),
        ("E-posta: parola yanlış", "app-credentials-rejected"),
        ("メール: SMTPサーバが見つかりません", "relay-name-not-found"),
        ("邮件发送失败：发件人被拒绝", "sender-not-allowed"),
        ("mail API, HTTP 401: Key not found", "app-credentials-rejected"),
        ("mail API: account is under evaluation", "relay-account-restricted"),
        ("mail card: got TLS data, expected plain text", "app-tls-mismatch"),
        ("mail card: TLS handshake failed, server answered in plaintext", "app-tls-mismatch"),
        ("mail card: could not establish a session with the mail server", "app-smtp-unreachable"),
        ("mail card: the address of recipient 2 is invalid", "recipient-address-malformed"),
        ("mail card: scan is larger than what the connector takes", "message-too-large"),
        ("mail card: TLS alert, protocol version", "app-tls-too-old"),
        ("mail card: at least one recipient is required", "app-config-invalid"),
        ("mail API: the domain is disabled after complaints", "relay-account-restricted"),
        ("mail API: APIKEY expired or incorrect", "app-credentials-rejected"),
        ("mail API: this address is on the suppression list", "recipient-suppressed"),
        ("mail card: look-up of mx.example.org returned nothing", "relay-name-not-found"),
        ("mail card: TLS expected, peer sent 220 ready", "app-tls-mismatch"),
        ("mail card: server and client cannot agree on a cipher", "tls-protocol-mismatch"),
        ("mail card: password logins have been switched off", "relay-auth-disabled"),
        ("mailjob: Timeout (20) while waiting for data from SMTP server mx.example.org", "app-smtp-unreachable"),
        ("mail card: unexpected reply from the mail server", "app-tls-mismatch"),
        ("mail card: TLS alert from mx.example.org, record type is unsupported", "app-tls-mismatch"),
        ("mail step: required input not supplied: password", "app-config-invalid"),
        ("Poczta: przekroczono limit wiadomości na godzinę", "rate-limited"),
        ("메일: SMTP 인증에 실패했습니다", "app-credentials-rejected"),
        ("mail card: an SMTP server name is required before sending", "app-config-invalid"),
        ("E-mail: chybné heslo", "app-credentials-rejected"),
        ("mail card: mailbox app@example.org may have been hacked, 900 messages", "sending-spam"),
        ("mail API: sending is paused for now", "relay-account-restricted"),
        ("mail API: the call came back with status code 403", "app-credentials-rejected"),
        ("mail card: helo/hostname mismatch", "helo-name-invalid"),
        ("mail card: unknown sender address", "sender-not-allowed"),
        ("mail card: you have reached the daily number of messages you can send", "rate-limited"),
        ("mail card: the outgoing e-mail component is switched off by policy", "app-config-invalid"),
        ("net.mail.smtpAuth failed for the newsletter", "app-credentials-rejected"),
        (
            "El boletín no salió: no se pudo conectar con el servidor de correo, revise los ajustes.",
            "app-smtp-unreachable",
        ),
        ("mail card: refresh token was revoked, please reauthorise", "oauth-token-unusable"),
        ("mail card: the sender app@example.org is somebody else's", "sender-not-allowed"),
        ("mail card: the server is overloaded", "rate-limited"),
        ("mail card: no SMTP service at 192.0.2.7, connect refused", "app-smtp-unreachable"),
        ("mail card: the server insists on TLS 1.2 or newer", "tls-protocol-mismatch"),
        ("mail card: gave up waiting for mx.example.org", "app-smtp-unreachable"),
        ("mail card: the mail server will not relay to customers", "relay-access-denied"),
        ("mail card: the quota of messages per hour is exhausted", "rate-limited"),
        ("mail card: basic authentication is no longer supported", "relay-auth-disabled"),
        ("mail card: SMTP.login returned null", "app-credentials-rejected"),
        ("mail_service_not_configured", "app-config-invalid"),
        ('mail fault: "501 cannot parse to address\\r\\n"', "recipient-address-malformed"),
        (
            "✓ Ready\nError [EX_TLS_NAME]: certificate of the SMTP server has another name",
            "relay-certificate-invalid",
        ),
        ("mail card: every recipient was refused", "recipient-unknown"),
        ("Mail_card: no address given", "app-config-invalid"),
        ("mail card: delivery quota exceeded", "rate-limited"),
        ("SMTP card: connection closed by the server\nSMTP card: could not authenticate", "app-tls-mismatch"),
        ("mail card: domain example.org has not been verified", "sender-not-allowed"),
        ("mail card: to send this, please configure the SMTP host", "app-config-invalid"),
        ('I get "the logon attempt failed", and the email is never sent', "relay-credentials-rejected"),
        (
            "Fault: connection closed by the server\n\tat org.acme.SMTPChannel.read(SMTPChannel.java)",
            "app-smtp-unreachable",
        ),
        (
            "SMTP fault: {\n  status: 3,\n  more: 'login refused, see https://example.org/x'\n}",
            "app-credentials-rejected",
        ),
        ("mail card: the password of the SMTP server must be specified", "app-config-invalid"),
        ("mail card: SMTP wanted 250, response code [552]", "message-too-large"),
        ("卡片：邮箱密码错误", "app-credentials-rejected"),
    ],
)
def test_words_that_no_phrase_has(text: str, cause: str) -> None:
    found = _explained(*text.splitlines()).diagnoses
    assert [each.cause.id for each in found[:1]] == [cause]
    assert found[0].confidence < Confidence.CERTAIN


@pytest.mark.parametrize(
    "text",
    [
        "portal: logon of user kim was denied",  # of no mail server
        "Mail report: 12 messages went out, nobody waits",
        "If the SMTP sign-in gets no answer, check the firewall.",  # advice
        "Which port does the SMTP server require for encryption?",
        "Mail pump: 7 messages, 0 timed out, 0 failed, 0 rejected",
        "rsync: connection to backup.example.org timed out",
        "530 Login incorrect. ftp: no session",
        "named[811]: zone example.net/IN: MX refresh: timeout retrying without EDNS",
        "Failed to connect to share 'backup$': unknown user name or bad password",
        "unable to open repository at s3:backups: the provided token has expired",
        "fatal: Could not read from remote repository.",
        '{"last_event":"delivered","to":["kim@example.org"],"subject":"Password reset: your account was locked"}',
        "wget: unable to resolve host address 'mirror.example.org'",
        "Tomcat: Login failed for user admin from 192.0.2.9: invalid password, realm memory",
        "Grafana: Failed to evaluate alert rule: context deadline exceeded while querying Prometheus",
        "NetworkManager[811]: dhcp4 (eth0): request timed out",
        "CUPS: Unable to connect to printer: No route to host",
        "API gateway: 429 Too Many Requests for client 77",
        "certbot: DNS problem: NXDOMAIN looking up A for www.example.org",
        "Nachricht wurde erfolgreich gesendet (Postausgang)",
        "ERROR [SMTPConnection] socket was closed unexpected. [Error occurred after shutdown]",
        "HTTP request error: (60, 'SSL certificate problem: certificate has expired')",
        "SMTP session:\n  Protocol: TLSv1.3\n  Timeout   : 7200 (sec)\n250 SMTPUTF8",
        "メールを送信しました",
        "mail sink ready: server=mx.example.org timeout=300 invalid_login_limit=5",  # names of settings
    ],
)
def test_other_texts_accuse_nobody(text: str) -> None:
    assert not _explained(*text.splitlines()).diagnoses


def test_a_phrase_of_a_reply_is_chance_in_a_sentence_about_something_else() -> None:
    """Without a reply's code, words like "invalid header" are no receiver's."""
    found = _explained("SMTP sink: handshake stopped, unexpected packet, invalid message header")
    assert found.diagnoses[0].cause.id in {"app-tls-mismatch", "tls-wrapper-mismatch"}
    coded = _explained("550 5.6.0 invalid message header")
    assert coded.diagnoses[0].cause.id == "content-rejected"


def test_an_exception_without_recipients_is_one_of_settings() -> None:
    found = _explained("smtplib.SMTPRecipientsRefused: {}", "La entrega falló vía el servidor SMTP").diagnoses
    assert found[0].cause.id == "app-config-invalid"


def test_nothing_is_guessed_where_something_is_told() -> None:
    told = "host mx.example.org[192.0.2.1] said: 550 5.1.1 <kim@example.org>: Recipient address rejected: User unknown"
    guess = "mail sink: sender is not permitted here"
    assert {each.cause.id for each in _explained(told).diagnoses} == {
        each.cause.id for each in _explained(told, "", guess).diagnoses
    }


def test_rules_are_well_formed() -> None:
    known = documents.document("concepts.toml")
    for rule in known["rules"]:
        assert rule["label"] in sayings()
        assert {each for need in rule["needs"].split() for each in need.split("|")} <= set(known["words"])
        assert set(rule.get("but", "").split()) <= set(known["words"])
    used = {
        each
        for rule in known["rules"]
        for text in (rule["needs"], rule.get("but", ""))
        for each in text.replace("|", " ").split()
    }
    assert used == set(known["words"]) >= set(known["abroad"])


def test_words_are_split_and_denied() -> None:
    assert concepts.meaning("noAuthMethodsOffered") == "auth-not-offered"
    assert concepts.meaning("the certificate is trusted") is None
    assert concepts.meaning("the certificate isn't trusted") == "certificate-not-trusted"
