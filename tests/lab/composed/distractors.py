"""What else stands on a machine and has nothing to do with what is broken."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.history import dated, merge, sent_lines
from tests.lab.steps import append, nft, settings, write
from tests.lab.surroundings import DOMAINS

from .names import COPY
from .site import Site, in_host, owns_network


def past(site: Site, text: str) -> None:
    """Lines that the log holds from before; {T<hours>} is a time so many hours ago."""
    lines = dated(text)
    site.before.append(lambda m: merge(m, site.log, lines))


def hop(site: Site) -> str:
    """relay= of the log."""
    return f"{site.hosts[0]}[{site.addresses()[0]}]:{site.port}"


def _qid(site: Site) -> str:
    return f"{site.rng.randrange(16**10):010X}"


def sent_before(site: Site, count: int, oldest: float, newest: float, to: str) -> str:
    """Delivered mail in {T} form is what sent_lines() writes with times; here it is merged as it is."""
    return sent_lines("app", count, oldest, newest, hop(site), to)


def _healthy_traffic(site: Site) -> None:
    to = [f"p{{n}}@{domain}" for domain in site.rng.sample(DOMAINS, 3)]
    lines = "".join(sent_before(site, 12, 20 - number, 1.5, one) for number, one in enumerate(to))
    site.before.append(lambda m: merge(m, site.log, lines))


def _strangers(site: Site) -> None:
    """Probes of the public port 25: relay attempts, guessed logins, hang-ups."""
    text = ""
    for n in range(site.rng.randint(3, 9)):
        ip = f"{site.pick(45, 141, 185)}.{site.rng.randint(1, 250)}.{site.rng.randint(1, 250)}.{site.rng.randint(1, 250)}"
        at, pid = f"{{T{site.rng.uniform(0.1, 30):.2f}}} app postfix/smtpd[{900 + n}]: ", f"unknown[{ip}]"
        text += f"{at}connect from {pid}\n"
        text += site.pick(
            f"{at}warning: {pid}: SASL LOGIN authentication failed: UGFzc3dvcmQ6\n",
            f"{at}NOQUEUE: reject: RCPT from {pid}: 454 4.7.1 <test{n}@gmail.com>: Relay access denied; from=<x@spam.biz> "
            f"to=<test{n}@gmail.com> proto=ESMTP helo=<win-{n}>\n",
            f"{at}NOQUEUE: reject: RCPT from {pid}: 554 5.7.1 Service unavailable; Client host [{ip}] blocked using "
            f"zen.spamhaus.org; from=<a@b.biz> to=<info@brightwater-labs.com> proto=SMTP helo=<{ip}>\n",
            f"{at}SSL_accept error from {pid}: -1\n{at}warning: TLS library problem: error:0A000102:SSL "
            "routines::unsupported protocol:../ssl/statem/statem_srvr.c:1657:\n",
        )
        text += f"{at}lost connection after {site.pick('AUTH', 'RCPT', 'UNKNOWN')} from {pid}\n"
    past(site, text)


def _failed(site: Site, hours: float, to: str, said: str, dsn: str, status: str, qid: str = "") -> str:
    qid = qid or _qid(site)
    at = f"{{T{hours:.2f}}} app postfix/"
    end = f"{at}qmgr[712]: {qid}: removed\n" if status != "deferred" else ""
    return (
        f"{at}smtp[{site.rng.randint(2000, 9000)}]: {qid}: to=<{to}>, relay={hop(site)}, delay=1.1, delays=0.02/0.01/0.6/0.47, "
        f"dsn={dsn}, status={status} ({said})\n{end}"
    )


def _bad_recipient(site: Site) -> None:
    to = f"{site.pick('gone', 'old.colleague', 'tst')}@{site.pick(*DOMAINS)}"
    said = f"host {hop(site).rpartition(':')[0]} said: 550 5.1.1 <{to}>: Recipient address rejected: User unknown (in reply to RCPT TO command)"
    past(site, _failed(site, site.rng.uniform(0.3, 40), to, said, "5.1.1", "bounced"))


def _expired_listing(site: Site) -> None:
    """A blocklist held this host's address for a day, last week."""
    to, age = f"info@{site.pick(*DOMAINS)}", site.rng.uniform(80, 160)
    said = (
        f"host mx1.{to.partition('@')[2]}[51.38.12.41] said: 554 5.7.1 Service unavailable; Client host [85.214.88.17] blocked "
        f"using {site.pick('zen.spamhaus.org', 'bl.spamcop.net', 'b.barracudacentral.org')} (in reply to RCPT TO command)"
    )
    later = _failed(site, age - 30, to, "250 2.0.0 Ok: queued as 4XyZ1", "2.0.0", "sent")
    past(site, _failed(site, age, to, said, "5.7.1", "bounced") + later)


def _mended_before(site: Site) -> None:
    """An outage of yesterday, long over: the same message went out an hour later."""
    to, age, qid = f"kim@{site.pick(*DOMAINS)}", site.rng.uniform(12, 60), _qid(site)
    where = hop(site)
    said = site.pick(
        f"connect to {where}: Connection timed out",
        f"lost connection with {where.rpartition(':')[0]} while receiving the initial server greeting",
        f"host {where.rpartition(':')[0]} said: 451 4.3.0 Temporary server error (in reply to end of DATA command)",
        f"host {where.rpartition(':')[0]} said: 450 4.2.0 <{to}>: Recipient address rejected: Greylisted (in reply to RCPT TO command)",
    )
    first = _failed(site, age, to, said, "4.4.1", "deferred", qid)
    past(site, first + _failed(site, age - 1, to, "250 2.0.0 Ok: queued as 7fQ1", "2.0.0", "sent", qid))


