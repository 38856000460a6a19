"""How far a step is, told to whoever listens: a progress bar on a terminal, nobody in a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int | None, str], None]
"""Called with (step, done, total or None, what was done)."""

_LISTENER: ContextVar[Listener | None] = ContextVar("v2b_progress", default=None)


def tell(step: str, done: int, total: int | None, what: str) -> None:
    """Tell the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(step, done, total, what)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let `listener` hear of all progress inside the block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
