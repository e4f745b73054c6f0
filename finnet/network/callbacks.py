"""Callbacks: what a user wants done at named moments of training."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from finnet.checks import require_methods
from finnet.errors import ConfigError
from finnet.network.history import History
from finnet.network.model import Network

__all__ = ["Callback", "require_callbacks", "watched"]


class Callback(Protocol):
    """Watches training, and may end it; a subclass overrides the moments that it cares for.

    Examples
    --------
    >>> class StopBelow(Callback):
    ...     def on_epoch_end(self, network, history):
    ...         return history.train_loss[-1] < 0.1
    """

    def on_start(self, network: Network, *, epochs: int) -> None:
        """Before the first epoch of at most `epochs`."""

    def on_epoch_end(self, network: Network, history: History) -> bool | None:
        """After every epoch and its validation; True ends training as if patience had run out."""

    def on_end(self, network: Network, history: History) -> None:
        """When training is over, with the final weights; also after an interrupt or an error."""


@contextmanager
def watched(
    callbacks: Sequence[Callback], network: Network, history: History, *, epochs: int, trained: Network | None = None
) -> Iterator[None]:
    """Training between the start and the end of callbacks: each that has started ends, whatever goes wrong elsewhere.

    The last one to start ends first, with the network `trained` where that is another one.

    Examples
    --------
    >>> from finnet.network.model import dense_network
    >>> class Loud(Callback):
    ...     def on_start(self, network, *, epochs):
    ...         print("start")
    ...     def on_end(self, network, history):
    ...         print("end")
    >>> with watched([Loud()], dense_network((2, 1)), History(), epochs=3):
    ...     print("training")
    start
    training
    end
    """
    # A stack: where the third start fails, the two that have started are ended, and no other.
    with ExitStack() as ends:
        for callback in callbacks:
            callback.on_start(network, epochs=epochs)
            ends.callback(callback.on_end, trained or network, history)
        yield


def require_callbacks(callbacks: Any) -> None:
    """Raise ConfigError unless `callbacks` is a sequence of objects with the moments of a Callback."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise ConfigError(f"callbacks={callbacks!r} is not a sequence; write (callback,), or () for none")
    for callback in callbacks:
        moments = ("on_start", "on_epoch_end", "on_end")
        require_methods(callback, moments, name="callbacks", such_as="ProgressBar(), or of a subclass of Callback")
