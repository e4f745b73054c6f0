"""Plugins: a user's own code, which a job file names `package.module:name`, and which runs only where that is allowed.

A job file can come from anyone, so it may name code but not run it: whoever starts the job allows that, with
`--allow-plugins` or `allow_plugins`. Modules are looked for where Python looks, and in the current folder.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from finnet.errors import PluginError

__all__ = ["allow_plugins", "called", "is_plugin", "load_plugin", "own_object", "plugin_hash", "plugin_name"]

_PATTERN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
# A variable of the context, so that what one thread or task may run is not allowed in another.
_ALLOWED = ContextVar("allowed", default=False)
_MARK = "_finnet_plugin"


@contextmanager
def allow_plugins(allowed: bool = True) -> Iterator[None]:
    """Let names of plugins be loaded within the block.

    Examples
    --------
    >>> with allow_plugins():
    ...     load_plugin("fractions:Fraction")
    <class 'fractions.Fraction'>
    """
    token = _ALLOWED.set(allowed or _ALLOWED.get())
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def is_plugin(name: str) -> bool:
    """Whether a name has the form `package.module:name`."""
    return _PATTERN.fullmatch(name) is not None


def load_plugin(name: str) -> Any:
    """The object of a name; PluginError where plugins are not allowed, or there is no such object.

    Examples
    --------
    >>> load_plugin("my_features:spread")
    Traceback (most recent call last):
    finnet.errors.PluginError: 'my_features:spread' names code of your own, which runs only where that is allowed; ...
    """
    if not _ALLOWED.get():
        raise PluginError(
            f"{name!r} names code of your own, which runs only where that is allowed; read it, then add --allow-plugins"
        )
    module, _, attribute = name.partition(":")
    # The command finnet, unlike `python -m finnet`, does not look for modules in the current folder.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise PluginError(f"{name!r}: there is no module {error.name!r}; run in its folder, or install it") from error
    except AttributeError as error:
        raise PluginError(f"{name!r}: {module} has no {attribute}; mend the name") from error
    # A module that calls sys.exit would otherwise end finnet without a word.
    except (Exception, SystemExit) as error:
        raise PluginError(f"{name!r}: importing {module} failed ({error!r}); mend it") from error
    return found


def own_object(name: str) -> Any:
    """The object of a name, or one of the class of that name, made without arguments; copies of it keep the name."""
    found = load_plugin(name)
    made = called(name, found) if inspect.isclass(found) else found
    try:
        # Around a frozen dataclass; an attribute of the object, so that copies and clones of it keep the name.
        object.__setattr__(made, _MARK, name)
    except AttributeError as error:
        kind = type(made).__name__
        raise PluginError(f"{name!r} is of class {kind}, which cannot be used here; give one of your own") from error
    return made


def called(name: str, make: Any, **settings: Any) -> Any:
    """What a plugin's class or function makes; PluginError where it fails."""
    try:
        return make(**settings)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{name!r} failed when it was called ({error!r}); mend it") from error


def plugin_name(value: Any) -> str | None:
    """The name under which `own_object` made an object; None where it did not."""
    return getattr(value, _MARK, None)


def plugin_hash(name: str) -> str:
    """A sha256 over the source file of a plugin."""
    module = import_module(name.partition(":")[0])
    return sha256(Path(inspect.getfile(module)).read_bytes()).hexdigest()
