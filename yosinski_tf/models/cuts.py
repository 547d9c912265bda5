"""Where the graph of a network can be cut, and which cuts make its stages.

A cut is a tensor through which everything passes. A block lies between two cuts and
holds a layer with weights; what only normalises, activates, pools or reshapes belongs
to the block before it, and padding to the one behind it.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from yosinski_tf.experiment.keras_networks import Tensor
from yosinski_tf.models.graph_config import Node, is_default_name
from yosinski_tf.system.errors import UserError

# How a network is cut if no cuts are named.
GROUPINGS = ("size", "block")
# Most stages of a network whose maps have one size, such as a vision transformer.
MOST_STAGES = 8
# Maps that differ by less than this factor in their number of places have one size.
_ONE_SIZE = 1.5
# Layers with weights that belong to what stands before them.
ATTACHED = (
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "PReLU",
    "RMSNormalization",
)
# A block of so many layers, with so large a share of all, is no network to cut.
_TIED_LAYERS = 20
_TIED_SHARE = 0.9


@dataclasses.dataclass(frozen=True)
class Piece:
    """What lies between two cuts that follow each other; `end` is the second."""

    end: Tensor
    nodes: tuple[Node, ...]


@dataclasses.dataclass(frozen=True)
class Body:
    """The graph from the image to the features, as the search for cuts needs it.

    Attributes:
      nodes: The nodes in topological order, without the input.
      start: The image.
      features: The tensor that the classifier stands on.
      shapes: Shape of every tensor, without batch.
      weighted: Names of the layers with weights.
    """

    nodes: Sequence[Node]
    start: Tensor
    features: Tensor
    shapes: Mapping[Tensor, tuple[int, ...]]
    weighted: Collection[str]


def pieces(body: Body) -> list[Piece]:
    """The pieces between all usable cuts; the last one ends at the features.

    A layer with weights that is called on both sides makes a cut unusable.
    """
    uses: dict[Tensor, int] = {body.features: 1}
    for node in body.nodes:
        for tensor in node.inputs:
            uses[tensor] = uses.get(tensor, 0) + 1
    spans = spans_of_calls(body)
    outputs: dict[tuple[str, int], list[Tensor]] = {}
    for tensor in uses:
        outputs.setdefault(tensor[:2], []).append(tensor)
    wanted = {body.start}
    result, begin = [], 0
    for position, node in enumerate(body.nodes, 1):
        for tensor in node.inputs:
            uses[tensor] -= 1
            if not uses[tensor]:
                wanted.discard(tensor)
        wanted.update(outputs.get((node.layer, node.call), ()))
        if len(wanted) == 1 and not any(first < position < end for first, end in spans):
            (tensor,) = wanted
            if tensor != body.start:
                result.append(Piece(tensor, tuple(body.nodes[begin:position])))
                begin = position
    return result


def spans_of_calls(body: Body) -> list[tuple[int, int]]:
    """Positions before the first and behind the last call of layers called again."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for position, node in enumerate(body.nodes):
        if node.layer in body.weighted:
            first.setdefault(node.layer, position)
            last[node.layer] = position + 1
    return [(first[each], last[each]) for each in first if last[each] - first[each] > 1]


def blocks(body: Body) -> list[Piece]:
    """The pieces, put together so that each holds a layer of its own with weights."""
    result: list[list[Piece]] = []
    waiting: list[Piece] = []
    for piece in pieces(body):
        waiting.append(piece)
        if any(_substantial(body, node) for node in piece.nodes):
            result.append(waiting)
            waiting = []
        elif result and not all("Padding" in node.kind for node in piece.nodes):
            result[-1] += waiting
            waiting = []
    if result:
        result[-1] += waiting
    return [
        Piece(block[-1].end, tuple(node for each in block for node in each.nodes))
        for block in result
    ]


def _substantial(body: Body, node: Node) -> bool:
    return node.layer in body.weighted and node.kind not in ATTACHED


