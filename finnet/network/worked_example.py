"""Backpropagation once, by hand: volume and sentiment go in, 0.65 comes out, the error -0.65 goes back.

Two inputs, two sigmoid units, one sigmoid output:

    volume 1,000,000 shares / 1,000,000 = 1.00 --- W1 ---> h1 = 0.5 --- W2 ---> 0.65 = probability of a rise
    sentiment                           = 0.75 --- W1 ---> h2 = 0.5 --- W2 -/

The day ended without a rise: the truth is 0, and truth - output = 0 - 0.65 = -0.65 is the error that goes back. Every
weight then moves in the direction that lowers the output: those that pushed it up shrink, those behind the unit with a
negative output weight grow.
"""

from dataclasses import dataclass

import numpy as np

from finnet.network.activations import Sigmoid
from finnet.network.initializers import Xavier
from finnet.network.layer import with_ones
from finnet.network.layers import Activate, Dense
from finnet.network.losses import BinaryCrossEntropy, loss_on_scores, mean_gradient
from finnet.network.model import Network
from finnet.network.optimizers import SGD, Updater
from finnet.types import FloatArray

__all__ = ["WorkedExample", "worked_example"]

VOLUME, SENTIMENT, TRUTH = 1_000_000.0, 0.75, 0.0
VOLUME_UNIT = 1_000_000.0
LEARNING_RATE = 1.0

# Hidden pre-activations are 1.0 * 0.4 + 0.75 * 0.8 - 1.0 = 0 and -1.0 * 0.6 + 0.75 * 0.4 + 0.3 = 0, so h1 = h2 = 0.5.
W1 = ((0.4, -0.6), (0.8, 0.4))
B1 = ((-1.0, 0.3),)
# The output's is 0.9 h1 - 0.5 h2 + b = log(0.65 / 0.35), whose sigmoid is 0.65.
W2 = ((0.9,), (-0.5,))
B2 = ((float(np.log(0.65 / 0.35)) - 0.2,),)


@dataclass(frozen=True)
class WorkedExample:
    """One step of backpropagation, before and after.

    Attributes
    ----------
    inputs : ndarray of shape (2,)
        Scaled volume and sentiment.
    hidden : ndarray of shape (2,)
        Outputs of the hidden units before the step.
    output, truth, error : float
        error = truth - output.
    before, gradients, after : dict of str to ndarray
        W1 (input, hidden unit), b1, W2 (hidden unit, output), b2; after = before - learning_rate * gradients.
    output_after : float
        What the network says to the same inputs after the step.
    """

    inputs: FloatArray
    hidden: FloatArray
    output: float
    truth: float
    error: float
    before: dict[str, FloatArray]
    gradients: dict[str, FloatArray]
    after: dict[str, FloatArray]
    output_after: float


def worked_example() -> WorkedExample:
    """One step of gradient descent with rate 1 on the network above, with every number that occurs.

    Examples
    --------
    >>> step = worked_example()
    >>> step.inputs, step.hidden
    (array([1.  , 0.75]), array([0.5, 0.5]))
    >>> round(step.output, 12), step.truth, round(step.error, 12)
    (0.65, 0.0, -0.65)
    >>> step.gradients["W2"].ravel()  # output - truth, times what each hidden unit sent
    array([0.325, 0.325])
    >>> step.after["W2"].ravel() - step.before["W2"].ravel()
    array([-0.325, -0.325])
    >>> (step.after["W1"] - step.before["W1"]).round(3)  # the second unit has a negative output weight
    array([[-0.146,  0.081],
           [-0.11 ,  0.061]])
    >>> round(step.output_after, 3)
    0.389
    """
    network, inputs = _network(), np.array([[VOLUME / VOLUME_UNIT, SENTIMENT]])
    before = _named(network)
    hidden = network.layers[1].infer(network.layers[0].infer(inputs))[0]
    output = float(network.predict(inputs)[0, 0])
    gradients = _step(network, inputs)
    return WorkedExample(
        inputs=inputs[0],
        hidden=hidden,
        output=output,
        truth=TRUTH,
        error=TRUTH - output,
        before=before,
        gradients=gradients,
        after=_named(network),
        output_after=float(network.predict(inputs)[0, 0]),
    )


def _network() -> Network:
    layers = Dense(2, 2, initializer=Xavier()), Activate(2, Sigmoid()), Dense(2, 1, initializer=Xavier())
    network = Network(layers, output=Sigmoid(), dtype="float64")
    layers[0].W[...], layers[0].b[...] = W1, B1
    layers[2].W[...], layers[2].b[...] = W2, B2
    return network


def _step(network: Network, inputs: FloatArray) -> dict[str, FloatArray]:
    """Forward, loss, backward, update; the gradients are those before the update."""
    scores = network.forward(with_ones(inputs))
    loss = loss_on_scores(BinaryCrossEntropy(), network.output)
    network.backward(mean_gradient(loss, scores, np.array([[TRUTH]])))
    Updater(SGD(learning_rate=LEARNING_RATE), network.trained, network.trained_gradients).update()
    return _named(network, gradients=True)


def _named(network: Network, *, gradients: bool = False) -> dict[str, FloatArray]:
    first, last = network.layers[0], network.layers[2]
    assert isinstance(first, Dense)
    assert isinstance(last, Dense)
    if gradients:
        views = {"W1": first.dW, "b1": first.db, "W2": last.dW, "b2": last.db}
    else:
        views = {"W1": first.W, "b1": first.b, "W2": last.W, "b2": last.b}
    return {name: view.copy() for name, view in views.items()}
