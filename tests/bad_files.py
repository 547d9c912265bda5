"""Wrong files and folders, and the words of their messages."""

import json
import os
import pathlib
import shutil

import fabricate
import numpy as np
from bad_flags import Bad, study
from bad_world import (
    CLASSES,
    edited,
    enormous,
    finished_run,
    images,
    picture,
    spoilt,
    weights,
    with_file,
)

from yosinski_tf.experiment.networks import Conv
from yosinski_tf.models import surgery

RUN = "random-0_A3B_seed0"


def lists(place: pathlib.Path, data: str) -> dict[str, Bad]:
    """Flag files, and files that list the classes of both halves."""
    place.mkdir()
    found = {}

    def halves(name: str, content: bytes, *words: str) -> None:
        path = place / f"{name.replace(' ', '_')}.txt"
        path.write_bytes(content)
        found[f"split file {name}"] = study(
            data, f"--split=file:{path}", words=(str(path), *words)
        )

    halves("empty", b"", "no class in half A", "give a line [A]")
    halves("no section", b"ant\nbee\n", "'ant' in line 1", "give a line [A]")
    halves("odd section", b"[A]\nant\nbee\n[C]\ncat", "'[C]' in line 4", "give")
    halves("one half", b"[A]\nant\nbee\ncat\ndog", "no class in half B", "then [B]")
    halves("not UTF-8", b"[A]\nb\xe4r\n", "not UTF-8 text", "give a line [A]")
    halves("twice", b"[A]\nant\nant\n[B]\nbee", "'ant' twice", "once")
    halves("both", b"[A]\nant\nbee\n[B]\nbee\ncat", "'bee' twice, in A and B", "once")
    halves("unknown", b"[A]\nant\n../bee\n[B]\ncat", "'../bee'", "'ant', 'bee'")
    halves("missing", b"[A]\nant\nbee\n[B]\ncat", "'dog'", "name every class once")
    halves("small half", b"[A]\nant\n[B]\nbee\ncat\ndog", "1 of 4", "at least 2")
    unread = "give file:PATH"
    broken = place / "bytes.flags"
    broken.write_bytes(b"\xff\xfe--steps=3\n")
    unknown = place / "unknown.flags"
    unknown.write_text("# A remark.\n--stepz=3\n")

    def flag(name: str, flag: str, *words: str) -> None:
        found[name] = study(data, flag, words=words)

    flag("split file is a folder", f"--split=file:{place}", "Is a directory", unread)
    flag("no split file", f"--split=file:{place}/x", "No such file", unread)
    long = f"--split=file:{'x' * 300}"
    flag("split file of a long name", long, "File name too long", unread)
    flag("flag file not UTF-8", f"--flagfile={broken}", "UTF-8 text", "another file")
    flag("flag file is a folder", f"--flagfile={place}", "Is a directory", str(place))
    flag("flag file of unknown flags", f"--flagfile={unknown}", "'stepz'", "--help")
    return found


