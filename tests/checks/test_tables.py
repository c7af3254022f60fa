"""The check of lookup tables."""

from checks.postfix.table_servers import table_servers
from checks.postfix.table_stale import table_stale
from checks.postfix.tables import tables
from diagnose.check import Dial, MapCompare
from diagnose.host.memo import FakeHost
from diagnose.host.query import Attempt, CompareReply, DialReply, MapReply, StatReply
from diagnose.model import Observation, Status
from tests.checks.pretended_postfix import NOW, failed, machine, of, run

THERE = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root", mtime=NOW - 500)
NEWER = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root", mtime=NOW - 100)
BOTH = {"/etc/postfix/transport": THERE, "/etc/postfix/transport.db": THERE}
USE = {"transport_maps": "hash:/etc/postfix/transport"}


def run_tables(host: FakeHost) -> list[Observation]:
    return [observation for check in (tables, table_servers, table_stale) for observation in run(check, host)]


def test_compiled_table_answers() -> None:
    assert failed(run_tables(machine(USE, stats=BOTH))) == []


def test_source_may_be_gone() -> None:
    assert failed(run_tables(machine(USE, stats={"/etc/postfix/transport.db": THERE}))) == []


def test_never_compiled() -> None:
    found = of(run_tables(machine(USE, stats={"/etc/postfix/transport": THERE})), "table.present")
    assert (found[0].status, found[0].data["kind"]) == (Status.FAILED, "not-compiled")


def test_type_that_this_build_lacks() -> None:
    assert failed(run_tables(machine({"virtual_alias_maps": "mysql:/etc/postfix/virtual.cf"}))) == ["table.supported"]
    assert failed(run_tables(machine({"virtual_alias_maps": "btree2:/etc/postfix/virtual"}))) == ["table.supported"]


def test_a_table_without_its_type_and_a_list_whose_file_is_gone() -> None:
    for value in ("/etc/postfix/virtual", "hash: /etc/postfix/virtual", "hash;"):
        assert "table.supported" in failed(run_tables(machine({"virtual_alias_maps": value})))
    assert (
        failed(run_tables(machine({"proxy_read_maps": "$mydestination a.example.net proxy:unix:passwd.byname"}))) == []
    )
    assert failed(run_tables(machine({"mydestination": "a.example.net, /etc/postfix/names"}))) == ["table.present"]


def test_alias_tables_matter_to_local_mail_only() -> None:
    assert failed(run_tables(machine({"alias_maps": "hash:/etc/aliases"}))) == []


def test_password_maps_and_inline_ones_are_others_business() -> None:
    used = {
        "smtp_sasl_password_maps": "hash:/etc/postfix/sasl_passwd",
        "transport_maps": "inline:{a.example=smtp:[b.example]}",
    }
    assert [o.status for o in run_tables(machine(used))] == [Status.OK]


def test_complaint_about_main_cf_is_not_the_tables() -> None:
    noise = MapReply(error="warning: /etc/postfix/main.cf, line 9: overriding earlier entry: relayhost=")
    maps = {("hash:/etc/postfix/transport", "nobody@example.invalid"): noise}
    assert failed(run_tables(machine(USE, stats=BOTH, maps=maps))) == []


def test_table_that_cannot_be_opened() -> None:
    maps = {
        ("hash:/etc/postfix/transport", "nobody@example.invalid"): MapReply(
            error="fatal: open database /etc/postfix/transport.db: Invalid argument"
        )
    }
    assert failed(run_tables(machine(USE, stats=BOTH, maps=maps))) == ["table.works"]


def test_changed_and_not_compiled() -> None:
    stats = {**BOTH, "/etc/postfix/transport": NEWER}
    same = machine(USE, stats=stats, more={MapCompare("hash:/etc/postfix/transport"): CompareReply()})
    assert of(run_tables(same), "table.stale") == []
    other = machine(
        USE, stats=stats, more={MapCompare("hash:/etc/postfix/transport"): CompareReply(only_source=("b.example",))}
    )
    assert of(run_tables(other), "table.stale")[0].status is Status.WARNING


def test_table_through_proxymap_that_postfix_may_not_read() -> None:
    secret = StatReply(exists=True, kind="file", mode=0o600, owner="root", group="root")
    host = machine({"virtual_alias_maps": "proxy:mysql:/etc/postfix/v.cf"}, stats={"/etc/postfix/v.cf": secret})
    assert set(failed(run_tables(host))) <= {"table.supported", "table.readable"}


def test_tcp_table_whose_server_is_down() -> None:
    down = DialReply(attempts=(Attempt(address="127.0.0.1", error="ECONNREFUSED"),), error="ECONNREFUSED")
    host = machine({"sender_canonical_maps": "tcp:127.0.0.1:10001"}, by_kind={Dial: lambda q: down})
    assert failed(run_tables(host)) == ["table.works"]


def test_a_server_that_takes_connections_and_never_answers() -> None:
    settings, key = {"sender_canonical_maps": "tcp:127.0.0.1:10001"}, ("tcp:127.0.0.1:10001", "nobody@example.invalid")
    up = DialReply(attempts=(Attempt(address="127.0.0.1"),), address="127.0.0.1")
    for reply, found in ((MapReply(problem="timed out: postmap -q"), ["table.works"]), (MapReply(), [])):
        host = machine(settings, maps={key: reply}, by_kind={Dial: lambda q: up})
        assert failed(run_tables(host)) == found


def test_hidden_files_are_unknown() -> None:
    hidden = {path: StatReply(problem="permission denied") for path in BOTH}
    assert [o.status for o in run_tables(machine(USE, stats=hidden, root=False))] == [Status.UNKNOWN]
