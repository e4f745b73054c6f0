"""Online learning: networks that learn from rows as they come, each with the memory of its optimizer."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from finnet.errors import FinnetWarning, TrainingError
from finnet.estimators.members import member_table
from finnet.network.batches import Examples
from finnet.network.history import History
from finnet.network.losses import Loss
from finnet.network.model import Network
from finnet.network.optimizers import Block, Optimizer
from finnet.network.regularization import Penalty
from finnet.network.training import Trainer, Training
from finnet.types import FloatArray

__all__ = ["OnlineMembers"]

_REMEDY = "lower the learning rates, scale the inputs and the target to about unit size, or clip gradients"


@dataclass(frozen=True)
class _OwnOptimizer:
    """An optimizer with a member's own learning rate, and its weight decay where that is not None."""

    optimizer: Optimizer
    learning_rate: float
    weight_decay: float | None

    @property
    def n_slots(self) -> int:
        return self.optimizer.n_slots

    def step(self, block: Block, time: int) -> None:
        # `block` is the part of the parameters that the step is for; the optimizer reads its decay there.
        block.decay = self.weight_decay
        self.optimizer.step(block, time)


@dataclass(eq=False)
class _Learner:
    """A member at work."""

    number: int
    trainer: Trainer
    rng: np.random.Generator
    share: float

    def learn(self, examples: Examples) -> bool:
        """One epoch over these rows; False where the member diverges."""
        try:
            self.trainer.learn(examples, rng=self.rng)
        except TrainingError:
            return False
        return True


class OnlineMembers:
    """Members that learn from a stream; one that diverges leaves its share to the others.

    Parameters
    ----------
    network : Network with members, initialized
    settings : DataFrame
        One row per member, by number, with its learning_rate, l1 and l2, and its weight_decay where that is not the
        optimizer's (see `members.settings_table`).
    rngs : sequence of Generator
        One per member; decides the order of rows, dropout and bagging.
    shares : ndarray of shape (n_members,)
        In the forecast, with sum 1.
    loss : Loss on the network's scores
    training : Training
        What members share; learning rate, penalty and weight decay are their own.
    bagging : bool
        Whether each member learns from a draw with replacement of the rows that come.

    Attributes
    ----------
    network : Network
        The members that still learn, as they are now, in a copy of its own after every chunk.
    """

    def __init__(
        self,
        network: Network,
        settings: pd.DataFrame,
        *,
        rngs: Sequence[np.random.Generator],
        shares: FloatArray,
        loss: Loss,
        training: Training,
        bagging: bool,
    ) -> None:
        self.network, self._settings, self._bagging = network, settings, bagging
        own = [_own_training(training, its_own) for its_own in settings.to_dict("records")]
        # Plain networks, as members may leave after any chunk; `network` holds them side by side to forecast.
        trainers = [Trainer(network.member(k), loss, its_own) for k, its_own in enumerate(own)]
        self._learners = [*map(_Learner, settings.index.tolist(), trainers, rngs, shares.tolist())]

    @property
    def shares(self) -> FloatArray:
        """Share in the forecast of every member that still learns, shape (n_learning,)."""
        return np.array([learner.share for learner in self._learners])

    @property
    def histories(self) -> dict[int, History]:
        """What happened to every member, by number; nothing to one that has left."""
        learning = {learner.number: learner.trainer.history for learner in self._learners}
        return {number: learning.get(number, History()) for number in self._settings.index.tolist()}

    @property
    def table(self) -> pd.DataFrame:
        """One row per member: its settings, epochs learned, loss of the latest chunk before learning, and share."""
        shares = {learner.number: learner.share for learner in self._learners}
        own = np.array([shares.get(number, 0.0) for number in self._settings.index.tolist()])
        return member_table(self._settings, list(self.histories.values()), own)

    def learn(self, examples: Examples) -> None:
        """One epoch over rows that have just come, member by member; TrainingError where all of them diverge.

        An interrupt leaves all members as they were, but for what was drawn from their generators.
        """
        network, learners = self.network, self._learners
        # All members or none: otherwise an interrupt would leave some of them a chunk ahead.
        before = [learner.trainer.state() for learner in learners]
        try:
            self._learn(examples)
        except BaseException:
            self.network, self._learners = network, learners
            for learner, state in zip(learners, before, strict=True):
                learner.trainer.go_back(state)
            raise

    def _learn(self, examples: Examples) -> None:
        learned = [learner for learner in self._learners if learner.learn(self._drawn(examples, learner.rng))]
        if not learned:
            raise TrainingError(f"training diverged in every member: {_REMEDY}")
        if len(learned) < len(self._learners):
            self._leave_to(learned)
        # A new one for every chunk, so that a network handed out before keeps its forecasts.
        self.network = deepcopy(self.network)
        self.network.values[...] = [learner.trainer.network.values for learner in learned]

    def _drawn(self, examples: Examples, rng: np.random.Generator) -> Examples:
        if not self._bagging:
            return examples
        return examples.among(rng.integers(len(examples), size=len(examples)))

    def _leave_to(self, learned: list[_Learner]) -> None:
        """Go on with these members alone."""
        warnings.warn(
            f"{len(self._learners) - len(learned)} of {len(self._learners)} members diverged and left: {_REMEDY}",
            FinnetWarning,
            # Six calls up stands whoever called `partial_fit`.
            stacklevel=6,
        )
        self.network = self.network.pick(np.flatnonzero([learner in learned for learner in self._learners]))
        # Shares have sum 1 again.
        total = sum(learner.share for learner in learned)
        self._learners = [replace(learner, share=learner.share / total) for learner in learned]


def _own_training(training: Training, settings: Mapping[Hashable, float]) -> Training:
    """The same with a member's own learning rate, weight decay and penalty."""
    optimizer = _OwnOptimizer(training.optimizer, settings["learning_rate"], settings.get("weight_decay"))
    return replace(training, optimizer=optimizer, penalty=Penalty(l1=settings["l1"], l2=settings["l2"]))
