from diagnose.model import REFUTES, Cause, Impact, sign

CAUSE = Cause(
    id="reverse-dns-missing",
    title="The public address has no matching PTR record",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Receivers look up the name of the connecting address (PTR) and check that this name resolves back to "
        "the address. Many refuse or delay mail if it does not."
    ),
    remedy=(
        "Have the owner of this host's public address (the hosting or access provider) set its PTR record to "
        "this host's name, and make that name resolve to the address; or send through a relay, whose addresses have "
        "one."
    ),
    rules_out="A PTR record whose name resolves to the same address.",
    flow=REFUTES,
    signs=(
        sign("identity.ptr", "fits"),
        sign("identity.ptr", "against", "ok"),
    ),
    relay=True,
    explains=("helo-name-invalid",),
    links=("https://support.google.com/a/answer/81126", "https://www.rfc-editor.org/rfc/rfc1912#section-2.1"),
)
