"""One HTTP request with a deadline, a bounded answer and no redirect to another host.

No message of this module holds a part of the address: webhooks carry their secrets in path, query or user name.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from diagnose.record import dataclass

if TYPE_CHECKING:
    import http.client

LIMIT = 65_536  # bytes of an answer that are read; the rest is left on the wire
HOPS = 3  # redirects within the host that are followed


@dataclass(frozen=True)
class Answer:
    """status: of the last response, 0 if there was none. problem: one line, empty if the status is 2xx. wait: the
    seconds to wait before the next request (Retry-After, RFC 9110 10.2.3), None if it does not say."""

    status: int
    text: str
    problem: str
    wait: float | None = None


def check_url(url: str) -> str | None:
    """Why this is not a usable address, None if it is. The text holds no part of the address."""
    from urllib.parse import urlsplit

    if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in url):
        return "the address holds a blank or a control character"
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return "the address begins with neither https:// nor http://"
        if not parts.hostname:
            return "the address names no host"
        if parts.port is not None and not 0 < parts.port < 65536:
            return "the address has no usable port"
    except ValueError:
        return "the address cannot be read"
    return None


def send(url: str, body: bytes, headers: Mapping[str, str], timeout: float, method: str = "POST") -> Answer:
    """Sends, and returns after `timeout` seconds at the latest. In a thread of its own, because the C library's
    resolver has no time-out of ours, and DNS may be what is broken."""
    answers: list[Answer] = []
    deadline = time.monotonic() + timeout
    worker = threading.Thread(target=lambda: answers.append(_send(url, body, headers, deadline, method)), daemon=True)
    worker.start()
    worker.join(max(0.0, timeout) + 0.5)
    return answers[0] if answers else Answer(0, "", "no answer in time")


def _send(url: str, body: bytes, headers: Mapping[str, str], deadline: float, method: str) -> Answer:
    from urllib.parse import urljoin

    first = _place(url)
    for _ in range(HOPS + 1):
        answer, onward = _once(url, body, headers, deadline, method)
        if onward is None:
            return answer
        try:
            url = urljoin(url, onward)
        except ValueError:
            return Answer(answer.status, "", f"HTTP {answer.status} leads nowhere")
        if check_url(url) is not None or _place(url)[1] != first[1]:
            return Answer(answer.status, "", f"HTTP {answer.status} leads to another host: not followed")
        if first[0] == "https" and _place(url)[0] != "https":
            return Answer(answer.status, "", f"HTTP {answer.status} leads from https to http: not followed")
    return Answer(answer.status, "", f"HTTP {answer.status}: more than {HOPS} redirects")


def _place(url: str) -> tuple[str, str | None]:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme, parts.hostname


@dataclass(frozen=True)
class _Proxy:
    host: str
    port: int
    headers: dict[str, str]


def _proxy(scheme: str, host: str) -> _Proxy | None:
    """The proxy that the environment names (http_proxy, https_proxy, no_proxy): None for a direct connection, and if
    its value cannot be read."""
    from urllib.parse import unquote, urlsplit
    from urllib.request import getproxies_environment, proxy_bypass

    try:
        named = getproxies_environment().get(scheme)
        if not named or proxy_bypass(host):
            return None
        parts = urlsplit(named if "://" in named else f"http://{named}")
        if not parts.hostname:
            return None
        login = _basic(unquote(parts.username), unquote(parts.password or "")) if parts.username else ""
        return _Proxy(parts.hostname, parts.port or 3128, {"Proxy-Authorization": login} if login else {})
    except ValueError:
        return None


def _basic(user: str, password: str) -> str:
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _way(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """(unopened connection, request target, further headers)."""
    import http.client
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "mail-diagnose"}
    if parts.username:
        headers["Authorization"] = _basic(unquote(parts.username), unquote(parts.password or ""))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    proxy = _proxy(parts.scheme, host)
    if proxy is None:
        return kind(host, parts.port, timeout=timeout), path, headers
    connection = kind(proxy.host, proxy.port, timeout=timeout)
    if parts.scheme == "https":
        connection.set_tunnel(host, parts.port, proxy.headers)
    else:
        headers |= {**proxy.headers, "Host": parts.netloc.rpartition("@")[2]}
        path = f"http://{headers['Host']}{path}"
    return connection, path, headers


def _once(url: str, body: bytes, headers: Mapping[str, str], deadline: float, method: str) -> tuple[Answer, str | None]:
    """(answer, redirect target or None)."""
    import http.client
    import ssl

    left = deadline - time.monotonic()
    if left <= 0:
        return Answer(0, "", "no answer in time"), None
    connection, path, own = _way(url, left)
    late = threading.Event()

    def stop() -> None:
        late.set()
        if connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # A server that sends a byte a second never trips the socket's own time-out.
    watch = threading.Timer(left, stop)
    watch.daemon = True
    watch.start()
    try:
        connection.request(method, path, body=body, headers={**own, **headers})
        response = connection.getresponse()
        text = response.read(LIMIT).decode("utf-8", "replace")
        if late.is_set():
            return Answer(0, "", "no answer in time"), None
        onward = response.getheader("Location") if response.status in (301, 302, 303, 307, 308) else None
        good = 200 <= response.status < 300
        wait = None if good else _seconds(response.getheader("Retry-After", ""))
        return Answer(response.status, text, "" if good else f"HTTP {response.status}", wait), onward
    except ssl.SSLCertVerificationError as error:
        return Answer(0, "", f"its certificate is not trusted ({error.verify_message})"), None
    except socket.gaierror as error:
        return Answer(0, "", f"its name cannot be resolved ({error.strerror})"), None
    except TimeoutError:
        return Answer(0, "", "no answer in time"), None
    except OSError as error:
        why = "no answer in time" if late.is_set() else error.strerror or _refused(error)
        return Answer(0, "", why), None
    except (http.client.HTTPException, ValueError) as error:
        why = "no answer in time" if late.is_set() else f"no proper HTTP answer ({type(error).__name__})"
        return Answer(0, "", why), None
    finally:
        watch.cancel()
        connection.close()


def _seconds(retry_after: str) -> float | None:
    """A Retry-After value, a number or a date, in seconds from now."""
    from email.utils import parsedate_to_datetime

    if retry_after.strip().isdecimal():
        return float(retry_after.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _refused(error: OSError) -> str:
    """A proxy's refusal; only its status code is repeated, because its text is untrusted."""
    import re

    found = re.match(r"Tunnel connection failed: (\d{3})\b", str(error))
    return f"the proxy answered {found[1]}" if found else type(error).__name__
