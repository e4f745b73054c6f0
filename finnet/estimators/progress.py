"""A progress bar for training."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from finnet.network.callbacks import Callback
from finnet.network.history import History
from finnet.network.model import Network

__all__ = ["ProgressBar"]


class ProgressBar(Callback):
    """Epochs, losses, best epoch and time left, on standard error while a network trains; silent off a terminal.

    Examples
    --------
    >>> from finnet.estimators.network import NetworkRegressor
    >>> X = [[0.0], [1.0], [2.0]]
    >>> model = NetworkRegressor(hidden=(), epochs=2, callbacks=(ProgressBar(),), random_state=0)
    >>> model = model.fit(X, [0.0, 1.0, 2.0])
    """

    _display: Progress | None = None

    def on_start(self, network: Network, *, epochs: int) -> None:
        """Show an empty bar, on a terminal."""
        # Asked of the stream itself, as the environment may make a console take any file for a terminal.
        if sys.stderr is None or not sys.stderr.isatty():
            return
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._display = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar = self._display.add_task("training", total=epochs)
        self._display.start()

    def on_epoch_end(self, network: Network, history: History) -> None:
        """Move on by one epoch."""
        if self._display is None:
            return
        losses = history.judged_by
        best = losses.index(min(losses)) + 1
        text = f"loss {losses[-1]:.4f}, best {min(losses):.4f} in epoch {best}"
        self._display.update(self._bar, completed=len(history), description=text)

    def on_end(self, network: Network, history: History) -> None:
        """Remove the bar."""
        if self._display is not None:
            self._display.stop()
        self._display = None
