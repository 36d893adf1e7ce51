"""The colours of the page, its figures, networks and exports."""

from __future__ import annotations

INK, FAINT = "#1c1d1e", "#c9cacb"  # the page replaces these two with its light or dark colours
BLUE, ORANGE, GREEN, RED, PINK, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"  # Okabe and Ito
GREY = "#8c8c8c"
UNSURE = "#e3e3e3"
RAMP = ("#eef4fa", "#b7d3ea", "#6baed6", "#2f7ebc", "#0b4f94", "#08306b")

# one colour per community, the largest first, distinct for the colour-blind (Okabe and Ito, then Tol's muted colours);
# grey for the rest
PALETTE = (BLUE, RED, GREEN, PINK, ORANGE, SKY, "#882255", "#999933", "#44aa99", "#aa4499", "#c9b037", "#117733")
GROUPS = (BLUE, ORANGE, GREEN, PINK, SKY, RED)  # plain first, then hatched
