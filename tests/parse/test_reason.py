"""What the words of servers and programs mean, by who says them."""

from diagnose.parse.words.reason import classify


def test_a_servers_own_fault_is_not_this_hosts() -> None:
    """The same words of a filter beside this Postfix are this host's."""
    said = "host {} said: {} (in reply to RCPT TO command)"
    for words in (
        "451 4.3.5 Server configuration problem",
        "451 4.7.1 Service unavailable - try again later",
        "451 4.3.0 Temporary lookup failure",
    ):
        far = classify(said.format("mx.example.org[192.0.2.4]", words))
        near = classify(said.format("127.0.0.1[127.0.0.1]", words))
        assert far is not None
        assert near is not None
        assert (far.label, near.label != "server-failing") == ("server-failing", True)


def test_what_a_code_says_depends_on_the_reply() -> None:
    """RFC 4954 has 5.7.9 beside 534; receivers say it of mail that they do not believe."""
    label = {reply: found.label for reply in ("534 5.7.9 no", "550 5.7.9 no") if (found := classify(reply)) is not None}
    assert label == {"534 5.7.9 no": "relay-auth-disabled", "550 5.7.9 no": "sender-unauthenticated"}


def test_replies_that_differ_in_a_code_alone_are_told_apart() -> None:
    """Nor does the first of them answer for the next in the same run."""
    found = {
        text: reason.label
        for text in (
            "550 5.7.1 XGEMAIL_0002 Command rejected",
            "550 5.7.1 XGEMAIL_0011 Command rejected",
            "550 https://support.google.com/mail/?p=DisabledUser a1 - gsmtp",
            "550 https://support.google.com/mail/?p=OverQuotaPerm a1 - gsmtp",
        )
        if (reason := classify(text)) is not None
    }
    assert list(found.values()) == [
        "sender-unauthenticated",
        "recipient-unknown",
        "recipient-unknown",
        "recipient-mailbox-full",
    ]


def test_a_login_that_is_put_off_is_not_rejected() -> None:
    for words in ("435 Unable to authenticate at present", "454 4.7.0 Authentication failed", "451 4.3.0 login failed"):
        for form in ("{}", "SASL authentication failed; server mx.example.org[192.0.2.4] said: {}",
                     "javax.mail.AuthenticationFailedException: {}", "SMTPAuthenticationError: {}"):  # fmt: skip
            found = classify(form.format(words), stage="auth")
            assert found is not None
            assert found.label == "server-busy", (form, words)
    rejected = classify("454 4.7.0 Authentication failed: invalid password", stage="auth")
    assert rejected is not None
    assert rejected.label == "relay-credentials-rejected"


def test_what_a_program_quotes_of_a_servers_login_service_is_not_this_hosts() -> None:
    found = classify(
        "Net::SMTPServerBusy: 454 4.7.0 Temporary authentication failure: Connection lost to authentication server"
    )
    assert found is not None
    assert found.label == "server-failing"


def test_what_stands_around_a_failure_is_not_quoted() -> None:
    """It may be a login that no spelling betrays; what tells the failure stays, in brackets or not."""
    quoted = {
        "wickerwork / Cane.chair got 535 5.7.8 no such login": "535 5.7.8 no such login",
        "open(relay.test, wickerwork, Cane.chair): 535 5.7.8 no such login": "535 5.7.8 no such login",
        "cannot dial relay.test:465 (wickerwork / Cane.chair @ relay) (Connection timed out)": (
            "cannot dial relay.test:465 (Connection timed out)"
        ),
        "cannot dial relay.test[192.0.2.7]:465 {wickerwork Cane.chair}: Connection timed out": (
            "cannot dial relay.test[192.0.2.7]:465: Connection timed out"
        ),
    }
    for text, expected in quoted.items():
        found = classify(text)
        assert found is not None
        assert found.text == expected


def test_the_section_of_a_standard_is_no_status_code() -> None:
    found = classify("550 Invalid HELO name, see RFC2821 4.1.3")
    assert found is not None
    assert (found.label, found.enhanced) == ("helo-name-invalid", None)


def test_a_reply_that_a_program_quotes_gives_its_codes() -> None:
    for text in (
        "SMTP error: transient error (451): 4.3.5 Server configuration error",
        "got 451 4.3.5 Server configuration error",
    ):
        found = classify(text)
        assert found is not None
        assert (found.code, found.enhanced) == (451, "4.3.5")
