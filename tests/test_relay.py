"""Relay advice: the right provider on a port that passes, and settings that Postfix itself takes."""

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from diagnose.errors import UsageError
from diagnose.knowledge.labels import relays
from diagnose.model import Advice
from diagnose.relay import System, listing, network_of, suggest

DEBIAN = System(
    family="debian",
    ca_bundle="/etc/ssl/certs/ca-certificates.crt",
    map_type="hash",
    sasl_package="libsasl2-modules",
    supported_map_types=("btree", "hash", "texthash"),
    postfix_version="3.7.11",
)
MAIL_PORTS = (25, 465, 587, 2525, 2587, 2465)
SENDGRID = "[smtp.sendgrid.net]:587"
Seen = dict[tuple[str, int], bool | None]


def everywhere(answer: Mapping[int, bool]) -> Seen:
    """What three unrelated operators' hosts answered, by port."""
    hosts = ("smtp.gmail.com", "a.example", "b.example")
    return {(host, port): is_open for port, is_open in answer.items() for host in hosts}


def advice(
    seen: Seen | None = None,
    *,
    in_use: str | None = None,
    asked: str | None = None,
    system: System = DEBIAN,
    sender: str | None = None,
    cloud: str | None = None,
) -> Advice:
    found = suggest(seen or {}, in_use, asked, system, sender=sender, network=network_of(cloud_id=cloud))
    assert found is not None
    return found


# Choosing -----------------------------------------------------------------------------------------------------------


def test_nothing_known_is_said() -> None:
    """Without a measurement the first suitable relay comes unverified, and `why` says so."""
    found = advice()
    assert (found.port, found.tls, found.verified) == (587, "starttls", False)
    assert "Not verified" in found.why


def test_relay_in_use_on_the_next_port() -> None:
    """587 is closed, 2525 open at others: the relay in use stays, on the port that passes."""
    seen = everywhere({25: False, 587: False, 465: False, 2525: True}) | {("smtp.sendgrid.net", 587): False}
    found = advice(seen, in_use=SENDGRID)
    assert (found.provider, found.port, found.tls, found.verified) == ("sendgrid", 2525, "starttls", True)
    assert found.main_cf["relayhost"] == "[smtp.sendgrid.net]:2525"


def test_port_in_use_stays_where_it_is_open() -> None:
    """A port that works is not changed for one that is merely usual."""
    seen: Seen = {("smtp.sendgrid.net", 587): True, ("smtp.sendgrid.net", 2525): True}
    assert advice(seen, in_use="[smtp.sendgrid.net]:2525").port == 2525
    assert advice(seen, in_use="[smtp.sendgrid.net]:25").port == 587


def test_measured_at_this_host_beats_measured_elsewhere() -> None:
    """587 passes to others but not to this relay: the port that answered there is taken."""
    seen = everywhere({587: True}) | {("smtp.sendgrid.net", 587): False, ("smtp.sendgrid.net", 465): True}
    found = advice(seen, in_use=SENDGRID)
    assert (found.port, found.tls, found.verified) == (465, "implicit", True)
    assert found.main_cf["smtp_tls_wrappermode"] == "yes"
    assert found.main_cf["smtp_tls_security_level"] == "encrypt"


def test_relay_without_an_open_port_is_left() -> None:
    """Gmail has no port but 587 and 465: where both are closed another relay is named, with the reason."""
    seen = everywhere({25: False, 587: False, 465: False, 2525: True})
    found = advice(seen, in_use="[smtp.gmail.com]:587")
    assert found.provider != "gmail"
    assert (found.port, found.verified) == (2525, True)
    assert "relay in use" in found.why


def test_all_usual_ports_closed_leaves_an_odd_one_unverified() -> None:
    """An open 443 to web servers proves no mail port: what is left is named and marked unverified."""
    seen = everywhere(dict.fromkeys(MAIL_PORTS, False)) | {("1.1.1.1", 443): True}
    found = advice(seen, in_use=SENDGRID)
    assert found.port not in MAIL_PORTS
    assert not found.verified


def test_every_port_closed_still_advises_unverified() -> None:
    """With every port of every kind refused the advice says that nothing was seen open."""
    seen: Seen = {
        (host.name, endpoint.port): False for relay in relays() for host in relay.hosts for endpoint in relay.endpoints
    }
    found = advice(seen, in_use=SENDGRID)
    assert not found.verified
    assert "did not answer" in found.why


def test_asked_for_wins_and_keeps_the_region_in_use() -> None:
    """--provider overrides; a regional host in use is kept."""
    assert advice(in_use=SENDGRID, asked="mailgun").provider == "mailgun"
    host = "email-smtp.eu-west-1.amazonaws.com"
    assert advice(in_use=f"[{host}]:587").host == host
    assert advice(in_use=f"[{host}]:587", asked="ses").host == host


@pytest.mark.parametrize("asked", ["no-such-relay", "outlook-com", "microsoft365-direct-send", ""])
def test_unusable_provider_is_a_usage_error(asked: str) -> None:
    """A provider that is unknown, or takes no password, is one clear line."""
    with pytest.raises(UsageError) as caught:
        advice(asked=asked)
    assert "\n" not in str(caught.value)


