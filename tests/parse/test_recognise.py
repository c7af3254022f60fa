"""Recognising relays and networks by what a host shows of itself."""

import pytest

from diagnose.knowledge.recognise import find, identify, network_of, split_next_hop


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("[smtp.sendgrid.net]:587", "smtp.sendgrid.net", 587),
        ("smtp.sendgrid.net:2525", "smtp.sendgrid.net", 2525),
        ("[SMTP.SendGrid.NET.]", "smtp.sendgrid.net", None),
        ("[smtp.gmail.com]:submission", "smtp.gmail.com", 587),
        ("[smtp.gmail.com]:smtps", "smtp.gmail.com", 465),
        ("[2001:db8::1]:587", "2001:db8::1", 587),
        ("smtp:[relay.example.net]:26", "relay.example.net", 26),
        ("[a.example]:587, [b.example]:587", "a.example", 587),
        ("", "", None),
        ("[", "[", None),
    ],
)
def test_split_next_hop(text: str, host: str, port: int | None) -> None:
    """A relayhost is read as Postfix writes it, and nonsense raises nothing."""
    assert split_next_hop(text) == (host, port)


@pytest.mark.parametrize(
    ("host", "relay"),
    [
        ("smtp.sendgrid.net", "sendgrid"),
        ("[smtp.mandrillapp.com]:587", "mandrill"),
        ("email-smtp.ap-southeast-7.amazonaws.com", "ses"),
        ("smtp.email.eu-frankfurt-1.oci.oraclecloud.com", "oci-email"),
        ("example-com.mail.protection.outlook.com", "microsoft365-direct-send"),
        ("smtp.office365.com", "microsoft365"),
        ("sandbox.smtp.mailtrap.io", "mailtrap"),
        ("smtp-relay.sendinblue.com", "brevo"),
        ("email-smtp.a.b.amazonaws.com", None),
        ("xsmtp.sendgrid.net", None),
        ("smtp.sendgrid.net.example.org", None),
        ("", None),
    ],
)
def test_identify(host: str, relay: str | None) -> None:
    """Regional and old names are known, names that merely look alike are not."""
    found = identify(host)
    assert (found.id if found else None) == relay


@pytest.mark.parametrize(
    ("name", "relay"),
    [
        ("sendgrid", "sendgrid"),
        ("Twilio SendGrid", "sendgrid"),
        ("aws", "ses"),
        ("smtp.gmail.com", "gmail"),
        ("x", None),
    ],
)
def test_find(name: str, relay: str | None) -> None:
    """A provider answers to its id, its name, its other names and its host."""
    found = find(name)
    assert (found.id if found else None) == relay


@pytest.mark.parametrize(
    ("marks", "network"),
    [
        ({"cloud_id": "aws"}, "aws"),
        ({"dmi": {"sys_vendor": "Amazon EC2"}}, "aws"),
        ({"dmi": {"hypervisor_uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}}, "aws"),
        ({"dmi": {"sys_vendor": "Xen", "product_uuid": "4c4c4544"}}, None),
        ({"dmi": {"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}}, None),
        ({"dmi": {"chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}}, "azure"),
        ({"dmi": {"sys_vendor": "Google", "product_name": "Google Compute Engine"}}, "gcp"),
        ({"dmi": {"sys_vendor": "QEMU"}}, None),
        ({"rdns": "ec2-203-0-113-5.eu-west-1.compute.amazonaws.com."}, "aws"),
        ({"rdns": "notcompute.amazonaws.com.example.net"}, None),
        ({"rdns": "c-203-0-113-9.hsd1.ca.comcast.net"}, "comcast"),
        ({"asn": 14061}, "digitalocean"),
        ({"asn": 24940}, "hetzner"),
        ({"asn": 24940, "dmi": {"sys_vendor": "Hetzner"}}, "hetzner-cloud"),
        ({"asn": 64496}, None),
        ({"cloud_id": "none"}, None),
        ({}, None),
    ],
)
def test_network_of(marks: dict[str, object], network: str | None) -> None:
    """The surest mark wins, and plain virtual machines belong to nobody."""
    found = network_of(**marks)  # type: ignore[arg-type]
    assert (found.id if found else None) == network
