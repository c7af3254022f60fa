"""The console script and its exit status."""

from __future__ import annotations

import errno
import gc
import os
import resource
import sys
from contextlib import suppress

from diagnose.errors import MailDiagnoseError
from diagnose.parse.text.known import KNOWN, Secrets

# Commands that show only the tool's own data, or data stored without secrets; monitoring calls them every minute.
_OF_ITS_OWN = ("report", "history", "ignore", "list", "cause", "install-units")


_FILES = 128  # open at a time: forty workers, each with a file or a socket, and their children


def _to_look_at_the_host() -> None:
    """Prepares to recognise this host's secrets. Exits with an explanation if the limit on open files is too low for a
    reliable answer."""
    KNOWN.source = _gather
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _FILES:
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (_FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard), hard)
        )
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= _FILES:
        return
    message = f"only {hard} open files are allowed here, {_FILES} are needed: raise the limit (ulimit -n, LimitNOFILE=)"
    sys.exit(_fault(message, False))


def _begin() -> None:
    """Opens closed standard streams on /dev/null: a file opened later would otherwise get their numbers, and the
    output."""
    gc.set_threshold(200_000)  # loading the program creates no garbage
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        while os.open(os.devnull, os.O_RDWR) < 2:
            pass
        sys.stdin = sys.stdin or os.fdopen(0)
        sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return f"no further file can be opened ({error.strerror}): raise the limit (ulimit -n)"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot write the result: {error.strerror}"
    return f"unexpected error, please report it: {type(error).__name__}: {error} (--debug shows more)"


def _gather(known: Secrets) -> None:
    from diagnose.host import gather

    gather.known()


# Commands with --format, for which --json is short.
_FORMATTED = tuple("run demo explain trace queue send report history relay app fleet".split())


def entry(arguments: list[str] | None = None) -> None:
    """The console script; does not return. Usage errors and crashes end with status 3, since 2 means a failure found."""
    _begin()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        from diagnose import __version__

        print(f"mail-diagnose {__version__}")
        sys.exit(0)
    import typer

    from diagnose.commands import application
    from diagnose.commands.options import COMPLETE, INTERRUPTED

    debug = "--debug" in arguments
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    if arguments and arguments[0] in _FORMATTED:
        arguments = ["--format=json" if each == "--json" else each for each in arguments]
    if not arguments or arguments[0] not in _OF_ITS_OWN:
        _to_look_at_the_host()
    if COMPLETE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    try:
        wanted = "" if COMPLETE in os.environ else next((each for each in arguments if each != "--debug"), "")
        status = application(wanted)(arguments, prog_name="mail-diagnose", standalone_mode=False)
        code = status if isinstance(status, int) else 0
        if code == INTERRUPTED:  # typer's answer to Ctrl-C
            _fault("interrupted before anything was known", False)
    except MailDiagnoseError as error:
        code = _fault(str(error), debug)
    except BrokenPipeError:
        # The reader (head, less) has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 3
    except (KeyboardInterrupt, typer.Abort):
        _fault("interrupted", False)
        code = INTERRUPTED
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 3
    except Exception as error:
        show = getattr(error, "format_message", None)
        if show is not None and type(error).__name__ == "NoArgsIsHelpError":  # Typer does not export it
            sys.stderr.write(f"{show()}\n")  # the help text
            code = 3
        elif show is not None:
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "mail-diagnose"
            code = _fault(f"{show()} (see `{command} --help`)", debug)
        else:
            code = _fault(_unexpected(error), debug)
    gc.freeze()  # nor does ending it
    sys.exit(code if 0 <= code <= 3 or code == INTERRUPTED else 3)


def _fault(message: str, debug: bool) -> int:
    from diagnose import selfname
    from diagnose.parse.text.masking import leaving, mask, plain

    if debug:
        import traceback

        sys.stderr.write(leaving(mask(plain(traceback.format_exc()))))
    message = selfname.spelled(leaving(mask(plain(" ".join(message.split())))), selfname.here())
    sys.stderr.write(f"mail-diagnose: {message}\n")
    return 3
