"""Whether a reader can read a drawing: sizes, contrast, and nothing outside of it."""

import xml.etree.ElementTree as ElementTree

from helpers.figures import Figure

SVG = "{http://www.w3.org/2000/svg}"
SMALLEST, LEAST_CONTRAST = 11, 4.5


def drawn(figure: Figure) -> ElementTree.Element:
    """The picture's root element."""
    return ElementTree.fromstring(figure.image)


def words(figure: Figure) -> list[str]:
    """Every line of text in the picture, in the order of drawing."""
    return [element.text or "" for element in drawn(figure).iter(f"{SVG}text")]


def all_words(figure: Figure) -> str:
    """The picture's text as one line: what was wrapped is whole again."""
    return " ".join(words(figure))


def shapes(figure: Figure) -> list[tuple[str, dict[str, str]]]:
    """Everything in the picture that is no text: kind and attributes."""
    return [
        (element.tag.removeprefix(SVG), dict(element.attrib))
        for element in drawn(figure)
        if element.tag not in (f"{SVG}text", f"{SVG}title", f"{SVG}desc")
    ]


def illegible(figure: Figure) -> list[str]:
    """What is too small, too pale on the box below it, or outside of the picture; empty for a legible picture."""
    root = drawn(figure)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    boxes: list[tuple[float, float, float, float, str]] = []
    problems = []
    for element in root:
        if element.tag == f"{SVG}rect":
            x, y, wide, high = (float(element.get(key, 0)) for key in ("x", "y", "width", "height"))
            boxes.append((x, y, x + wide, y + high, element.get("fill", "none")))
            if x < 0 or y < 0 or x + wide > width or y + high > height:
                problems.append(f"a box at {x:g}, {y:g} leaves the picture")
        elif element.tag == f"{SVG}text":
            problems += _problems(element, boxes, width, height)
    return problems


def _problems(
    text: ElementTree.Element, boxes: list[tuple[float, float, float, float, str]], width: float, height: float
) -> list[str]:
    said, size = text.text or "", float(text.get("font-size", 0))
    x, y = float(text.get("x", 0)), float(text.get("y", 0))
    long = len(said) * size * 0.6
    start = x - {"middle": long / 2, "end": long}.get(text.get("text-anchor", ""), 0)
    below = [fill for left, top, right, foot, fill in boxes if left <= start + 1 <= right and top <= y - 2 <= foot]
    problems = [f"{said!r} has {size:g} px"] if size < SMALLEST else []
    if start < 0 or start + long > width + 4 or not 0 < y <= height:
        problems.append(f"{said!r} leaves the picture")
    if below and contrast(text.get("fill", "#000000"), below[-1]) < LEAST_CONTRAST:
        problems.append(f"{said!r} is {text.get('fill')} on {below[-1]}")
    return problems


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG of two colours such as ``#0072B2``."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
