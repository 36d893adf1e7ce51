"""The style of the figures, and their files: editable text, no clock, the same bytes for the same data."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import palette
from analysis.palette import FAINT, INK
from analysis.report.escape import clean

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

SETTINGS: dict[str, Any] = {
    "axes.edgecolor": FAINT, "axes.facecolor": "none", "axes.grid": False, "axes.labelcolor": INK, "axes.labelsize": 9,
    "axes.spines.right": False, "axes.spines.top": False, "axes.titlesize": 10, "figure.dpi": 100,
    "font.family": ["Noto Sans", "DejaVu Sans"], "font.size": 9, "legend.frameon": False, "legend.fontsize": 9,
    "pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "sneeuwbal", "text.color": INK,
    "text.parse_math": False, "xtick.color": INK, "ytick.color": INK, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
}  # fmt: skip


_narrow = ContextVar("narrow", default=False)
PHONE = 4.1  # inches, readable on a phone


def narrow() -> bool:
    """Whether the current figure is for a phone."""
    return _narrow.get()


@contextmanager
def styled(phone: bool = False) -> Iterator[None]:
    """Matplotlib in the report's style, for a phone if set; names are never parsed as mathematics."""
    token = _narrow.set(phone)
    try:
        with _settings():
            yield
    finally:
        _narrow.reset(token)


@contextmanager
def _settings() -> Iterator[None]:
    import matplotlib.font_manager

    fonts = matplotlib.font_manager.get_font_names()
    wanted = [name for name in SETTINGS["font.family"] if name in fonts]
    settings: Any = {**SETTINGS, "font.family": wanted}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def canvas(width: float, height: float, **options: Any) -> Figure:
    """An empty figure of *width* by *height* inches, or as wide as a phone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(min(width, PHONE) if narrow() else width, height), layout="constrained", **options)
    FigureCanvasAgg(figure)
    return figure


@cache
def ramp() -> Colormap:
    """The colours of numbers, from pale to dark."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ramp", palette.RAMP)


def label(text: Any, most: int = 40) -> str:
    """*text* from outside for a figure: without control characters, not too long."""
    cleaned = clean(text)
    return cleaned if len(cleaned) <= most else cleaned[: most - 1] + "…"


def wrapped(text: str, width: int) -> str:
    """*text* in lines of at most *width* letters."""
    return "\n".join(textwrap.wrap(text, width))


def grid(axes: Any, axis: str = "y") -> None:
    """Faint lines behind the data."""
    axes.set_axisbelow(True)
    axes.grid(True, axis=axis, color=FAINT, linewidth=0.6)
    axes.tick_params(length=0)


def legend(figure: Any, axes: Any, **options: Any) -> None:
    """The legend of *axes* next to it, or below it on a phone; none without labels."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    if narrow():
        figure.legend(handles, labels, **{"loc": "outside lower center", "ncols": 3, **options})
    else:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def nothing(words: Callable[[str], str]) -> Figure:
    """A figure with the text that there is nothing to draw."""
    figure = canvas(4, 0.8)
    figure.text(0.5, 0.5, words("nothing to draw yet"), ha="center", va="center")
    return figure


NOTHING: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None}, "pdf": {"CreationDate": None},
}  # fmt: skip
DPI = 200  # of png


@contextmanager
def _embedding() -> Iterator[None]:
    """Within the block, matplotlib embeds fonts without layout rules, which it has no setting for.

    Its text is laid out, and rules are slow to subset.
    """
    from fontTools import subset  # type: ignore[import-untyped]

    usual = subset.Options

    def options(**given: Any) -> Any:
        made = usual(**given)
        made.drop_tables += ["GDEF", "GPOS", "GSUB", "MATH"]
        return made

    subset.Options = options
    try:
        yield
    finally:
        subset.Options = usual


def saved(figure: Figure, form: str) -> bytes:
    """*figure* as svg, pdf or png, laid out once for all of them; `savefig` lays it out and draws it twice for each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from PIL import Image

    canvases: dict[str, Any] = {"svg": FigureCanvasSVG, "pdf": FigureCanvasPdf, "png": FigureCanvasAgg}
    out = BytesIO()
    with styled(), _embedding():
        engine = figure.get_layout_engine()
        if engine is not None:
            for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
                if not axis.get_label_text():  # else each drawing measures every tick to place no label
                    axis.set_label_coords(0, 0)
            engine.execute(figure)
            figure.set_layout_engine("none")
        if form == "png":
            figure.set_dpi(DPI)
        canvas = canvases[form](figure)
        if form == "png":  # without the transparency that no figure has, and compressed as far as is quick
            canvas.draw()
            pixels = np.asarray(canvas.buffer_rgba())[..., :3]
            Image.fromarray(pixels).save(out, "PNG", dpi=(DPI, DPI), compress_level=4)
        else:
            getattr(canvas, f"print_{form}")(out, metadata=NOTHING[form])
    return out.getvalue()


def write(figure: Figure, path: Path) -> Path:
    """Write *figure* to *path*, in the format of its extension."""
    path.write_bytes(saved(figure, path.suffix.removeprefix(".")))
    return path


def inline(figure: Figure, svg: bytes, name: str, alt: str) -> str:
    """*figure*, saved as *svg*, for the page: ids of its own, the page's colours, no size but its shape, no paper."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="patch_1">.*?</g>', "", text, count=1, flags=re.DOTALL)  # the figure's white paper
    text = re.sub(r"(\d\.\d\d)\d+", r"\1", text)  # a hundredth of a point is precise enough
    text = re.sub(r'(\bid="|"url\(#|\burl\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = text.replace(INK, "currentColor").replace(FAINT, "var(--line)")
    width = float(figure.get_figwidth())
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{_attribute(alt)}" style="max-width:{width * 96:.0f}px" ', 1
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
