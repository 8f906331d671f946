"""Model folders: `<path>/<name>/<version>/` with a `metadata.json`, verified by SHA-256 before anything is loaded.

Nothing here is ever unpickled, and nothing is fetched from elsewhere. `folders` reads one folder, `stores` keeps what is
in force; `bundled/` holds the model that the package ships, made by `scripts/make_reference.py`.
"""
