"""Feed-forward networks trained by backpropagation, in NumPy alone.

Read in this order: `worked_example` (one step, every number), `activations` and `losses` (value and gradient side by
side), `layer` and `layers` (forward and backward), `model` (layers in a row over one flat parameter vector),
`optimizers`, `batches`, `training` (forward, loss, backward, update) and its `history`. Then what keeps deep networks
trainable (`initializers`, `normalization`, `residual`, `dropout`, `regularization`, `schedules`, `stopping`,
`diagnostics`), and many networks at once: `pack` (weights apart), `shared` (weights in common), `depth`.
`verification` tries activations and losses of one's own, `callbacks` watch a training.
"""

from finnet.network.activations import Activation
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback
from finnet.network.history import History
from finnet.network.losses import Loss
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import SGD, Adagrad, Adam, AdamW, RMSProp
from finnet.network.regularization import Clipping, Penalty
from finnet.network.stopping import EarlyStopping
from finnet.network.training import Training, train
from finnet.network.worked_example import WorkedExample, worked_example

__all__ = [
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "Callback",
    "Clipping",
    "EarlyStopping",
    "Examples",
    "History",
    "Loss",
    "Network",
    "Penalty",
    "RMSProp",
    "Training",
    "WorkedExample",
    "dense_network",
    "train",
    "worked_example",
]
