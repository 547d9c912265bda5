"""Cuts that a user names, by a layer or by a stage as a plan shows it."""

import difflib
from collections.abc import Mapping, Sequence

from yosinski_tf.experiment.keras_networks import Tensor
from yosinski_tf.models import cuts
from yosinski_tf.models.cuts import Body
from yosinski_tf.models.stage_names import names_of_cuts
from yosinski_tf.system.errors import UserError

# So many cuts are named in a message.
_LISTED = 10


def find(
    body: Body, names: Sequence[str], network: str, classifier: str
) -> list[Tensor]:
    """The ends of all stages but the last, in the order of the graph.

    Args:
      body: The graph.
      names: Names of layers through whose outputs everything passes, or of stages as
        `cuts.GROUPINGS` make them. A name of both is that of the layer.
      network: Name of the network in messages.
      classifier: Name of the classifier.

    Raises:
      UserError: If a name stands for no cut or for two, or a stage has no weights.
    """
    pieces = cuts.pieces(body)
    # A layer that is called again ends a stage with its last call.
    of_layer = {piece.end[0]: piece.end for piece in pieces}
    stages = {}
    if not set(names) <= of_layer.keys():
        stages = _shown(body, network, classifier)
    found: set[Tensor] = set()
    for name in names:
        end = of_layer.get(name) or _of_stage(body, name, stages, classifier)
        if end is None:
            alone = cuts.GROUPINGS if len(names) == 1 else ()
            known = [*alone, *of_layer, *stages]
            raise UserError(_unknown(body, name, known, network))
        found.add(end)
    ends = [piece.end for piece in pieces]
    ordered = sorted(map(ends.index, found))
    for begin, number in zip([-1, *ordered], ordered, strict=False):
        inside = [
            node for piece in pieces[begin + 1 : number + 1] for node in piece.nodes
        ]
        if not any(node.layer in body.weighted for node in inside):
            raise UserError(
                f"--stages needs a layer with weights in every stage, found none in the"
                f" one that ends at {pieces[number].end[0]}: leave this name out"
            )
    return [pieces[number].end for number in ordered]


def _shown(body: Body, network: str, classifier: str) -> dict[str, list[Tensor]]:
    """The ends of the stages that a plan shows under each name."""
    found: dict[str, list[Tensor]] = {}
    for stages in cuts.GROUPINGS:
        ends = cuts.group(body, stages, network)
        for name, end in zip(names_of_cuts(body, ends, classifier), ends, strict=False):
            if end not in found.setdefault(name, []):
                found[name].append(end)
    return found


def _of_stage(
    body: Body, wanted: str, stages: Mapping[str, Sequence[Tensor]], classifier: str
) -> Tensor | None:
    """The end of the stage of a name; None if nothing has this name."""
    ends = stages.get(wanted, ())
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise UserError(
            f"--stages needs names of one cut each, found {wanted!r}, which names"
            f" {' and '.join(end[0] for end in ends)}: give one of these"
        )
    if wanted == classifier:
        raise UserError(
            "--stages needs layers before the classifier, which is a stage in any case,"
            f" found {wanted!r}: leave this name out"
        )
    if any(node.layer == wanted for node in body.nodes):
        raise UserError(_no_cut(body, wanted))
    return None


def _unknown(body: Body, wanted: str, known: Sequence[str], network: str) -> str:
    """What to say of a name that nothing has, if these are known."""
    ends = [piece.end for piece in cuts.pieces(body)]
    by_form = {each.lower(): each for each in known}
    near = difflib.get_close_matches(wanted.lower(), by_form, n=2)
    meant = " or ".join(by_form[each] for each in near)
    asked = f" (did you mean {meant}?)" if near else ""
    more = "" if len(ends) <= _LISTED else ", or names that --stages=block prints"
    for stages in ("block", "size"):
        if len(ends) > _LISTED:
            ends = cuts.group(body, stages, network)
    listed = ", ".join(dict.fromkeys(end[0] for end in ends[:_LISTED]))
    return (
        f"--stages needs layers of network {network} through whose output everything"
        f" passes, found {wanted!r}, which it does not have{asked}: give some of"
        f" {listed}{more}"
    )


def _no_cut(body: Body, wanted: str) -> str:
    """Why the output of a layer is no cut."""
    positions = [place for place, node in enumerate(body.nodes) if node.layer == wanted]
    behind = {(wanted, body.nodes[positions[-1]].call)}
    for node in body.nodes[positions[-1] + 1 :]:
        sources = {tensor[:2] for tensor in node.inputs}
        if sources & behind:
            behind.add((node.layer, node.call))
            if not sources <= behind:
                return (
                    f"--stages needs layers through whose output everything passes,"
                    f" found {wanted}, around which a connection runs to {node.layer}:"
                    f" give {node.layer} or a layer behind it"
                )
    place = positions[-1]
    shared = next(
        (
            body.nodes[first].layer
            for first, last in cuts.spans_of_calls(body)
            if first < place + 1 < last
        ),
        None,
    )
    found = f", but {shared} is called on both sides" if shared else ""
    return (
        f"--stages needs layers through whose output everything passes, found"
        f" {wanted}{found}: end the stage elsewhere"
    )
