"""Which emitter compiles rules and fills: LLVM where there is llvmlite, else NumPy, or the one that was chosen."""

from __future__ import annotations

import os

from mxcore.once import once

_chosen: list[str] = []


def use(emitter: str | None) -> None:
    """Choose the emitter, ``"llvm"`` or ``"numpy"``, of plans that are made from now on; None: the default one.

    >>> import mxcore as mx
    >>> mx.kernel.use("numpy")
    >>> mx.kernel.in_use()
    'numpy'
    >>> mx.kernel.use(None)

    Raises:
        ValueError: there is no such emitter.
        ImportError: ``"llvm"`` without llvmlite.
    """
    if emitter not in (None, "llvm", "numpy"):
        raise ValueError(f"the kernel must be 'llvm' or 'numpy', got {emitter!r}")
    if emitter == "llvm" and not _has_llvm():
        from mxcore import catalogue

        raise ImportError(f"the kernel 'llvm' needs llvmlite: {catalogue.how_to_install('mxcore[jit]')}")
    _chosen[:] = [emitter] if emitter else []


def in_use() -> str:
    """The emitter of plans that are made now: the chosen one, ``MXCORE_KERNEL``, or llvm where there is llvmlite.

    >>> import mxcore as mx
    >>> mx.kernel.in_use() in ("llvm", "numpy")
    True

    Raises:
        ValueError, ImportError: ``MXCORE_KERNEL`` names no emitter, or llvm without llvmlite.
    """
    if not _chosen and os.environ.get("MXCORE_KERNEL"):
        use(os.environ["MXCORE_KERNEL"])
    return _chosen[0] if _chosen else "llvm" if _has_llvm() else "numpy"


def available() -> tuple[str, ...]:
    """The emitters that can be chosen here, the fastest first."""
    return ("llvm", "numpy") if _has_llvm() else ("numpy",)


@once
def _has_llvm() -> bool:
    try:
        import llvmlite  # noqa: F401 - whether it can be imported is the question
    except ImportError:
        return False
    return True
