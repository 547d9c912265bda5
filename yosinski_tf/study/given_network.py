"""The network that `--network` and `--source` name, read once for a study folder."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from yosinski_tf.experiment import network_specs
from yosinski_tf.experiment.keras_networks import PIXELS, KerasNetwork
from yosinski_tf.experiment.stages import Network
from yosinski_tf.machine import keras_settings, keras_start
from yosinski_tf.models import keras_archive
from yosinski_tf.models.cuts import GROUPINGS
from yosinski_tf.study import finished_run, given_source, network_file, settings
from yosinski_tf.study.given_source import Source
from yosinski_tf.study.records import WEIGHTS_NAME
from yosinski_tf.system.errors import UserError

# Digests of files that a request names.
_DIGESTS = ("source_file", "network_file")
# The classifier is replaced by one for the classes of the half; any number will do.
_CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user says of a network that is not described by flags.

    Attributes:
      network: Its spec, see `network_specs`; empty for the architecture of the source.
      stages: How finely it is cut: `size`, `block`, or names with commas.
      source: `file:MODEL.keras`, `run:FOLDER/RUN_ID`, or empty.
      pixels: One of `PIXELS`, or empty to guess it.
      input_size: Side of the crop, pixels; 0 for the network's own.
      norm_momentum: That of every batch normalisation; None for its own.
    """

    network: str
    stages: str
    source: str
    pixels: str
    input_size: int
    norm_momentum: float | None = None


@dataclasses.dataclass(frozen=True)
class Given:
    """A network, the source that it was given with, and what to tell the user.

    Attributes:
      request: What is compared when a study goes on; empty if nothing is stored.
    """

    network: Network
    source: Source | None = None
    request: Mapping[str, object] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def resolve(runs: pathlib.Path, request: Request) -> Given:
    """Finds a network and its source, in the study folder if that has them.

    Raises:
      UserError: If a file, a function or a run cannot be used, or the network cannot be
        cut.
    """
    if (stored := _stored(runs, request)) is not None:
        return stored
    if request.source.startswith("run:"):
        return _from_run(request)
    network, weights, notes = _in_a_process_of_its_own(request)
    source = None
    if weights is not None:
        source = given_source.make_source(request.source, weights)
    return Given(network, source, _noted(request), tuple(notes))


def own_images(runs: pathlib.Path, request: Request) -> dict[str, object]:
    """The settings of a recipe that a network needs: sizes, and the mean of a source.

    Raises:
      UserError: If a file or a run cannot be used.
    """
    kind, _, place = request.source.partition(":")
    if kind not in ("", "file", "run") or (kind and not place):
        raise UserError(
            "--source needs file:MODEL.keras or run:RUNS/RUN_ID, found"
            f" {request.source!r}: name a file or a finished run"
        )
    recipe: Mapping[str, object] = {}
    if request.source and _stored(runs, request) is not None:
        # Empty if the making of the folder was interrupted.
        recipe = settings.noted_recipe(runs)
    if not recipe and kind == "run":
        recipe = _read_run(request).record.recipe
    elif not recipe:
        named = (request.network, request.source)
        files = (network_specs.parse_spec(n) for n in named if n.startswith("file:"))
        side = next(filter(None, (keras_archive.input_side(f.name) for f in files)), 0)
        recipe = {"image_size": side, "crop_size": side} if side else {}
    wanted = ("image_size", "crop_size", "mean")
    return {name: recipe[name] for name in wanted if name in recipe}


def _stored(runs: pathlib.Path, request: Request) -> Given | None:
    """What the study folder holds, if it was made for the same request.

    A file or run that is not there any more counts as the one that was read.
    """
    found = network_file.read(runs)
    if found is None:
        return None
    network, made_for = found
    for name, value in _noted(request).items():
        any_value = value is None if name in _DIGESTS else name == "input_size"
        if value != made_for.get(name) and not (any_value and not value):
            return None
    source = given_source.read(runs) if request.source else None
    notes = [f"Pixels: {network.pixels} (--pixels)."]
    if request.network.startswith(("python:", "file:")):
        notes.append(f"Network: as stored in {runs / network_file.NAME}.")
    return Given(network, source, made_for, tuple(notes))


def _noted(request: Request) -> dict[str, object]:
    """A request with digests of the files that it names; None for what is missing."""
    source, network = (
        text.partition(":")[2] if text.startswith(("file:", "run:")) else ""
        for text in (request.source, request.network)
    )
    if request.source.startswith("run:"):
        source = os.path.join(source, WEIGHTS_NAME)
    digests = zip(_DIGESTS, map(_file_digest, (source, network)), strict=True)
    return dataclasses.asdict(request) | dict(digests)


