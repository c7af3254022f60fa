"""What TLS needs on this side."""

import pytest

from checks.relay.relay_certificate import relay_certificate
from checks.relay.sasl_files import files
from checks.relay.tls_ca import tls_ca
from checks.relay.tls_client_certificate import tls_client_certificate
from checks.relay.tls_dane import tls_dane
from checks.relay.tls_policy import tls_policy
from diagnose.check import Exec, Lookup
from diagnose.host.memo import FakeHost
from diagnose.host.query import DnsReply, ExecReply, MapReply, StatReply, TlsInfo
from diagnose.model import Observation, Status
from tests.checks.pretended_postfix import failed, machine, of, run
from tests.checks.pretended_relay import BUNDLE, HOST, PATH, PUBLIC_FILE, SECRET_FILE, answered, relayed

TLS = (tls_policy, tls_ca, tls_client_certificate, tls_dane)
RED_HAT = "/etc/pki/tls/certs/ca-bundle.crt"


def run_tls(host: FakeHost) -> list[Observation]:
    return [observation for check in TLS for observation in run(check, host)]


def test_bundle_is_there() -> None:
    assert failed(run_tls(relayed())) == []


@pytest.mark.parametrize("level", ["may", "encrypt", "secure"])
def test_bundle_of_another_distribution(level: str) -> None:
    found = run_tls(relayed({"smtp_tls_CAfile": RED_HAT, "smtp_tls_security_level": level}))
    (ca,) = of(found, "tls.ca")
    assert (ca.status, ca.data["kind"], ca.data["bundle"]) == (Status.FAILED, "missing", BUNDLE)


def test_bundle_missing_on_the_direct_way_is_no_outage() -> None:
    host = relayed({"smtp_tls_CAfile": RED_HAT, "smtp_tls_security_level": "may", "relayhost": None})
    assert failed(run_tls(host)) == []


def test_empty_bundle_and_one_without_certificates() -> None:
    empty = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root", size=0)
    (ca,) = of(
        run_tls(relayed({"smtp_tls_CAfile": "/etc/postfix/ca.pem"}, stats={"/etc/postfix/ca.pem": empty})), "tls.ca"
    )
    assert ca.data["kind"] == "empty"
    host = relayed(
        {"smtp_tls_CAfile": "/etc/postfix/ca.pem"},
        stats={"/etc/postfix/ca.pem": PUBLIC_FILE},
        files={"/etc/postfix/ca.pem": "?"},
    )
    assert of(run_tls(host), "tls.ca")[0].data["kind"] == "no-certificate"


@pytest.mark.parametrize(("key", "found"), [("A", []), ("B", ["tls.key"])])
def test_a_chain_file_with_the_key_of_another_certificate(key: str, found: list[str]) -> None:
    def openssl(query: Exec) -> ExecReply:
        if query.argv[:1] != ("openssl",):
            return ExecReply(problem="not here")
        return ExecReply(code=0, out="A" if query.argv[1] == "x509" else key)

    path = "/etc/postfix/chain.pem"
    host = relayed({"smtp_tls_chain_files": path}, stats={path: SECRET_FILE}, by_kind={Exec: openssl})
    assert [o.sign for o in run(tls_client_certificate, host) if o.status is not Status.OK] == found


def test_no_authority_where_all_must_verify() -> None:
    (ca,) = of(run_tls(relayed({"smtp_tls_CAfile": None, "smtp_tls_security_level": "verify"})), "tls.ca")
    assert ca.data["kind"] == "none"
    assert failed(run_tls(relayed({"smtp_tls_CAfile": None}))) == []


def test_policy_that_is_none() -> None:
    settings = {"smtp_tls_policy_maps": "hash:/etc/postfix/tls_policy"}
    found = run_tls(relayed(settings, lookup=MapReply(found=True, value="encrypted")))
    assert of(found, "tls.policy")[0].data["kind"] == "invalid"
    fine = run_tls(relayed(settings, lookup=MapReply(found=True, value="secure match=sendgrid.net")))
    assert of(fine, "tls.policy")[0].status is Status.OK


