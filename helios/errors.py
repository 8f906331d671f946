"""Every error this package raises on purpose.

::

    HeliosError
    ├── SettingsError         a setting is unknown, of the wrong type or out of range: named, with the remedy
    ├── ModelError            a model folder is missing, damaged or of another version
    ├── TraceError            a CSV trace cannot be read: file, line or column, and the remedy
    └── SnapshotError         a warm state cannot be written or read
    scoring.errors.SourceUnavailable   raised by sources, as their protocol says
"""


class HeliosError(Exception):
    """Base of all that ``helios`` raises on purpose; the command line prints it and exits with 2."""


class SettingsError(HeliosError):
    """A setting is unknown or impossible; the message names the key, the value and the remedy."""


class ModelError(HeliosError):
    """A model folder cannot be used; the message names the folder and what is wrong."""


class TraceError(HeliosError):
    """A trace cannot be replayed; the message names the file, the column and the remedy."""


class SnapshotError(HeliosError):
    """A snapshot cannot be written or read; the message names the file and the reason."""
