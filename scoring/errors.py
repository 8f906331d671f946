"""Every error this package raises, and nothing else.

::

    ScoringError
    ├── SourceUnavailable   a source of samples could not answer: the cycle goes on without it
    ├── InvalidTarget       a target asks for something that cannot be: named, with the remedy
    └── InvalidState        a warm state does not fit this version or is damaged: start cold
"""


class ScoringError(Exception):
    """Base of all that ``scoring`` raises on purpose."""


class SourceUnavailable(ScoringError):
    """A source could not answer now; the message says which, why and what to do."""


class InvalidTarget(ScoringError):
    """A target's wish is impossible; the message names the field, the value and the remedy."""


class InvalidState(ScoringError):
    """A stored state is damaged or of another version; the caller starts cold."""