@pytest.mark.parametrize(
    ("pins", "wanted"),
    [
        (f"fingerprint match={'AB:' * 31}AB", []),
        (f"fingerprint match={'11' * 32} match={'22' * 20}|{'cd' * 32}", []),
        (f"fingerprint match={'11' * 32}", ["pinned"]),
        (f"fingerprint match={'11' * 64}", []),  # of a digest that was not made here
        ("fingerprint match=left-out-3-long", []),  # as a recording may have it
    ],
)
def test_a_pinned_certificate(pins: str, wanted: list[str]) -> None:
    """The certificate or its public key may be pinned, by any of several fingerprints."""
    reply = answered(tls=TlsInfo(version="TLSv1.3", verified=True, pins=("ab" * 32, "cd" * 32)))
    host = relayed(
        {"smtp_tls_policy_maps": "inline:{ { a = b } }"}, dial=reply, lookup=MapReply(found=True, value=pins)
    )
    found = run(relay_certificate, host)
    assert [o.data["kind"] for o in found if o.status is Status.FAILED] == wanted


@pytest.mark.parametrize(
    ("policy", "names", "sign"),
    [
        ("secure match=old.example.net", (HOST,), "tls.policy"),
        ("secure match=old.example.net", ("*.hoster.example",), "relay.certificate"),
        ("secure", ("www.hoster.example",), "relay.certificate"),
    ],
)
def test_a_name_that_no_longer_fits_is_the_policys_or_the_certificates(
    policy: str, names: tuple[str, ...], sign: str
) -> None:
    reply = answered(tls=TlsInfo(version="TLSv1.3", verify_error="Hostname mismatch", names=names))
    host = relayed({"smtp_tls_policy_maps": "hash:/etc/p"}, dial=reply, lookup=MapReply(found=True, value=policy))
    assert failed(run(relay_certificate, host)) == [sign]


def test_dane_needs_a_resolver_that_validates() -> None:
    settings = {"smtp_tls_security_level": "dane-only", "smtp_dns_support_level": "dnssec"}
    plain = relayed(settings, by_kind={Lookup: lambda q: DnsReply(rcode="NOERROR", answers=("a.",))})
    assert of(run_tls(plain), "tls.dane")[0].status is Status.FAILED
    falls_back = relayed(
        {**settings, "smtp_tls_security_level": "dane"},
        by_kind={Lookup: lambda q: DnsReply(rcode="NOERROR", answers=("a.",))},
    )
    assert of(run_tls(falls_back), "tls.dane")[0].status is Status.WARNING
    good = relayed(settings, by_kind={Lookup: lambda q: DnsReply(rcode="NOERROR", answers=("a.",), authentic=True)})
    assert failed(run_tls(good)) == []


@pytest.mark.parametrize(
    ("mode", "owner", "group", "kind"),
    [
        (0o644, "root", "root", "readable"),
        (0o640, "root", "postfix", ""),
        (0o600, "www-data", "www-data", "owner"),
        (0o600, "root", "root", ""),
    ],
)
def test_password_file(mode: int, owner: str, group: str, kind: str) -> None:
    stat = StatReply(exists=True, kind="file", mode=mode, owner=owner, group=group, size=9)
    found = [
        o for o in run(files, relayed(stats={PATH: stat})) if o.sign == "sasl.exposed" and o.status is Status.FAILED
    ]
    assert [o.data["kind"] for o in found] == ([kind] if kind else [])


def test_exposed_password_file_that_the_setting_misses() -> None:
    stats = {"/etc/postfix/sasl_passwd": StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root")}
    settings = {"smtp_sasl_password_maps": "hash:/etc/postfix/sasl/passwd"}
    assert "sasl.exposed" in failed(run(files, machine(settings, stats=stats)))


def test_closed_directory_protects() -> None:
    open_file = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root", size=9)
    closed = StatReply(exists=True, kind="dir", mode=0o700, owner="root", group="root")
    host = relayed(stats={PATH: open_file, f"{PATH}.db": SECRET_FILE, "/etc/postfix": closed})
    assert failed(run(files, host)) == []


def test_plug_ins() -> None:
    assert of(run(files, relayed(plugins=())), "sasl.plugins")[0].data["kind"] == "none"
    only = run(files, relayed(plugins=("/usr/lib/x86_64-linux-gnu/sasl2/libdigestmd5.so",)))
    assert of(only, "sasl.plugins")[0].data["kind"] == "no-plaintext"
    packed = relayed(plugins=(), stats={"/nix/store": StatReply(exists=True, kind="dir", mode=0o755)})
    assert of(run(files, packed), "sasl.plugins")[0].status is Status.UNKNOWN
