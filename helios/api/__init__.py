"""The HTTP door: what the requirements ask for by path and field, and the live targets beside it.

`apps.create_app` builds it from what it is given; nothing here reads the environment or starts a loop. `live` is what it
asks of a running loop, `contexts` all that its routes may touch.
"""
