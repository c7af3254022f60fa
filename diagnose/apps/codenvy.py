"""Where Codenvy keeps its mail settings: a properties file, the Puppet template for it, or the variables of a Docker
installation."""

from __future__ import annotations

import re

_NAME = "email-connection.properties"
GENERATED = (
    f"/home/*/codenvy-data/conf/{_NAME}",
    f"/home/*/cl-data/*/{_NAME}",
    f"/home/*/cl-data/{_NAME}",
    f"/home/*/cl-data/*/*/{_NAME}",
    f"/etc/codenvy*/{_NAME}",
    f"/etc/codenvy*/*/{_NAME}",
    f"/opt/codenvy*/{_NAME}",
    f"/opt/codenvy*/*/{_NAME}",
    f"/opt/codenvy*/*/*/{_NAME}",
)
TEMPLATES = (
    f"/etc/puppet/modules/*/templates/{_NAME}.erb",
    f"/etc/puppet/environments/*/modules/*/templates/{_NAME}.erb",
    f"/etc/puppetlabs/code/modules/*/templates/{_NAME}.erb",
    f"/etc/puppetlabs/code/environments/*/modules/*/templates/{_NAME}.erb",
)
MANIFESTS = (
    "/etc/puppet/manifests/nodes/*/*.pp",
    "/etc/puppet/manifests/nodes/*.pp",
    "/etc/puppet/manifests/*.pp",
    "/etc/puppet/environments/*/manifests/*.pp",
    "/etc/puppetlabs/code/environments/*/manifests/*.pp",
    "/etc/puppetlabs/code/environments/*/manifests/nodes/*/*.pp",
)
ENVIRONMENTS = tuple(
    "/etc/codenvy*/codenvy.env /home/*/codenvy.env /home/*/*/codenvy.env /root/codenvy.env "
    "/opt/codenvy*/codenvy.env /codenvy/codenvy.env /data/codenvy.env /var/lib/codenvy*/codenvy.env".split()
)
# Property to (variable of codenvy.env, default), from Codenvy 5's manifest.
_PREFIX = "CODENVY_MAIL"
DOCKER = {
    "mail.host": (f"{_PREFIX}_HOST", "smtp.example.com"),
    "mail.port": (f"{_PREFIX}_HOST_PORT", "465"),
    "mail.ssl": (f"{_PREFIX}_USE_SSL", "true"),
    "mail.transport.protocol": (f"{_PREFIX}_TRANSPORT_PROTOCOL", "smtp"),
    "mail.smtp.auth": (f"{_PREFIX}_SMTP_AUTH", "true"),
    "mail.smtp.socketFactory.class": (f"{_PREFIX}_SMTP_SOCKETFACTORY_CLASS", "javax.net.ssl.SSLSocketFactory"),
    "mail.smtp.socketFactory.fallback": (f"{_PREFIX}_SMTP_SOCKETFACTORY_FALLBACK", "false"),
    "mail.smtp.socketFactory.port": (f"{_PREFIX}_SMTP_SOCKETFACTORY_PORT", "465"),
    "mail.smtp.auth.username": (f"{_PREFIX}_SMTP_AUTH_USERNAME", "smtp_username"),
    "mail.smtp.auth.password": (f"{_PREFIX}_SMTP_AUTH_PASSWORD", "smtp_password"),
}
# Paths that mark a file named by the user as Codenvy's.
OWN = re.compile(rf"{re.escape(_NAME)}(?:\.erb)?$|codenvy")
