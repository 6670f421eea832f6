"""SVG drawings inside a page."""

import re

from markupsafe import Markup


def drawing(text: str) -> Markup:
    """An SVG as a part of the page, without what only a file of its own needs.

    Coordinates keep two decimals of a point. What one drawing defines (glyphs, markers, clips) is
    named by its content, so that several of them in one page do not disturb each other.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"(\d\d\.\d\d)\d+", r"\1", text)
    return Markup(re.sub(r"\s*\n\s*", " ", text))
