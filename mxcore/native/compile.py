"""Compile LLVM IR for this machine, through llvmlite."""

from __future__ import annotations

import contextlib
from typing import Any

from mxcore.once import await_before_fork, building, once


class Code:
    """Compiled functions. Their code is freed when none of them is used any more.

    Args:
        engine: the engine that owns their memory.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def function(self, prototype: Any, name: str) -> Any:
        """Return a function of the module, with a ctypes prototype."""
        function = prototype(self._engine.get_function_address(name))
        function.code = self  # keeps the code alive as long as the function
        return function


def compile_ir(source: str, *, optimize: bool = True) -> Code:
    """Compile an IR module.

    Args:
        source: the IR.
        optimize: whether to optimize loops, which takes three quarters of the compile time.

    Raises:
        ImportError: llvmlite is not installed.
        RuntimeError: the IR is invalid.
    """
    with building:
        import llvmlite.binding as llvm

        _await_llvm()
        machine = _machine()
        engine = llvm.create_mcjit_compiler(_module(source, machine, optimize), machine)
        engine.finalize_object()
        return Code(engine)


@once
def _await_llvm() -> None:
    """Make forks wait for LLVM, which threads also enter to free code. llvmlite has no public API for this."""
    from llvmlite.binding import ffi

    with contextlib.suppress(AttributeError):
        await_before_fork(ffi.lib._lock._lock)


def _machine() -> Any:
    """Return a target machine for this processor. MCJIT takes ownership of it, so every engine needs its own."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True)


def _module(source: str, machine: Any, optimize: bool) -> Any:
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(source)
    module.verify()
    if optimize:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
        builder.getModulePassManager().run(module, builder)
    return module
