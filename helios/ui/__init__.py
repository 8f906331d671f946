"""The page: static files in plain JavaScript, no build, nothing fetched from elsewhere.

`index.html` is served at `/`, the other files under `/static/`, all by relative address, so that the page works
behind a path prefix. Nothing here runs in Python.
"""
