"""Wrong files and folders, and the words of their messages."""

import json
import os
import pathlib
import shutil

import fabricate
import numpy as np
from bad_flags import Bad, study
from bad_world import CLASSES, edited, enormous, finished_run, images, picture, weights

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

    give = "give a line [A], its class names one per line, then [B]"
    once = "name every class once"
    halves("empty", b"", f"has no class in half A: {give}")
    halves("no section", b"ant\nbee\n", f"'ant' in line 1 before any half: {give}")
    halves("odd section", b"[A]\nant\nbee\n[C]\ncat", f"'[C]' in line 4: {give}")
    halves("section twice", b"[A]\nant\n[A]\nbee\n", f"'[A]' in line 3: {give}")
    halves("one half", b"[A]\nant\nbee\n", f"has no class in half B: {give}")
    halves("empty half", b"[A]\n[B]\nant\nbee\n", f"has no class in half A: {give}")
    utf = "needs UTF-8 text, found the byte"
    halves("not UTF-8", b"[A]\nb\xe4r\n", f"{utf} 0xe4 in line 2: save it as UTF-8")
    zero = "[A]\nant".encode("utf-16-le")
    halves("UTF-16 without a mark", zero, f"{utf} 0x00 in line 1: save it as UTF-8")
    halves("twice", b"[A]\nant\nant\n[B]\nbee", f"'ant' twice, in half A: {once}")
    halves("both", b"[A]\nant\nbee\n[B]\nbee", f"'bee' twice, in A and B: {once}")
    names = "names 1 classes that the data set does not have, '../bee'"
    three = "its classes are 'ant', 'bee', 'cat', ..."
    halves("unknown", b"[A]\nant\n../bee\n[B]\ncat", names, three)
    left = "puts 2 classes of the data set into neither half, 'cat', 'dog'"
    halves("missing", b"[A]\nant\n[B]\nbee", f"{left}: {once}")
    two = "needs at least 2 classes in each half, found 1 of 4 in half A: choose"
    halves("small half", b"[A]\nant\n[B]\nbee\ncat\ndog", two)
    unread = "give file:PATH"
    broken = place / "bytes.flags"
    broken.write_bytes(b"--steps=3\n--runs=\xe4\n")
    own = place / "own.flags"
    own.write_text(f"--steps=3\n--flagfile={own}\n")
    unknown = place / "unknown.flags"
    unknown.write_text("# A remark.\n--stepz=3\n")

    def flag(name: str, flag: str, *words: str) -> None:
        found[name] = study(data, flag, words=words)

    folder = f"cannot read split file {place} (Is a directory): {unread}"
    flag("split file is a folder", f"--split=file:{place}", folder)
    flag("no split file", f"--split=file:{place}/x", "No such file", unread)
    long = f"--split=file:{'x' * 300}"
    flag("split file of a long name", long, "File name too long", unread)
    broken_words = f"{broken} {utf} 0xe4 in line 2: save it as UTF-8"
    flag("flag file not UTF-8", f"--flagfile={broken}", broken_words)
    flag("flag file in itself", f"--flagfile={own}", "found itself", "remove the line")
    flag("no flag file", "--flagfile=", "--flagfile needs a file, found none: name one")
    flag("flag file is a folder", f"--flagfile={place}", "Is a directory", str(place))
    flag("flag file of unknown flags", f"--flagfile={unknown}", "--stepz", "--help")
    return found