def _warning(site: Site) -> None:
    at = f"{{T{site.rng.uniform(0.1, 20):.2f}}} app postfix/"
    ip = f"203.0.113.{site.rng.randint(2, 200)}"
    past(
        site,
        at
        + site.pick(
            f"smtpd[811]: warning: hostname vps{site.rng.randint(10, 99)}.example.net does not resolve to address {ip}: Name or service not known\n",
            f"smtpd[811]: warning: numeric hostname: {ip}\n",
            "postconf[700]: warning: /etc/postfix/main.cf: unused parameter: virtual_mailbox_limit_map=hash:/etc/postfix/quota\n",
            "postfix-script[690]: warning: symlink leaves directory: /etc/postfix/./makedefs.out\n",
            f"anvil[820]: statistics: max connection rate 3/60s for (smtp:{ip}) at Nov 20 10:11:12\n",
            f"smtpd[811]: improper command pipelining after CONNECT from unknown[{ip}]: \\026\\003\\001\\000\n",
        ),
    )


def _odd_setting(site: Site) -> None:
    name, value = site.pick(
        ("smtp_address_preference", "ipv4"),
        ("smtp_tls_loglevel", site.pick("1", "2", "debug")),
        ("maximal_queue_lifetime", "1d"),
        ("smtp_host_lookup", "dns, native"),
        ("smtputf8_enable", "no"),
        ("disable_vrfy_command", "yes"),
        ("smtp_destination_concurrency_limit", "5"),
        ("smtp_tls_mandatory_protocols", ">=TLSv1.2"),
        ("enable_long_queue_ids", "yes"),
        ("smtp_dns_support_level", "dnssec"),
        ("message_size_limit", "52428800"),
        ("header_checks", "regexp:{/^X-Internal:/ IGNORE}"),
        ("smtp_bind_address", "192.168.1.10"),
        ("always_bcc", ""),
        ("unknown_local_recipient_reject_code", "550"),
        ("smtpd_banner", "$myhostname ESMTP"),
        ("address_verify_map", "btree:$data_directory/verify_cache"),
    )
    if name == "header_checks":
        value = "regexp:/etc/postfix/header_checks"
        site.before.append(write("/etc/postfix/header_checks", "/^X-Internal: .*\\.lan$/ IGNORE\n"))
    site.before.append(settings(**{name: value}))


def _leftovers(site: Site) -> None:
    """Files of other mail programs, and of former set-ups."""
    path, text = site.pick(
        ("/etc/exim4/update-exim4.conf.conf", "dc_eximconfig_configtype='local'\n"),
        ("/etc/msmtprc", "defaults\naccount default\nhost mail.old-provider.net\n"),
        ("/etc/postfix/sasl_passwd.bak", "[smtp.old-provider.net]:587 someone:elsewhere\n"),
        ("/etc/postfix/transport", "old.example.net smtp:[mail.old.example.net]\n"),
        ("/etc/postfix/main.cf.dpkg-old", "relayhost = [smtp.old-provider.net]:587\nsmtp_sasl_auth_enable = yes\n"),
        ("/etc/ssmtp/ssmtp.conf", "mailhub=mail.old-provider.net:587\n"),
    )
    site.before.append(write(path, text, 0o600))


def _fences(site: Site) -> None:
    """A packet filter that keeps strangers out and lets mail pass."""
    ports = sorted({22, 25, 53, 80, 443, 465, 587, 2525, 2587, site.port})
    text = site.pick(
        "table inet in {{\n chain i {{\n  type filter hook input priority 5; policy drop;\n  iif lo accept\n  ct state "
        "established,related accept\n  meta l4proto {{ icmp, ipv6-icmp }} accept\n  tcp dport {{ 22, 443 }} accept\n }}\n}}\n",
        "table inet out {{\n chain o {{\n  type filter hook output priority 5; policy drop;\n  oif lo accept\n  ct state "
        "established,related accept\n  meta l4proto {{ icmp, ipv6-icmp }} accept\n  udp dport {{ 53, 123 }} accept\n"
        "  tcp dport {{ {ports} }} accept\n }}\n}}\n",
        "table inet bans {{\n set b {{ type ipv4_addr; elements = {{ 45.129.14.8, 141.98.10.3 }} }}\n chain i {{\n  type filter hook "
        "input priority -1;\n  ip saddr @b drop\n }}\n}}\n",
    )
    site.before.append(nft("host", text.format(ports=", ".join(map(str, ports)))))


def _dead_second_resolver(site: Site) -> None:
    site.before += [append("/etc/resolv.conf", f"nameserver 192.168.1.{site.rng.randint(200, 250)}\n"), COPY]


def _no_ipv6(site: Site) -> None:
    site.before.append(in_host("ip", "-6", "route", "del", "default"))


def _has_log(site: Site) -> bool:
    return bool(site.log)


# name: (what it does, where it may stand, faults that it would change)
DISTRACTORS: dict[str, tuple[Callable[[Site], None], Callable[[Site], bool], tuple[str, ...]]] = {
    "strangers": (_strangers, _has_log, ()),
    "bad-recipient": (_bad_recipient, _has_log, ()),
    "expired-listing": (_expired_listing, _has_log, ()),
    "mended-before": (_mended_before, _has_log, ()),
    "warning": (_warning, _has_log, ()),
    "traffic": (_healthy_traffic, _has_log, ()),
    "odd-setting": (_odd_setting, lambda site: True, ()),
    "leftovers": (_leftovers, lambda site: True, ()),
    "fences": (_fences, owns_network, ("own-filter", "own-ban")),
    "second-resolver": (_dead_second_resolver, lambda site: True, ("resolver", "chroot-resolver")),
    "no-ipv6": (_no_ipv6, owns_network, ("no-internet", "own-filter", "own-ban", "own-route")),
}
