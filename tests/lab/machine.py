"""A throw-away machine: root file system, processes, host name and network of its own, Postfix as a customer has it."""

from __future__ import annotations

import contextlib
import functools
import grp
import os
import pickle
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from .fault import Fault
from .history import sent_lines
from .internet.tls import Authority
from .network import HOST_IPV6, RESOLVER_IPV4, Network

if TYPE_CHECKING:
    from .roots import Root

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = "Zk7-tiefsee-4Qv9"
_DIE = ("setpriv", "--pdeathsig", "KILL")

MAIN_CF = """\
# See /usr/share/postfix/main.cf.dist for a commented, more complete version
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
smtp_tls_CApath=/etc/ssl/certs
smtp_tls_security_level=may
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = HOSTNAME
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = /etc/mailname
mydestination = $myhostname, SHORT, localhost.localdomain, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
maillog_file = /var/log/mail.log
smtp_connect_timeout = 2s
smtp_helo_timeout = 4s
smtp_mail_timeout = 4s
smtp_data_xfer_timeout = 4s
smtp_data_done_timeout = 4s
"""


class LabError(Exception):
    """The lab itself could not do what it should; not an answer of the tool."""


_making = threading.Lock()


def authority() -> tuple[Authority, str]:
    """The lab's root, one for the process (machines come up side by side), and its subject hash as OpenSSL names it."""
    with _making:
        return _authority()


@functools.cache
def _authority() -> tuple[Authority, str]:
    made = Authority()
    done = subprocess.run(["openssl", "x509", "-noout", "-hash"], input=made.pem, capture_output=True, check=True)
    return made, done.stdout.decode().strip()


