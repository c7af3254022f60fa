"""Settings files of applications, each read as its application reads it; from text to values, nothing is asked."""

# By the product whose file was read (`Application.product`): how its edited settings take effect.
APPLY = {
    "codenvy": ("service codenvy restart",),
    "codenvy by puppet": ("puppet agent -t", "service codenvy restart"),
}
