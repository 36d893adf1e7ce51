"""The access token of a participant: as stored, and renewed once it has expired. Nothing of this is recorded."""

from __future__ import annotations

from datetime import timedelta

from collectors.base import OAuth, Settings, Token
from collectors.wire.address_policy import PrivateAddress

EARLY = timedelta(minutes=5)  # before its end a token is renewed
GONE = ("invalid_grant", "invalid_request")  # of a refresh token that was revoked or has expired (RFC 6749, 5.2)


class NoAnswer(Exception):
    """A token endpoint gave no usable answer."""


def token_of(settings: Settings, oauth: OAuth, consent: str) -> Token | None:
    """The token given under *consent*, renewed if it is about to expire.

    None if the consent or the token is withdrawn. Raise NoAnswer.
    """
    token = settings.tokens.get(consent) if settings.tokens else None
    if token is None or not (token.own or settings.consented(consent)):
        return None
    if token.expires is not None and token.expires - EARLY <= settings.wire.now():
        return renewed(settings, oauth, consent, token) or token  # its server has the last word
    return token


def renewed(settings: Settings, oauth: OAuth, consent: str, token: Token) -> Token | None:
    """A new token instead of *token*, stored; None if the token endpoint refuses, or if it was withdrawn meanwhile.

    Raise NoAnswer.
    """
    import httpx  # by those who ask only

    from collectors.wire.transports import PublicOnly, unrecorded

    if not token.refresh or settings.tokens is None:
        return None
    form = {"grant_type": "refresh_token", "refresh_token": token.refresh, "client_id": oauth.client_id}
    form |= {"client_secret": settings.secret} if settings.secret else {}
    wire = settings.wire
    try:
        with httpx.Client(transport=unrecorded(wire, PublicOnly()), timeout=wire.timeout, trust_env=False) as client:
            answer = client.post(oauth.token_url, data=form)
        body = answer.json()
        if answer.status_code in (400, 401) and isinstance(body, dict) and body.get("error") in GONE:
            return None
        fresh = Token.answered(body if answer.is_success else {}, wire.now(), token)
    except (httpx.HTTPError, PrivateAddress) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    except (ValueError, AttributeError) as error:
        raise NoAnswer(f"the token endpoint answers HTTP {answer.status_code}") from error
    return fresh if settings.tokens.renew(consent, fresh) else None
