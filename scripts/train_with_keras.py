"""Trains a network of keras.applications on a folder of images, with plain Keras.

  python scripts/train_with_keras.py DIR MODEL.keras MINUTES

DIR holds train/<class>/ and val/<class>/. Nothing of yosinski_tf is used: this is an
example of a network that you already have.
"""

import sys
import time

import keras

SIZE, BATCH, EPOCHS = 64, 64, 40


class Minutes(keras.callbacks.Callback):
    """Lets the learning rate fall to zero within so many minutes, then stops."""

    def __init__(self, minutes: float, rate: float):
        super().__init__()
        self.seconds, self.rate = 60 * minutes, rate

    def on_train_begin(self, logs=None):
        self.start = time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        left = 1 - (time.monotonic() - self.start) / self.seconds
        self.model.optimizer.learning_rate = self.rate * max(left, 0.0)
        if left <= 0:
            self.model.stop_training = True


def main(folder: str, path: str, minutes: float) -> None:
    keras.utils.set_random_seed(0)
    read = dict(image_size=(SIZE, SIZE), batch_size=BATCH, label_mode="int")
    train = keras.utils.image_dataset_from_directory(f"{folder}/train", seed=0, **read)
    val = keras.utils.image_dataset_from_directory(
        f"{folder}/val", shuffle=False, **read
    )
    model = keras.applications.MobileNetV2(
        input_shape=(SIZE, SIZE, 3),
        alpha=0.35,
        weights=None,
        classes=len(train.class_names),
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Its default of 0.999 is for trainings of many thousand steps.
            layer.momentum = 0.9
    flip = keras.layers.RandomFlip("horizontal", seed=0)

    def prepared(images, labels):
        return keras.applications.mobilenet_v2.preprocess_input(images), labels

    train = train.map(lambda x, y: prepared(flip(x, training=True), y)).prefetch(2)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-4),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    val = val.map(prepared)
    callbacks = [Minutes(minutes, 0.05)]
    model.fit(train, epochs=EPOCHS, verbose=2, callbacks=callbacks)
    print("validation:", model.evaluate(val, verbose=0, return_dict=True))
    model.save(path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
