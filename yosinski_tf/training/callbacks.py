"""Where a training is looked after while Keras runs it: between its calls."""

from collections.abc import Callable

import keras


class StepWatch(keras.callbacks.Callback):
    """Tells of every call of the training function."""

    def __init__(self, begin: int, end: int, after_steps: Callable[[int], None]):
        """Watches the steps from one to another.

        Args:
          begin: Steps taken already.
          end: The last step.
          after_steps: Called with the steps taken by then.
        """
        super().__init__()
        self._begin, self._end, self._after_steps = begin, end, after_steps

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Keras counts a last call of fewer steps as a whole one."""
        self._after_steps(min(self._begin + batch + 1, self._end))


class ValidationWatch(keras.callbacks.Callback):
    """Looks after every call of a validation whether it is to stop."""

    def __init__(self, stop_if_asked: Callable[[], None]):
        """Calls a function that raises if so; the validation is then done again."""
        super().__init__()
        self._stop_if_asked = stop_if_asked

    def on_test_batch_end(self, batch: int, logs=None) -> None:
        """Asks."""
        self._stop_if_asked()
