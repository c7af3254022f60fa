"""TLS between this host and the next server."""

from __future__ import annotations

# Mail that is delivered now on the same way disproves every outage here.
README = "https://www.postfix.org/TLS_README.html"
CLIENT = f"{README}#client_tls"