def _from_run(request: Request) -> Given:
    """The network, the weights and the mean of a finished run of another study."""
    for flag, given in (
        ("network", request.network),
        ("stages", request.stages != "size"),
        ("pixels", request.pixels),
    ):
        if given:
            raise UserError(
                f"--source={request.source} brings its own network, stages and pixels,"
                f" found --{flag} too: leave it out"
            )
    run = _read_run(request)
    network = run.network
    if request.norm_momentum is not None and isinstance(network, KerasNetwork):
        network = network.with_momentum(request.norm_momentum)
    below = network.layers_below(len(network.stage_names) - 1)
    weights = {k: v for k, v in run.weights.items() if k.split("/")[0] in below}
    mean = np.asarray(run.mean) if network.pixels == "mean" else None
    source = given_source.make_source(request.source, weights, mean)
    return Given(network, source, _noted(request))


def _read_run(request: Request) -> finished_run.FinishedRun:
    folder = pathlib.Path(request.source.partition(":")[2]).expanduser()
    return finished_run.read_finished_run(folder.parent, folder.name)


def _file_digest(place: str) -> str | None:
    """SHA-256 of a file; None if there is none (any more)."""
    try:
        with open(os.path.expanduser(place), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _in_a_process_of_its_own(
    request: Request,
) -> tuple[KerasNetwork, dict[str, np.ndarray] | None, list[str]]:
    """Runs `_read` where TensorFlow may be loaded; what it prints is left out."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=spawn, initializer=_be_quiet
    ) as process:
        try:
            return process.submit(_read, request).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(
                f"the process that reads {request.network or request.source} ended"
                " without a word: free some memory, or try the network in Python"
            ) from None


def _be_quiet() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _read(
    request: Request,
) -> tuple[KerasNetwork, dict[str, np.ndarray] | None, list[str]]:
    """Builds or loads the network; its stages, the weights of the source, and notes.

    Imports Keras: it runs in a process of its own.
    """
    keras_start.load()
    from yosinski_tf.models import keras_file, network_building
    from yosinski_tf.models.network_reading import describe, network_weights
    from yosinski_tf.models.pixels import guess_pixels

    keras_settings.set_up()
    path = request.source.partition(":")[2]
    text = request.network or f"file:{path}"
    spec = network_specs.parse_spec(text)
    # First, since its module may register the classes of the file.
    model = network_building.build(text, request.input_size, _CLASSES)
    source = model
    if request.source and request.network:
        source = keras_file.load(os.path.expanduser(path))
    name = text if spec.kind != "file" else f"file:{os.path.basename(spec.name)}"
    cut = functools.partial(
        describe,
        model,
        name=name,
        input_size=request.input_size,
        modules=[spec.name] if spec.kind == "python" else [],
    )
    network = cut(stages=request.stages)
    if not keras_file.has_own_objects(network.graph):
        # Keras alone can build it, so the user's module is not needed any more.
        network = dataclasses.replace(network, modules=())
    weights = None
    if request.source:
        weights = network_weights(source, network, request.source)
    # What nobody can use is refused before anything is asked about it.
    notes = _ends_elsewhere(request.stages, network, cut)
    pixels = request.pixels
    if not pixels:
        guessed, why = guess_pixels(source, spec)
        if guessed is None and request.source:
            raise UserError(
                f"--source={request.source} needs --pixels, which says what its input"
                f" is scaled to ({why}): give one of {', '.join(PIXELS[1:])}"
            )
        pixels = guessed or "mean"
        notes.append(f"Pixels: {pixels}, {why} (--pixels).")
    network = dataclasses.replace(network, pixels=pixels)
    if request.norm_momentum is not None:
        network = network.with_momentum(request.norm_momentum)
    return network, weights, [*notes, *_remarks(network)]


def _ends_elsewhere(
    names: str, network: KerasNetwork, cut: Callable[..., KerasNetwork]
) -> list[str]:
    """Which layers that end a stage have the name of a stage that ends elsewhere."""
    notes: dict[str, str] = {}
    wanted = [] if names in GROUPINGS else [each.strip() for each in names.split(",")]
    for stages in GROUPINGS if wanted else ():
        other = cut(stages=stages)
        for name, end in zip(other.stage_names, other.cuts, strict=False):
            if name in wanted and end not in network.cuts:
                notes[name] = (
                    f"Note: {name} is cut behind the layer of this name; the stage that"
                    f" --stages={stages} calls so ends at {end[0]}."
                )
    return list(notes.values())


def _remarks(network: KerasNetwork) -> list[str]:
    """What of a network has no effect here, in sentences for the user."""
    layers = network.graph["layers"]
    notes = []
    regularised = [
        layer["name"]
        for layer in layers
        if any(k.endswith("_regularizer") and v for k, v in layer["config"].items())
    ]
    if regularised:
        notes.append(
            f"Note: regularisers, as of {regularised[0]}, are not used; --weight_decay"
            " decays kernels."
        )
    for layer in layers:
        if layer["class_name"].startswith("Random"):
            notes.append(
                f"Note: {layer['name']} changes images in trained stages only; for the"
                " same images in all networks leave it out and give --mirror."
            )
    return notes
