"""Parses applications' settings files as each application does. Pure: text to values."""

# Application.product to the commands that apply its edited settings.
APPLY = {
    "codenvy": ("service codenvy restart",),
    "codenvy by puppet": ("puppet agent -t", "service codenvy restart"),
}
