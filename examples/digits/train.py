"""Trains the digits example and writes digits.onnx and samples/.

Run in a virtual environment (Python 3.11):

    pip install -r requirements.txt
    python train.py

The data are scikit-learn's copy of the test part of the UCI set: 1,797 images of 8x8 pixels with values 0 to 16.
A quarter of them, drawn by a fixed seed with the classes balanced, is held out: it is used for nothing but the
accuracy that is printed and the samples that are written. The settings of the net were chosen by cross-validation
on the other three quarters (`python train.py --choose`).

Each training image is also shown shifted by one pixel in the four directions, which costs nothing when serving.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 20261120
HELD_OUT_SHARE = 0.25
HIDDEN = (256, 128)
ALPHA = 0.1
EPOCHS = 60
FOLDER = Path(__file__).parent


def with_shifts(pixels, labels):
    """The images and their four shifts by one pixel; the row or column that comes in is blank."""
    images = pixels.reshape(-1, 8, 8)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    views = [padded[:, 1 + dy : 9 + dy, 1 + dx : 9 + dx] for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
    return np.concatenate(views).reshape(-1, 64), np.tile(labels, len(views))


def train(pixels, labels, hidden=HIDDEN, alpha=ALPHA):
    """A net on pixels scaled to 0..1."""
    net = MLPClassifier(hidden_layer_sizes=hidden, alpha=alpha, max_iter=EPOCHS, random_state=SEED)
    many, their_labels = with_shifts(pixels, labels)
    with warnings.catch_warnings():
        # The number of epochs is fixed on purpose; that the loss could still fall a little is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(many / 16, their_labels)
    return net


def choose(pixels, labels):
    """Prints the cross-validated accuracy of a few settings, on the training part only."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for hidden in ((64,), (128,), (128, 64), (256, 128)):
        for alpha in (1e-3, 1e-2, 1e-1):
            scores = []
            for part, rest in folds.split(pixels, labels):
                scores.append(train(pixels[part], labels[part], hidden, alpha).score(pixels[rest] / 16, labels[rest]))
            print(f"hidden {hidden} alpha {alpha}: {np.mean(scores):.4f}", flush=True)


def constant(name, array):
    return numpy_helper.from_array(array, name)


def to_onnx(net):
    """The net as a graph: scale, dense layers with ReLU, softmax and argmax."""
    nodes = [helper.make_node("Div", ["image", "largest"], ["scaled"])]
    constants = [constant("largest", np.array(16, np.float32))]
    last = len(net.coefs_) - 1
    source = "scaled"
    for layer, (matrix, bias) in enumerate(zip(net.coefs_, net.intercepts_)):
        constants += [constant(f"w{layer}", matrix.astype(np.float32)), constant(f"b{layer}", bias.astype(np.float32))]
        output = "scores" if layer == last else f"h{layer}"
        nodes.append(helper.make_node("Gemm", [source, f"w{layer}", f"b{layer}"], [output]))
        if layer != last:
            source = f"r{layer}"
            nodes.append(helper.make_node("Relu", [output], [source]))
    nodes.append(helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1))
    nodes.append(helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="shoal")
    model.ir_version = 8
    checker.check_model(model, full_check=True)
    return model


def write_samples(pixels, labels):
    """The first held-out image of each digit as a body for the plain route, and three of them as a V2 request."""
    folder = FOLDER / "samples"
    folder.mkdir(exist_ok=True)
    first = {digit: pixels[np.flatnonzero(labels == digit)[0]].astype(int).tolist() for digit in range(10)}
    for digit, image in first.items():
        (folder / f"{digit}.json").write_text(json.dumps({"inputs": [image]}) + "\n")
    images = [first[digit] for digit in (3, 1, 4)]
    tensor = {"name": "image", "shape": [3, 64], "datatype": "FP32", "data": images}
    (folder / "v2-request.json").write_text(json.dumps({"id": "three-one-four", "inputs": [tensor]}) + "\n")


def main():
    pixels, labels = load_digits(return_X_y=True)
    split = train_test_split(pixels, labels, test_size=HELD_OUT_SHARE, stratify=labels, random_state=SEED)
    train_pixels, held_pixels, train_labels, held_labels = split
    if "--choose" in sys.argv:
        choose(train_pixels, train_labels)
        return
    net = train(train_pixels, train_labels)
    right = int((net.predict(held_pixels / 16) == held_labels).sum())
    print(f"trained on {len(train_labels)} images, held out {len(held_labels)}")
    print(f"held-out accuracy {right}/{len(held_labels)} = {right / len(held_labels):.4f}")
    save(to_onnx(net), FOLDER / "digits.onnx")
    write_samples(held_pixels, held_labels)


main()
