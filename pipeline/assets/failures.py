"""Why a run failed, in sentences for people."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from dagster import DagsterEvent

from pipeline import domain


def failure_sentences(events: Iterable[DagsterEvent]) -> list[str]:
    """Return what the failed steps among some events say: a Failure's own words, else the error that caused it."""
    return [_sentence(event) for event in events if event.is_step_failure]


def _sentence(event: DagsterEvent) -> str:
    data = event.step_failure_data
    error, words = data.error, data.user_failure_data
    if words is not None and words.description:
        return words.description
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return f"{event.step_key} failed; `v2b ui` shows its log"
    message = error.message.strip()
    if isinstance(getattr(domain, error.cls_name or "", None), type):  # one of ours says all there is to say
        return message.split(": ", 1)[-1]
    if issubclass(getattr(builtins, error.cls_name or "", type(None)), OSError):
        return f"{event.step_key}: {message.split(': ', 1)[-1]}; make room or mend the rights there, then run again"
    return f"internal error in {event.step_key}: {message}; `v2b ui` shows its log"
