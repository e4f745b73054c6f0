"""What finnet raises: every error says what was given, what is allowed and what to do next."""

__all__ = [
    "ConfigError",
    "DataError",
    "FinnetError",
    "FinnetWarning",
    "InterruptedRunError",
    "LimitError",
    "LookAheadError",
    "NotSavedError",
    "PluginError",
    "TrainingError",
    "UndecidedError",
]


class FinnetError(Exception):
    """Base of everything that finnet raises on purpose; anything else is a bug."""


class ConfigError(FinnetError, ValueError):
    """A setting or an argument is not allowed: unknown key, wrong type, impossible range."""


class PluginError(ConfigError):
    """Code of the user's own is not allowed, is not there, or fails."""


class DataError(FinnetError, ValueError):
    """Data breaks a stated rule: a bad row, a missing column, a clock out of order."""


class LookAheadError(DataError):
    """Something would have used what was not yet known."""


class UndecidedError(LookAheadError):
    """A look-ahead check could not tell whether something would have used what was not yet known."""


class NotSavedError(FinnetError, AttributeError):
    """A loaded model is asked for what its file does not hold."""


class TrainingError(FinnetError):
    """A network could not be trained, for instance because its loss left the finite numbers."""


class InterruptedRunError(FinnetError):
    """A run stopped before its end; what it finished is kept, and running it again continues."""


class LimitError(FinnetError):
    """A stated limit is breached: data is too old, or a result is not what it was."""


class FinnetWarning(UserWarning):
    """Work goes on, but the reader of the result should know."""