class Machine:
    """`with Machine(fault) as m:` a running machine with its network and internet; Postfix configured, not started."""

    def __init__(self, fault: Fault, root: Root | None = None) -> None:
        self.fault = fault
        self.root = root
        self.map_type = root.map_type if root else "hash"
        self.ca_file = "/etc/ssl/certs/ca-certificates.crt"
        self.children: list[subprocess.Popen[bytes]] = []
        self.pid = 0
        self.before = 0
        self.started = False
        self.cgroup: Path | None = None
        self.journal = False
        self.log_file = "/var/log/mail.log"
        self.config = "/etc/postfix"  # of the instance that sends mail out
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the machine
        self.folder = tempfile.TemporaryDirectory(prefix="lab-")  # the internet's, which is killed and cannot tidy up
        self.network: Network
        self.internet: subprocess.Popen[bytes]

    def __enter__(self) -> Machine:
        try:
            self._power_on()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill every process of the machine; its mounts and namespaces go with them."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        for child in self.children:
            child.kill()
        for child in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()
        until = time.monotonic() + 3  # for the last of its processes to end
        while self.cgroup and self.cgroup.exists() and time.monotonic() < until:
            for folder, *_ in sorted(os.walk(self.cgroup), reverse=True):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            time.sleep(0.05)
        self.noise.close()
        self.folder.cleanup()

    def _spawn(self, *argv: str, pipes: bool = False, **more: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", **more}
        command = [*_DIE, *argv]
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.noise, env=environment, cwd="/")
        self.children.append(child)
        return child

    def _power_on(self) -> None:
        made, _ = authority()
        gateway = self._spawn("unshare", "-n", "sleep", "infinity")
        isp = self._spawn("unshare", "-n", "sleep", "infinity")
        internet = self.internet = self._spawn(
            "unshare", "-n", sys.executable, "-m", "tests.lab.internet", pipes=True, TMPDIR=self.folder.name
        )
        assert internet.stdin
        pickle.dump((self.fault.world, made.export()), internet.stdin)
        internet.stdin.close()
        name = self.fault.hostname.split(".")[0]
        needed = {str(CHECKOUT), sys.prefix, sys.base_prefix}
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child=KILL")
        lower = self.root.folder() if self.root else "/"
        init = str(Path(__file__).with_name("init.py"))
        host = self._spawn("unshare", *namespaces, sys.executable, "-S", init, name, lower, *sorted(needed), pipes=True)
        self._ready(host, "machine")
        self.pid = int(Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()[0])
        self._ready(internet, "internet")
        self.network = Network(host=self.pid, gateway=gateway.pid, isp=isp.pid, internet=internet.pid)
        self.network.join()
        self._install()

    def _ready(self, child: subprocess.Popen[bytes], what: str) -> None:
        assert child.stdout
        if child.stdout.readline() != b"ready\n":
            self.noise.seek(0)
            words = self.noise.read().decode(errors="replace").strip()
            raise LabError(f"the {what} did not come up (exit status {child.poll()}): {words}")

    def path(self, path: str) -> Path:
        """A path inside the machine, as the outer system reaches it."""
        return Path(f"/proc/{self.pid}/root{path}")

    def write(self, path: str, text: str | bytes, mode: int = 0o644, owner: str = "root", group: str = "root") -> None:
        """Write a file of the machine, with its folders. Before Postfix starts, files are made to look ten minutes old,
        as on a machine that someone set up; postmap would also wait until its source is no longer new."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        target.chmod(mode)
        shutil.chown(target, owner, group)
        if not self.started:
            then = time.time() - 600
            os.utime(target, (then, then))

    def read(self, path: str) -> str:
        """A file's text, or "" when it is not there."""
        with contextlib.suppress(OSError):
            return self.path(path).read_text(errors="replace")
        return ""

    def _install(self) -> None:
        name = self.fault.hostname
        short = name.split(".")[0]
        made, number = authority()
        self.write("/etc/hostname", short + "\n")
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {name} {short}\n::1 localhost ip6-localhost ip6-loopback\n"
        self.write("/etc/hosts", hosts)
        self.write("/etc/mailname", self.fault.world.customer + "\n")
        self.write("/etc/resolv.conf", f"search {self.fault.world.customer}\nnameserver {RESOLVER_IPV4}\n")
        self.write("/etc/aliases", "postmaster: root\nroot: ops@northwind-trading.com\nwww-data: root\n")
        self.write("/usr/local/share/ca-certificates/internet-trust-r1.crt", made.pem)
        self.write(f"/etc/ssl/certs/{number}.0", made.pem)
        bundle = self.path("/etc/ssl/certs/ca-certificates.crt")
        bundle.write_bytes(bundle.read_bytes() + made.pem)
        main_cf = MAIN_CF.replace("HOSTNAME", name).replace("SHORT", short).replace("hash:", f"{self.map_type}:")
        self.write("/etc/postfix/main.cf", main_cf)
        for dist in ("/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf.proto"):
            if self.path(dist).exists():
                self.write("/etc/postfix/master.cf", self.read(dist))
                break
        for folder in ("deferred", "active", "incoming", "maildrop", "hold", "defer", "bounce", "corrupt"):
            for entry in self.path(f"/var/spool/postfix/{folder}").glob("*"):
                if entry.is_file():
                    entry.unlink()
        for entry in self.path("/var/log").glob("mail*"):
            entry.unlink()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path("/var/log/journal"))
        history = sent_lines(short) if self.fault.history else ""
        self.write("/var/log/mail.log", history, 0o640, "root", "adm")
        self.before = len(history)
        self.run("postalias", f"{self.map_type}:/etc/aliases")
        if self.root:
            self.root.adapt(self)
        for needed in {CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)}:
            for parent in (needed, *needed.parents):
                inside = self.path(str(parent))
                if not inside.stat().st_mode & 0o001:
                    inside.chmod(inside.stat().st_mode | 0o055)

    def command(self, argv: tuple[str, ...], user: str | None = None) -> list[str]:
        """The outer command that runs argv inside the machine. user: an account, or account+group for one in that group
        as well."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--"]
        if user:
            name, _, group = user.partition("+")
            account = pwd.getpwnam(name)
            # What is preloaded (a false clock) hands root's shared memory on by the environment.
            ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}"]
            groups = f"--groups={grp.getgrnam(group).gr_gid}" if group else "--init-groups"
            enter += ["setpriv", *ids, groups, "--reset-env"]
        return [*enter, *argv]

    def run(
        self,
        *argv: str,
        user: str | None = None,
        stdin: str | None = None,
        timeout: float = 60,
        env: dict[str, str] | None = None,
        cwd: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine; never raises for its exit status. Raises LabError when it hangs."""
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root" if user is None else "/nonexistent",
            **(env or {}),
        }
        inner = ("env", "-C", cwd, *argv) if cwd else argv
        if user:
            inner = ("env", *(f"{name}={value}" for name, value in environment.items()), *inner)
        command = self.command(inner, user)
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
            cwd="/",
        ) as child:
            try:
                out, err = child.communicate(stdin or "", timeout)
            except subprocess.TimeoutExpired as problem:
                os.killpg(child.pid, signal.SIGKILL)
                raise LabError(f"{' '.join(argv)} did not end in {timeout} s") from problem
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(list(argv), child.returncode, out, err)

    def postconf(self, **settings: str | None) -> None:
        """Set parameters of main.cf; None removes one."""
        gone = [name for name, value in settings.items() if value is None]
        if gone:
            self.run("postconf", "-c", self.config, "-X", *gone)
        kept = [f"{name}={value}" for name, value in settings.items() if value is not None]
        if kept:
            done = self.run("postconf", "-c", self.config, "-e", *kept)
            if done.returncode:
                raise LabError(done.stderr)
        if not self.started:  # Postfix programs wait before they read a main.cf that is younger than two seconds
            then = time.time() - 500
            os.utime(self.path(f"{self.config}/main.cf"), (then, then))

    def start(self) -> None:
        """Copy files into the chroot as Debian's service does, then start Postfix."""
        script = "/usr/lib/postfix/configure-instance.sh"
        if self.path(script).exists():
            self.run(script, "-")
        self.started = True
        self.run("postfix", "start")

    def submit(self, to: str, sender: str = "", body: str = "", user: str = "www-data") -> None:
        """Hand a message to sendmail(1), as an application's user, who waits 15 s for it: postdrop tries a directory for ever that it may not write to."""
        sender = sender or f"noreply@{self.fault.world.customer}"
        text = f"From: Portal <{sender}>\nTo: <{to}>\nSubject: Please verify your address\n\n{body or 'Hello.'}\n"
        self.run("timeout", "15", "sendmail", "-f", sender, "--", *to.split(), user=user, stdin=text)

    def turn_world(self) -> None:
        """Make the internet what its world says it is later."""
        self.internet.send_signal(signal.SIGUSR1)
        time.sleep(0.1)

    def received(self, to: str) -> int:
        """How many messages to that address some server of the internet has taken."""
        with contextlib.suppress(FileNotFoundError):
            return Path(self.folder.name, "received").read_text().split("\n").count(to.lower())
        return 0

    def log(self) -> str:
        """What was logged since the machine came up."""
        if self.journal:
            return self.run("journalctl", "--no-pager", "-o", "short").stdout
        return self.read(self.log_file)[self.before :]

    def wait_for(self, pattern: str, seconds: float = 15) -> None:
        """Wait until the mail log shows a pattern. Raises LabError with the log's end when it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if re.search(pattern, self.log()):
                return
            time.sleep(0.05)
        tail = "\n".join(self.log().splitlines()[-15:])
        raise LabError(f"the log never showed {pattern!r}; it ends\n{tail}")

    def prepare(self) -> None:
        """Do what the fault says, and wait until it shows."""
        from .steps import mail

        for step in self.fault.setup:
            step(self)
        if self.fault.start:
            self.start()
        for step in (mail(),) if self.fault.then is None else self.fault.then:
            step(self)
        if self.fault.shows:
            self.wait_for(self.fault.shows)
        if self.fault.proof:
            command, pattern = self.fault.proof
            done = self.run("sh", "-c", command)
            if not re.search(pattern, done.stdout + done.stderr):
                raise LabError(f"{command} did not show {pattern!r}:\n{done.stdout}{done.stderr}")
        if self.root:
            self.root.last(self)

    def diagnose(
        self, *args: str, user: str | None = None, timeout: float = 90, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the tool of this checkout inside the machine."""
        return self._tool((), args, user, timeout, stdin)

    def traced(self, *args: str) -> str:
        """Every program that the tool starts, with arguments and environment."""
        with contextlib.suppress(FileNotFoundError):
            self.path("/tmp/trace").unlink()
        strace = ("strace", "-f", "-v", "-s", "9999", "-e", "trace=execve", "-o", "/tmp/trace")
        self._tool(strace, args, None, 120, "")
        return self.read("/tmp/trace")

    def _tool(
        self, before: tuple[str, ...], args: tuple[str, ...], user: str | None, timeout: float, stdin: str
    ) -> subprocess.CompletedProcess[str]:
        if self.root and not self.root.package:
            return self.run(*before, *self.root.tool(), *args, user=user, timeout=timeout, stdin=stdin, cwd="/tmp")
        argv = (*before, sys.executable, "-m", "diagnose", *args)
        env = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
        return self.run(*argv, user=user, env=env, timeout=timeout, cwd=str(CHECKOUT), stdin=stdin)


__all__ = ["HOST_IPV6", "SECRET", "LabError", "Machine", "authority"]
