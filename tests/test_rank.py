"""The ranking: sums of decibans, words of confidence, folding of consequences."""

from __future__ import annotations

import pytest

from diagnose import demos
from diagnose.knowledge.causes import all_causes
from diagnose.model import (
    Cause,
    Confidence,
    Diagnosis,
    Impact,
    Observation,
    Outcome,
    Run,
    Scalar,
    Sign,
    SignSpec,
    Status,
    sign,
)
from diagnose.rank import decided, fill, rank
from diagnose.session import diagnose


def cause(
    id: str, *signs: Sign, impact: Impact = Impact.OUTAGE, explains: tuple[str, ...] = (), prior: int = 0
) -> Cause:
    return Cause(
        id=id,
        title=id,
        impact=impact,
        explanation="Because.",
        remedy="Mend {host}.",
        signs=signs,
        explains=explains,
        prior=prior,
    )


def run(*observations: Observation) -> tuple[Run, ...]:
    return (Run(check="c", outcome=Outcome.COMPLETED, observations=observations),)


def seen(sign: str, status: Status = Status.FAILED, subject: str = "s", **data: Scalar) -> Observation:
    return Observation(sign=sign, status=status, subject=subject, summary=f"{sign} {subject}", data=data)


@pytest.mark.parametrize(
    ("weight", "word"),
    [(20, Confidence.CERTAIN), (19, Confidence.LIKELY), (10, Confidence.LIKELY), (9, Confidence.POSSIBLE)],
)
def test_the_score_decides_the_word(weight: int, word: Confidence) -> None:
    (found,) = rank([cause("a", Sign("x", weight))], run(seen("x")))
    assert found.confidence is word
    assert found.score == weight


def test_a_score_below_possible_is_not_shown() -> None:
    assert rank([cause("a", Sign("x", 2))], run(seen("x"))) == ()


def test_a_sign_counts_once_however_many_subjects_show_it() -> None:
    (found,) = rank([cause("a", Sign("x", 12))], run(seen("x", subject="1"), seen("x", subject="2")))
    assert found.score == 12


def test_the_strongest_condition_of_a_sign_speaks() -> None:
    signs = (Sign("x", 5), sign("x", "strong", port=(25, 26)))
    (found,) = rank([cause("a", *signs)], run(seen("x", port=25)))
    assert found.score == 16


def test_unknown_counts_nothing_and_is_listed() -> None:
    (found,) = rank([cause("a", Sign("x", 12), Sign("y", 12))], run(seen("x"), seen("y", Status.UNKNOWN)))
    assert found.score == 12
    assert found.unknown == ("y s",)


def test_counter_evidence_is_subtracted_and_kept() -> None:
    (found,) = rank([cause("a", Sign("x", 20), Sign("y", -6, Status.OK))], run(seen("x"), seen("y", Status.OK)))
    assert found.score == 14
    assert [s.sign for s in found.against] == ["y"]


def test_what_could_not_be_checked_leaves_a_cause_likely() -> None:
    for weight, word in ((16, Confidence.LIKELY), (22, Confidence.CERTAIN)):
        signs = (Sign("x", weight), Sign("z", 12), Sign("y", -6, Status.UNKNOWN))
        (found,) = rank([cause("a", *signs)], run(seen("x"), seen("z"), seen("y", Status.UNKNOWN)))
        assert found.confidence is word


def test_a_cause_without_support_is_no_diagnosis_whatever_its_prior() -> None:
    assert rank([cause("a", Sign("y", -6, Status.OK), prior=30)], run(seen("y", Status.OK))) == ()


def test_what_is_in_order_supports_but_does_not_accuse() -> None:
    signs = (Sign("x", 6, Status.OK), Sign("y", 6))
    fine = seen("x", Status.OK)
    assert rank([cause("a", *signs)], run(fine)) == ()
    assert rank([cause("a", *signs)], run(fine, seen("y")))[0].score == 12
    # That mail was delivered is what a cause without a fault says.
    assert rank([cause("a", *signs, impact=Impact.NONE)], run(fine))[0].score == 6


def test_a_consequence_is_folded_under_its_root_and_listed_last() -> None:
    root = cause("root", Sign("x", 22), explains=("effect",))
    effect = cause("effect", Sign("y", 30), explains=())
    found = rank([effect, root], run(seen("x"), seen("y")))
    assert [(d.cause.id, d.explained_by) for d in found] == [("root", None), ("effect", "root")]


def test_a_merely_likely_root_explains_nothing_that_is_certain() -> None:
    root = cause("root", Sign("x", 15), explains=("effect",))
    effect = cause("effect", Sign("y", 30), explains=())
    found = rank([effect, root], run(seen("x"), seen("y")))
    assert [(d.cause.id, d.explained_by) for d in found] == [("effect", None), ("root", None)]


def test_a_chain_of_explanations_names_the_root() -> None:
    a = cause("a", Sign("x", 15), explains=("b",))
    b = cause("b", Sign("x", 15), explains=("c",))
    c = cause("c", Sign("x", 15))
    assert {d.cause.id: d.explained_by for d in rank([a, b, c], run(seen("x")))} == {"a": None, "b": "a", "c": "a"}


def test_causes_that_explain_each_other_leave_the_stronger_standing() -> None:
    a = cause("a", Sign("x", 25), explains=("b",))
    b = cause("b", Sign("y", 35), explains=("a",))
    assert {d.cause.id: d.explained_by for d in rank([a, b], run(seen("x"), seen("y")))} == {"a": "b", "b": None}


