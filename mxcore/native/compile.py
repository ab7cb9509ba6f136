"""Compile LLVM IR for this machine, through llvmlite."""

from __future__ import annotations

import contextlib
from typing import Any

from mxcore.once import await_before_fork, building, once


class Code:
    """Compiled functions, which are freed with the last one that is in use.

    Args:
        engine: what holds their memory.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def function(self, prototype: Any, name: str) -> Any:
        """A function of the module, called as the prototype of ctypes says."""
        function = prototype(self._engine.get_function_address(name))
        function.code = self  # as long as it can be called, its code is there
        return function


def compile_ir(source: str, *, optimize: bool = True) -> Code:
    """Compile a module of IR.

    Args:
        source: the module.
        optimize: whether loops are worth the time that their optimization takes, three quarters of all.

    Raises:
        ImportError: llvmlite is not installed.
        RuntimeError: the IR is wrong.
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
    """Let forks wait for LLVM, which threads are in when they free code as well; nothing public of llvmlite does."""
    from llvmlite.binding import ffi

    with contextlib.suppress(AttributeError):
        await_before_fork(ffi.lib._lock._lock)


def _machine() -> Any:
    """This processor. MCJIT takes a machine for itself, so that every engine needs one of its own."""
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
