"""A plugin for mypy: constructors from declarations, and rules without annotations.

.. code-block:: toml

    [tool.mypy]
    plugins = ["mxcore.mypy"]

With it, mypy knows the arguments of a class that :func:`~mxcore.declarations.hyperparameters` decorates, in their
order: those that the class declares itself, then the inherited ones. And it takes a static ``rule`` for what it is, a
function of arrays and numbers, although nobody writes that beside each argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mypy.nodes import (
    ARG_NAMED,
    ARG_NAMED_OPT,
    ARG_OPT,
    ARG_POS,
    ArgKind,
    Argument,
    AssignmentStmt,
    CallExpr,
    Decorator,
    Expression,
    FuncDef,
    NameExpr,
    RefExpr,
    StrExpr,
    TypeInfo,
    Var,
)
from mypy.plugin import ClassDefContext, Plugin
from mypy.plugins.common import add_method_to_class
from mypy.types import AnyType, CallableType, NoneType, Type, TypeOfAny, get_proper_type

__all__ = ["plugin"]

_DECORATOR = "mxcore.declarations.hyperparameters"
_FIELD = "mxcore.declarations.hyperparameter"
_BASES = ("mxcore.optimizer.Optimizer", "mxcore.lr_scheduler.LRScheduler", "mxcore.initializer.Initializer")
_RULES = ("rule",)


class _MxcorePlugin(Plugin):
    def get_class_decorator_hook_2(self, fullname: str) -> Callable[[ClassDefContext], bool] | None:
        return _add_constructor if fullname == _DECORATOR else None

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        return _type_rules


def plugin(_version: str) -> type[Plugin]:
    """What mypy asks for when it starts."""
    return _MxcorePlugin


# --- constructors ----------------------------------------------------------------------------------------------------


def _add_constructor(context: ClassDefContext) -> bool:
    """Give a class the constructor that the decorator gives it; False where mypy has to come back later."""
    info = context.cls.info
    own = list(_declared(context))
    if any(argument.type_annotation is None for argument in own):
        return bool(context.api.final_iteration)
    inherited = [argument for base in reversed(info.mro[1:]) for argument in _arguments_of(base)]
    names = {argument.variable.name for argument in own}
    arguments = [*own, *(argument for argument in inherited if argument.variable.name not in names)]
    if "default_learning_rate" in info.names:
        arguments.sort(key=lambda argument: argument.variable.name != "learning_rate")
    by_position = [_rate_first(argument, info) for argument in arguments]
    ordered = sorted(by_position, key=lambda argument: argument.kind.is_named())
    add_method_to_class(context.api, context.cls, "__init__", ordered, NoneType())
    return True


def _rate_first(argument: Argument, info: TypeInfo) -> Argument:
    """The learning rate may be given by position where the class has a default of its own."""
    if argument.variable.name == "learning_rate":
        kind = ARG_OPT if "default_learning_rate" in info.names else ARG_NAMED_OPT
        return Argument(argument.variable, argument.type_annotation, None, kind)
    return argument


def _declared(context: ClassDefContext) -> Iterator[Argument]:
    """The arguments that a class declares itself, each with the type that stands beside it."""
    for statement in context.cls.defs.body:
        if not isinstance(statement, AssignmentStmt) or not isinstance(statement.lvalues[0], NameExpr):
            continue
        call, target = statement.rvalue, statement.lvalues[0]
        if not isinstance(call, CallExpr) or not isinstance(call.callee, RefExpr) or call.callee.fullname != _FIELD:
            continue
        given = dict(zip(call.arg_names, call.args, strict=True))
        alias = given.get("alias")
        name = alias.value if isinstance(alias, StrExpr) else target.name.lstrip("_")
        variable = target.node
        declared = variable.type if isinstance(variable, Var) else None
        if statement.unanalyzed_type is None:
            declared = AnyType(TypeOfAny.unannotated)
        required = not _has_default(call)
        keyword = _is_true(given.get("kw_only"))
        kind = (ARG_NAMED if required else ARG_NAMED_OPT) if keyword else (ARG_POS if required else ARG_OPT)
        accepted = AnyType(TypeOfAny.explicit) if "converter" in given else declared
        yield Argument(Var(name, accepted), accepted, None, kind)


def _has_default(call: CallExpr) -> bool:
    """Whether the first argument is a default, and no validator or nothing."""
    if not call.args or call.arg_names[0] not in (None, "default"):
        return False
    return not _is_validator(call.args[0])


def _is_validator(expression: Expression) -> bool:
    callee = expression.callee if isinstance(expression, CallExpr) else expression
    node = callee.node if isinstance(callee, RefExpr) else None
    declared = get_proper_type(node.type) if isinstance(node, (Var, FuncDef)) else None
    made = get_proper_type(declared.ret_type) if isinstance(declared, CallableType) else declared
    return "mxcore.declarations.Validator" in str(made) or (
        isinstance(callee, RefExpr) and callee.fullname == "mxcore.declarations.Validator"
    )


def _is_true(expression: Expression | None) -> bool:
    return isinstance(expression, NameExpr) and expression.fullname == "builtins.True"


def _arguments_of(base: TypeInfo) -> list[Argument]:
    """The arguments that a base class adds to those of its own base classes."""
    inherited = {name for parent in base.mro[1:] for name, *_ in _signature(parent)}
    return [
        Argument(Var(name, kind_of), kind_of, None, kind)
        for name, kind_of, kind in _signature(base)
        if name not in inherited
    ]


def _signature(info: TypeInfo) -> list[tuple[str, Type, ArgKind]]:
    """Names, types and kinds of the arguments of a class's own constructor."""
    found = info.names.get("__init__")
    declared = get_proper_type(found.type) if found else None
    if not isinstance(declared, CallableType):
        return []
    arguments = zip(declared.arg_names, declared.arg_types, declared.arg_kinds, strict=True)
    return [(name, kind_of, kind) for name, kind_of, kind in list(arguments)[1:] if name and not kind.is_star()]


# --- rules -----------------------------------------------------------------------------------------------------------


def _type_rules(context: ClassDefContext) -> None:
    """Let the rule of an optimizer be a function from anything to anything, where its author has said nothing."""
    if not any(context.cls.info.has_base(base) for base in _BASES):
        return
    for statement in context.cls.defs.body:
        function = statement.func if isinstance(statement, Decorator) else statement
        if isinstance(function, FuncDef) and function.name in _RULES and function.type is None:
            _type_as_any(function, context)


def _type_as_any(function: FuncDef, context: ClassDefContext) -> None:
    anything = AnyType(TypeOfAny.explicit)
    function.type = CallableType(
        [anything] * len(function.arguments),
        [argument.kind for argument in function.arguments],
        [argument.variable.name for argument in function.arguments],
        anything,
        context.api.named_type("builtins.function"),
    )
    for argument in function.arguments:
        argument.variable.type = anything
