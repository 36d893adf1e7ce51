"""The data that the page's scripts read: gzip in base64, so that it cannot contain markup."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.graphs.network import Network
from analysis.palette import GREY, PALETTE
from analysis.report import exports
from analysis.report.changes import span
from analysis.report.escape import clean
from analysis.report.figures.time import gapped, lost, runs
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.ties_over_time import History


def packed(data: bytes) -> str:
    """*data* as gzip in base64; the same bytes for the same data."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")


def as_json(value: Any) -> str:
    """*value* as JSON, packed."""
    return packed(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8"))


def edges(network: Network, history: History | None = None) -> str:
    """The edges as little-endian 32-bit numbers, packed: n + 1 offsets, targets by source, and weights if any.

    With *history* every tie ever seen, then the rounds in which each opened and closed.
    """
    of = history or network
    order = np.lexsort((of.target, of.source))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(of.source, minlength=network.n))])
    parts = [offsets, of.target[order]]
    if history is not None:
        parts += [history.opened[order], history.closed[order]]
    elif network.weight is not None:
        parts.append(np.round(network.weight[order]).astype(np.int64))
    return packed(np.concatenate(parts).astype("<u4").tobytes())


def actors(found: Findings, _: Words, history: History | None = None) -> dict[str, Any]:
    """The actors for the page: names, positions, measures, filters, and the rounds of *history*."""
    network = found.actors.network
    nodes = network.nodes
    names = nodes["name"].where(nodes["name"].notna() & (nodes["name"] != ""), nodes["handle"])
    names = names.where(names.notna(), nodes.index.to_series())
    civil = nodes["group_name"].where(nodes["label"] == "member")
    return {
        **_common(network, _names(found.communities)),
        "id": exports.unique(nodes.index.map(clean)),
        "label": [clean(name) for name in names],
        "handle": [clean(name) if isinstance(name, str) else "" for name in nodes["handle"]],
        "groups": [_coded(_("{group}"), civil), _coded(_("label"), nodes["label"].map(lambda name: _(str(name))))],
        "score": _whole(nodes["betweenness"]),
        "scoreName": _("betweenness"),
        "directed": True,
        "rounds": list(map(span, history.rounds["first_at"], history.rounds["last_at"])) if history else [],
    }


def hashtags(found: Findings, _: Words) -> dict[str, Any]:
    """The hashtags for the page."""
    network = found.hashtags.network
    tags = [f"#{clean(tag)}" for tag in network.nodes.index]
    return {
        **_common(network, _names(found.hashtag_communities)),
        "id": exports.unique(pd.Index(tags, dtype=object)), "label": tags, "handle": None, "groups": [],
        "score": _whole(network.nodes["posts"]), "scoreName": _("posts"), "directed": False, "rounds": [],
    }  # fmt: skip


def _common(network: Network, names: Sequence[str]) -> dict[str, Any]:
    nodes = network.nodes
    return {
        "x": np.round(nodes["x"].to_numpy(dtype=float), 1).tolist(),
        "y": np.round(nodes["y"].to_numpy(dtype=float), 1).tolist(),
        "size": np.round(nodes["size"].to_numpy(dtype=float), 2).tolist(),
        "degree": nodes["degree"].astype(int).tolist(),
        "community": nodes["community"].astype(int).tolist(),
        "communities": list(names),
        "runs": np.round(100 * nodes["share_of_runs"].to_numpy(dtype=float)).astype(int).tolist(),
        "palette": [*PALETTE, GREY],
        "weighted": network.weight is not None,
        "parameters": json.loads(json.dumps(dict(network.parameters), default=str)),
    }


def _names(table: pd.DataFrame) -> list[str]:
    return [clean(name) if isinstance(name, str) else "" for name in table.get("name", ())]


def _coded(name: str, values: pd.Series[Any]) -> Mapping[str, Any]:
    """A column as its distinct values, the most frequent first, and a number per node; -1 where missing."""
    counts = values.value_counts()
    order = sorted(counts.index, key=lambda value: (-int(counts[value]), str(value)))
    codes = pd.Categorical(values, categories=order).codes
    return {"name": name, "values": [clean(value) for value in order], "code": codes.astype(int).tolist()}


def _whole(values: pd.Series[Any]) -> list[float]:
    rounded: NDArray[Any] = np.round(values.to_numpy(dtype=float), 1)
    return [int(value) if value == int(value) else float(value) for value in rounded]


def _counts(column: pd.Series[Any]) -> list[int | None]:
    return [None if pd.isna(value) else int(value) for value in column.tolist()]


def daily(found: Findings, _: Words) -> dict[str, Any]:
    """The days for the page: the first, and a list per series."""
    days = found.daily
    first = days.index[0].strftime("%Y-%m-%d") if len(days) else None
    series = {"posts": _("posts"), "active_accounts": _("active accounts"),
              "located": _("posts of accounts with a location"), "geocoded": _("geo-coded posts")}  # fmt: skip
    return {
        "first": first,
        "gaps": runs(gapped(days)),
        "broken": runs(lost(days)),
        "series": [{"name": name, "values": _counts(days[column])} for column, name in series.items()],
        "holidays": {str(at): clean(name) for at, name in enumerate(days["holiday"]) if isinstance(name, str)},
    }
