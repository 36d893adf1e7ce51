"""Still pictures of networks: edges counted pixel by pixel, and names that can be read."""

import numpy as np
import pandas as pd

from analysis.graphs.layout import layout
from analysis.graphs.network import from_arrays
from analysis.report.figures.networks import PIXELS, density, still
from analysis.report.figures.style import styled


def test_an_edge_crosses_as_many_pixels_as_it_is_long() -> None:
    place = np.array([[10.0, 10.0], [200.0, 10.0], [200.0, 300.0]])
    count = density(place, np.array([0, 1, 0]), np.array([1, 2, 2]))
    assert count.shape == (PIXELS, PIXELS)
    assert count.sum() == 191 + 291 + 291  # the longer of its two sides, both ends counted
    assert count[10, 10] == 2
    assert count[10, 11:200].tolist() == [1] * 189
    assert count[11:300, 200].tolist() == [1] * 289
    assert count[300, 200] == 2


def test_names_lie_inside_the_picture_and_over_no_other_and_the_largest_has_one() -> None:
    rng = np.random.default_rng(4)
    names = [f"{'Lange' * (at % 4)} Naam {at}" for at in range(300)]
    nodes = pd.DataFrame({"name": names, "size": 3 + 27 * rng.random(300) ** 4, "color": "#0072B2"})
    network = from_arrays(nodes, rng.integers(0, 300, 3000), rng.integers(0, 300, 3000))
    network = network.with_columns(layout(network))
    with styled():
        figure = still(network, network.nodes["name"].tolist())
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) > 40
    for at, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0
        assert figure.bbox.y0 <= box.y0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        assert box.count_overlaps(boxes[:at]) == 0
    assert axes.texts[0].get_text() == network.nodes.nlargest(1, "size")["name"].iloc[0]