def test_sender_of_a_mailbox_operator() -> None:
    """Only Gmail may send for gmail.com, and the address is the user name."""
    found = advice(sender="app.builds@gmail.com")
    assert found.provider == "gmail"
    assert found.files[0].text == "[smtp.gmail.com]:587 app.builds@gmail.com:<YOUR-GMAIL-APP-PASSWORD>\n"
    assert any("app password" in note for note in found.notes)


def test_network_with_its_own_relay() -> None:
    """On EC2 the relay of AWS comes first; its sandbox is told."""
    found = advice(sender="app@example.com", cloud="aws")
    assert found.provider == "ses"
    assert any("sandbox" in note for note in found.notes)


def test_network_policy_is_cited() -> None:
    """A closed port is told with where that is written; a way to open it is named."""
    notes = advice(cloud="hetzner").notes
    assert any("TCP 25, 465" in note and "https://docs.hetzner.com/" in note for note in notes)
    assert any(note.startswith("Unblocking: ") for note in notes)


def test_unlisted_relay_in_use() -> None:
    """A relay that no table knows is kept on the port of it that was seen open."""
    seen: Seen = {("mail.corp.example", 25): False, ("mail.corp.example", 465): True}
    found = advice(seen, in_use="mail.corp.example")
    assert (found.host, found.port, found.tls, found.verified) == ("mail.corp.example", 465, "implicit", True)


def test_recall_is_never_printed() -> None:
    """Of no provider does a remembered, unconfirmed login reach notes, login or reason."""
    for relay in relays():
        if relay.sign_in not in ("password", "optional"):
            continue
        found = advice(asked=relay.id)
        text = "\n".join((found.why, *found.notes, found.files[0].text))
        if not relay.login.stated:
            assert relay.login.password not in text


@pytest.mark.parametrize("relay", [relay.id for relay in relays() if relay.sign_in in ("password", "optional")])
def test_every_provider_is_ready_to_use(relay: str) -> None:
    """relayhost, key of the password line and map agree for every provider; the file is root's alone."""
    found = advice(asked=relay)
    key, _, login = found.files[0].text.rstrip("\n").partition(" ")
    assert key == found.main_cf["relayhost"] == f"[{found.host}]:{found.port}"
    assert login.count(":") == 1
    assert "<YOUR-" in login
    assert (found.files[0].mode, found.files[0].owner) == ("0600", "root:root")
    assert (found.tls == "implicit") == (found.main_cf["smtp_tls_wrappermode"] == "yes")
    assert not any(character in found.host for character in "<>*")


# Suiting the system -------------------------------------------------------------------------------------------------


def test_old_postfix_gets_starttls() -> None:
    """Postfix before 3.0 has no wrappermode: 465 is no choice and the setting is not written."""
    old = System(family="rhel", map_type="hash", postfix_version="2.10.1", sasl_package="cyrus-sasl-plain")
    seen: Seen = {("smtp.sendgrid.net", 465): True, ("smtp.sendgrid.net", 587): None}
    found = advice(seen, in_use=SENDGRID, system=old)
    assert (found.port, found.tls) == (587, "starttls")
    assert "smtp_tls_wrappermode" not in found.main_cf
    assert found.main_cf["smtp_tls_CAfile"] == "/etc/pki/tls/certs/ca-bundle.crt"
    assert "yum install -y cyrus-sasl-plain" in found.commands
    with pytest.raises(UsageError, match=r"3\.0"):
        advice(asked="runbox", system=old)


def test_map_type_of_this_postfix() -> None:
    """A map type that Postfix lacks is not written; texthash needs no postmap."""
    alpine = System(family="alpine", map_type="hash", supported_map_types=("lmdb", "texthash"))
    found = advice(system=alpine)
    assert found.main_cf["smtp_sasl_password_maps"] == "lmdb:/etc/postfix/sasl_passwd"
    assert "postmap lmdb:/etc/postfix/sasl_passwd" in found.commands
    bare = advice(system=System(supported_map_types=("regexp", "texthash")))
    assert bare.main_cf["smtp_sasl_password_maps"].startswith("texthash:")
    assert not any(command.startswith("postmap") for command in bare.commands)
    assert "smtp_tls_CAfile" not in bare.main_cf


def test_commands_come_in_order() -> None:
    """Save, install, write, compile, set, check, reload, flush, test: in that order, nothing twice."""
    commands = advice(sender="app@example.com").commands
    starts = ("test -e", "apt-get", "(umask 077", "postmap", "postconf -e", "postfix check", "postfix reload")
    for command, start in zip(commands, (*starts, "postqueue -f", "mail-diagnose run"), strict=True):
        assert command.startswith(start)


def test_unconfirmed_port_is_said() -> None:
    """A port known from memory alone is marked, unless it was seen open at that very host."""
    assert any("does not confirm" in note for note in advice(asked="zeptomail").notes)
    assert not any("does not confirm" in note for note in advice(asked="sendgrid").notes)
    seen: Seen = {("smtp.zeptomail.com", 465): True}
    assert not any("does not confirm" in note for note in advice(seen, asked="zeptomail").notes)


