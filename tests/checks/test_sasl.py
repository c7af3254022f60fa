"""The relay's credentials as Postfix would find them."""

import pytest

from checks.relay.sasl_entry import sasl_entry
from checks.relay.sasl_map import sasl_map
from checks.relay.sasl_stale import sasl_stale
from diagnose.host.memo import FakeHost
from diagnose.host.query import CompareReply, MapReply, StatReply
from diagnose.model import Observation, Status
from tests.checks.pretended_postfix import failed, of, run
from tests.checks.pretended_relay import HOP, HOST, PATH, SECRET_FILE, TABLE, relayed


def credentials(host: FakeHost, *who: str) -> list[Observation]:
    return [observation for check in (sasl_map, sasl_stale, sasl_entry) for observation in run(check, host, *who)]


def only(found: list[Observation], sign: str) -> Observation:
    (one,) = of(found, sign)
    return one


def test_entry_under_the_next_hop() -> None:
    found = credentials(relayed())
    assert failed(found) == []
    assert only(found, "sasl.key").data["user"] == "apikey"


@pytest.mark.parametrize(
    ("settings", "source", "keys"),
    [
        ({}, f"{HOST} apikey:********\n", {HOST: "apikey:********"}),
        ({"smtp_sasl_password_maps": "texthash:/etc/postfix/sasl_passwd"}, f"{HOP} a:********\n", {HOP: "a:********"}),
        ({"smtp_sasl_password_maps": "static:a:b"}, "", {HOST: "a:********"}),
        ({"smtp_sasl_password_maps": "inline:{{[smtp.sendgrid.net]:587=a:b}}"}, "", {HOP: "a:********"}),
    ],
)
def test_legitimate_ways(settings: dict[str, str], source: str, keys: dict[str, str]) -> None:
    assert failed(credentials(relayed(settings, source=source, keys=keys))) == []


def test_sender_dependent_key() -> None:
    host = relayed(
        {"smtp_sender_dependent_authentication": "yes"},
        source="@example.net a:********\n",
        keys={"@example.net": "a:********"},
    )
    found = credentials(host, "maria@example.com", "noreply@example.net")
    assert failed(found) == []


def test_carriage_return_is_only_odd() -> None:
    found = credentials(relayed(source=f"{HOP} apikey:********\r\n"))
    assert [o.status for o in of(found, "sasl.line")] == [Status.WARNING]


def test_login_off_at_a_provider() -> None:
    found = credentials(relayed({"smtp_sasl_auth_enable": "no", "smtp_sasl_password_maps": None}))
    assert only(found, "sasl.enabled").data["kind"] == "provider-wants"


def test_login_off_at_a_company_relay_is_no_fault() -> None:
    host = relayed(
        {"relayhost": "[relay.example.com]:25", "smtp_sasl_auth_enable": "no", "smtp_sasl_password_maps": None}
    )
    assert failed(credentials(host)) == []


def test_no_map_named() -> None:
    found = credentials(relayed({"smtp_sasl_password_maps": None}))
    assert only(found, "sasl.map").data["kind"] == "unset"


def test_never_compiled() -> None:
    host = relayed(stats={f"{PATH}.db": StatReply(problem="not found")}, lookup=MapReply(error="fatal: open database"))
    found = only(credentials(host), "sasl.map")
    assert (found.data["kind"], found.data["uncompiled"]) == ("missing", True)


def test_unsupported_type() -> None:
    host = relayed(
        {"smtp_sasl_password_maps": "dbm:/etc/postfix/sasl_passwd"}, lookup=MapReply(error="fatal: unsupported")
    )
    assert failed(credentials(host)) == ["sasl.map-type"]