def folders(place: pathlib.Path) -> dict[str, Bad]:
    """Folders of images."""
    place.mkdir()
    found = {}

    def folder(name, spoil, *words: str, plain_user: bool = False) -> None:
        path = spoilt(place / name.replace(" ", "_"), spoil)
        found[f"folder {name}"] = study(
            f"--dataset=folder:{path}", words=words, plain_user=plain_user
        )

    def file(name: str, content: bytes, *words: str) -> None:
        where = f"train/dog/{name}"
        folder(f"with {name}", with_file(where, content), where, *words)

    replace = "replace it with an image such as JPEG or PNG, or remove it"
    move = "move or remove it"
    file("zero.png", b"", "is empty (0 bytes)", move)
    file("text.txt", b"hello", "is not an image", move)
    file("text.png", b"hello", "it is not an image", replace)
    file("cut.png", picture(side=64)[:70], "truncated", replace)
    file("cut.jpg", picture(form="JPEG", side=64)[:300], "cannot read", replace)
    file("cut.gif", picture("P", "GIF", side=64)[:30], "cannot read image", replace)
    file("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not an image", move)
    file("enormous.png", enormous(), "exceeds limit", replace)
    file("numbers.tiff", picture("F", "TIFF"), "32-bit numbers", "convert it")
    # All files but the last can be read.
    folder("of many kinds", _many_kinds, "train/dog/last.png", "it is not an image")
    link = "a link to nothing"
    folder("with a looping link", _loop("train/dog/1.png"), "dog/1.png", link, move)
    folder(
        "with a link to itself",
        lambda path: (path / "train/dog/up").symlink_to(path),
        "dog/up, which is a folder",
        move,
    )
    folder(
        "whose class is a looping link",
        lambda path: [
            (path / "train/dog").rename(path / "old"),
            _loop("train/dog")(path),
        ],
        "found a folder 'dog' in",
        "but not in",
        "add or remove its folder",
    )
    folder(
        "without a class in val",
        lambda path: (path / "val/dog").rename(path / "val/cow"),
        "found a folder 'dog' in",
        "need the same classes",
    )
    folder(
        "with two validations",
        lambda path: (path / "validation").mkdir(),
        "needs a folder val or validation",
        "found both: keep one",
    )
    folder(
        "with an empty class",
        lambda path: (path / "train/dog/0.png").unlink(),
        "train/dog needs at least one image",
        "found none",
    )
    for name, odd, told in (
        ("a line end", b"a\nb", "'a\\\\nb'"),
        ("a control character", b"a\x1b[2Jb", "\\x1b"),
        ("bytes that are no text", b"c\xe4t", "\\udce4"),
    ):
        folder(
            f"whose class has {name}",
            lambda path, odd=odd: [
                os.rename(path / part / "dog", os.fsencode(path / part) + b"/" + odd)
                for part in ("train", "val")
            ],
            told.replace("\\\\", "\\"),
            "need one line of UTF-8 text",
            "rename it",
        )
    closed = "Permission denied"
    folder(
        "that is closed",
        lambda path: (path / "train/dog").chmod(0),
        "train/dog",
        closed,
        "make it readable",
        plain_user=True,
    )
    folder(
        "with a closed image",
        lambda path: (path / "train/dog/0.png").chmod(0),
        "train/dog/0.png",
        closed,
        replace,
        plain_user=True,
    )
    three = images(place / "three", CLASSES[:3])
    one = images(place / "one", CLASSES[:1])
    (place / "bare").mkdir()
    (place / "file").write_bytes(picture())
    wanted = "give DIR with DIR/train/CLASS/*"

    def data(spec: str, *words: str) -> Bad:
        return study(f"--dataset=folder:{spec}", words=words)

    return {
        **found,
        "no such folder": data(f"{place}/nowhere", "nowhere", wanted),
        "folder of no name": data("", "no folder ''", wanted),
        "folder of a long name": data("x" * 300, "File name too long", "correct"),
        "file for a folder": data(f"{place}/file", "no folder", wanted),
        "bare folder": data(f"{place}/bare", "at least 2 class folders, found 0"),
        "three classes": data(str(three), "found 3", "at least 4", "larger"),
        "one class": data(str(one), "at least 2 class folders, found 1"),
        "no such set": study(
            "--dataset=tfds:nowhere",
            f"--data_dir={place}",
            words=("no prepared data set 'nowhere'", "build nowhere", "--data_dir"),
        ),
    }


def _loop(name: str):
    return lambda path: (path / name).symlink_to(path / name)


def _many_kinds(path: pathlib.Path) -> None:
    for name, content in {
        "1-16-bit.png": picture("I;16"),
        "2-palette.png": picture("P"),
        "3-transparent.png": picture("RGBA"),
        "4-grey.png": picture("L"),
        "5-one-bit.png": picture("1"),
        "6-cmyk.jpg": picture("CMYK", "JPEG"),
        "7-animated.gif": picture("P", "GIF", save_all=True),
        "8.webp": picture(form="WEBP"),
        "9.bmp": picture(form="BMP"),
        "a.tiff": picture("LAB", "TIFF"),
        "no ending": picture(),
        "a line\nend.png": picture(),
        "last.png": b"hello",
    }.items():
        (path / "train/dog" / name).write_bytes(content)
    (path / "train/dog/a link.png").symlink_to(path / "train/cat/0.png")
    os.rename(path / "train/dog/9.bmp", os.fsencode(path / "train/dog") + b"/\xe4.bmp")


