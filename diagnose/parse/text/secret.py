"""The shape of a password: enough to see what is wrong with it, without revealing it."""

import re

from diagnose.parse.text.known import STARS
from diagnose.parse.text.paste import artifacts
from diagnose.record import dataclass

__all__ = ["SECRET_KEY", "STARS", "Shape", "placeholder", "shape"]

# Words in capitals or marked for replacement. A real password may be the lower-case word 'password'.
_PLACEHOLDER = re.compile(
    r"""^(?: (?i:.*YOUR[-_ ].*) | YOUR[A-Z]+ | (?i:CHANGE[-_ ]?(?:ME|THIS).*) | <.*> | \{\{.*\}\} | \$\{.*\} | x{3,} | X{3,}
        | (?!\*{8}$)\*{3,} | \.{3,} | \u2026 | (?:SMTP[-_]?)?(?:USER|USERNAME|PASSWORD|PASSWD|PASS|SECRET|LOGIN|PWD|KEY|TOKEN) | pa\$\$word
        | (?:(?:SMTP|MY)[-_]?)?(?:API|SECRET|ACCESS)[-_]?KEY | (?i:smtp_(?:username|password)) | (?i:placeholder) | undef
        | (?i:your(?:e?mail|user(?:name)?|pass(?:word)?|secret|app-?password|api-?key)(?:@.*)?) | TODO | (?i:REPLACE[-_ ]?(?:ME|THIS|WITH).*) )$""",
    re.X,
)
SECRET_KEY = re.compile(r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[._-]?key|credentials?|salt)$", re.I)
"""Names of settings whose value is a secret."""
_TOKENS = (
    ("sendgrid-key", re.compile(r"^SG\.[\w-]{10,}\.[\w-]{10,}$")),
    ("sendgrid-key-part", re.compile(r"^SG\.")),
    ("brevo-key", re.compile(r"^xsmtpsib-")),
    ("slack-token", re.compile(r"^xox[abpr]-")),
    ("mailgun-key", re.compile(r"^key-[0-9a-f]{32}$")),
    ("mandrill-key", re.compile(r"^md-[\w-]{10,}$")),
    ("aws-access-key", re.compile(r"^AKIA[0-9A-Z]{12,}$")),
    ("resend-key", re.compile(r"^re_\w{10,}$")),
)


@dataclass(frozen=True)
class Shape:
    """`length`: empty, short (<8), medium (<20) or long. `traits`: fixed words, sorted (see `shape`)."""

    length: str
    traits: tuple[str, ...] = ()

    def has(self, trait: str) -> bool:
        """Whether it has the trait."""
        return trait in self.traits


def placeholder(text: str) -> bool:
    """Whether a value is a placeholder from documentation."""
    return bool(_PLACEHOLDER.match(text.strip().rstrip("\\").strip()))


def shape(secret: str) -> Shape:
    """Describe a password by traits.

    trailing-backslash, smart-quote, nbsp, zero-width, cr, quoted, leading-blank, trailing-blank, contains-blank,
    non-ascii, placeholder, unrendered, inline-comment, app-password (16 letters as Google and Yahoo issue them,
    grouped by four or not), aws-smtp-password (44 characters of base64), and the token prefixes of providers.
    """
    core = secret.strip(" \t\r")
    traits = {kind for kind in artifacts(secret) if kind != "prompt"}
    if secret[:1] in (" ", "\t"):
        traits.add("leading-blank")
    if secret.rstrip("\r")[-1:] in (" ", "\t"):
        traits.add("trailing-blank")
    if len(core) > 1 and core[0] == core[-1] and core[0] in "\"'`":
        traits.add("quoted")
    bare = core.rstrip("\\")
    if re.fullmatch(r"[a-z]{4}( ?[a-z]{4}){3}", bare):
        traits.add("app-password")
    elif re.search(r"[ \t]", core):
        traits.add("contains-blank")
    if re.search(r"\s#", core):
        traits.add("inline-comment")
    if re.fullmatch(r"B[A-Za-z0-9+/]{43}", bare):
        traits.add("aws-smtp-password")
    if not secret.isascii():
        traits.add("non-ascii")
    if placeholder(core):
        traits.add("placeholder")
    if "<%" in core or "{{" in core or "${" in core:
        traits.add("unrendered")
    for name, pattern in _TOKENS:
        if pattern.match(bare):
            traits.add(name)
            break
    size = len(core)
    length = "empty" if not size else "short" if size < 8 else "medium" if size < 20 else "long"
    return Shape(length, tuple(sorted(traits)))
