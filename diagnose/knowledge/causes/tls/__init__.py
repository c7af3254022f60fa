"""TLS between this host and the next server."""

# Mail that is delivered now on the same way disproves every outage here.
README = "https://www.postfix.org/TLS_README.html"
CLIENT = f"{README}#client_tls"