def stores(place: pathlib.Path) -> dict[str, Bad]:
    """Stores, and folders that are no store."""
    place.mkdir()
    found = {}

    def store(name: str, spoil, *words: str, flags: tuple[str, ...] = ()) -> None:
        path = place / name.replace(" ", "_")
        made = fabricate.store(path, image_size=16, class_names=CLASSES)
        spoil(made.folder / "store.json")
        found[f"store {name}"] = study(f"--dataset=store:{path}", *flags, words=words)

    def text(content: str):
        return lambda path: path.write_text(content)

    def whole(path: pathlib.Path) -> None:
        assert path.is_file()

    again = "copy the store again, or prepare it again"
    store(
        "cut", lambda path: os.truncate(path, 200), "cannot read", "store.json", again
    )
    store("empty", text(""), "cannot read", "JSONDecodeError", again)
    store("of a list", text("[]"), "cannot read", "store.json", again)
    store("deep", text("[" * 100_000), "cannot read", "RecursionError", again)
    store("of few fields", text('{"format_version": 1}'), "KeyError", again)
    store(
        "of another version",
        lambda path: path.write_text(
            json.dumps({**json.loads(path.read_text()), "format_version": 2})
        ),
        "needs format version 1, found 2",
        "use the program that made it",
    )
    store(
        "without a file",
        lambda path: next(path.parent.glob("images-train.*")).unlink(),
        "lacks its file images-train",
        again,
    )
    sizes = "found images of 16 x 16 pixels"
    size = "--image_size=32"
    store("of a size", whole, f"{size} needs a store of that", sizes, flags=(size,))
    store("under the crop", whole, "8 to", "16", "found 17", flags=("--crop_size=17",))
    share, folder = "--held_out=0.2", "--data_dir=x"
    store("with a share", whole, "--held_out needs a source", share, flags=(share,))
    store("with a folder", whole, "--data_dir needs a source", folder, flags=(folder,))
    # A store is finished when it has its description.
    unfinished = place / "unfinished.partial" / "store"
    fabricate.store(unfinished, image_size=16, class_names=CLASSES)
    (unfinished / "store.json").unlink()
    (place / "bare").mkdir()
    (place / "file").write_bytes(b"")
    for name, path in (
        ("nowhere", place / "nowhere"),
        ("a file", place / "file"),
        ("a bare folder", place / "bare"),
        ("half made", unfinished),
        ("beside what is half made", place / "unfinished"),
    ):
        found[f"store {name}"] = study(
            f"--dataset=store:{path}",
            words=(f"no store at {path}", "store.json", "yosinski-prepare --out=DIR"),
        )
    return found


