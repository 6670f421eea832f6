"""YAML as people write it, read strictly: what YAML would take for something else is refused.

PyYAML lets the last of two equal keys win, reads `010` as 8 and `1:30` as 90, follows anchors that
expand without end, and ends in a traceback for `!!int abc`. Here each of them is one line that
names the key.
"""

import re

import yaml

LARGEST = 1_000_000  # characters of a file
MOST = 200_000  # values of a file, those of anchors counted wherever they are used
DEEPEST = 30  # levels
_NOT_DECIMAL = re.compile(r"[-+]?0\d+|[-+]?[\d_]+(?::[0-5]?\d)+(?:\.\d*)?")
_UNPRINTABLE = re.compile("[\0-\b\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_KINDS = ("str", "int", "float", "bool", "null", "timestamp")


def load(text: str) -> object:
    """What a YAML text holds; raises ValueError in one line that names the key."""
    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters are too many; expected at most {LARGEST}")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Look(loader).at(node, "", 0)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(f"{error}; expected readable YAML") from None


class _Loader(yaml.SafeLoader):
    """Stops where the text is nested too deep, and not where Python can go no deeper."""

    level = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        if self.level > DEEPEST:
            line = self.peek_event().start_mark.line + 1
            raise ValueError(f"line {line}: nested too deep; expected at most {DEEPEST} levels")
        self.level += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.level -= 1


class _Look:
    """Looks at every node once; `at` gives (values, levels) of what a node expands to."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.loader = loader
        self.seen: dict[yaml.Node, tuple[int, int] | None] = {}

    def at(self, node: yaml.Node, place: str, level: int) -> tuple[int, int]:
        where = place or "the whole file"
        if node in self.seen and self.seen[node] is None:
            raise ValueError(f"{where}: an anchor holds itself")
        if node not in self.seen:
            if level > DEEPEST:
                raise ValueError(f"{where}: nested too deep; expected at most {DEEPEST} levels")
            self.seen[node] = None
            self.seen[node] = self._new(node, place, where, level)
        values, levels = self.seen[node]
        if level + levels > DEEPEST:
            raise ValueError(f"{where}: nested too deep; expected at most {DEEPEST} levels")
        if values > MOST:
            raise ValueError(f"{where}: anchors expand to more than {MOST} values")
        return values, levels

    def _new(self, node: yaml.Node, place: str, where: str, level: int) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node, where)
            return 1, 0
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            raise ValueError(f"{where}: the tag {node.tag!r} is not known; expected none")
        if isinstance(node, yaml.SequenceNode):
            parts = [(str(number), one) for number, one in enumerate(node.value)]
        else:
            parts = self._keys(node, where)
        found = [self.at(one, f"{place}.{name}".strip("."), level + 1) for name, one in parts]
        return 1 + sum(size for size, _ in found), 1 + max((deep for _, deep in found), default=0)

    def _keys(self, node: yaml.MappingNode, where: str) -> list[tuple[str, yaml.Node]]:
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"{where}: a key is no word")
            self._scalar(key, where)
            if (key.tag, key.value) in keys:
                inside = "" if where == "the whole file" else f"{where}."
                line = key.start_mark.line + 1
                raise ValueError(f"{inside}{key.value}: the key stands twice, again in line {line}")
            keys.add((key.tag, key.value))
        return [(key.value[:60], one) for key, one in node.value]

    def _scalar(self, node: yaml.ScalarNode, where: str) -> None:
        kind, shown = node.tag.removeprefix(_TAG), repr(node.value[:60])
        if kind == "merge":
            return
        if kind not in _KINDS:
            raise ValueError(f"{where}: the tag {node.tag!r} is not known; expected none")
        if kind in ("int", "float") and _NOT_DECIMAL.fullmatch(node.value):
            reason = "YAML takes it for another number; expected it without leading 0 or colon"
            raise ValueError(f"{where}: {shown}: {reason}, or in quotes")
        try:
            found = self.loader.construct_object(node, deep=True)
        except Exception:  # whatever the constructors of PyYAML end in
            raise ValueError(f"{where}: {shown} is no {kind}") from None
        if isinstance(found, str) and (sign := _UNPRINTABLE.search(found)):
            raise ValueError(f"{where}: {shown} holds the unprintable sign {sign[0]!r}")
