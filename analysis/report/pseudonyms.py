"""Stable pseudonyms for a report that can be published: persons by a key of the study, others by name."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.measures import Measured

NAMED = ("politician", "organisation", "media")  # public by their office or as a body, if the study lists them
PERSONAL = ("handle", "name", "title", "organisation", "ministries", "profile_id", "followers", "following")


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms of persons; the same key gives the same ones, and without it nobody can go back."""

    key: bytes = field(repr=False)

    def of(self, person: str) -> str:
        """The pseudonym of *person* (an id): P- and ten letters and digits of an HMAC-SHA256 (RFC 2104)."""
        digest = hmac.new(self.key, str(person).encode(), hashlib.sha256).digest()
        return "P-" + base64.b32encode(digest)[:10].decode()


def named_network(found: Measured, pseudonyms: Pseudonyms) -> Measured:
    """*found* with pseudonyms for ids and nothing that tells a person; who is public by label keeps name and handle."""
    nodes = found.network.nodes
    public = nodes["label"].isin(NAMED).to_numpy() & nodes["handle"].notna().to_numpy()
    hidden = [pseudonyms.of(person) for person in nodes.index]
    ids = np.where(public, nodes["handle"].astype(object), hidden)
    kept = nodes.drop(columns=[name for name in PERSONAL if name in nodes and name not in ("handle", "name")])
    kept = kept.assign(
        handle=np.where(public, nodes["handle"].astype(object), hidden),
        name=np.where(public, nodes["name"].astype(object), hidden),
    )
    kept.index = pd.Index(ids, name=nodes.index.name)
    network = type(found.network)(
        kept, found.network.source, found.network.target, found.network.weight, found.network.directed,
        found.network.parameters,
    )  # fmt: skip
    membership = found.communities.membership.set_axis(kept.index)
    communities = type(found.communities)(
        membership, found.communities.modularity, found.communities.qualities, found.communities.stability,
        found.communities.together, found.communities.parameters,
    )  # fmt: skip
    return Measured(network, communities)


HIDDEN = "<5"