def preparations(place: pathlib.Path) -> dict[str, Bad]:
    """Bad input to yosinski-prepare and yosinski-benchmark."""
    place.mkdir()
    good = images(place / "good")
    folder, out = f"--source=folder:{good}", f"--out={place}/out"
    found = {}

    def prepare(name: str, arguments: tuple[str, ...], *words: str) -> None:
        found[f"prepare {name}"] = Bad("prepare", arguments, words)

    def lists(name: str, line: bytes, *words: str) -> None:
        root = images(place / f"list_of_{name.replace(' ', '_')}")
        (root / "link").symlink_to(good)
        every = [f"train/{c}/0.png {i}\n".encode() for i, c in enumerate(CLASSES)]
        (root / "val.txt").write_bytes(b"".join(every))
        (root / "train.txt").write_bytes(b"".join([*every, line, b"\n"]))
        words = (f"{root}/train.txt line 5", *words, "correct the line")
        prepare(f"list of {name}", (f"--source=filelist:{root}", out), *words)

    form = "needs a path, a space and a class index"
    below = "needs a file below"
    lists("a way up", b"../good/train/ant/0.png 0", "leads out of the list", below)
    lists("a hidden way up", b"train/../../good/x.png 0", "leads out of", below)
    lists("an absolute path", b"/etc/passwd 0", "is an absolute path", below)
    lists("a link outside", b"link/train/ant/0.png 0", "through a link", below)
    lists("no label", b"train/ant/1.png", "'train/ant/1.png'", form)
    lists("a name for a label", b"train/ant/1.png ant", "1.png ant'", form)
    lists("a label below 0", b"train/ant/1.png -1", "1.png -1'", form)
    lists("an image that is gone", b"train/ant/1.png 0", "does not exist", below)
    lists("a folder", b"train/ant 0", "is not a file", below)
    twice = images(place / "twice")
    (twice / "train.txt").write_text("train/ant/0.png 0\n" * 2)
    (twice / "val.txt").write_text("val/ant/0.png 0\n")
    prepare(
        "list of one image twice",
        (f"--source=filelist:{twice}", out),
        *("train.txt line 2", "like line 1", "remove one"),
    )
    lone = f"--source=filelist:{twice}/train.txt"
    prepare(
        "one list", (lone, out), "needs 2 lists, found 1", "filelist:TRAIN.txt,VAL.txt"
    )
    prepare("nothing", (), "--source is missing", "--source=folder:DIR")
    prepare("no out", (folder,), "--out is missing", "--out=STORE")
    prepare("no source", (out,), "--source is missing", "--source=folder:DIR")
    prepare(
        "unknown source", ("--source=zip:x", out), "'zip:x'", "give one of tfds:image"
    )
    nowhere = f"--source=folder:{place}/nowhere"
    prepare("no folder", (nowhere, out), "nowhere", "give DIR with DIR/train/CLASS/*")
    quality = "needs a quality of 1 to 100, found"
    prepare("quality 0", (folder, out, "--quality=0"), f"{quality} 0")
    prepare("quality 101", (folder, out, "--quality=101"), f"{quality} 101")
    raw = (folder, out, "--encoding=raw", "--quality=9")
    prepare("raw of a quality", raw, "raw has no --quality", "leave out one of them")
    png = (folder, out, "--encoding=png")
    prepare("encoding", png, "--encoding needs one of jpeg, raw", "'png'", "--help")
    prepare("no pixel", (folder, out, "--image_size=0"), "at least 1 pixel, found 0")
    many = (folder, out, "--processes=0")
    prepare("no process", many, "--processes needs", "positive integer", "'0'")
    tars = (folder, out, "--manual_dir=x")
    prepare("tars", tars, "--manual_dir needs a source tfds:im", "=x: leave it out")
    data = (folder, out, "--data_dir=x")
    prepare("data folder", data, "--data_dir needs a source tfds:", "=x: leave it out")
    beam = (folder, out, "--beam_options=a=b")
    prepare("beam options", beam, "needs --beam_runner", "give it too")
    kept = (folder, f"--out={good}")
    over = "--out needs a new folder or a store, found other files in"
    prepare("over other files", kept, over, "another --out")
    prepare("over a file", (folder, f"--out={good}/train/ant/0.png"), over)
    nowhere = (folder, "--out=/proc/store")
    prepare("where nothing can be written", nowhere, "cannot write /proc/store")
    prepare("verify nothing", (f"--verify={place}/x",), "no store at", "store.json")
    prepare("verify images", (f"--verify={good}",), f"no store at {good}", "--out=DIR")
    prepare("stray argument", (folder, out, "x"), "'x'", "start with --", "--help")
    return {
        **found,
        "benchmark nothing": Bad(
            "benchmark", (), ("needs what to measure", "one of input", "found ''")
        ),
        "benchmark the unknown": Bad(
            "benchmark", ("output",), ("one of input", "found 'output'", "see --help")
        ),
        "benchmark crop over image": Bad(
            "benchmark",
            ("input", "--image_size=16", "--crop_size=17", f"--work_dir={place}/work"),
            ("--crop_size needs", "at most the image size, 16", "found 17"),
        ),
        "benchmark of few": Bad(
            "benchmark",
            ("input", "--records=10", f"--work_dir={place}/work"),
            ("--records needs", "500", "'10'", "--help"),
        ),
    }


