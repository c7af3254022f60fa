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
