"""What of an engraving is shown in a browser: shapes and texts, and nothing that could act.

The page lets no style be written into what it shows. Those of verovio's few rules that are needed stand in the page's own style sheet.
"""

from typing import Any

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "g", "defs", "symbol", "use", "path", "rect", "polygon", "polyline", "line", "ellipse", "circle", "text", "tspan"}
ATTRIBUTES = {
    "id", "class", "viewBox", "transform", "overflow", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "width", "height",
    "d", "points", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
    "stroke-opacity", "opacity", "visibility", "font-family", "font-size", "font-style", "font-weight", "text-anchor", "letter-spacing",
}  # fmt: skip
PREFIX = "score-"  # of all ids: the page has its own
BLACK = ("black", "#000", "#000000")  # what is drawn in the colour of the page's text


def made_safe(page: str) -> Any:
    """Return the root of a page in SVG with known elements and attributes alone; references lead to the page itself."""
    from lxml import etree

    root = etree.fromstring(page.encode(), etree.XMLParser(resolve_entities=False, huge_tree=True, no_network=True))
    for element in list(root.iter()):
        parent = element.getparent()
        if not isinstance(element.tag, str) or element.tag.removeprefix(SVG) not in ELEMENTS:
            if parent is not None:
                parent.remove(element)
            continue
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, PREFIX + value)
            elif name.rpartition("}")[2] == "href" and value.startswith("#"):
                element.set(name, f"#{PREFIX}{value[1:]}")
            elif name not in ATTRIBUTES or value.lower() in BLACK:
                del element.attrib[name]
    etree.cleanup_namespaces(root)
    return root
