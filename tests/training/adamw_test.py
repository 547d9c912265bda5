"""AdamW, half a cosine and a warm-up: cohorts, networks alone, a training stopped."""

import dataclasses

import pytest
import tiny

from yosinski_tf.training import trainer
from yosinski_tf.training.save_clock import Interval

pytestmark = pytest.mark.slow
RECIPE = dataclasses.replace(
    tiny.RECIPE,
    optimizer="adamw",
    learning_rate=0.003,
    schedule="cosine",
    warmup=3,
    weight_decay=0.5,
)


@pytest.fixture(scope="module")
def together(tmp_path_factory, images):
    runs = tmp_path_factory.mktemp("together")
    trainer.train(tiny.make_job(runs, images, ("R7B", "baseB"), RECIPE))
    return runs


def test_a_network_stopped_and_alone_ends_as_one_of_a_cohort(
    tmp_path, images, together
):
    job = tiny.make_job(tmp_path, images, ["baseB"], RECIPE)
    job = dataclasses.replace(job, checkpoint_every=Interval(steps=5))
    tiny.stop_training(job)
    # After the warm-up and in the fall of the rate.
    assert list(tiny.checkpoint_steps(tmp_path)) == [4]
    trainer.train(job)
    tiny.assert_same_runs(together, tmp_path, ["baseB"])


def test_a_record_says_the_rates_and_what_the_training_depends_on(together):
    record = tiny.record_of(together, "baseB")
    assert (record.status, record.steps) == ("finished", 10)
    rates = {entry["step"]: entry["learning_rate"] for entry in record.history}
    assert rates == pytest.approx({4: 0.003, 8: 0.00116622, 10: 0.00014855}, rel=1e-4)
    said = {name: record.recipe[name] for name in ("optimizer", "schedule", "warmup")}
    assert said == {"optimizer": "adamw", "schedule": "cosine", "warmup": 3}
    assert not record.recipe.keys() & {"rate_drops", "drop_factor", "bias_rate"}
