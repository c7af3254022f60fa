"""An OAuth token file as checks see it: its dates and claims, never a token."""

from __future__ import annotations

import base64
import json

from diagnose.host.secretfile import mask_read
from diagnose.parse.text.masking import Secrets

CLAIMS = {
    "exp": 1795360000,
    "scp": "SMTP.Send",
    "aud": "https://outlook.office.com",
    "upn": "me@example.net",
    "oid": "9f2c",
}


def jwt(claims: object) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".c2lnbmF0dXJl"


def test_dates_and_claims_without_the_tokens() -> None:
    access, refresh, secret = jwt(CLAIMS), "1//0gKq3refreshQz9", "GOCSPX-client7secret"
    text = json.dumps(
        {
            "access_token": access,
            "refresh_token": refresh,
            "client_secret": secret,
            "expiry": "1795360000",
            "user": "me",
        }
    )
    secrets = Secrets()
    shown = mask_read(text, "token", secrets)
    assert json.loads(shown) == {
        "access_token": "********",
        "refresh_token": "********",
        "expiry": "1795360000",
        "claims": {key: CLAIMS[key] for key in ("exp", "scp", "aud")},
    }
    for value in (access, refresh, secret):
        assert value not in secrets.hide(f"said: {value}")


def test_what_is_no_token_file_shows_nothing() -> None:
    for text in (
        "",
        "ya29.a0AfB_byC-token",
        '["ya29.a0AfB_byC-token"]',
        '{"access_token": {"a": 1}, "expiry": [1]}',
        "[" * 100_000,
    ):
        assert "ya29" not in mask_read(text, "token", Secrets())


def test_a_token_that_only_looks_like_a_jwt() -> None:
    for access in ("a.b.c", "a.e30.c", jwt(["exp"]), "a.!!!.c"):
        assert "claims" not in json.loads(mask_read(json.dumps({"access_token": access}), "token", Secrets()))
