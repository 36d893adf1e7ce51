"""Invitations: signed links, and the codes of receipts."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jobs.consents import noting
from jobs.context import Say
from storage import consents
from storage.consents import Consent, Consents, Given, Invitation, new_id
from storage.errors import Partial, UserError
from storage.privacy.pseudonyms import Pseudonyms
from study.study_file import Study

ALIKE = str.maketrans("018", "oib")  # digits that the alphabet of codes does not have


class Keys:
    """Signs links and codes with the key of the study's pseudonyms, which is kept outside the study."""

    def __init__(self, study: Study) -> None:
        self._digest = Pseudonyms(study.directory).digest

    def token(self, invitation: Invitation) -> str:
        """The end of the link of *invitation*."""
        about = f"{invitation.person}.{int(invitation.expires_at.timestamp()):x}"
        return f"{about}.{self._digest('invitation', about)[:32]}"

    def invited(self, token: str, given: Given, now: datetime) -> Invitation | None:
        """The invitation whose link ends in *token*; None unless it is signed, known, not expired and not revoked."""
        about, _, signed = token.rpartition(".")
        if not self.equal(signed, self._digest("invitation", about)[:32]):
            return None
        found = given.invitations.get(about.partition(".")[0])
        if found is None or found.revoked_at or found.expires_at <= now or token != self.token(found):
            return None
        return found

    def receipt(self, code: str) -> str:
        """The digest of a code, as typed, by which consents keep it."""
        return self._digest("receipt", re.sub(r"[^a-z2-7]", "", code.lower().translate(ALIKE)))

    def consent(self, code: str, given: Given) -> Consent | None:
        """The consent whose receipt has *code*, as typed."""
        digest = self.receipt(code)
        found = [one for one in given.consents.values() if self.equal(one.receipt, digest)]
        return found[0] if found else None

    def page(self, session: str) -> str:
        """What a form sent within *session* must say."""
        return self._digest("page", session)[:32]

    @staticmethod
    def equal(one: str, other: str) -> bool:
        """Whether two texts are equal, in constant time."""
        return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def new_code() -> str:
    """A fresh code of 128 bits, in groups of letters and digits to be typed."""
    return "-".join(re.findall(".{1,5}", new_id("").upper()))


def invite(study: Study, number: int, days: int, say: Say = print) -> list[Invitation]:
    """Make and return *number* invitations that expire after *days*; *say* gets what the archive's store lacks."""
    expires = consents.moment() + timedelta(days=days)
    made = [Invitation(new_id("p")[:17], expires) for _ in range(number)]
    try:
        with noting(study) as writer:
            for one in made:
                writer.note(consents.INVITED, {"person": one.person, "expires": expires.isoformat()})
    except Partial as error:  # the notes are safe here
        say(str(error))
    return made


def revoke(study: Study, people: Sequence[str]) -> None:
    """Revoke the invitations of *people*. Raise UserError for a person who was not invited."""
    known = Consents(study.directory).archived().invitations
    if unknown := [person for person in people if person not in known]:
        raise UserError(f"{unknown[0]}: no such person; `sneeuwbal invite` lists those who were invited")
    with noting(study) as writer:
        for person in people:
            writer.note(consents.REVOKED, {"person": person})


def listed(study: Study, only: Sequence[Invitation] | None = None) -> list[tuple[str, str, str, str]]:
    """(person, state, expiry, link) of each invitation, or of *only* these new ones."""
    given = Consents(study.directory).all() if only is None else Given()  # the archive's store may be away
    keys, now = Keys(study), datetime.now(UTC)
    stand = {one.person for one in given.consents.values() if one.withdrawn_at is None}
    gone = {one.person for one in given.consents.values()} - stand

    def state(one: Invitation) -> str:
        if one.person in stand:
            return "took part"
        if one.person in gone:
            return "withdrew"
        return "revoked" if one.revoked_at else "expired" if one.expires_at <= now else "open"

    return [
        (one.person, state(one), one.expires_at.isoformat(), f"{study.participants.url}/i/{keys.token(one)}")
        for one in (given.invitations.values() if only is None else only)
    ]
