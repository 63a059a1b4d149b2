"""An SVG file made fit to stand inside the page.

The page's content security policy forbids style attributes and style elements (they would need
'unsafe-inline'), so every declaration becomes a presentation attribute of the same meaning. What a
browser could run or fetch is dropped, and ids get a prefix, for a page holds many figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from reports.study import ReportError

_DROPPED = frozenset({"script", "style", "metadata", "foreignObject", "title"})
_FONT = re.compile(
    r"(?:(?P<style>italic|oblique)\s+)?(?:(?P<weight>bold|\d{3})\s+)?"
    r"(?P<size>[\d.]+(?:px|pt|em)?)\s+(?P<family>.+)"
)
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def inline_svg(svg: str, prefix: str) -> str:
    """`svg` as an element for HTML: no namespaces, no styles, no scripts, ids begin with `prefix`.

    Raises `ReportError` where `svg` is not well-formed XML.
    """
    try:
        root = ElementTree.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", svg))
    except ElementTree.ParseError as error:
        raise ReportError(
            f"the figure {prefix!r} cannot stand in the page ({error}): accepted is well-formed SVG"
        ) from None
    _clean(root, prefix)
    if "viewBox" in root.attrib:  # which keeps the proportions when the page is narrow
        root.attrib.pop("height", None)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element, prefix: str) -> None:
    """Rewrite `element` and all below it in place."""
    element.tag = _local(element.tag)
    attributes = dict(element.attrib)
    element.attrib.clear()
    for name, value in attributes.items():
        if name == "style":
            element.attrib.update(_presentation(value, prefix))
        elif _allowed(_local(name), value):
            element.set(_local(name), _prefixed(_local(name), value, prefix))
    for child in list(element):
        if not isinstance(child.tag, str) or _local(child.tag) in _DROPPED:
            element.remove(child)
        else:
            _clean(child, prefix)
    if not (element.text or "").strip():
        element.text = None
    for child in element:
        if not (child.tail or "").strip():
            child.tail = None


def _allowed(name: str, value: str) -> bool:
    """Whether an attribute neither runs nor fetches anything."""
    if name in ("href", "src"):
        return value.startswith(("#", "data:image/png;base64,"))
    return not name.lower().startswith("on")


def _prefixed(name: str, value: str, prefix: str) -> str:
    """The value with `prefix` before each id that it defines or refers to."""
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    return _REFERENCE.sub(rf"url(#{prefix}-\1)", value)


def _presentation(style: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Presentation attributes that mean what the declarations of `style` mean."""
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font" and (font := _FONT.fullmatch(value)):
            for part, found in font.groupdict().items():
                if found:
                    yield f"font-{part}", found
        elif name and value:
            yield name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value)


def _local(name: str) -> str:
    """A name without its XML namespace."""
    return name.rpartition("}")[2]