def test_the_order_has_no_ties() -> None:
    causes = [
        cause(id, Sign("x", 12), impact=impact)
        for id, impact in (("b", Impact.OUTAGE), ("a", Impact.OUTAGE), ("c", Impact.LATENT))
    ]
    assert [d.cause.id for d in rank(causes, run(seen("x")))] == ["a", "b", "c"]
    assert [d.cause.id for d in rank(reversed(causes), run(seen("x")))] == ["a", "b", "c"]


def test_words_without_a_value_go_with_what_needs_them() -> None:
    text = "Correct {parameter} ({path} line {line}), then reload. It is {odd}; see line {line} of {path}."
    assert fill(text, {"parameter": "x", "path": "/f", "line": 3}).startswith("Correct x (/f line 3), then reload.")
    assert fill(text, {"line": 0}) == "Correct the setting, then reload. See the line of the file."
    assert fill("Rename it (it has {near}).", {"near": "[x]:25"}) == "Rename it (it has [x]:25)."
    assert fill("Rename it (it has {near}).", {"near": False}) == "Rename it."


def test_a_placeholder_reaches_no_attribute() -> None:
    assert fill("{a.__class__} {b[0]} {a}", {"a": "x"}) == "{a.__class__} {b[0]} x"


@pytest.mark.parametrize(
    ("probes", "recent", "unchanged", "word"),
    [
        (True, False, True, Confidence.CERTAIN),  # what is tried now and fails outweighs a delivery of hours ago
        (True, True, True, None),
        (False, False, True, None),  # a file that stood when mail went through did not stop it
        (False, True, False, Confidence.CERTAIN),
    ],
)
def test_mail_that_went_through_refutes_what_stood_then(
    probes: bool, recent: bool, unchanged: bool, word: Confidence | None
) -> None:
    flow = seen("mail.flow", Status.OK, recent=recent, unchanged=unchanged)
    tried = Run(
        check="c", outcome=Outcome.COMPLETED, observations=(seen("x"), flow), signs=(SignSpec("x"),), probes=probes
    )
    assert [d.confidence for d in rank([cause("a", Sign("x", 22))], [tried])] == ([word] if word else [])


def test_a_line_stands_with_the_path_of_its_own_file() -> None:
    observations = seen("x", path="/etc/postfix", mode="0750"), seen("y", line=31, parameter="p")
    (found,) = rank([cause("a", Sign("x", 22), Sign("y", 9))], run(*observations))
    assert (found.data["path"], found.data["parameter"], found.data.get("line")) == ("/etc/postfix", "p", None)


def test_mail_of_the_host_says_nothing_of_an_applications_own_way() -> None:
    flow = seen("mail.flow", Status.OK, recent=True, unchanged=True)
    for apart, told in ((True, ["a"]), (None, [])):
        assert [d.cause.id for d in rank([cause("a", Sign("x", 22))], run(seen("x", apart=apart), flow))] == told


def test_what_was_delivered_before_comes_after_what_stops_mail_now() -> None:
    now, perhaps = cause("now", Sign("n", 15)), cause("perhaps", Sign("q", 5))
    for impact, order in ((Impact.NONE, "now perhaps past"), (Impact.LATENT, "now past perhaps")):
        past = cause("past", Sign("p", 30), impact=impact)
        found = rank([past, perhaps, now], run(seen("p"), seen("n"), seen("q")))
        assert [d.cause.id for d in found] == order.split()


def test_an_answer_is_decided_when_nothing_open_can_change_it() -> None:
    """Of a recorded machine: the path of the packets may still be open, the ports may not."""
    report = diagnose(demos.request("blocked-isp")).report

    def without(*checks: str) -> Diagnosis | None:
        ended = [run for run in report.runs if run.check not in checks]
        return decided(all_causes(), ended, [spec for run in report.runs if run.check in checks for spec in run.signs])

    found = without("path")
    assert found is not None
    assert found.cause.id == "egress-port-25-blocked"
    assert without("egress") is None
    assert without("firewall") is None, "a rule of this host would be the answer"
    assert without("log") is None, "words may say anything"


@pytest.mark.parametrize(
    ("observations", "order"),
    [
        pytest.param(
            (
                seen("identity.hostname", failing=True),
                seen("mail.local-hostname-unresolvable"),
                seen("mail.sender-domain-not-found"),
                seen("identity.sender-domain"),
            ),
            ("sender-domain-not-found", "local-hostname-unresolvable"),
            id="one wrong name, refused by receivers and unknown at home",
        ),
        pytest.param(
            (seen("mail.tls-handshake-failed"), seen("relay.session", kind="closes", stage="the TLS handshake")),
            ("relay-dialogue-broken", "tls-protocol-mismatch"),
            id="closed without a word of TLS",
        ),
        pytest.param(
            (seen("log.recipient", kind="sent"), seen("destination.reachable", outcome="silent")),
            ("remote-server-unreachable",),
            id="delivered before, out of reach now",
        ),
        pytest.param(
            (seen("mail.rate-limited"), seen("filter.content", kind="turns-away")),
            ("content-filter-down", "rate-limited"),
            id="the host's own filter counts connections",
        ),
    ],
)
def test_of_two_readings_the_one_that_was_tried_comes_first(
    observations: tuple[Observation, ...], order: tuple[str, ...]
) -> None:
    found = rank(all_causes(), run(*observations))
    assert tuple(d.cause.id for d in found[: len(order)]) == order


def test_the_transport_that_lacks_is_named_not_the_program_that_misses_it() -> None:
    said = seen("mail.smtp-transport-missing", service="qmgr")
    first = rank(all_causes(), run(said, seen("postfix.transport", service="slow", lacking="slow")))[0]
    assert first.cause.title == "The service slow is missing from master.cf"
