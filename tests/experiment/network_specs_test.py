"""The grammar of `--network`."""

import pytest
from refusals import assert_refused

from yosinski_tf.experiment.network_specs import NetworkSpec, parse_spec


@pytest.mark.parametrize(
    "text, kind, name, function, arguments",
    [
        ("mini", "mini", "mini", "", ()),
        ("caffenet", "caffenet", "caffenet", "", ()),
        ("resnet_mini", "resnet_mini", "resnet_mini", "", ()),
        ("resnet_mini()", "resnet_mini", "resnet_mini", "", ()),
        (
            "resnet_mini(blocks=3, dropout=0.1)",
            "resnet_mini",
            "resnet_mini",
            "",
            (("blocks", 3), ("dropout", 0.1)),
        ),
        ("keras:VGG16", "keras", "VGG16", "", ()),
        (
            "keras:MobileNetV3Small(alpha=0.5,minimalistic=True,a=None,b='x:y',c=-1)",
            "keras",
            "MobileNetV3Small",
            "",
            (
                ("alpha", 0.5),
                ("minimalistic", True),
                ("a", None),
                ("b", "x:y"),
                ("c", -1),
            ),
        ),
        ("python:my.nets:small", "python", "my.nets", "small", ()),
        ("file:a (1):b.keras", "file", "a (1):b.keras", "", ()),
    ],
)
def test_every_form(text, kind, name, function, arguments):
    assert parse_spec(text) == NetworkSpec(text, kind, name, function, arguments)
    assert str(parse_spec(text)) == text


def test_the_home_folder_of_a_file(monkeypatch):
    monkeypatch.setenv("HOME", "/home/jo")
    assert parse_spec("file:~/a.keras").name == "/home/jo/a.keras"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "--network needs mini, caffenet, resnet_mini, keras:NAME"),
        ("mimi", "found 'mimi': did you mean mini"),
        ("mini(widths=3)", r"found 'mini\(widths=3\)': did you mean mini"),
        ("resnetmini", "did you mean resnet_mini"),
        ("kears:VGG16", "did you mean keras:?"),
        ("VGG16", "write keras:VGG16"),
        ("a.keras", "write file:a.keras"),
        ("nets:small", "write python:nets:small"),
        ("file:", "needs the path of a model behind file:"),
        ("python:nets", "needs a module and the name of a function"),
        ("python:a-b:f", "needs a module and the name of a function"),
        ("python:nets:f()", "needs a module and the name of a function"),
        ("python:sub/nets.py:f", "write python:nets:FUNCTION, without .py"),
        ("keras:", "needs a name and arguments with plain values"),
        ("keras:VGG16(", "was never closed"),
        ("keras:VGG16(3)", "an argument without its name"),
        ("keras:VGG16(**{'a': 1})", "an argument without its name"),
        ("keras:VGG16(a=1, a=2)", "an argument twice"),
        ("keras:VGG16(a=[1])", "a is no number, text in quotation marks"),
        ("keras:VGG16(a=open('x'))", "a is no number, text in quotation marks"),
        ("keras:VGG16()()", "more behind it than arguments"),
        ("keras:vgg16.VGG16", "no name"),
    ],
)
def test_other_text_is_refused(text, words):
    assert_refused(words, parse_spec, text)


@pytest.mark.parametrize("sign", ["(", "-"])
def test_text_too_deep_for_the_parser_is_refused(sign):
    text = f"keras:VGG16(a={sign * 100_000}1"
    assert_refused("needs a name and arguments", parse_spec, text)
