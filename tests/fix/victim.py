"""A change of files, carried out and kept, or undone, by a process that is killed at its n-th change of the file system.

usage: victim.py FOLDER fix|undo [N]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from diagnose.remedy import journal, transaction
from diagnose.remedy.originals import look
from diagnose.remedy.running import Command, CopyFile, Mode
from diagnose.remedy.steps import Content, SetParameter, Step, TableEntry

CHANGES = {
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.truncate", "os.utime", "os.setxattr",
    "os.removexattr", "subprocess.Popen",
}  # fmt: skip


def steps(folder: Path) -> tuple[Step, ...]:
    main, table, made = (f"{folder}/etc/{name}" for name in ("main.cf", "table", "made"))
    place = f"{folder}/chroot/etc"
    why = "It is a test."
    return (
        SetParameter(path=main, name="relayhost", value="[relay.lan]:587", was="", why=why),
        TableEntry(path=table, key="[relay.lan]:587", asks=("user", "password"), why=why),
        Content(path=made, text="new\n", why=why),
        Command(argv=("mkdir", "--", place), changes=(place,), why=why),
        CopyFile(source=main, path=f"{place}/main.cf", why=why),
        Mode(path=table, mode=0o600, was=0o644, why=why),
        SetParameter(path=main, name="smtp_sasl_auth_enable", value="yes", was=None, why=why),
    )


def fix(folder: Path, store: journal.Store) -> None:
    wanted = steps(folder)
    log = store.begin("cause", "title", len(wanted))
    read = {path: look(path)[0] for step in wanted for path in step.files()}
    work = transaction.Transaction(store, log, read, {"user": "u", "password": "p"})
    for step in wanted:
        work.apply(step)
    log.write("kept")


def main(folder: Path, what: str, last: int) -> None:
    seen = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in CHANGES or (event == "open" and not (int(str(arguments[2])) & os.O_ACCMODE)):
            return
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with journal.opened(folder / "undo") as store:
        sys.addaudithook(count)
        if what == "fix":
            fix(folder, store)
        else:
            for change in reversed(store.changes()):
                if change.end != "undone":
                    print(transaction.undo(store, change))
    print(seen)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
