"""A still picture of a network: edges as density, nodes as discs, labels that do not overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.graphs.network import Network
from analysis.report.figures.style import canvas, label
from analysis.report.findings import Findings
from analysis.report.i18n import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 900
LARGE = 60  # number of largest discs that no other name may cover
STEPS = 700_000  # points of edges counted at a time


def actors(found: Findings, _: Words) -> Figure:
    """Figure 2: the actor network."""
    network = found.actors.network
    names = network.nodes["name"].where(network.nodes["name"].notna(), network.nodes["handle"])
    return still(network, [label(name, 28) for name in names.where(names.notna(), network.nodes.index.to_series())])


def hashtags(found: Findings, _: Words) -> Figure:
    """Figure 3: the hashtag network."""
    network = found.hashtags.network
    return still(network, [label(f"#{tag}", 28) for tag in network.nodes.index])


def still(network: Network, names: list[str], labels: int = 90) -> Figure:
    """*network* drawn at its positions, labelled by size."""
    figure = canvas(8.4, 8.4)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    if not network.n:
        return figure
    points = network.nodes[["x", "y"]].to_numpy(dtype=float)
    low, high = points.min(axis=0), points.max(axis=0)
    centre, half = (low + high) / 2, max(float((high - low).max()) / 2, 1.0) * 1.08
    box = (centre[0] - half, centre[0] + half, centre[1] - half, centre[1] + half)
    place = (points - (centre - half)) / (2 * half) * (PIXELS - 1)
    count = density(place, network.source, network.target)
    dark = np.log1p(count) / max(float(np.log1p(count).max()), 1e-9)
    picture = np.full((PIXELS, PIXELS, 4), 107, dtype=np.uint8)
    picture[..., 3] = 12 * np.round(16 * dark)  # few shades, which compress well
    axes.imshow(picture, extent=box, origin="lower", interpolation="none")
    order = np.argsort(-network.nodes["size"].to_numpy())
    sizes = network.nodes["size"].to_numpy()[order]
    scale = 0.55 if network.n > 600 else 0.75  # points across per unit of size
    x, y = points[order[::-1]].T
    colours = network.nodes["color"].to_numpy()[order[::-1]]
    axes.scatter(x, y, s=(sizes[::-1] * scale) ** 2, c=colours, linewidths=0.3, edgecolors="white")
    axes.set(xlim=box[:2], ylim=box[2:])
    _labelled(figure, axes, points[order], [names[at] for at in order], sizes, scale, labels)
    return figure


def density(place: NDArray[Any], source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """The number of edges through each pixel, counted along each edge in steps of a pixel."""
    count = np.zeros(PIXELS * PIXELS)
    place = place.astype(np.float32)
    length = np.ceil(np.abs(place[source] - place[target]).max(axis=1)).astype(np.int64) + 1
    step = (place[target] - place[source]) / np.maximum(length - 1, 1).astype(np.float32)[:, None]
    ends = np.cumsum(length)
    start = 0
    while start < len(source):
        stop = max(int(np.searchsorted(ends, (ends[start - 1] if start else 0) + STEPS, side="right")), start + 1)
        steps = length[start:stop]
        along = (np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)).astype(np.float32)
        x, y = (
            np.repeat(place[source[start:stop], axis], steps) + along * np.repeat(step[start:stop, axis], steps)
            for axis in (0, 1)
        )
        count += np.bincount(y.astype(np.int32) * PIXELS + x.astype(np.int32), minlength=PIXELS * PIXELS)
        start = stop
    return count.reshape(PIXELS, PIXELS)


def _labelled(
    figure: Any, axes: Any, points: NDArray[Any], names: list[str], sizes: NDArray[Any], scale: float, most: int
) -> None:
    """Labels of the largest nodes, next to their discs, where they cover no other name or larger disc."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    behind = {"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 0.6}  # a halo would make paths of texts
    pen, font = figure.canvas.get_renderer(), FontProperties(family=rcParams["font.family"])
    spots = axes.transData.transform(points)
    top = float(sizes.max(initial=1.0))
    radii = sizes * scale / 2 * figure.dpi / 72
    discs = np.column_stack((spots - radii[:, None], spots + radii[:, None]))[:LARGE]
    taken = np.zeros((0, 4))
    for at, (x, y) in enumerate(spots[: most * 4]):
        high = 6 + 8 * (sizes[at] / top)  # points
        font.set_size(high)
        wide, tall, _ = pen.get_text_width_height_descent(names[at], font, False)
        others = np.vstack([taken, discs[:at]])
        for across, up in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            middle = (x + across * (radii[at] + wide / 2 + 3), y + up * (radii[at] + tall / 2 + 3))
            box = np.array([*middle, *middle]) + np.array([-wide, -tall, wide, tall]) / 2 + np.array([-2, -2, 2, 2])
            inside = box[:2].min() > 0 and box[2] < figure.bbox.width and box[3] < figure.bbox.height
            clash = (others[:, :2] < box[2:]).all(axis=1) & (others[:, 2:] > box[:2]).all(axis=1)
            if inside and not clash.any():
                taken = np.vstack([taken, box])
                axes.text(*axes.transData.inverted().transform(middle), names[at], ha="center", va="center",
                          fontsize=high, color="#111111", bbox=behind, zorder=5)  # fmt: skip
                break
        if len(taken) == most:
            break