def test_hostile_text_stays_out_of_commands() -> None:
    """A sender or relayhost made to break out of the quotes gets into no command."""
    found = advice(in_use="[x';touch /tmp/y;']:587", sender="a'b;touch /tmp/x@example.com")
    assert not any("touch /tmp" in command for command in found.commands)
    assert all(character >= " " for note in (found.why, *found.notes) for character in note)


def test_listing_starts_with_what_is_suggested() -> None:
    """`relay list` shows every provider once, the suggested ones first, and no unconfirmed port."""
    rows = listing()
    assert [row.suggested for row in rows] == sorted((row.suggested for row in rows), reverse=True)
    assert {row.id for row in rows} == {relay.id for relay in relays()}
    assert next(row for row in rows if row.id == "ses").implicit == (465, 2465)
    assert 588 not in next(row for row in rows if row.id == "mailjet").starttls


# Against the real thing ---------------------------------------------------------------------------------------------


def sh(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PATH": path, **environment},
        check=False,
    )


@pytest.fixture(name="private")
def private_system(tmp_path: Path) -> System:
    """A configuration directory of our own, for the Postfix that is installed here."""
    if os.geteuid() != 0 or shutil.which("postconf", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("NEEDS root and an installed Postfix: the advice is not tried against the real postconf")
    directory = tmp_path / "postfix"
    directory.mkdir()
    (directory / "main.cf").write_text("compatibility_level = 2\nsmtp_tls_wrappermode = yes\n")
    (directory / "master.cf").write_text("smtp unix - - n - - smtp\n")
    return System(
        map_type=sh("postconf -h default_database_type").stdout.strip(),
        supported_map_types=tuple(sh("postconf -m").stdout.split()),
        postfix_version=sh("postconf -h mail_version").stdout.strip(),
        ca_bundle="/etc/ssl/certs/ca-certificates.crt",
        config_directory=str(directory),
    )


def apply(found: Advice, secret: str | None = None) -> None:
    """Runs those commands that touch the configuration; the login's placeholder becomes `secret`."""
    for command in found.commands:
        if command.startswith(("test -e", "(umask", "postmap", "postconf")):
            text = command if secret is None else command.replace("<YOUR-SENDGRID-API-KEY>", secret)
            done = sh(text)
            assert done.returncode == 0, (command, done.stderr)
            assert "warning" not in done.stderr, done.stderr


def test_postfix_takes_the_advice(private: System) -> None:
    """postconf reads every setting back as it was meant, postmap finds the login, only root may read it."""
    found = advice({("smtp.sendgrid.net", 587): True}, asked="sendgrid", system=private)
    apply(found, secret="SG.aB-1_2$x\\y")
    directory = private.config_directory
    for name, value in found.main_cf.items():
        assert sh(f"postconf -c {directory} -h {name}").stdout.strip() == value
    assert not sh(f"postconf -c {directory} >/dev/null").stderr
    table = found.main_cf["smtp_sasl_password_maps"]
    answer = sh(f"postmap -c {directory} -q '{found.main_cf['relayhost']}' {table}")
    assert answer.stdout == "apikey:SG.aB-1_2$x\\y\n"
    for path in Path(directory).glob("sasl_passwd*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert path.stat().st_uid == 0
    assert Path(directory, "main.cf.before-relay").read_text().startswith("compatibility_level")


def test_commands_can_be_run_twice(private: System) -> None:
    """The second run changes nothing: one line for the relay, the first backup kept, other relays left alone."""
    directory = Path(private.config_directory)
    (directory / "sasl_passwd").write_text("# mine\n[other.example]:587 me:mine\n[smtp.sendgrid.net]:587 apikey:old\n")
    found = advice(asked="sendgrid", system=private)
    saved = (directory / "main.cf").read_text()
    apply(found, secret="SG.new")
    after = {name: (directory / name).read_text() for name in ("main.cf", "sasl_passwd", "main.cf.before-relay")}
    assert after["sasl_passwd"] == "# mine\n[other.example]:587 me:mine\n[smtp.sendgrid.net]:587 apikey:SG.new\n"
    assert after["main.cf.before-relay"] == saved
    apply(found, secret="SG.new")
    assert after == {name: (directory / name).read_text() for name in after}
    apply(found)  # with the placeholder still in it: a key that is there is not lost
    assert (directory / "sasl_passwd").read_text() == after["sasl_passwd"]


@pytest.mark.parametrize("port", [465, 587])
def test_wrappermode_left_over_is_undone(private: System, port: int) -> None:
    """A "yes" left from port 465 would break 587: the advice says it either way."""
    found = advice({("smtp.sendgrid.net", port): True}, asked="sendgrid", system=private)
    apply(found)
    mode = sh(f"postconf -c {private.config_directory} -h smtp_tls_wrappermode").stdout.strip()
    assert mode == ("yes" if port == 465 else "no")
