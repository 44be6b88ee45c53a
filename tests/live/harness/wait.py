"""Waiting for a condition. The only place of the live tests that sleeps."""

import time

POLL_INTERVAL_SECONDS = 0.01


class Timeout(AssertionError):
    """A condition did not come true in time."""


def wait_until(condition, timeout_seconds, what):
    """Polls `condition` until it returns something true, and returns that. `what` names the condition in the error, and
    may be a function when the text is worth computing only then."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise Timeout(f"not within {timeout_seconds:g} s: {text}")
        time.sleep(POLL_INTERVAL_SECONDS)
