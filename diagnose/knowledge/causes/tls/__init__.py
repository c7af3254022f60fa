"""TLS between this host and the next server."""

from __future__ import annotations

from diagnose.model import Sign, Status

# Mail that is delivered now on the same way disproves every outage here.
FLOW = Sign("mail.flow", -25, Status.OK)
README = "https://www.postfix.org/TLS_README.html"
CLIENT = f"{README}#client_tls"
