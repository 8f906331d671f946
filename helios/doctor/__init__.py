"""`helios doctor`: what is wrong with what scales, and with what Helios leans on, before it matters.

It reads and says; it writes nothing, anywhere.
"""
