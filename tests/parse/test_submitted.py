"""Whose mail this host sends of its own, by the log."""

from diagnose.parse.log.submitted import domains

HEAD = "Nov 22 14:00:00 app postfix/"


def message(id: str, entry: str, sender: str) -> list[str]:
    return [f"{HEAD}{entry.format(id=id)}", f"{HEAD}qmgr[3]: {id}: from=<{sender}>, size=400, nrcpt=1 (queue active)"]


COMMAND = "pickup[1]: {id}: uid=33 from=<www>"
LOCALHOST = "smtpd[2]: {id}: client=localhost[127.0.0.1]"
CONTAINER = "smtpd[2]: {id}: client=unknown[172.18.0.4]"
LOGIN = "submission/smtpd[2]: {id}: client=dsl.example[198.51.100.7], sasl_method=PLAIN, sasl_username=joe"
STRANGER = "smtpd[2]: {id}: client=mail.example[198.51.100.9]"
HANDED_BACK = (
    "smtpd[2]: {id}: client=localhost[127.0.0.1], orig_queue_id=A1B2C3D4E5, orig_client=mail.example[198.51.100.9]"
)


def test_mail_of_this_host_its_network_and_its_accounts() -> None:
    lines = message("AAAAAA1", COMMAND, "www@one.example") + message("AAAAAA2", LOCALHOST, "app@Two.example")
    lines += message("AAAAAA3", CONTAINER, "app@two.example") + message("AAAAAA4", LOGIN, "joe@three.example")
    assert domains(lines) == ("two.example", "one.example", "three.example")


def test_mail_that_others_brought_is_theirs() -> None:
    lines = message("AAAAAA1", STRANGER, "eve@elsewhere.example") + message(
        "AAAAAA2", HANDED_BACK, "eve@elsewhere.example"
    )
    forwarded = f"{HEAD}qmgr[3]: AAAAAA3: from=<eve@elsewhere.example>, size=400, nrcpt=1 (queue active)"
    assert domains([*lines, forwarded]) == ()


def test_behind_a_filter_a_client_nearby_says_nothing() -> None:
    lines = message("AAAAAA1", LOCALHOST, "eve@elsewhere.example") + message("AAAAAA2", COMMAND, "www@one.example")
    assert domains(lines, filtered=True) == ("one.example",)


def test_bounces_and_bare_names_have_no_domain() -> None:
    assert domains(message("AAAAAA1", COMMAND, "") + message("AAAAAA2", COMMAND, "root@localhost")) == ()
