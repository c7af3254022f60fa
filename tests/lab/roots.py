"""Root file systems of other distributions: real ones by debootstrap, kept below /var/cache, and layouts made of what
distinguishes them. The tool is the single file, run by the root's own Python where that is new enough."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from diagnose.record import frozen

if TYPE_CHECKING:
    from .machine import Machine

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("MAIL_DIAGNOSE_ROOTS", "/var/cache/mail-diagnose-roots"))
MIRROR = "http://deb.debian.org/debian"
_PACKAGES = "postfix,python3,iproute2,procps,nftables,ca-certificates,libsasl2-modules"
_OUTER = "/outer"
_making = threading.Lock()


def _nothing(m: Machine) -> None:
    pass


@frozen
class Root:
    """suite: of Debian; "" for a layout on the outer system's own files; package: the mailer that is installed over these in place of
    Postfix. adapt: once the machine is installed; last: before the
    tool is asked. map_type: of its tables. old: its own Python is too old."""

    name: str
    suite: str = ""
    package: str = ""
    map_type: str = "hash"
    old: bool = False
    adapt: Callable[[Machine], None] = _nothing
    last: Callable[[Machine], None] = _nothing

    def folder(self) -> str:
        """Its files; raises CalledProcessError where they cannot be had."""
        if not self.package and not self.suite:
            return "/"
        CACHE.mkdir(parents=True, exist_ok=True)
        with _making, (CACHE / ".making").open("w") as lock:  # against threads, and other processes
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _with_mailer(self.package) if self.package else _bootstrapped(self.suite)

    def tool(self) -> tuple[str, ...]:
        """The words before the tool's own arguments, in the machine."""
        file = single_file()
        if not self.suite:
            return (sys.executable, file)
        if not self.old:
            return ("python3", f"{_OUTER}{file}")
        loader = next(Path("/lib").glob("*-linux-*/ld-*.so.*"))
        libraries = f"{sys.base_prefix}/lib:{_OUTER}{loader.parent}:{_OUTER}/usr{loader.parent}"
        python = os.path.realpath(sys.executable)
        home = f"PYTHONHOME={sys.base_prefix}"
        return ("env", home, f"{_OUTER}{loader}", "--library-path", libraries, python, f"{_OUTER}{file}")


@functools.cache
def _bootstrapped(suite: str) -> str:
    place = CACHE / suite
    if not (place / ".done").exists():
        subprocess.run(["rm", "-rf", str(place)], check=True)
        argv = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, str(place), MIRROR]
        subprocess.run(argv, check=True, capture_output=True)
        (place / ".done").touch()
    return str(place)


# The outer system's files with another mailer, installed by apt as anybody does: what differs, as an archive.
_INSTALL = """\
set -e
mount --make-rprivate /
mount -t tmpfs -o size=1g lab /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
mount -t proc proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
mount -t tmpfs run /mnt/root/run
printf '#!/bin/sh\\nexit 101\\n' > /mnt/root/usr/sbin/policy-rc.d
chmod 755 /mnt/root/usr/sbin/policy-rc.d
DEBIAN_FRONTEND=noninteractive chroot /mnt/root apt-get -qq -y --no-install-recommends install "$1"
DEBIAN_FRONTEND=noninteractive chroot /mnt/root dpkg --purge --force-all postfix >/dev/null
rm -f /mnt/root/usr/sbin/policy-rc.d
umount /mnt/root/run /mnt/root/proc
umount -R -l /mnt/root/dev
umount -l /mnt/root
cd /mnt/upper
rm -rf var/cache/apt tmp run usr/share/doc usr/share/man usr/share/locale
tar --xattrs --xattrs-include='*' -cf "$2.new" .
"""


@functools.cache
def _with_mailer(package: str) -> str:
    place = CACHE / f"{package}.tar"
    if not place.exists():
        argv = ["unshare", "--mount", "sh", "-c", _INSTALL, "sh", package, str(place)]
        subprocess.run(argv, check=True, capture_output=True)
        os.replace(f"{place}.new", place)
    return str(place)


@functools.cache
def single_file() -> str:
    folder = tempfile.mkdtemp(prefix="mail-diagnose-file-")
    os.chmod(folder, 0o755)
    subprocess.run([sys.executable, str(CHECKOUT / ".ci" / "zipapp.py"), folder], check=True, capture_output=True)
    return f"{folder}/mail-diagnose.pyz"


def _release(m: Machine, text: str) -> None:
    m.path("/etc/os-release").unlink()
    m.write("/etc/os-release", text)
    m.run("sh", "-c", "rm -rf /var/lib/dpkg /var/lib/apt; rm -f /usr/bin/apt* /usr/bin/dpkg* /etc/debian_version")


