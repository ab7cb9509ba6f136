"""The eigenvectors of a symmetric matrix that changes slowly."""

from typing import Any

from mxcore.backend import Array, backend_of

__all__ = ["eigenvectors", "followed"]


def eigenvectors(matrix: Array) -> Any:
    """Return the eigenvectors of a symmetric matrix by descending eigenvalue; NaN if it has elements that are."""
    xp = backend_of(matrix).xp
    finite = xp.isfinite(matrix).all()
    _, vectors = xp.linalg.eigh(xp.where(finite, matrix, xp.eye(len(matrix), dtype=matrix.dtype)))
    return xp.where(finite, vectors[:, ::-1], xp.nan)


def followed(matrix: Array, basis: Array) -> tuple[Any, Any]:
    """Return nearly the eigenvectors of a matrix, from those of an earlier one, and their order in it."""
    moved = matrix @ basis
    order = (-(basis * moved).sum(0)).argsort()
    return backend_of(matrix).xp.linalg.qr(moved[:, order])[0], order
