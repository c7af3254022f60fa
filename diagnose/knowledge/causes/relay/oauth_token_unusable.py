from diagnose.knowledge.causes.relay import WORKS
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="oauth-token-unusable",
    title="The OAuth token for the relay cannot be used",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix logs in with XOAUTH2 or OAUTHBEARER, with an access token that lasts about an hour and is "
        "renewed with a refresh token. The token file {path|of the account} holds no token that can be renewed, "
        "or the user that smtp(8) runs as cannot read it."
    ),
    remedy=(
        "Get a new token for the account (sasl-xoauth2-tool get-token), and make postfix the owner of "
        "{path|its file}, mode 0600: the plug-in writes the renewed token there."
    ),
    rules_out="The plug-in's own test (sasl-xoauth2-tool test-token-refresh) renews the token as user postfix.",
    signs=(sign("relay.token", "strong"), WORKS),
    links=(
        "https://github.com/tarickb/sasl-xoauth2#readme",
        "https://developers.google.com/workspace/gmail/imap/xoauth2-protocol",
    ),
)
