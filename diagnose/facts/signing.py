"""Who signs this host's mail with DKIM, with which key, and the public key in DNS."""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.facts.asks import Asks, globbed
from diagnose.facts.filter_services import wanted
from diagnose.facts.postfix import mta, postfix_log
from diagnose.facts.sender import Sender, ahead, asker
from diagnose.host.query import Exec, Read, Stat
from diagnose.parse.sender import dkim, signers
from diagnose.parse.sender.signers import Signer
from diagnose.record import frozen

_OPENDKIM = (
    ("OpenDKIM", ("/etc/opendkim.conf", "/etc/opendkim/opendkim.conf")),
    ("dkimpy-milter", ("/etc/dkimpy-milter/dkimpy-milter.conf", "/etc/dkimpy-milter.conf")),
)
_RSPAMD = ("/etc/rspamd/local.d/dkim_signing.conf", "/etc/rspamd/override.d/dkim_signing.conf")
_AMAVIS = ("/etc/amavis/conf.d/*", "/etc/amavisd/amavisd.conf", "/etc/amavisd.conf")
_AMAVIS_FILES = 12


@frozen
class Signing:
    """DKIM signing of one domain's mail. signers: by their settings or log lines; asked: the parameters by which
    Postfix passes mail to a milter or filter; commands: mail from the sendmail command passes there, too; blind: why
    it is unknown whether these sign, "" if it is known."""

    signers: tuple[Signer, ...]
    asked: tuple[str, ...]
    commands: bool
    blind: str

    @property
    def here(self) -> bool | None:
        """Whether this host signs; None if that is unknown."""
        if self.signers and self.asked:
            return True
        return None if self.asked and self.blind else False


def signing(ctx: Asks, domain: str) -> Signing:
    """Who signs the domain's mail here."""
    services = [s for s in wanted(mta(ctx)) if s.kind in ("milter", "content")]
    asked = tuple(dict.fromkeys(s.parameter for s in services))
    problems: list[str] = []
    endpoints = [s.endpoint for s in services if s.kind == "milter"]
    found = [*_opendkim(ctx, domain, endpoints, problems), *_rspamd(ctx, domain), *_amavis(ctx, domain)]
    added = signers.logged(postfix_log(ctx).lines)
    for name, selector in added.items():
        if domain == name or domain.endswith(f".{name}"):
            known = next((s for s in found if s.domain == name and s.selector == selector), None)
            found = [known or Signer(program="a milter", domain=name, selector=selector)]
    if asked and not found and not problems:
        # A milter or filter without settings in a usual place may sign, on this host or another.
        problems.append(f"it is not known what {', '.join(asked)} asks")
    return Signing(
        signers=tuple(dict.fromkeys(found)),
        asked=asked,
        commands=bool({"non_smtpd_milters", "content_filter"} & set(asked)),
        blind="; ".join(dict.fromkeys(problems)),
    )


def _opendkim(ctx: Asks, domain: str, endpoints: list[str], problems: list[str]) -> Iterator[Signer]:
    """The signers in OpenDKIM's settings. endpoints: of Postfix's milters; if any, a signer that listens elsewhere
    is left out. problems: unreadable files are added."""
    for program, paths in _OPENDKIM:
        for path in paths:
            reply = ctx.ask(Read(path))
            if reply.problem:
                problems += [] if reply.problem == "not found" else [f"{path}: {reply.problem}"]
                continue
            conf = signers.opendkim(reply.text, program)
            if not conf.signs or (endpoints and not any(conf.listens(endpoint) for endpoint in endpoints)):
                continue
            texts = []
            for name in ("KeyTable", "SigningTable"):
                table = conf.table(name)
                read = ctx.ask(Read(table)) if table else None
                if (read and read.problem) or (not table and conf.values.get(name.lower())):
                    problems.append(f"{conf.values[name.lower()]}: {read.problem if read else 'not a file'}")
                texts.append(read.text if read else "")
            yield from conf.signers(domain, *texts)


def _rspamd(ctx: Asks, domain: str) -> Iterator[Signer]:
    if not ctx.ask(Stat("/etc/rspamd")).exists:
        return
    text = "\n".join(reply.text for reply in map(ctx.ask, map(Read, _RSPAMD)) if not reply.problem)
    found = signers.rspamd(text, domain)
    if found is not None and ctx.ask(Stat(found.key)).exists:
        yield found


def _amavis(ctx: Asks, domain: str) -> Iterator[Signer]:
    texts = [ctx.ask(Read(path)).text for path in [*globbed(ctx, _AMAVIS)][:_AMAVIS_FILES]]
    yield from signers.amavis("\n".join(texts), domain)


def published(ctx: Asks, signer: Signer) -> dkim.Key | None:
    """The key published in DNS; None if DNS gives no answer."""
    texts = asker(ctx)(f"{signer.selector}._domainkey.{signer.domain}", "TXT")
    return None if texts is None else dkim.published(texts)


def public_key(ctx: Asks, signer: Signer) -> bytes:
    """The public part of the signing key, extracted by openssl so that the private key is never read here; b"" if
    unreadable."""
    if not signer.key.startswith("/") or ctx.ask(Stat(signer.key)).kind != "file":
        return b""
    return dkim.of_private(ctx.ask(Exec(("openssl", "pkey", "-in", signer.key, "-pubout", "-passin", "pass:"))).out)


def relay_keys(ctx: Asks, sender: Sender) -> tuple[str, ...]:
    """The relay's selectors under which the domain publishes a key: the relay then signs for it."""
    names = sender.relay.publishes.selectors if sender.relay and sender.relay.publishes else ()
    questions = [(f"{selector}._domainkey.{sender.domain}", "TXT") for selector in names]
    ahead(ctx, questions)
    ask = asker(ctx)
    return tuple(
        selector
        for selector, (name, kind) in zip(names, questions, strict=True)
        if not dkim.published(ask(name, kind) or ()).problem
    )
