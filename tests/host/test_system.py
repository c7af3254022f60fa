"""Commands and files of this machine: only the lines asked for, and Postfix's settings without secrets."""

from pathlib import Path

import pytest

from diagnose.host.live import system
from diagnose.host.query import Exec, Read
from diagnose.parse.text.masking import STARS, Secrets


def test_only_lines_that_hold_a_word(tmp_path: Path) -> None:
    (tmp_path / "php.ini").write_text("; password = x\nsendmail_path = /bin/a\nmemory = 1\nmail.sendmail_path\n")
    found = system.read(Read(str(tmp_path / "php.ini"), having=("sendmail_path", "nothing")), Secrets())
    assert found.text == "sendmail_path = /bin/a\nmail.sendmail_path\n"
    said = system.run(Exec(("printf", "one\ntwo\nthree"), having=("t",)), Secrets())
    assert (said.out, said.code) == ("two\nthree", 0)


@pytest.mark.skipif(system.find("postconf") is None, reason="no Postfix here")
def test_postfix_own_defaults_are_shown_and_a_secret_beside_them_is_not() -> None:
    defaults = system.run(Exec(("postconf", "-d")), Secrets()).out
    assert "\nsmtp_sasl_password_maps =" in defaults
    assert STARS not in defaults
    said = defaults.replace("smtp_sasl_password_maps =", "smtp_sasl_password_maps = static:app:Tr0ub4dor&3x")
    shown = system.settings(("postconf",), said, Secrets())
    assert [line for line in shown.splitlines() if line not in defaults] == [
        f"smtp_sasl_password_maps = static:app:{STARS}"
    ]
