"""Settings files of applications, each read as its application reads it; from text to values, nothing is asked."""

_RESTART = "service codenvy restart        # the mail session is made once, when the application starts"
# By the product whose file was read (`Application.product`): how its edited settings take effect.
APPLY = {"codenvy": (_RESTART,), "codenvy by puppet": ("puppet agent -t        # renders the file", _RESTART)}
