"""What to think: samples in, decisions out.

This package opens no socket, reads no environment, no clock and no file: ``now``, history and policy
are arguments. One series is a fleet of one and runs the same code as a hundred thousand.
"""
