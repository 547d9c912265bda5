"""`network.json`: what is read is what was written, and builds the same network."""

import json

import pytest
import stage_networks
import tiny
import tiny_keras
from refusals import assert_refused

from yosinski_tf.experiment.keras_networks import KerasNetwork
from yosinski_tf.models.network_reading import describe
from yosinski_tf.study import network_file

MAKE = {
    "resnet": tiny_keras.resnet,
    "vit": tiny_keras.vit,
    "mobilenet": lambda: describe(stage_networks.mobilenet(), name="mobilenet"),
    "nested": lambda: describe(stage_networks.nested(), name="nested", pixels="own"),
    "operations": lambda: describe(stage_networks.bare_ops(), name="ops"),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_network_is_the_same_after_json(make):
    network = make()
    found = KerasNetwork.from_json(json.loads(json.dumps(network.to_json())))
    assert found == network
    assert found.digest == network.digest
    assert found.settings() == network.settings()
    assert found.modules == network.modules


def test_the_file_holds_network_and_request(tmp_path):
    assert network_file.read(tmp_path) is None
    network_file.write(tmp_path, tiny_keras.vit(), {"stages": "block", "source": ""})
    network, request = network_file.read(tmp_path)
    assert network == tiny_keras.vit()
    assert request == {"stages": "block", "source": ""}
    settings = json.loads(json.dumps(network.settings()))
    assert network_file.network_of(tmp_path, settings) == tiny_keras.vit()


def test_the_network_of_a_record_needs_the_same_file(tmp_path):
    settings = json.loads(json.dumps(tiny_keras.resnet().settings()))
    refused = "needs the network with the digest .*, found none: restore the file"
    assert_refused(refused, network_file.network_of, tmp_path, settings)
    network_file.write(tmp_path, tiny_keras.vit(), {})
    refused = f"found one with {tiny_keras.vit().digest[:12]}: restore the file"
    assert_refused(refused, network_file.network_of, tmp_path, settings)
    # Those with eight layers need none.
    settings = json.loads(json.dumps(tiny.NETWORK.settings()))
    assert network_file.network_of(tmp_path, settings) == tiny.NETWORK


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"bodies"', '"boddies"'),
        lambda text: text.replace('"classifier"', '"classifer"'),
        lambda text: text.replace('"cuts": [', '"cuts": [3, '),
    ],
)
def test_a_broken_file_is_refused(tmp_path, change):
    network_file.write(tmp_path, tiny_keras.resnet(), {})
    path = tmp_path / "network.json"
    path.write_text(change(path.read_text()))
    words = "cannot read .*network.json .*: restore it, or choose another --runs"
    assert_refused(words, network_file.read, tmp_path)
