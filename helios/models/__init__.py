"""Model folders: `<path>/<name>/<version>/` with a `metadata.json`, verified by SHA-256 before anything is loaded.

Nothing here is ever unpickled, and nothing is fetched from elsewhere. There are two kinds: `references` (what the stateless
API answers from) and `forecasters` (what was learned from fleets). `folders` reads one folder, `stores` keeps what is in
force, `writers` adds a version, `catalogues` shows what there is; `bundled/` holds what the package ships, made by
`scripts/make_reference.py` and `scripts/make_models.py`.
"""
