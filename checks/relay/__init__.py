"""The relay: its name, its answer, its TLS, and the login."""
