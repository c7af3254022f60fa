"""What the relay and receivers say of this host, its sender and its mail."""

# Receivers' own words in current mail decide; mail that flows on the same way speaks against any outage.
# One message or mailbox may fail beside mail that flows; the log's check has told small shares apart.
POSTFIX = "https://www.postfix.org/postconf.5.html"
