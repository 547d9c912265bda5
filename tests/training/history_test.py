"""Histories of networks whose loss was not finite."""

import numpy as np

from yosinski_tf.training import history


def entry(step, loss=1.0, train_loss=1.0):
    return {"step": step, "loss": loss, "train_loss": train_loss}


def end(found, finite, since, step):
    history.end_diverged(
        found,
        np.array(finite, np.int32),
        since=since,
        step=step,
        learning_rate_at=lambda step: 0.1 * step,
    )


def test_a_history_ends_at_the_first_loss_that_was_not_finite():
    found = [[entry(100)], [entry(100)], []]
    # Steps 101..120 were taken; the second network's loss was not finite at 108.
    end(found, [20, 7, 0], since=100, step=120)
    assert [history.diverged(each) for each in found] == [False, True, True]
    assert not history.diverged([])
    assert len(found[0]) == 1
    assert [each["step"] for each in found[1]] == [100, 108]
    assert found[2][0]["step"] == 101
    last = found[1][-1]
    assert last["loss"] is last["train_loss"] is None
    assert last["top1"] == last["top5"] == 0.0
    assert last["learning_rate"] == 0.1 * 107


def test_a_history_ends_once():
    found = [[entry(100)]]
    end(found, [7], since=100, step=120)
    end(found, [7], since=100, step=200)
    # After the next validation the loss may be finite again, or not.
    end(found, [50], since=200, step=250)
    end(found, [0], since=200, step=250)
    assert [each["step"] for each in found[0]] == [100, 108]
    assert history.diverged(found[0])


def validate(found, step, train_loss, loss):
    count = len(found)
    history.add_validation(
        found,
        step=step,
        train_loss=np.array(train_loss, np.float32),
        learning_rate=0.5,
        sums={
            "loss": np.array(loss, np.float32),
            "top1": np.full(count, 3.0, np.float32),
            "top5": np.full(count, 6.0, np.float32),
        },
        images=12,
        images_per_second=7.0,
    )


def test_a_validation_is_added_to_histories_that_have_not_ended():
    found = [[], [entry(4, loss=None)], []]
    validate(found, 8, [1.5, 1.0, 2.0], [24.0, 12.0, np.nan])
    assert found[0] == [
        {
            "step": 8,
            "train_loss": 1.5,
            "learning_rate": 0.5,
            "top1": 0.25,
            "top5": 0.5,
            "loss": 2.0,
            "images_per_second": 7.0,
        }
    ]
    assert len(found[1]) == 1
    # Its last step diverged: the validation is the first to see it.
    assert found[2][0]["loss"] is None and history.diverged(found[2])
