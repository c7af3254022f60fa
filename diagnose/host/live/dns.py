"""Names: raw DNS questions to one server at a time, and the host's own resolution."""

from __future__ import annotations

import socket
import time
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from diagnose import files, threads
from diagnose.host.live.wire import as_user
from diagnose.host.query import DnsReply, Lookup, Resolve, ResolveReply
from diagnose.parse.system.nameservice import Resolv, resolv_conf

PORT = 53
_LEADS_ON = (dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.RRSIG)  # to a name that may not exist
TRY = 2.0  # seconds for one server's answer before the question is repeated or the next server is asked


def lookup(query: Lookup, deadline: float) -> DnsReply:
    """Asks `server`, or those of resolv.conf in turn; repeats a truncated answer over TCP, and asks over TCP only if
    resolv.conf says so (option use-vc)."""
    started = time.monotonic()
    end = min(deadline, started + query.timeout)
    own = _settings()
    servers = (query.server,) if query.server else own.used
    try:
        message = dns.message.make_query(query.name, query.rtype, want_dnssec=False)
        # AD without DO asks a validating resolver to say so (RFC 6840 5.7).
        message.flags |= 0x0020
    except (dns.exception.DNSException, ValueError) as error:
        return DnsReply(problem=f"not a name: {type(error).__name__}")
    problem, last, cut = "no name server is configured", None, False
    for attempt in range(2):
        for server in servers:
            left = end - time.monotonic()
            if left <= 0:
                break
            with as_user(query.user):
                reply, problem_here, short = _ask(
                    message,
                    server,
                    min(left, TRY if attempt == 0 or len(servers) > 1 else left),
                    "use-vc" in own.options and server in own.used,
                )
            if reply is None:
                problem, cut = problem_here, short
                continue
            answer = _reading(reply, query, server, time.monotonic() - started)
            if answer.tells or query.server:
                return answer
            last = answer
        if last is not None:
            return last
    seconds = time.monotonic() - started
    return DnsReply(problem=problem, server=servers[0] if servers else "", seconds=seconds, truncated=cut)


def _ask(message: Any, server: str, timeout: float, by_tcp: bool) -> tuple[Any, str, bool]:
    """(reply or None, problem, whether only TCP failed)."""
    cut = "over TCP (option use-vc of resolv.conf): " if by_tcp else ""
    try:
        try:
            if by_tcp:
                return dns.query.tcp(message, server, timeout=timeout, port=PORT), "", False
            reply = dns.query.udp(message, server, timeout=timeout, port=PORT, raise_on_truncation=True)
        except dns.message.Truncated:
            cut = "its answer does not fit UDP, and over TCP: "
            reply = dns.query.tcp(message, server, timeout=timeout, port=PORT)
            # What was cut off may be the very answer (RFC 2181 9).
            if reply.flags & dns.flags.TC:
                return None, f"{server}: {cut}cut off as well", True
        if reply.rcode() == dns.rcode.NXDOMAIN and any(s.rdtype not in _LEADS_ON for s in reply.answer):
            return None, f"{server}: contradicts itself: no such name, with an answer", False
        return reply, "", False
    except dns.exception.Timeout:
        return None, f"{server}: {cut}no answer" if cut else f"no answer from {server}", bool(cut)
    except (dns.exception.DNSException, OSError, ValueError, EOFError) as error:
        text = getattr(error, "strerror", None) or type(error).__name__
        return None, f"{server}: {cut}{text}", bool(cut)


def _reading(reply: Any, query: Lookup, server: str, seconds: float) -> DnsReply:
    rcode = dns.rcode.to_text(reply.rcode())
    wanted = dns.rdatatype.from_text(query.rtype)
    answers = [_text(record) for section in reply.answer for record in section if section.rdtype == wanted]
    if rcode == "NOERROR" and not answers:
        rcode = "NODATA"
    return DnsReply(
        rcode=rcode,
        answers=tuple(sorted(answers)),
        server=server,
        seconds=seconds,
        authentic=bool(reply.flags & 0x0020),
    )


def _text(record: Any) -> str:
    """Presentation form; a TXT record's strings joined, as SPF and DKIM read them."""
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    return str(record.to_text())


def _settings() -> Resolv:
    """/etc/resolv.conf, as far as it can be read."""
    try:
        return resolv_conf(files.head("/etc/resolv.conf", 100_000)[0].decode("utf-8", "replace"))
    except OSError:
        return resolv_conf("")


def resolve(query: Resolve, deadline: float) -> ResolveReply:
    """getaddrinfo in a thread of its own: the C library's time-outs are longer than ours."""
    result: list[ResolveReply] = []

    def work() -> None:
        try:
            found = socket.getaddrinfo(query.name, None, type=socket.SOCK_STREAM)
            addresses = dict.fromkeys(str(item[4][0]) for item in found)
            result.append(ResolveReply(addresses=tuple(addresses)))
        except socket.gaierror as error:
            known = {socket.EAI_NONAME: "name not known", socket.EAI_AGAIN: "temporary failure"}
            result.append(ResolveReply(problem=known.get(error.errno or 0, str(error.strerror))))
        except (OSError, UnicodeError) as error:
            result.append(ResolveReply(problem=str(error)))

    thread = threads.begin(work)
    if thread is None:
        return ResolveReply(problem="no thread can be started")
    thread.join(max(0.0, deadline - time.monotonic() - 0.05))
    return result[0] if result else ResolveReply(problem="no answer in time")