def test_proxymap_may_not_read_it() -> None:
    host = relayed({"smtp_sasl_password_maps": f"proxy:{TABLE}"})
    found = only(credentials(host), "sasl.map")
    assert found.data["kind"] == "unreadable"
    shared = StatReply(exists=True, kind="file", mode=0o640, owner="root", group="postfix", size=60)
    fine = relayed({"smtp_sasl_password_maps": f"proxy:{TABLE}"}, stats={PATH: shared, f"{PATH}.db": shared})
    assert failed(credentials(fine)) == []


def test_stale_only_where_the_entry_in_use_differs() -> None:
    found = credentials(relayed(compare=CompareReply(keys=(HOP,), differ=(HOP,))))
    assert only(found, "sasl.stale").status is Status.FAILED
    others = credentials(relayed(compare=CompareReply(keys=(HOP,), differ=("[other]:587",))))
    assert only(others, "sasl.stale").status is Status.WARNING


def test_new_key_not_yet_compiled_is_stale_and_no_mismatch() -> None:
    host = relayed(keys={}, compare=CompareReply(keys=("[other]:587",), only_source=(HOP,), error="warning: older"))
    assert failed(credentials(host)) == ["sasl.stale"]


@pytest.mark.parametrize(
    ("key", "difference"),
    [
        (f"[{HOST}]", "port"),
        (f"{HOST}:587", "brackets"),
        (f"[{HOST}]:2525", "port"),
        ("[eu-west.mail.sendgrid.net]:587", "domain"),
        ("[smtp.sendgird.net]:587", "spelling"),
    ],
)
def test_key_nearly_right(key: str, difference: str) -> None:
    found = only(credentials(relayed(source=f"{key} apikey:********\n", keys={})), "sasl.key")
    assert (found.status, found.data["near"], found.data["difference"]) == (Status.FAILED, key, difference)


def test_no_key_for_a_second_relay_is_only_a_warning() -> None:
    host = relayed({"relayhost": "[relay.example.com]:25"}, keys={})
    assert only(credentials(host), "sasl.key").status is Status.WARNING


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("apikey", "no-colon"),
        (":********", "empty-user"),
        ('"apikey:********"', "quoted-value"),
        ("apikey:********\\", "trailing-backslash"),
        ("USERNAME:********", "placeholder"),
        ("apikey:\u201c********\u201d", "smart-quote"),
    ],
)
def test_malformed_entry(value: str, kind: str) -> None:
    found = credentials(relayed(source=f"{HOP} {value}\n", keys={HOP: value}))
    assert kind in {o.data.get("kind") for o in of(found, "sasl.line") if o.status is Status.FAILED}


@pytest.mark.parametrize(
    ("line", "kind"), [(f" {HOP} apikey:********", "indented"), (f"{HOP}:apikey:********", "no-key-separator")]
)
def test_line_that_no_lookup_finds(line: str, kind: str) -> None:
    found = credentials(relayed(source=f"# relay\n{line}\n", keys={}))
    assert only(found, "sasl.line").data["kind"] == kind
    assert of(found, "sasl.key") == []


def test_without_rights_nothing_is_accused() -> None:
    host = relayed(
        lookup=MapReply(problem="permission denied"),
        compare=CompareReply(problem="permission denied"),
        stats={PATH: SECRET_FILE},
    )
    found = credentials(host)
    assert failed(found) == []
    assert only(found, "sasl.map").status is Status.UNKNOWN


def test_nothing_to_say_without_a_relay() -> None:
    assert credentials(relayed({"relayhost": None})) == []


def test_newer_text_that_may_not_be_compared() -> None:
    old, new = (
        StatReply(exists=True, kind="file", mode=0o600, owner="root", size=9, mtime=when) for when in (1.0, 9000.0)
    )
    host = relayed(
        lookup=MapReply(problem="permission denied"),
        compare=CompareReply(problem="permission denied"),
        stats={PATH: new, f"{PATH}.db": old},
    )
    found = credentials(host)
    assert failed(found) == []
    assert [o.data["kind"] for o in of(found, "sasl.stale")] == ["maybe"]
