"""Every error this package raises on purpose.

::

    HeliosError
    ├── SettingsError         a setting is unknown, of the wrong type or out of range: named, with the remedy
    ├── ModelError            a model folder is missing, damaged or of another version
    ├── TraceError            a CSV trace cannot be read: file, line or column, and the remedy
    ├── SnapshotError         a warm state cannot be written or read
    └── ClusterError          the Kubernetes API
        ├── ClusterUnreachable    no answer, or a server's own failure
        ├── ClusterForbidden      who we are may not do this: verb, resource, remedy
        ├── ClusterMissing        there is no such thing
        └── ClusterRefused        the server or a webhook does not want it: its own words
            └── ClusterConflict       somebody else was first: it has changed since, or its name is taken
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


class ClusterError(HeliosError):
    """The Kubernetes API did not do what it was asked."""


class ClusterUnreachable(ClusterError):
    """It did not answer, or failed itself; asking again later may help."""


class ClusterForbidden(ClusterError):
    """The credentials do not suffice; the message names verb, resource and remedy."""


class ClusterMissing(ClusterError):
    """There is no such object, or no such kind."""


class ClusterRefused(ClusterError):
    """The request was understood and refused (a conflict, validation, a webhook); the message is the server's."""


class ClusterConflict(ClusterRefused):
    """It has changed since it was read, or its name is taken: look again, and decide anew."""
