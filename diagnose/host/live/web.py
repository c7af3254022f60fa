"""One HTTP request with a deadline, a bounded answer and no way to another host.

No message of this module holds a part of the address: webhooks carry their secrets in path, query or user name.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

LIMIT = 65_536  # bytes of an answer that are read; the rest is left on the wire
HOPS = 3  # redirects within the host that are followed


@dataclass(frozen=True, slots=True)
class Answer:
    """status: of the last response, 0 where there was none. problem: one line, empty where the status is 2xx."""

    status: int
    text: str
    problem: str


def check_url(url: str) -> str | None:
    """Why this is no address to send to, None where it is one. Says nothing of the address itself."""
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
    """Sends and waits no longer than `timeout` seconds, however slowly the other side talks."""
    deadline = time.monotonic() + timeout
    first = _place(url)
    for _ in range(HOPS + 1):
        answer, onward = _once(url, body, headers, deadline, method)
        if onward is None:
            return answer
        from urllib.parse import urljoin

        url = urljoin(url, onward)
        if check_url(url) is not None or _place(url)[1] != first[1]:
            return Answer(answer.status, "", f"HTTP {answer.status} leads to another host: not followed")
        if first[0] == "https" and _place(url)[0] != "https":
            return Answer(answer.status, "", f"HTTP {answer.status} leads from https to http: not followed")
    return Answer(answer.status, "", f"HTTP {answer.status}: more than {HOPS} redirects")


def _place(url: str) -> tuple[str, str | None]:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme, parts.hostname


def _once(url: str, body: bytes, headers: Mapping[str, str], deadline: float, method: str) -> tuple[Answer, str | None]:
    import http.client
    import ssl
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    left = deadline - time.monotonic()
    if left <= 0:
        return Answer(0, "", "no answer in time"), None
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    proxy = _proxy(parts.scheme, parts.hostname or "")
    if proxy is None:
        connection = kind(parts.hostname or "", parts.port, timeout=left)
    else:
        connection = kind(proxy.host, proxy.port, timeout=left)
        if parts.scheme == "https":
            connection.set_tunnel(parts.hostname or "", parts.port, proxy.headers)
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
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        extra: dict[str, str] = {}
        if proxy is not None and parts.scheme == "http":
            extra |= {**proxy.headers, "Host": parts.netloc.rpartition("@")[2]}
            path = f"http://{extra['Host']}{path}"
        if parts.username:
            extra["Authorization"] = _basic(unquote(parts.username), unquote(parts.password or ""))
        connection.request(method, path, body=body, headers={"User-Agent": "mail-diagnose", **extra, **headers})
        response = connection.getresponse()
        text = response.read(LIMIT).decode("utf-8", "replace")
        if late.is_set():
            return Answer(0, "", "no answer in time"), None
        onward = response.getheader("Location") if response.status in (301, 302, 303, 307, 308) else None
        good = 200 <= response.status < 300
        return Answer(response.status, text, "" if good else f"HTTP {response.status}"), onward
    except ssl.SSLCertVerificationError as error:
        return Answer(0, "", f"its certificate is not trusted ({error.verify_message})"), None
    except socket.gaierror as error:
        return Answer(0, "", f"its name cannot be resolved ({error.strerror})"), None
    except TimeoutError:
        return Answer(0, "", "no answer in time"), None
    except OSError as error:
        why = "no answer in time" if late.is_set() else error.strerror or type(error).__name__
        return Answer(0, "", why), None
    except (http.client.HTTPException, ValueError) as error:
        why = "no answer in time" if late.is_set() else f"no proper HTTP answer ({type(error).__name__})"
        return Answer(0, "", why), None
    finally:
        watch.cancel()
        connection.close()