def records(place: pathlib.Path) -> dict[str, Bad]:
    """Records, and folders of them."""
    place.mkdir()
    again = "delete its folder to train it again"
    found = {}

    def report(name: str, runs: pathlib.Path, *words: str, **options: bool) -> None:
        found[name] = Bad("report", (f"--runs={runs}",), words, **options)

    def field(name: str, words: tuple[str, ...], **changes: object) -> None:
        runs = edited(place / name.replace(" ", "_"), **changes)
        report(f"record {name}", runs, f"{RUN}/record.json", *words, again)

    field("without a field", ("missing fields ['top1']",), top1=...)
    field("with an unknown field", ("unknown fields ['top9']",), top9=1)
    field("with a text for a number", ("top1 (needs float, found '0.5')",), top1="0.5")
    field("with no number", ("top1 (needs float, found nan)",), top1=float("nan"))
    field("with infinity", ("loss (needs float | None, found inf)",), loss=float("inf"))
    field("with true", ("seed (needs int, found True)",), seed=True)
    field("with null", ("treatment (needs str, found None)",), treatment=None)
    field("with an odd history", ("history (needs list",), history=[{"step": "x"}])
    field("with numbers for names", ("class_names (needs list",), class_names=[1, 2])
    field("with an odd recipe", ("recipe (needs dict", "found [1]"), recipe=[1])
    field(
        "with half a letter", ("device (needs str, found '\\ud800')",), device="\ud800"
    )
    field("of another folder", (f"run_id (needs '{RUN}', found", "../x"), run_id="../x")
    field("of no treatment", ("'A9B' copies 9", "from 1 to 7"), treatment="A9B")
    field("at odds with itself", ("n (needs 3, found 9)",), n=9)
    field("of no split", ("split (needs first:N, found 'first:x')",), split="first:x")

    def text(name: str, content: bytes, *words: str) -> None:
        runs = edited(place / name.replace(" ", "_"))
        (runs / RUN / "record.json").write_bytes(content)
        report(f"record {name}", runs, f"{RUN}/record.json", *words, again)

    text("is cut", b'{"run_id": "x', "is not valid JSON")
    text("is empty", b"", "is not valid JSON")
    text("is no object", b"[]", "holds no JSON object")
    text("is not UTF-8", b'{"a": "\xff"}', "is not valid JSON")
    text("is deep", b"[" * 100_000, "is not valid JSON", "recursion")
    text("has 5000 digits", b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON")

    runs = edited(place / "record_is_a_folder")
    (runs / RUN / "record.json").unlink()
    (runs / RUN / "record.json").mkdir()
    report("record is a folder", runs, "Is a directory", again)
    runs = edited(place / "record_closed")
    (runs / RUN / "record.json").chmod(0)
    report("record is closed", runs, "Permission denied", again, plain_user=True)
    (place / "bare").mkdir()
    (place / "file").write_text("")
    report("no record", place / "bare", "needs at least one", "run a study")
    report("no study", place / "nowhere", "no study folder at", "give --runs=DIR")
    report("file for a study", place / "file", "no study folder at", "give --runs=DIR")
    runs = edited(place / "report_is_a_file")
    (runs / "report").write_text("")
    report("report is a file", runs, "report (File exists)", "move it")
    runs = edited(place / "report_closed")
    runs.chmod(0o555)
    report(
        "study is read-only", runs, "Permission denied", "name another", plain_user=True
    )
    found["file for a published report"] = Bad(
        "report",
        ("--published", f"--out={place}/file"),
        ("File exists", "name another"),
    )
    return found


def studies(place: pathlib.Path, data: str, good: pathlib.Path) -> dict[str, Bad]:
    """Study folders, copies of a good one that has images but no run.

    `data` is the flag that names these images.
    """
    place.mkdir()
    another = "choose another --runs folder"
    found = {}

    def folder(name: str, *words: str, treatments: str = "A3B", **options: bool):
        runs = shutil.copytree(good, place / name.replace(" ", "_"))
        found[name] = study(
            data,
            f"--runs={runs}",
            f"--treatments={treatments}",
            words=words,
            **options,
        )
        return runs

    runs = folder("settings cut", "cannot read", "study.json", another)
    (runs / "study.json").write_text("{")
    runs = folder("settings deep", "study.json", "recursion", another)
    (runs / "study.json").write_text("[" * 100_000)
    runs = folder("settings of another kind", "holds no JSON object", another)
    (runs / "study.json").write_text("[1]")
    runs = folder("settings changed", "recipe.steps was 99, now 12", another)
    settings = json.loads((runs / "study.json").read_text())
    settings["recipe"]["steps"] = 99
    (runs / "study.json").write_text(json.dumps(settings))
    runs = folder("settings lost", "no study.json that says how", another)
    finished_run(runs, "A3B")
    (runs / "study.json").unlink()
    runs = folder("other data", "data set", "has changed", "needs fingerprint bbbb")
    finished_run(runs, "baseA")
    runs = folder("record cut", f"{RUN}/record.json (it is not valid JSON", "again")
    finished_run(runs, "A3B")
    (runs / RUN / "record.json").write_text("{")

    base = "random-0_baseA_seed0"
    again = "delete the folder to train the run again"
    runs = folder("base without weights", base, "no weights.npz", again)
    finished_run(runs, "baseA")
    (runs / base / "weights.npz").unlink()
    runs = folder("base of other weights", base, "not of one training", again)
    finished_run(runs, "baseA", weights_sha256="0" * 64)
    runs = folder("base of cut weights", base, "cannot read weights", "train it again")
    finished_run(runs, "baseA")
    (runs / base / "weights.npz").write_bytes(b"PK\x03\x04")
    runs = folder("base of another network", "conv1/bias of shape (4,)", "(5,)", again)
    other = {**weights(), "conv1/bias": np.zeros(5, "f4")}
    layers = {name.split("/")[0] for name in other}
    finished_run(runs, "baseA", weights_sha256=surgery.digest(other, layers))
    np.savez(runs / base / "weights.npz", **other)

    (place / "file").write_text("")
    closed, locked = place / "closed", place / "locked"
    closed.mkdir(mode=0o555)
    locked.mkdir(mode=0)

    def where(runs: str, *words: str, **options: bool) -> Bad:
        return study(data, f"--runs={runs}", words=words, **options)

    denied = ("Permission denied", "name a")
    return {
        **found,
        "runs is a file": where(f"{place}/file", "needs a folder", "name another"),
        "runs below a file": where(f"{place}/file/x", "Not a directory", "name a"),
        "runs of a long name": where("x" * 300, "File name too long", "name another"),
        "runs read-only": where(f"{closed}/x", *denied, plain_user=True),
        "runs closed": where(f"{locked}/x", *denied, plain_user=True),
    }


def exports(place: pathlib.Path) -> dict[str, Bad]:
    """Runs that cannot be exported."""
    place.mkdir()

    def export(name: str, *words: str, run: str = RUN, **changes: object) -> Bad:
        runs = place / name
        finished_run(runs, "A3B", **changes)
        return Bad("export", (f"--runs={runs}", f"--run={run}"), words)

    mean = {"image_size": 16, "crop_size": 16, "mean": "image"}
    return {
        "export of no run": export("no", "'A3A'", "did you mean", RUN, run="A3A"),
        "export of a path": export(
            "up", f"no finished run '../up/{RUN}'", "did you mean", run=f"../up/{RUN}"
        ),
        "export of no study": Bad(
            "export",
            (f"--runs={place}/nowhere", "--run=x"),
            ("no study folder", "give --runs=DIR"),
        ),
        "export of what diverged": export(
            "diverged", "'diverged'", "export a run that finished", status="diverged"
        ),
        "export of no size": export(
            "size", "needs an image size", "found None", "delete", recipe={}
        ),
        "export of few names": export(
            "names", "2 class names", "1 and 3", "delete", class_names=["a"]
        ),
        "export of no network": export(
            "network", "needs the description of a network", network_settings={}
        ),
        "export of an odd network": export(
            "odd",
            "filters (needs int, found '4')",
            network_settings={
                "name": "mini",
                "layers": [vars(Conv("conv1", "4", 3))],
            },
        ),
        "export of other weights": export(
            "weights", "not of one training", "delete", weights_sha256="0" * 64
        ),
        "export without its mean": export(
            "mean", "cannot read the mean image", "delete", recipe=mean
        ),
    }
