"""How charts look: no frames, thin grids, prices on the right, and colours that follow the page's theme.

A colour written `--name` is a custom property of `assets/page.css`; `assets/page.js` resolves it when it
draws, so one set of charts serves the light and the dark page.
"""

from __future__ import annotations

from typing import Any

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_SERIES = ("--accent", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6")


def series_color(number: int) -> str:
    """The colour of the n-th line of a chart; they repeat after six."""
    return _SERIES[number % len(_SERIES)]


def layout(**parts: Any) -> dict[str, Any]:
    """A plotly layout with the page's look; `parts` replace or add to it."""
    clear = "rgba(0,0,0,0)"
    return {
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "font": {"family": _FONT, "size": 12, "color": "--muted"},
        "hoverlabel": {
            "bgcolor": "--panel",
            "bordercolor": "--line",
            "font": {"family": _FONT, "size": 12, "color": "--text"},
            "align": "left",
        },
        "legend": {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"},
        "dragmode": "zoom",
        "modebar": {"bgcolor": clear, "color": "--muted", "activecolor": "--accent"},
        "xaxis": axis(type="date"),
    } | parts


def axis(**parts: Any) -> dict[str, Any]:
    """A plotly axis with the page's look; `parts` replace or add to it."""
    return {
        "automargin": True,
        "showgrid": True,
        "gridcolor": "--grid",
        "zeroline": False,
        "linecolor": "--line",
        "spikecolor": "--muted",
        "spikethickness": 1,
        "spikedash": "dot",
    } | parts


def line(*, color: str, **ends: Any) -> dict[str, Any]:
    """A thin dotted line across a chart, behind its curves."""
    return {"type": "line", "layer": "below", "line": {"color": color, "width": 1, "dash": "dot"}} | ends


def label(text: str, *, y: float) -> dict[str, Any]:
    """A panel's title at the left edge of a chart; `y` is where its foot stands, as a share of the height."""
    return {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "font": {"size": 12, "color": "--muted"},
    }
