"""Seeds of units of work: made from names, never from a worker or a call order."""

from hashlib import sha256

import numpy as np

__all__ = ["derive_seed"]


def derive_seed(seed: int, *names: object) -> int:
    """A seed in [0, 2**32) for the unit of work called `names` within a job seeded `seed`.

    Examples
    --------
    >>> derive_seed(7, "network", 3) == derive_seed(7, "network", 3)
    True
    >>> derive_seed(7, "network", 3) == derive_seed(7, "tree", 3)
    False
    """
    # Not hash(), whose values of texts differ from process to process.
    words = np.frombuffer(sha256(repr((seed, *names)).encode()).digest(), dtype=np.uint32)
    return int(np.random.SeedSequence(words.tolist()).generate_state(1)[0])
