"""Defaults of networks, alone, in ensembles and in job files: for targets that are nearly all noise.

Chosen among about ten settings by planted signals and by the cross-section of S&P 500 stocks from 2005 to 2009, where
they differ by less than noise; those years flatter what was chosen on them. `tests/benchmarks/bench_planted.py`
measures what an ensemble recovers of planted signals.
"""

__all__ = [
    "ACTIVATION",
    "BATCH_SIZE",
    "DROPOUT",
    "DROPOUTS",
    "EPOCHS",
    "HIDDEN",
    "LEARNING_RATE",
    "LEARNING_RATES",
    "MEMBERS",
    "MEMBERS_HIDDEN",
    "PENALTIES",
    "PENALTY",
    "SELECTION",
]

ACTIVATION = "silu"
BATCH_SIZE = 256
EPOCHS = 100

# Of one network.
HIDDEN = (64,)
LEARNING_RATE = 5e-3
DROPOUT = 0.1
PENALTY = 1e-4
"""Weight of the absolute weights (l1) and, a second time, of the squared ones (l2)."""

# Ranges that the members of an ensemble draw from: each errs in its own way, and the average errs less.
MEMBERS = 16
MEMBERS_HIDDEN = (32,)
SELECTION = "all"
"""Who is best on a few thousand noisy rows is chance."""
LEARNING_RATES = (4e-3, 2e-2)
DROPOUTS = (0.0, 0.25)
PENALTIES = (1e-6, 1e-3)
