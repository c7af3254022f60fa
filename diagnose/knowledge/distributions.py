"""What each family of Linux distributions calls the things that a mail fix needs: the only place with such names."""

from dataclasses import dataclass

_CA = "/etc/ssl/certs/ca-certificates.crt"
CA_FILES = (
    _CA,
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the bundle of certification authorities; the first that is there is this host's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """map_type: what postmap makes by default; sasl_packages: the mechanisms PLAIN and LOGIN; install: the command before
    package names; log_files in order of likelihood (the journal alone may hold the log)."""

    ca_file: str = _CA
    map_type: str
    sasl_packages: tuple[str, ...]
    install: str
    log_files: tuple[str, ...] = ()
    manager: str = "systemd"


FAMILIES = {
    "debian": Family(
        map_type="hash",
        sasl_packages=("libsasl2-modules",),
        install="apt-get install -y",
        log_files=("/var/log/mail.log", "/var/log/syslog"),
    ),
    "rhel": Family(
        ca_file=CA_FILES[1],
        map_type="hash",
        sasl_packages=("cyrus-sasl-plain",),
        install="dnf install -y",
        log_files=("/var/log/maillog",),
    ),
    "suse": Family(
        ca_file=CA_FILES[3],
        map_type="lmdb",
        sasl_packages=("cyrus-sasl-plain",),
        install="zypper --non-interactive install",
        log_files=("/var/log/mail", "/var/log/mail.info"),
    ),
    "alpine": Family(
        map_type="lmdb",
        sasl_packages=("cyrus-sasl", "cyrus-sasl-login"),
        install="apk add",
        log_files=("/var/log/mail.log", "/var/log/messages"),
        manager="openrc",
    ),
    "arch": Family(map_type="lmdb", sasl_packages=("cyrus-sasl",), install="pacman -S --needed --noconfirm"),
}

_MANAGERS = {
    "systemd": "systemctl {verb} {unit}",
    "openrc": "rc-service {unit} {verb}",
    "sysv": "service {unit} {verb}",
}


def service(manager: str, verb: str, unit: str = "postfix") -> str:
    """A command. manager: systemd, openrc, sysv, or "" for none (in a container, where Postfix' own command starts and stops it);
    verb: start, stop, restart, reload, status."""
    if not manager and verb == "restart":  # postfix(1) has no such verb
        return f"{unit} stop && {unit} start"
    return _MANAGERS.get(manager, "{unit} {verb}").format(verb=verb, unit=unit)
