"""Faults of TLS on the way to a relay."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.tls import Authority
from tests.lab.internet.world import one_server
from tests.lab.machine import Machine
from tests.lab.steps import clock, mail, mapped, relay, settings, write

CA = ("tls-ca-bundle-missing",)
CERTIFICATE = ("relay-certificate-invalid",)
WRAPPER = ("tls-wrapper-mismatch",)


def client_certificate(m: Machine) -> None:
    certificate, key = Authority("Brightwater CA").issue(m.fault.hostname, "ending")
    m.write("/etc/postfix/client.pem", key + certificate, 0o600)


FAULTS = (
    fault(
        "cafile-of-red-hat",
        CA,
        "the documented CA path does not exist here; TLS goes off, mail bounces",
        relay(tls="may", smtp_tls_CAfile="/etc/pki/tls/certs/ca-bundle.crt"),
        shows="status=bounced .*Must issue a STARTTLS",
    ),
    fault(
        "cafile-missing-encrypt",
        CA,
        "the CA file does not exist and TLS is demanded",
        relay("smtp.gmail.com", smtp_tls_CAfile="/etc/postfix/cacert.pem"),
        shows="status=deferred .*(TLS is required|STARTTLS)",
    ),
    fault(
        "no-ca-while-verifying",
        CA,
        "certificates must verify and no CA is named",
        relay("smtp.sendgrid.net", tls="secure", smtp_tls_CAfile=None),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "cafile-empty",
        CA,
        "the CA file is empty after a failed update",
        write("/etc/postfix/ca.pem", ""),
        relay(smtp_tls_CAfile="/etc/postfix/ca.pem"),
        shows="status=deferred .*TLS is required",
    ),
    fault(
        "relay-certificate-expired",
        CERTIFICATE,
        "the relay's certificate has expired",
        relay(tls="secure"),
        world=one_server("smtp.mandrillapp.com", tls="expired"),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "relay-certificate-ends-soon",
        "certificate-ends-soon",
        "the company relay's certificate ends within a week; mail flows",
        relay("smtp.rhein-mail.de", tls="secure"),
        world=one_server("smtp.rhein-mail.de", tls="ending"),
        shows="status=sent",
    ),
    fault(
        "client-certificate-ends-soon",
        "certificate-ends-soon",
        "the certificate that this host shows the relay ends within a week; mail flows",
        relay(smtp_tls_chain_files="/etc/postfix/client.pem"),
        client_certificate,
        shows="status=sent",
    ),
    fault(
        "relay-certificate-self-signed",
        CERTIFICATE,
        "self-signed, verification demanded",
        relay("smtp.rhein-mail.de", tls="verify"),
        world=one_server("smtp.rhein-mail.de", tls="selfsigned"),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "relay-certificate-foreign",
        CERTIFICATE,
        "the certificate is for another name",
        relay("smtp.rhein-mail.de", tls="secure"),
        world=one_server("smtp.rhein-mail.de", tls="foreign"),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "relay-certificate-unknown-ca",
        CERTIFICATE,
        "an inspecting proxy's CA signed it",
        relay(tls="secure"),
        world=one_server("smtp.mandrillapp.com", tls="unknown"),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "relay-certificate-expired-465",
        CERTIFICATE,
        "expired, on implicit TLS",
        relay("smtp.fastmail.com", 465, tls="secure"),
        world=one_server("smtp.fastmail.com", tls="expired"),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "tls-demanded-not-offered",
        "tls-required-not-offered",
        "a company relay without STARTTLS",
        relay("relay.rhein-mail.de"),
        world=one_server("relay.rhein-mail.de", starttls=False, needs_tls=False),
        shows="status=deferred .*TLS is required, but was not offered",
    ),
    fault(
        "tls-demanded-one-recipient",
        "tls-required-not-offered",
        "encrypt for everyone; one recipient's server has no STARTTLS",
        settings(smtp_tls_security_level="encrypt"),
        world=one_server("mx?.old-partner.net", starttls=False),
        then=(mail("info@old-partner.net"),),
        shows="status=deferred .*TLS is required, but was not offered",
    ),
    fault(
        "starttls-refused",
        "tls-required-not-offered",
        "STARTTLS offered, then answered 454",
        relay(),
        world=one_server(
            "smtp.mandrillapp.com", replies={"STARTTLS": "454 4.7.0 TLS not available due to local problem"}
        ),
        shows="status=deferred .*TLS",
    ),
    fault(
        "tls-off-relay-demands",
        "relay-requires-tls",
        "TLS is off, Gmail wants STARTTLS",
        relay("smtp.gmail.com", tls="none"),
        shows="status=bounced .*Must issue a STARTTLS",
    ),
    fault(
        "tls-off-relay-demands-unset",
        "relay-requires-tls",
        "no TLS level set at all",
        relay("smtp.office365.com", smtp_tls_security_level=None),
        shows="status=bounced .*STARTTLS",
    ),
    fault(
        "port-465-without-wrapper",
        WRAPPER,
        "465 without wrappermode",
        relay("smtp.gmail.com", 465, smtp_tls_wrappermode=None),
        shows="status=deferred .*(timed out|lost conn)",
    ),
    fault(
        "port-587-with-wrapper",
        WRAPPER,
        "wrappermode on a STARTTLS port",
        relay(smtp_tls_wrappermode="yes"),
        shows="status=deferred .*Cannot start TLS",
    ),
    fault(
        "wrapper-without-encrypt",
        WRAPPER,
        "wrappermode with level may",
        relay("smtp.fastmail.com", 465, tls="may"),
        shows="status=deferred .*server unavailable",
    ),
    fault(
        "relay-speaks-tls10-only",
        "tls-protocol-mismatch",
        "an appliance with TLS 1.0 only",
        relay("relay.rhein-mail.de", smtp_tls_mandatory_protocols=">=TLSv1.2"),
        world=one_server("relay.rhein-mail.de", tls="old"),
        shows="status=deferred .*Cannot start TLS",
    ),
    fault(
        "own-protocols-too-old",
        "tls-protocol-mismatch",
        "this side only offers TLS 1.0",
        relay(smtp_tls_mandatory_protocols="TLSv1"),
        shows="status=deferred .*Cannot start TLS",
    ),
    fault(
        "own-ciphers-excluded",
        "tls-protocol-mismatch",
        "the ciphers that the relay has are excluded",
        relay(
            "relay.rhein-mail.de",
            smtp_tls_mandatory_ciphers="high",
            smtp_tls_mandatory_exclude_ciphers="AES128, CBC, SHA1",
        ),
        world=one_server("relay.rhein-mail.de", tls="weak"),
        shows="status=deferred .*Cannot start TLS",
    ),
    fault(
        "dane-only-without-dnssec",
        "tls-policy-failure",
        "dane-only, and the resolver does not validate",
        settings(smtp_tls_security_level="dane-only", smtp_dns_support_level="dnssec"),
        shows="status=deferred .*(DNSSEC|TLS)",
    ),
    fault(
        "tls-policy-map-fingerprint",
        "tls-policy-failure",
        "a policy pins a certificate of last year",
        mapped(
            "smtp_tls_policy_maps",
            "northwind-trading.com fingerprint "
            "match=3D:95:34:51:24:66:33:B9:D2:40:99:C0:C1:17:0B:D1:3D:95:34:51:24:66:33:B9:D2:40:99:C0:C1:17:0B:D1\n",
        ),
        settings(smtp_tls_fingerprint_digest="sha256"),
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "tls-policy-map-invalid",
        "tls-policy-failure",
        "a policy names a level that does not exist",
        mapped("smtp_tls_policy_maps", "northwind-trading.com encrypted\n"),
        shows="status=deferred .*(invalid|policy|TLS)",
    ),
    fault(
        "clock-a-quarter-ahead",
        "clock-wrong",
        "the clock is three months ahead",
        relay(tls="secure"),
        clock(91),
        then=(mail(user="root"),),  # a change of user between two programs is more than libfaketime bears
        shows="status=deferred .*not (?:verified|trusted)",
    ),
    fault(
        "policy-of-exchangers-of-the-past",
        "tls-policy-failure",
        "the policy table names the exchanger that the recipient had before",
        settings(smtp_tls_policy_maps="inline:{{northwind-trading.com = secure match=mail.old-northwind.net}}"),
        shows="not verified",
    ),
)
