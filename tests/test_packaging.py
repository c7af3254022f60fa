"""The product as one file to copy, and the oldest Python that it runs on."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".ci" / "zipapp.py"
# What Python 3.10 does not have, by module.
NEW = {
    "tomllib": {"*"},
    "enum": {"StrEnum", "ReprEnum", "EnumCheck", "verify", "member", "nonmember", "global_enum"},
    "datetime": {"UTC"},
    "typing": {
        *("Self", "Never", "LiteralString", "assert_never", "assert_type", "reveal_type", "override"),
        *("Required", "NotRequired", "Unpack", "TypeVarTuple", "dataclass_transform", "TypeAliasType"),
    },
    "asyncio": {"TaskGroup", "timeout", "Runner"},
    "itertools": {"batched"},
    "hashlib": {"file_digest"},
    "contextlib": {"chdir"},
    "operator": {"call"},
    "math": {"cbrt", "exp2", "sumprod", "fma"},
    "string": {"get_identifiers"},
    "sys": {"exception", "monitoring"},
    "os": {"setns", "unshare", "EFD_CLOEXEC", "listdrives"},
    "copy": {"replace"},
}
SHIMS = {"diagnose/toml.py"}
CALLS_OUT_OF_A_ZIP = [
    (["--version"], "mail-diagnose"),
    (["--help"], "Examples:"),
    (["list"], "egress-port-25-blocked"),
    (["relay", "list"], "SendGrid"),
    (["cause", "tls-ca-bundle-missing"], "smtp_tls_CAfile"),
    (["install-units", "--print"], "[Timer]"),
    (["demo", "blocked-isp", "--format", "html"], "<style>"),
    (["explain", "error.txt"], "relay-credentials-rejected"),
    (["run", "--no-network", "-q"], "("),
]


@pytest.fixture(scope="module")
def archive() -> Iterator[Path]:
    """In a place that any user may enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield built(Path(place))


def built(folder: Path) -> Path:
    subprocess.run([sys.executable, str(BUILD), str(folder)], check=True, capture_output=True)
    (folder / "error.txt").write_text("postfix/smtp[1]: 3F: to=<a@b.example>, relay=r.example[192.0.2.1]:587, delay=1, "
        "delays=0/0/1/0, dsn=5.7.8, status=bounced (SASL authentication failed; server r.example[192.0.2.1] said: 535 5.7.8 "
        "Error: authentication failed: bad credentials)\n")  # fmt: skip
    return folder / "mail-diagnose.pyz"


def call(archive: Path, arguments: list[str], *before: str, python: str = "") -> subprocess.CompletedProcess[str]:
    """Without HOME, PATH, or anything else of this environment."""
    argv = [*before, *_isolated(), python or _plain_python(), str(archive), *arguments]
    return subprocess.run(argv, env={}, cwd=archive.parent, capture_output=True, text=True, timeout=90, check=False)


def _isolated() -> list[str]:
    """No address beside this test's own."""
    return ["/usr/bin/unshare", "-n", "--"] if os.geteuid() == 0 else []


def _plain_python() -> str:
    """An interpreter without the packages of this environment."""
    return sys.executable if sys.prefix == sys.base_prefix else str(Path(sys.base_prefix, "bin", "python3"))


def test_it_is_small_and_two_builds_are_identical(archive: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(BUILD), str(tmp_path)], check=True, capture_output=True)
    data = archive.read_bytes()
    assert data == (tmp_path / archive.name).read_bytes()
    assert len(data) <= 3_000_000
    assert (archive.parent / "SHA256SUMS").read_text() == f"{hashlib.sha256(data).hexdigest()}  {archive.name}\n"
    names = zipfile.ZipFile(archive).namelist()
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
    assert not [name for name in names if name.startswith(("psutil", "rich"))]


def test_what_is_installed_makes_a_file_that_runs_alone(tmp_path: Path) -> None:
    """As it is sent to another host."""
    from diagnose import singlefile

    path = tmp_path / "sent.pyz"
    path.write_bytes(singlefile.carried())
    names = zipfile.ZipFile(path).namelist()
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
    assert {"tomli/__init__.py", "dns/__init__.py", "__main__.py"} <= set(names)
    done = call(path, ["record", "--no-network", "-o", "-"])
    assert done.returncode == 0, done.stderr
    assert '"asked"' in done.stdout


