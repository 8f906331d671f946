"""What to do: whatever waits, listens, reads the clock or fails for outside reasons.

It imports ``scoring`` and is never imported by it. Everything is built in `helios.app`; there is no global state.
"""

from importlib.metadata import version

__version__ = version("helios-autoscaler")
