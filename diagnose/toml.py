"""TOML: the standard library's reader, which came with Python 3.11, or the package that it was made from."""

import sys

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError, loads
else:
    from tomli import TOMLDecodeError, loads