def test_what_is_compiled_is_the_same_program_in_half_the_time(tmp_path: Path) -> None:
    """As it is sent to several hosts with this Python; what the program reads of its own text is still there."""
    from diagnose import singlefile
    from diagnose.host.gather import vocabulary

    data = singlefile.compiled()
    assert len(data) <= 2 * len(singlefile.carried())
    path = tmp_path / "compiled.pyz"
    path.write_bytes(data)
    names = set(zipfile.ZipFile(path).namelist())
    assert {"__main__.py", "diagnose/session.pyc", "dns/resolver.pyc"} <= names
    assert "diagnose/session.py" not in names
    script = (
        f"import sys; sys.path[0] = {str(path)!r}\nfrom diagnose.host import gather; print(len(gather.vocabulary()))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=90, check=True)
    assert int(told.stdout) == len(vocabulary())
    done = call(path, ["record", "--no-network", "-o", "-"])
    assert done.returncode == 0, done.stderr
    assert '"asked"' in done.stdout


def test_each_module_is_compiled_once(archive: Path) -> None:
    """The standard importer does it twice, a third of a second in a run."""
    script = (
        "import runpy, sys, zipimport\nseen = []\nold = zipimport._compile_source\n"
        "zipimport._compile_source = lambda path, text: (seen.append(path), old(path, text))[1]\n"
        f"sys.argv = [{str(archive)!r}, 'cause', 'disk-full']\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit:\n    print(len(seen) - len(set(seen)), len(seen) > 50)\n"
    )
    done = subprocess.run([_plain_python(), "-c", script], capture_output=True, text=True, timeout=90, check=True)
    twice, many = done.stdout.splitlines()[-1].split()
    assert int(twice) <= 1, "runpy takes __main__.py twice"
    assert many == "True"


@pytest.mark.parametrize(("arguments", "said"), CALLS_OUT_OF_A_ZIP, ids=str)
def test_its_commands_behave_as_installed(archive: Path, arguments: list[str], said: str) -> None:
    done = call(archive, arguments)
    assert said in done.stdout, done.stderr[-2000:]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize(
    "arguments", [["run", "--no-network", "-q"], ["explain", "error.txt"], ["demo", "healthy"]], ids=str
)
def test_it_runs_as_nobody(archive: Path, arguments: list[str]) -> None:
    before = (
        "/usr/bin/unshare",
        "-n",
        "--",
        "/usr/bin/setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--",
    )
    python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else _plain_python()
    argv = [*before, python, str(archive), *arguments]
    done = subprocess.run(
        argv, env={"HOME": "/nonexistent"}, cwd=archive.parent, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout, done.stderr[-2000:]
    assert "Traceback" not in done.stderr


def test_what_it_knows_is_the_same_in_the_file(archive: Path) -> None:
    code = (
        "from diagnose.host.gather import vocabulary; from diagnose.knowledge import documents, sayings; "
        "from diagnose.host import live; print(len(vocabulary()), len(documents._texts()) - bool(documents._index()), "
        "len(sayings.plain()))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(path)}, capture_output=True, text=True, check=True
        ).stdout
        for path in (archive, ROOT)
    ]
    assert told[0] == told[1]


def interpreters() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Other Pythons of this machine, by their versions."""
    places = [Path("/usr/bin"), Path("/usr/local/bin"), *Path.home().glob(".pyenv/versions/*/bin")]
    seen = set()
    for place in places:
        for minor in range(6, 20):
            path = place / f"python3.{minor}"
            if path.exists() and minor not in seen:
                seen.add(minor)
                yield str(path), (3, minor)


@pytest.mark.parametrize(("python", "version"), list(interpreters()), ids=str)
def test_other_pythons(archive: Path, python: str, version: tuple[int, ...]) -> None:
    """From 3.10 on it works; under an older one its first words say what is needed, unless a newer one is there to go on with."""
    demo = call(archive, ["demo", "blocked-isp"], python=python)
    newer = any(shutil.which(f"python3.{minor}", path="/usr/bin:/usr/local/bin") for minor in range(10, 20))
    if version >= (3, 10) or newer:
        assert demo.stdout.startswith("Outgoing port 25 is blocked."), demo.stderr
    else:
        assert demo.stderr.startswith("mail-diagnose needs Python 3.10 or newer")


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ('ID="rhel"\nVERSION_ID="9.4"\n', "dnf install -y python3.11\n"),
        ('ID="eurolinux"\nID_LIKE="rhel fedora centos"\nVERSION_ID="8.10"\n', "dnf install -y python3.11\n"),
        ('ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n', "no package"),
        ('ID="sles"\nVERSION_ID="15.5"\n', "zypper --non-interactive install python311\n"),
        ("ID=debian\nVERSION_ID=11\n", "no package"),
        ("", "no package"),
    ],
)
def test_an_old_python_is_told_the_package(archive: Path, tmp_path: Path, release: str, said: str) -> None:
    with zipfile.ZipFile(archive) as zipped:
        text = zipped.read("__main__.py").decode()
    (tmp_path / "os-release").write_text(release)
    text = text.replace("/etc/os-release", str(tmp_path / "os-release"))
    text = text.replace("(3, 10)", "(9, 0)").replace("/usr/bin", "/nowhere").replace("/usr/local/bin", "/nowhere")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert said in done.stderr
    ast.parse(text, feature_version=(3, 6))


@pytest.mark.parametrize("package", ["diagnose", "checks", "tests", ".ci"])
def test_every_file_is_python_3_10(package: str) -> None:
    wrong = []
    for path in (ROOT / package).rglob("*.py"):
        name = str(path.relative_to(ROOT))
        tree = ast.parse(path.read_text("utf-8"), name, feature_version=(3, 10))
        if name not in SHIMS:
            wrong += [f"{name}: {each}" for each in _newer_names(tree)]
    assert wrong == []


def _newer_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if "*" in NEW.get(each.name, ()))
        elif isinstance(node, ast.ImportFrom):
            new = NEW.get(node.module or "", set())
            yield from (f"{node.module}.{each.name}" for each in node.names if each.name in new or "*" in new)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in NEW.get(node.value.id, ())
        ):
            yield f"{node.value.id}.{node.attr}"