def _older(m: Machine) -> None:
    m.postconf(compatibility_level="2")


def _rhel(m: Machine) -> None:
    """Its places: certificates below /etc/pki, daemons below /usr/libexec, no chroot, maillog with dated siblings."""
    _release(
        m,
        'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\nPRETTY_NAME="Rocky Linux 9.5"\n',
    )
    m.run(
        "sh",
        "-c",
        "mkdir -p /etc/pki/tls/certs && mv /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt",
    )
    m.run("sh", "-c", "rm -rf /etc/ssl/certs && ln -s /etc/pki/tls/certs /etc/ssl/certs")
    m.ca_file = "/etc/pki/tls/certs/ca-bundle.crt"
    m.run("sh", "-c", "mkdir -p /usr/libexec && mv /usr/lib/postfix/sbin /usr/libexec/postfix")
    m.write("/var/log/maillog-20261101", m.read("/var/log/mail.log"), 0o600)
    m.path("/var/log/mail.log").unlink()
    m.log_file, m.before = "/var/log/maillog", 0
    m.postconf(
        daemon_directory="/usr/libexec/postfix", maillog_file=m.log_file, smtp_tls_CApath="/etc/pki/tls/certs",
        smtp_tls_CAfile=m.ca_file,
    )  # fmt: skip
    m.run("postconf", "-F", "*/*/chroot=n")
    denial = (
        "type=AVC msg=audit(1795600000.123:456): avc:  denied  { read } for  pid=812 comm=\"httpd\" name=\"x\" dev=\"dm-0\" "
        "ino=33 scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:user_home_t:s0 tclass=file permissive=0\n"
    )  # fmt: skip
    m.write("/var/log/audit/audit.log", denial, 0o600)


_BUSYBOX = "ip ps df du find stat netstat route ping traceroute nslookup hostname mount umount dmesg uptime free id awk sed grep"


def _alpine(m: Machine) -> None:
    """busybox' commands in place of all others, no systemd, lmdb tables, no chroot."""
    _release(m, 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.0\nPRETTY_NAME="Alpine Linux v3.21"\n')
    gone = "ss iptables iptables-save ip6tables ip6tables-save findmnt lsof systemctl journalctl timedatectl resolvectl loginctl"
    m.run("sh", "-c", f"for c in {gone}; do rm -f /usr/bin/$c /usr/sbin/$c; done; rm -rf /run/systemd")
    m.run("sh", "-c", f"for c in {_BUSYBOX}; do rm -f /usr/bin/$c /usr/sbin/$c; ln -s /bin/busybox /usr/bin/$c; done")
    m.run("sh", "-c", "mkdir -p /usr/libexec && mv /usr/lib/postfix/sbin /usr/libexec/postfix")
    m.postconf(daemon_directory="/usr/libexec/postfix")
    m.run("postconf", "-F", "*/*/chroot=n")


def _hidden(m: Machine) -> None:
    m.run("mount", "-o", "remount,hidepid=2", "/proc")


def _without_proc(m: Machine) -> None:
    m.run("umount", "-l", "/proc")


def _journal_only(m: Machine) -> None:
    from .steps import journal

    journal()(m)


def _without_postfix(m: Machine) -> None:
    m.run("sh", "-c", "rm -rf /etc/postfix /var/spool/postfix /var/lib/postfix /var/log/mail.log")


# By the mailer's name; the tool is this checkout.
MAILERS = {
    name: Root(name=name, package=package, adapt=_without_postfix)
    for name, package in (("exim", "exim4-daemon-light"), ("msmtp", "msmtp-mta"), ("nullmailer", "nullmailer"))
}

ROOTS = {
    root.name: root
    for root in (
        Root(name="bullseye", suite="bullseye", old=True, adapt=_older),
        Root(name="trixie", suite="trixie"),
        Root(name="sid", suite="sid"),
        Root(name="sid-cdb", suite="sid", map_type="cdb"),
        Root(name="rhel", adapt=_rhel),
        Root(name="alpine", map_type="lmdb", adapt=_alpine),
        Root(name="journal", adapt=_journal_only),
        Root(name="hidepid", last=_hidden),
        Root(name="no-proc", last=_without_proc),
    )
}
CASES = (
    "isp-drops-25",
    "isp-blocks-587",
    "relay-name-typo",
    "recipient-domain-typo",
    "cafile-missing-encrypt",
    "relay-certificate-expired",
    "tls-off-relay-demands",
    "port-465-without-wrapper",
    "sasl-off",
    "sasl-map-never-compiled",
    "sasl-key-no-port",
    "gmail-bad-password",
    "healthy-idle",
    "healthy-relay-587",
    "healthy-rate-delay",
    "healthy-unknown-relay-465",
)
