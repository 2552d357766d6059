"""A picture is shown with its text, in a notebook and in a log."""

import base64
from typing import Any

import pytest
from matplotlib import pyplot

from helpers.figures import Figure, network_figure, show
from tests.support.topology import NAMES, topology


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What cells displayed, by media type."""
    bundles: list[dict[str, str]] = []

    def display(data: dict[str, str], *, raw: bool) -> None:
        assert raw
        bundles.append(data)

    monkeypatch.setattr("IPython.display.display", display)
    return bundles


def plot() -> Any:
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    return figure


def test_a_network_brings_its_own_text(shown: list[dict[str, str]]) -> None:
    figure = network_figure(topology(), names=NAMES)
    show(figure)
    html, plain = shown[0]["text/html"], shown[0]["text/plain"]
    assert f'<img alt="{figure.alt}"' in html
    assert f"<figcaption>{figure.alt}</figcaption>" in html
    assert base64.b64encode(figure.image).decode() in html
    assert "demo-client-a: 10.1.0.10" in html
    assert plain.splitlines()[0] == figure.alt
    assert "demo-client-a: 10.1.0.10" in plain


def test_alt_replaces_the_caption_and_keeps_the_words(shown: list[dict[str, str]]) -> None:
    show(network_figure(topology(), names=NAMES), alt='Two "networks"')
    assert '<img alt="Two &quot;networks&quot;"' in shown[0]["text/html"]
    assert shown[0]["text/plain"].startswith('Two "networks"\nVPC')


def test_a_plot_is_shown_once_with_its_text(shown: list[dict[str, str]]) -> None:
    show(plot(), alt="Three points that rise.")
    html = shown[0]["text/html"]
    assert '<img alt="Three points that rise." src="data:image/png;base64,' in html
    assert shown[0]["text/plain"] == "Three points that rise."
    assert pyplot.get_fignums() == []


def test_equal_plots_give_equal_bytes(shown: list[dict[str, str]]) -> None:
    show(plot(), alt="x")
    show(plot(), alt="x")
    assert shown[0] == shown[1]


def test_a_picture_without_text_is_refused(shown: list[dict[str, str]]) -> None:
    for alt in (None, "", "  "):
        with pytest.raises(ValueError, match="needs its text"):
            show(plot(), alt=alt)
    with pytest.raises(ValueError, match="needs its text"):
        show(network_figure(topology()), alt=" ")
    pyplot.close("all")
    assert shown == []


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(TypeError, match="not str"):
        show("a picture", alt="words")


def test_a_figure_shows_itself_as_a_cells_last_value() -> None:
    figure = Figure(b"<svg/>", "image/svg+xml", "A line")
    assert figure._repr_html_() == figure.html
    assert repr(figure) == "A line"
    assert "details" not in figure.html


def test_a_wide_picture_is_scrolled_and_not_made_smaller() -> None:
    html = network_figure(topology()).html
    assert 'style="overflow-x:auto;max-width:100%"' in html
    assert 'style="max-width:none"' in html
    assert 'tabindex="0"' in html  # a keyboard scrolls what it can reach
