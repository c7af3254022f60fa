"""Alarms through Apprise, an optional extra with its own connections and time-outs."""

from __future__ import annotations

import importlib
import importlib.util
import threading

MISSING = "Apprise is not installed here: pip install 'mail-diagnose[apprise]'"


def installed() -> bool:
    return importlib.util.find_spec("apprise") is not None


def send(url: str, title: str, text: str, severity: str, timeout: float) -> str:
    """Returns why it failed, "" for success; severity: "info", "success", "warning" or "failure"."""
    problem = ["no answer in time"]

    def work() -> None:
        try:
            module = importlib.import_module("apprise")
            target = module.Apprise()
            if not target.add(url):
                problem[0] = "Apprise does not know this address"
            elif not target.notify(title=title, body=text, notify_type=severity):
                problem[0] = "Apprise could not deliver it"
            else:
                problem[0] = ""
        except ImportError:
            problem[0] = MISSING
        except Exception as error:  # a plug-in's errors may be of any kind, and their text may hold the address
            problem[0] = f"Apprise failed ({type(error).__name__})"

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout)
    return problem[0]
