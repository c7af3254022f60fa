"""Puppet's ERB templates and manifests, and codenvy.env, as far as Codenvy uses them.

Templates: literal lines, `<%= scope.lookupvar('ns::var') %>`, `<%= @var %>`, `<%= var %>`, `<%# %>`, `<% if … == "…"
%>`, else, elsif, end, and `-%>`, which removes the line break.
"""

import re
from collections.abc import Mapping

from diagnose.apps.properties import SECRET_KEY
from diagnose.parse.text.finding import Finding
from diagnose.patterns import late
from diagnose.record import frozen

LONGEST = 30_000  # characters rendered of a template: real ones have a few thousand
_TAG = late(r"<%(?P<mark>[=#%-]?)(?P<body>.*?)(?P<trim>-?)%>(?P<eol>\n?)", re.S)
_VARIABLE = late(
    r"""scope(?:\.lookupvar\(\s*|\[\s*)['"](?:::)?(?P<a>[\w:]+)['"]\s*[)\]]|@(?P<b>\w+)|^\s*(?P<c>[a-z_]\w*)\s*$"""
)
_CONDITION = late(r"(?P<left>.*?)\s*(?P<op>==|!=)\s*(?P<right>.*)$", re.S)
_ASSIGNMENT = late(
    r"""^\s*\$(?P<name>\w+)\s*=\s*(?:getValue\(\s*['"](?P<env>\w+)['"]\s*,\s*(?P<q2>['"]?)(?P<default>.*?)(?P=q2)\s*\)
        | (?P<q>['"])(?P<value>(?:\\.|(?!(?P=q)).)*)(?P=q) | (?P<bare>[^\s#]+))""",
    re.X,
)


@frozen
class Rendered:
    """A rendered template; findings: undefined-variable, unsupported (Ruby beyond the grammar), unbalanced."""

    text: str
    findings: tuple[Finding, ...]


@frozen
class Assignment:
    """A variable of a manifest: its value, or the default of getValue(env, default), with `env` set.

    `value` may be a secret (`secret`) and is then not shown by repr().
    """

    line: int
    name: str
    value: str
    env: str

    @property
    def secret(self) -> bool:
        """Whether the name indicates a secret."""
        return bool(SECRET_KEY.search(self.name))

    def __repr__(self) -> str:
        value = "…" if self.secret else repr(self.value)
        return f"Assignment(line={self.line}, name={self.name!r}, value={value}, env={self.env!r})"


def is_template(text: str) -> bool:
    """Whether the text contains ERB tags."""
    return "<%" in text


def variables_of(template: str) -> dict[str, str]:
    """Property key to the Puppet variable (without namespace) in its value; of several lines, the last."""
    found: dict[str, str] = {}
    for raw in template.splitlines():
        match = re.match(r"\s*([\w.\-]+)\s*=\s*(.*<%=.*)$", raw)
        if match and (name := _variable_in(match[2].partition("<%=")[2].partition("%>")[0])):
            found[match[1]] = name
    return found


def _variable_in(text: str) -> str:
    match = _VARIABLE.search(text.strip().removesuffix("-").strip())
    if not match:
        return ""
    return (match["a"] or match["b"] or match["c"]).rpartition("::")[2]


def render(template: str, variables: Mapping[str, str]) -> Rendered:
    """Renders a template. variables: by name without namespace; an undefined one renders as "", as in Puppet."""
    out: list[str] = []
    findings: list[Finding] = []
    stack: list[tuple[bool, bool]] = []  # (this branch is live, one branch was taken)
    at = 0
    template = template[:LONGEST]

    def live() -> bool:
        return all(active for active, _ in stack)

    for match in _TAG.finditer(template):
        if live():
            out.append(template[at : match.start()])
        at = match.end()
        line = template.count("\n", 0, match.start()) + 1
        body = match["body"].strip()
        # '-%>' removes the line break behind it (Puppet's trim mode '-').
        eol = "" if match["trim"] else match["eol"]
        if match["mark"] == "#":
            pass
        elif match["mark"] == "=":
            if live():
                out.append(_value(body, variables, line, findings))
        elif re.match(r"(if|unless)\b", body):
            truth = _truth(body.partition(" ")[2], variables, line, findings) != body.startswith("unless")
            stack.append((truth, truth))
        elif body.startswith("elsif") and stack:
            truth = not stack[-1][1] and _truth(body[5:], variables, line, findings)
            stack[-1] = (truth, stack[-1][1] or truth)
        elif body == "else" and stack:
            stack[-1] = (not stack[-1][1], True)
        elif body == "end" and stack:
            stack.pop()
        else:
            kind = "unbalanced" if body in ("else", "end") else "unsupported"
            findings.append(Finding(line=line, kind=kind, text=body[:60]))
        if live():
            out.append(eol)
    if live():
        out.append(template[at:])
    if stack:
        findings.append(Finding(line=template.count("\n") + 1, kind="unbalanced", text="end is missing"))
    return Rendered(text="".join(out), findings=tuple(findings))


def _value(body: str, variables: Mapping[str, str], line: int, findings: list[Finding]) -> str:
    literal = re.fullmatch(r"""(['"])(.*)\1""", body)
    if literal:
        return literal[2]
    name = _variable_in(body)
    if not name:
        findings.append(Finding(line=line, kind="unsupported", text=body[:60]))
        return ""
    if name not in variables:
        findings.append(Finding(line=line, kind="undefined-variable", text=name))
    return variables.get(name, "")


def _truth(body: str, variables: Mapping[str, str], line: int, findings: list[Finding]) -> bool:
    body = body.strip().removesuffix("then").strip()
    match = _CONDITION.match(body)
    if match:
        same = _value(match["left"].strip(), variables, line, findings) == _value(
            match["right"].strip(), variables, line, findings
        )
        return same == (match["op"] == "==")
    negated = body.startswith("!")
    value = _value(body.lstrip("! "), variables, line, findings)
    # In Ruby only nil and false are false; Puppet renders an undefined variable as nil.
    return (value not in ("", "false", "undef")) != negated


def manifest(text: str) -> tuple[Assignment, ...]:
    """The assignments `$name = "value"` of a Puppet manifest, in order; comments are left out."""
    found: list[Assignment] = []
    for number, raw in enumerate(text.splitlines(), 1):
        match = _ASSIGNMENT.match(raw)
        if match:
            value = match["value"] if match["q"] else match["default"] if match["env"] else match["bare"]
            found.append(Assignment(line=number, name=match["name"], value=value or "", env=match["env"] or ""))
    return tuple(found)


def environment(text: str) -> tuple[Assignment, ...]:
    """KEY=VALUE lines as in codenvy.env (no quotes, no expansion; `#` begins a comment line)."""
    found: list[Assignment] = []
    for number, raw in enumerate(text.splitlines(), 1):
        match = re.match(r"\s*(?:export\s+)?([^\W\d]\w*)=(.*)$", raw)
        if match:
            found.append(Assignment(line=number, name=match[1], value=match[2].rstrip("\r"), env=match[1]))
    return tuple(found)


def variables(assignments: tuple[Assignment, ...], env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Values by name: getValue() takes them from `env` first; `$other` and `${other}` in values are expanded."""
    values: dict[str, str] = {}
    for assignment in assignments:
        value = (env or {}).get(assignment.env, assignment.value) if assignment.env else assignment.value
        values[assignment.name] = re.sub(
            r"\$\{?(?:::)?(?:\w+::)*(\w+)\}?", lambda m: values.get(m[1], m[0]) if m[1] else m[0], value
        )
    return values
