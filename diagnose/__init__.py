"""Says why mail does not leave this server, proves it, and writes the fix."""

__version__ = "0.1.0"
