"""What a browser is given: the page at `/`, its files under `/static`, and the API's description at `/docs`.

Nothing comes from elsewhere; a strict Content-Security-Policy (see `middlewares`) would not let it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

DOCS = Path(__file__).parent / "docs"
REVALIDATED = {"Cache-Control": "no-cache"}


class RevalidatedFiles(StaticFiles):
    """Files that a browser asks for again, so that an upgrade never mixes old and new modules; unchanged ones cost a 304."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, with the header."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(REVALIDATED)
        return response


def install_pages(app: FastAPI, ui: Path | None) -> None:
    """Serve the page from the folder `ui`, and the description of the API.

    Args:
        app: the app.
        ui: the page's folder with an `index.html`; without one `/` leads to /docs.
    """
    router = APIRouter(include_in_schema=False)
    index = None if ui is None else ui / "index.html"

    @router.get("/")
    async def page() -> Response:
        """The page."""
        return (
            RedirectResponse("docs")
            if index is None or not index.is_file()
            else FileResponse(index, headers=REVALIDATED)
        )

    @router.get("/docs")
    async def docs() -> Response:
        """The description of the API."""
        return FileResponse(DOCS / "index.html", headers=REVALIDATED)

    app.include_router(router)
    app.mount("/docs/assets", RevalidatedFiles(directory=DOCS))
    if ui is not None:
        app.mount("/static", RevalidatedFiles(directory=ui, check_dir=False))