def _merges(node: Node) -> bool:
    """Whether a node brings branches together; products are gates, not merges."""
    return len(node.inputs) > 1 and node.kind != "Multiply"


def telling_layers(body: Body, block: Piece) -> list[str]:
    """Names of a block's layers with weights of their own or behind branches.

    Names that Keras gave are left out if there are others.
    """
    telling = [n for n in block.nodes if _substantial(body, n) or _merges(n)]
    given = [n for n in telling if not is_default_name(n.layer, n.kind)]
    return list(dict.fromkeys(node.layer for node in given or telling))


def _last(body: Body, block: Piece) -> Node:
    """The last layer of a block with weights of its own or behind branches."""
    return [n for n in block.nodes if _substantial(body, n) or len(n.inputs) > 1][-1]


def _places(body: Body, block: Piece) -> int:
    """Places of the map that a block works on, its height times width; 0 for none."""
    last = _last(body, block)
    outputs = (s for t, s in body.shapes.items() if t[:2] == (last.layer, last.call))
    shape = next(outputs)
    return math.prod(shape[:-1]) if len(shape) > 1 else 0


def group(body: Body, stages: str, name: str) -> list[Tensor]:
    """The ends of all stages but the last, which is the classifier's.

    Args:
      stages: One of `GROUPINGS`: `size` for a stage per size of the maps, `block` for
        one per block.
      name: Name of the network in messages.

    Raises:
      UserError: If the network cannot be cut so.
    """
    found = blocks(body)
    _check_blocks(body, found, name)
    if stages == "block":
        return [block.end for block in found]
    by_size = _by_size(found, [_places(body, block) for block in found])
    maps = [number for number, (places, _) in enumerate(by_size) if places]
    if len(maps) < 2:
        return _thinned([block.end for block in found])
    # The last size ends at the features, so that one cut parts the classifier alone.
    return [
        same[-1].end if number == maps[-1] else _end_of_size(body, same)
        for number, (_, same) in enumerate(by_size)
    ]


def _check_blocks(body: Body, found: Sequence[Piece], name: str) -> None:
    counts = [
        len({node.layer for node in block.nodes if _substantial(body, node)})
        for block in found
    ]
    tied = max(counts, default=0)
    if len(found) < 2 or (tied >= _TIED_LAYERS and tied > _TIED_SHARE * sum(counts)):
        raise UserError(
            f"network {name} needs tensors through which everything passes, found none"
            f" between {tied} of its {sum(counts)} layers with weights: use a network"
            " whose blocks follow each other"
        )


def _by_size(
    found: Sequence[Piece], places: Sequence[int]
) -> list[tuple[int, list[Piece]]]:
    """Consecutive blocks of one size, and its places; without a map each is alone."""
    result: list[tuple[int, list[Piece]]] = []
    for block, count in zip(found, places, strict=True):
        size = result[-1][0] if result else 0
        if size / _ONE_SIZE < count < size * _ONE_SIZE:
            result[-1][1].append(block)
        else:
            result.append((count, [block]))
    return result


def _end_of_size(body: Body, same: Sequence[Piece]) -> Tensor:
    """Of blocks of one size, the last that merges, else the one of least output.

    Not behind a depthwise convolution, half of a separable one.
    """
    merging = [block for block in same if any(map(_merges, block.nodes))]
    if merging:
        return merging[-1].end
    whole = [b for b in same if not _last(body, b).kind.startswith("Depthwise")]
    return min(
        reversed(whole or same), key=lambda block: math.prod(body.shapes[block.end])
    ).end


def _thinned(ends: Sequence[Tensor]) -> list[Tensor]:
    """Of these ends the last and every second, third, ... before it.

    There are at most `MOST_STAGES` stages, and a transformer, which has two ends in a
    block, is cut between blocks.
    """
    step = math.ceil(len(ends) / (MOST_STAGES - 1))
    return list(ends[::-1][::step][::-1])
