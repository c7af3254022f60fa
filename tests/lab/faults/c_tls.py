"""Faults of TLS on the way to a relay."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.tls import Authority
from tests.lab.internet.world import Manner, Server, World
from tests.lab.machine import Machine
from tests.lab.steps import clock, mail, relay, run, settings, write

CA = ("tls-ca-bundle-missing",)
CERTIFICATE = ("relay-certificate-invalid",)
WRAPPER = ("tls-wrapper-mismatch",)


def with_tls(kind: str, host: str = "smtp.mandrillapp.com") -> World:
    return World(servers=(Server(host=host, manner=Manner(tls=kind)),))


def client_certificate(m: Machine) -> None:
    certificate, key = Authority("Brightwater CA").issue(m.fault.hostname, "ending")
    m.write("/etc/postfix/client.pem", key + certificate, 0o600)


FAULTS = (
    Fault(
        id="cafile-of-red-hat",
        accept=CA,
        about="the documented CA path does not exist here; TLS goes off, mail bounces",
        setup=(relay(tls="may", smtp_tls_CAfile="/etc/pki/tls/certs/ca-bundle.crt"),),
        shows="status=bounced .*Must issue a STARTTLS",
    ),
    Fault(
        id="cafile-missing-encrypt",
        accept=CA,
        about="the CA file does not exist and TLS is demanded",
        setup=(relay("smtp.gmail.com", smtp_tls_CAfile="/etc/postfix/cacert.pem"),),
        shows="status=deferred .*(TLS is required|STARTTLS)",
    ),
    Fault(
        id="no-ca-while-verifying",
        accept=CA,
        about="certificates must verify and no CA is named",
        setup=(relay("smtp.sendgrid.net", tls="secure", smtp_tls_CAfile=None),),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="cafile-empty",
        accept=CA,
        about="the CA file is empty after a failed update",
        setup=(write("/etc/postfix/ca.pem", ""), relay(smtp_tls_CAfile="/etc/postfix/ca.pem")),
        shows="status=deferred .*TLS is required",
    ),
    Fault(
        id="relay-certificate-expired",
        accept=CERTIFICATE,
        about="the relay's certificate has expired",
        world=with_tls("expired"),
        setup=(relay(tls="secure"),),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="relay-certificate-ends-soon",
        accept=("certificate-ends-soon",),
        about="the company relay's certificate ends within a week; mail flows",
        world=with_tls("ending", "smtp.rhein-mail.de"),
        setup=(relay("smtp.rhein-mail.de", tls="secure"),),
        shows="status=sent",
    ),
    Fault(
        id="client-certificate-ends-soon",
        accept=("certificate-ends-soon",),
        about="the certificate that this host shows the relay ends within a week; mail flows",
        setup=(relay(smtp_tls_chain_files="/etc/postfix/client.pem"), client_certificate),
        shows="status=sent",
    ),
    Fault(
        id="relay-certificate-self-signed",
        accept=CERTIFICATE,
        about="self-signed, verification demanded",
        world=with_tls("selfsigned", "smtp.rhein-mail.de"),
        setup=(relay("smtp.rhein-mail.de", tls="verify"),),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="relay-certificate-foreign",
        accept=CERTIFICATE,
        about="the certificate is for another name",
        world=with_tls("foreign", "smtp.rhein-mail.de"),
        setup=(relay("smtp.rhein-mail.de", tls="secure"),),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="relay-certificate-unknown-ca",
        accept=CERTIFICATE,
        about="an inspecting proxy's CA signed it",
        world=with_tls("unknown"),
        setup=(relay(tls="secure"),),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="relay-certificate-expired-465",
        accept=CERTIFICATE,
        about="expired, on implicit TLS",
        world=with_tls("expired", "smtp.fastmail.com"),
        setup=(relay("smtp.fastmail.com", 465, tls="secure"),),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="tls-demanded-not-offered",
        accept=("tls-required-not-offered",),
        about="a company relay without STARTTLS",
        world=World(servers=(Server(host="relay.rhein-mail.de", manner=Manner(starttls=False, needs_tls=False)),)),
        setup=(relay("relay.rhein-mail.de"),),
        shows="status=deferred .*TLS is required, but was not offered",
    ),
    Fault(
        id="tls-demanded-one-recipient",
        accept=("tls-required-not-offered",),
        about="encrypt for everyone; one recipient's server has no STARTTLS",
        world=World(servers=(Server(host="mx?.old-partner.net", manner=Manner(starttls=False)),)),
        setup=(settings(smtp_tls_security_level="encrypt"),),
        then=(mail("info@old-partner.net"),),
        shows="status=deferred .*TLS is required, but was not offered",
    ),
    Fault(
        id="starttls-refused",
        accept=("tls-required-not-offered",),
        about="STARTTLS offered, then answered 454",
        world=World(
            servers=(
                Server(
                    host="smtp.mandrillapp.com",
                    manner=Manner(replies={"STARTTLS": "454 4.7.0 TLS not available due to local problem"}),
                ),
            )
        ),
        setup=(relay(),),
        shows="status=deferred .*TLS",
    ),
    Fault(
        id="tls-off-relay-demands",
        accept=("relay-requires-tls",),
        about="TLS is off, Gmail wants STARTTLS",
        setup=(relay("smtp.gmail.com", tls="none"),),
        shows="status=bounced .*Must issue a STARTTLS",
    ),
    Fault(
        id="tls-off-relay-demands-unset",
        accept=("relay-requires-tls",),
        about="no TLS level set at all",
        setup=(relay("smtp.office365.com", smtp_tls_security_level=None),),
        shows="status=bounced .*STARTTLS",
    ),
    Fault(
        id="port-465-without-wrapper",
        accept=WRAPPER,
        about="465 without wrappermode",
        setup=(relay("smtp.gmail.com", 465, smtp_tls_wrappermode=None),),
        shows="status=deferred .*(timed out|lost conn)",
    ),
    Fault(
        id="port-587-with-wrapper",
        accept=WRAPPER,
        about="wrappermode on a STARTTLS port",
        setup=(relay(smtp_tls_wrappermode="yes"),),
        shows="status=deferred .*Cannot start TLS",
    ),
    Fault(
        id="wrapper-without-encrypt",
        accept=WRAPPER,
        about="wrappermode with level may",
        setup=(relay("smtp.fastmail.com", 465, tls="may"),),
        shows="status=deferred .*server unavailable",
    ),
    Fault(
        id="relay-speaks-tls10-only",
        accept=("tls-protocol-mismatch",),
        about="an appliance with TLS 1.0 only",
        world=with_tls("old", "relay.rhein-mail.de"),
        setup=(relay("relay.rhein-mail.de", smtp_tls_mandatory_protocols=">=TLSv1.2"),),
        shows="status=deferred .*Cannot start TLS",
    ),
    Fault(
        id="own-protocols-too-old",
        accept=("tls-protocol-mismatch",),
        about="this side only offers TLS 1.0",
        setup=(relay(smtp_tls_mandatory_protocols="TLSv1"),),
        shows="status=deferred .*Cannot start TLS",
    ),
    Fault(
        id="own-ciphers-excluded",
        accept=("tls-protocol-mismatch",),
        about="the ciphers that the relay has are excluded",
        world=with_tls("weak", "relay.rhein-mail.de"),
        setup=(
            relay(
                "relay.rhein-mail.de",
                smtp_tls_mandatory_ciphers="high",
                smtp_tls_mandatory_exclude_ciphers="AES128, CBC, SHA1",
            ),
        ),
        shows="status=deferred .*Cannot start TLS",
    ),
    Fault(
        id="dane-only-without-dnssec",
        accept=("tls-policy-failure",),
        about="dane-only, and the resolver does not validate",
        setup=(settings(smtp_tls_security_level="dane-only", smtp_dns_support_level="dnssec"),),
        shows="status=deferred .*(DNSSEC|TLS)",
    ),
    Fault(
        id="tls-policy-map-fingerprint",
        accept=("tls-policy-failure",),
        about="a policy pins a certificate of last year",
        setup=(
            write(
                "/etc/postfix/tls_policy",
                "northwind-trading.com fingerprint "
                "match=3D:95:34:51:24:66:33:B9:D2:40:99:C0:C1:17:0B:D1:3D:95:34:51:24:66:33:B9:D2:40:99:C0:C1:17:0B:D1\n",
            ),
            run("postmap", "hash:/etc/postfix/tls_policy"),
            settings(smtp_tls_policy_maps="hash:/etc/postfix/tls_policy", smtp_tls_fingerprint_digest="sha256"),
        ),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="tls-policy-map-invalid",
        accept=("tls-policy-failure",),
        about="a policy names a level that does not exist",
        setup=(
            write("/etc/postfix/tls_policy", "northwind-trading.com encrypted\n"),
            run("postmap", "hash:/etc/postfix/tls_policy"),
            settings(smtp_tls_policy_maps="hash:/etc/postfix/tls_policy"),
        ),
        shows="status=deferred .*(invalid|policy|TLS)",
    ),
    Fault(
        id="clock-a-quarter-ahead",
        accept=("clock-wrong",),
        about="the clock is three months ahead",
        setup=(relay(tls="secure"), clock(91)),
        then=(mail(user="root"),),  # a change of user between two programs is more than libfaketime bears
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    Fault(
        id="policy-of-exchangers-of-the-past",
        accept=("tls-policy-failure",),
        about="the policy table names the exchanger that the recipient had before",
        setup=(
            settings(smtp_tls_policy_maps="inline:{{northwind-trading.com = secure match=mail.old-northwind.net}}"),
        ),
        shows="not verified",
    ),
)
