"""Starts mail-diagnose out of its single file. Parses under old Pythons, too, to say which one is needed."""

# ruff: noqa: UP031, UP036, RUF005
import os
import sys

# Distribution, the version from which on it has one, the command that installs it: made from distributions.toml.
PYTHONS = ()


def release():
    values = {}
    try:
        with open("/etc/os-release") as file:
            for line in file:
                name, _, value = line.strip().partition("=")
                values[name] = value.strip("\"'")
    except OSError:
        pass
    return values


def number(text):
    return [int(part) for part in text.split(".") if part.isdecimal()]


def newer():
    """The path of this host's newest Python from 3.10 on, "" for none."""
    for folder in ("/usr/bin", "/usr/local/bin"):
        for minor in range(20, 9, -1):
            path = "%s/python3.%d" % (folder, minor)
            if os.access(path, os.X_OK):
                return path
    return ""


def needed():
    here = release()
    for name in [here.get("ID", "")] + here.get("ID_LIKE", "").split():
        for known, since, command in PYTHONS:
            if known == name and number(here.get("VERSION_ID", "0")) >= number(since):
                return "%s\nThen run the same again: it finds that one." % command
    return "no package of this system's brings one: install Python 3.10 or newer beside it"


def compile_once():
    """zipimport compiles a module to learn its file's name, and then once more to run it."""
    import zipimport

    class Importer(zipimport.zipimporter):
        def get_filename(self, fullname):
            tail = "/__init__.py" if self.is_package(fullname) else ".py"
            return os.path.join(self.archive, self.prefix + fullname.rpartition(".")[2] + tail)

    sys.path_hooks.insert(0, Importer)
    sys.path_importer_cache.clear()


def main():
    if sys.version_info >= (3, 10):
        compile_once()
        from diagnose.cli import entry

        entry()
        return
    other = newer()
    if other and sys.argv[0]:
        os.execv(other, [other] + sys.argv)
    have = ".".join(str(part) for part in sys.version_info[:3])
    sys.stderr.write("mail-diagnose needs Python 3.10 or newer, and this is %s: %s\n" % (have, needed()))
    sys.exit(3)


if __name__ == "__main__":
    main()