def folders(place: pathlib.Path) -> dict[str, Bad]:
    """Folders of images."""
    place.mkdir()
    found = {}

    def folder(name, spoil, *words: str, plain_user: bool = False) -> None:
        path = images(place / name.replace(" ", "_"))
        spoil(path)
        found[f"folder {name}"] = study(
            f"--dataset=folder:{path}", words=words, plain_user=plain_user
        )

    def file(name: str, content: bytes, *words: str) -> None:
        where = f"train/dog/{name}"
        folder(
            f"with {name}", lambda at: (at / where).write_bytes(content), where, *words
        )

    replace = "replace it with an image such as JPEG or PNG, or remove it"
    move = "move or remove it"
    file("zero.png", b"", "is empty (0 bytes)", move)
    file("text.txt", b"hello", "is not an image", move)
    file("text.png", b"hello", "it is not an image", replace)
    file("cut.png", picture(side=64)[:70], "truncated", replace)
    file("cut.jpg", picture(form="JPEG", side=64)[:300], "cannot read", replace)
    file("cut.gif", picture("P", "GIF", side=64)[:30], "cannot read image", replace)
    file("cut.webp", picture(form="WEBP", side=64)[:30], "cannot read image", replace)
    file("cut.tif", picture(form="TIFF", side=64)[:700], "cannot read image", replace)
    file("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not an image", move)
    large = "1,000,000 x 1,000,000 pixels need 12000.0 GB of memory"
    free = "60% of the free memory: make it smaller"
    file("enormous.png", enormous(), large, free, "make it smaller, or free memory")
    file("numbers.tiff", picture("F", "TIFF"), "32-bit numbers", "convert it")
    # All files but the last can be read.
    folder("of many kinds", _many_kinds, "train/dog/last.png", "it is not an image")
    link = f"dog/9.png, which is not a file, or a link to nothing: {move}"
    nine = "train/dog/9.png"
    folder("with a looping link", _loop(nine), link)
    folder("with a broken link", lambda at: (at / nine).symlink_to("gone"), link)
    folder("with a pipe", lambda at: os.mkfifo(at / nine), link)
    inner = f"dog/9.png, which is a folder: {move}"
    folder("with an inner folder", lambda at: (at / nine).mkdir(), inner)
    up = f"dog/up, which is a folder: {move}"
    folder("with a link up", lambda at: (at / "train/dog/up").symlink_to(at), up)
    same, add = "need the same classes, found a folder", "add or remove its folder"
    folder(
        "whose class is a looping link",
        lambda at: [(at / "train/dog").rename(at / "old"), _loop("train/dog")(at)],
        *(same, "'dog' in", "val but not in", add),
    )
    for part, other in (("train", "val"), ("val", "train")):
        dog = f"{part}/dog"
        folder(
            f"with an empty class in {part}",
            lambda at, dog=dog: (at / dog / "0.png").unlink(),
            f"{dog} needs at least one image, found none",
        )
        folder(
            f"without a class in {part}",
            lambda at, dog=dog: (at / dog).rename(at / "dog"),
            *(same, "'dog' in", f"{other} but not in", add),
        )
    two = "needs a folder val or validation beside its folder train, found both: keep"
    folder("of two", lambda at: (at / "validation").mkdir(), two)
    share = "--held_out=SHARE"
    folder("of none", lambda at: (at / "val").rename(at / "x"), "found neither:", share)
    for name, odd, told in (
        ("a line end", b"a\nb", "'a\\nb'"),
        ("a control character", b"a\x1b[2Jb", "\\x1b"),
        ("bytes that are no text", b"c\xe4t", "\\udce4"),
    ):
        folder(
            f"whose class has {name}",
            lambda at, odd=odd: [
                os.rename(at / part / "dog", os.fsencode(at / part) + b"/" + odd)
                for part in ("train", "val")
            ],
            *(told, "need one line of UTF-8 text", "rename it"),
        )
    for name, what, remedy in (
        ("that is closed", "train/dog", "make it readable"),
        ("with a closed image", "train/dog/0.png", replace),
    ):
        folder(
            name,
            lambda at, what=what: (at / what).chmod(0),
            *(what, "Permission denied", remedy),
            plain_user=True,
        )
    three = images(place / "three", CLASSES[:3])
    one = images(place / "one", CLASSES[:1])
    (place / "bare").mkdir()
    (place / "file").write_bytes(picture())
    nowhere = f"{place}/nowhere"
    wanted = "give DIR with DIR/train/CLASS/*"

    def data(spec: str, *words: str) -> Bad:
        return study(f"--dataset=folder:{spec}", words=words)

    return {
        **found,
        "no such folder": data(nowhere, f"no folder '{nowhere}': {wanted}"),
        "folder of no name": data("", "no folder ''", wanted),
        "folder of a long name": data("x" * 300, "File name too long", "correct"),
        "file for a folder": data(f"{place}/file", "no folder", wanted),
        "bare folder": data(f"{place}/bare", "at least 2 class folders, found 0"),
        "three classes": data(
            str(three), "needs at least 4 classes, two", "found 3: choose a larger"
        ),
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
    store("of odd fields", text('{"format_version": 1, "x": 2}'), "cannot read", again)
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
    size = "--image_size=32"
    needed = f"{size} needs a store of that size, found images of 16 x 16 pixels"
    store("of a size", whole, needed, flags=(size,))
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
    """Bad input to yosinski-prepare."""
    place.mkdir()
    good = images(place / "good")
    folder, out = f"--source=folder:{good}", f"--out={place}/out"
    found = {}

    def prepare(name: str, arguments: tuple[str, ...], *words: str) -> None:
        found[f"prepare {name}"] = Bad("prepare", arguments, words)

    def lists(name: str, line: bytes, *words: str) -> None:
        root = images(place / f"list_of_{name.replace(' ', '_')}")
        (root / "link").symlink_to(good)
        (root / "train/ant/link.png").symlink_to(good / "train/ant/0.png")
        every = [f"train/{c}/0.png {i}\n".encode() for i, c in enumerate(CLASSES)]
        (root / "val.txt").write_bytes(b"".join(every))
        (root / "train.txt").write_bytes(b"".join([*every, line, b"\n"]))
        words = (f"{root}/train.txt line 5", *words, "correct the line")
        prepare(f"list of {name}", (f"--source=filelist:{root}", out), *words)

    form = "needs a path, a space and a class index"
    below, out_of = f"needs a file below {place}", "leads out of the list's folder"
    link = f"{out_of} through a link"
    lists("a way up", b"../good/train/ant/0.png 0", out_of, below)
    lists("a hidden way up", b"train/../../good/x.png 0", out_of, below)
    lists("an absolute path", b"/etc/passwd 0", "is an absolute path", below)
    lists("a link outside", b"link/train/ant/0.png 0", link, below)
    lists("a linked image", b"train/ant/link.png 0", link, below)
    lists("no label", b"train/ant/1.png", "found 'train/ant/1.png'", form)
    lists("a name for a label", b"train/ant/1.png ant", "1.png ant'", form)
    lists("a label below 0", b"train/ant/1.png -1", "1.png -1'", form)
    lists("a broken label", b"train/ant/1.png 1.5", "1.png 1.5'", form)
    lists("a large label", b"train/ant/1.png 99999999", "1.png 99999999'", form)
    lists("a raised label", "train/ant/1.png ²".encode(), "1.png ²'", form)
    lists("an image that is gone", b"train/ant/1.png 0", "does not exist", below)
    lists("a folder", b"train/ant 0", "found 'train/ant', which is not a file", below)
    twice = images(place / "twice")
    (twice / "train.txt").write_text("train/ant/0.png 0\n./train/ant/0.png 0\n")
    (twice / "val.txt").write_text("val/ant/0.png 0\n")
    prepare(
        "list of one image twice",
        (f"--source=filelist:{twice}", out),
        *("train.txt line 2", "names 'train/ant/0.png' like line 1", "remove one"),
    )
    inside = "where folders are taken for classes: give one such as --out=/"
    prepare("into a class", (folder, f"--out={good}/train/ant/out"), "--out", inside)
    lone = f"--source=filelist:{twice}/train.txt"
    prepare(
        "one list", (lone, out), "needs 2 lists, found 1", "filelist:TRAIN.txt,VAL.txt"
    )
    prepare("nothing", (), "--source is missing", "--source=folder:DIR")
    prepare("no out", (folder,), "--out is missing", "--out=STORE")
    prepare("no source", (out,), "--source is missing", "--source=folder:DIR")
    prepare(
        "unknown source",
        ("--source=zip:x", out),
        "unknown source 'zip:x': give one of tfds:image",
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
    where = "--manual_dir needs a source tfds:imagenet2012"
    prepare("tars", tars, where, "=x: leave it out")
    held = ("--source=tfds:x", out, "--held_out=0.5")
    prepare("held out", held, "--held_out needs a source folder:")
    data = (folder, out, "--data_dir=x")
    prepare(
        "data folder", data, "--data_dir needs a source tfds:NAME", "=x: leave it out"
    )
    address = (folder, out, "--ray_address=auto")
    prepare("ray address", address, "needs --engine=ray", "give it too")
    kept = (folder, f"--out={good}")
    over = "--out needs a new folder or a store, found other files in"
    prepare("over other files", kept, over, "another --out")
    prepare("over a file", (folder, f"--out={good}/train/ant/0.png"), over)
    nowhere = (folder, "--out=/proc/store")
    prepare("where nothing can be written", nowhere, "cannot write /proc/store")
    prepare("verify nothing", (f"--verify={place}/x",), "no store at", "store.json")
    prepare("verify images", (f"--verify={good}",), f"no store at {good}", "--out=DIR")
    prepare("stray argument", (folder, out, "x"), "'x'", "start with --", "--help")
    return found


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
    field(
        "with an unknown field", ("missing fields [], unknown fields ['top9']",), top9=1
    )
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
    field("of no treatment", ("n from 1 to 7", "found A9B"), treatment="A9B")
    field("at odds with itself", ("n (needs 3, found 9)",), n=9)
    field("of no split", ("split (needs first:N, found 'first:x')",), split="first:x")

    def text(name: str, content: bytes, *words: str) -> None:
        runs = edited(place / name.replace(" ", "_"))
        (runs / RUN / "record.json").write_bytes(content)
        report(f"record {name}", runs, f"{RUN}/record.json", *words, again)

    text("is cut", b'{"run_id": "x', "is not valid JSON")
    text("is one sign", b"{", "is not valid JSON")
    text("is a zero byte", b"\0", "is not valid JSON")
    text("is empty", b"", "is not valid JSON")
    text("is no object", b"[]", "holds no JSON object")
    text("is null", b"null", "holds no JSON object")
    text("is a number", b"3", "holds no JSON object")
    text("has no field", b"{}", "missing fields ['backend', ")
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
            data, f"--runs={runs}", f"--treatments={treatments}", words=words, **options
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
    runs = folder("settings lost", "holds runs but no study.json that says", another)
    finished_run(runs, "A3B")
    (runs / "study.json").unlink()
    runs = folder("other data", "data set", "has changed", "needs fingerprint bbbb")
    finished_run(runs, "baseA")
    runs = folder("record cut", f"{RUN}/record.json (it is not valid JSON", "again")
    finished_run(runs, "A3B")
    (runs / RUN / "record.json").write_text("{")

    runs, gone = shutil.copytree(good, place / "explained"), place / "gone"
    finished_run(runs, "baseA")
    shutil.rmtree(runs / "dataset")
    settings = json.loads((runs / "study.json").read_text())
    settings["dataset"]["spec"] = f"folder:{gone}"
    (runs / "study.json").write_text(json.dumps(settings))
    found["explain without images"] = Bad(
        "explain",
        (f"--runs={runs}",),
        (f"neither their copy {runs}/dataset nor their source {gone}: move one of",),
    )
    for binary in ("explain", "report"):
        found[f"{binary} of several studies"] = Bad(
            binary, (f"--runs={place}",), ("other studies in it: did you mean --runs=",)
        )

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
    below = f"cannot write to the study folder {place}/file/x (Not a directory)"
    file = f"--runs needs a folder, found the file {place}/file"
    return {
        **found,
        "runs is a file": where(f"{place}/file", file, "name another"),
        "runs below a file": where(f"{place}/file/x", below, "name a"),
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
    none = ("no finished run 'x'", "did you mean --runs=", " or --runs=")
    gone = export("gone", "has a record but no weights.npz", "delete")
    (place / "gone" / RUN / "weights.npz").unlink()
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
            "diverged",
            "status 'diverged'",
            "a lower --learning_rate",
            status="diverged",
        ),
        "export of none": Bad("export", (f"--runs={place}", "--run=x"), none),
        "export without weights": gone,
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
            network_settings={"name": "mini", "layers": [vars(Conv("conv1", "4", 3))]},
        ),
        "export of other weights": export(
            "weights", "not of one training", "delete", weights_sha256="0" * 64
        ),
        "export without its mean": export(
            "mean", "cannot read the mean image", "delete", recipe=mean
        ),
    }
