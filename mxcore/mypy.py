"""A mypy plugin for generated constructors and for rules without annotations.

.. code-block:: toml

    [tool.mypy]
    plugins = ["mxcore.mypy"]

With it, mypy knows the constructor arguments of classes that :func:`~mxcore.declarations.hyperparameters` decorates:
first the arguments that the class itself declares, then the inherited ones. It also accepts a static ``rule`` without
annotations as a function of arrays and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mypy import nodes
from mypy.plugin import ClassDefContext, Plugin
from mypy.plugins.common import add_method_to_class
from mypy.types import AnyType, CallableType, Instance, NoneType, Type, TypeOfAny, UnionType, get_proper_type

_DECORATOR = "mxcore.declarations.hyperparameters"
_FIELD = "mxcore.declarations.hyperparameter"
_OPTIMIZER = "mxcore.optimizer.Optimizer"
_WRAPPER = "mxcore.wrapper.Wrapper"
_NUMBERS = {"builtins.float", "builtins.int"}


class _MxcorePlugin(Plugin):
    def get_class_decorator_hook_2(self, fullname: str) -> Callable[[ClassDefContext], bool] | None:
        return _add_constructor if fullname == _DECORATOR else None

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        return _type_rules


def plugin(_version: str) -> type[Plugin]:
    """Return the plugin class; mypy calls this when it starts."""
    return _MxcorePlugin


# --- constructors ----------------------------------------------------------------------------------------------------


def _add_constructor(context: ClassDefContext) -> bool:
    """Give a class the constructor that the decorator generates; return False if mypy has to try again later."""
    info = context.cls.info
    own = {argument.variable.name: argument for argument in _declared(context)}
    if any(argument.type_annotation is None for argument in own.values()):
        return bool(context.api.final_iteration)
    bases = info.mro[1:]
    if wrapper := [place for place, base in enumerate(bases) if base.fullname == _WRAPPER]:
        bases = bases[: wrapper[0] + 1]  # the arguments of the wrapped optimizer are not the wrapper's
    elif info.fullname == _WRAPPER:
        bases = []
    inherited = {one.variable.name: one for base in reversed(bases) for one in _arguments_of(base)}
    arguments = {**own, **inherited, **own}  # its own come first, and override inherited ones
    if wrapper:
        arguments = {"optimizer": arguments.pop("optimizer"), **arguments}
    has_rate = "default_learning_rate" in info.names
    if rate := arguments.get("learning_rate"):  # comes first if the class has its own default
        rate.kind = nodes.ARG_OPT if has_rate else nodes.ARG_NAMED_OPT
    ordered = sorted(arguments.values(), key=lambda one: (one.kind.is_named(), has_rate and one is not rate))
    if wrapper:  # what it does not have goes to the optimizer that it wraps
        anything = AnyType(TypeOfAny.explicit)
        ordered.append(nodes.Argument(nodes.Var("kwargs", anything), anything, None, nodes.ARG_STAR2))
    add_method_to_class(context.api, context.cls, "__init__", ordered, NoneType())
    return True


def _declared(context: ClassDefContext) -> Iterator[nodes.Argument]:
    """Return the arguments that a class itself declares, with their annotated types."""
    for statement in context.cls.defs.body:
        if not isinstance(statement, nodes.AssignmentStmt):
            continue
        call, target = statement.rvalue, statement.lvalues[0]
        if not isinstance(call, nodes.CallExpr) or not isinstance(target, nodes.NameExpr):
            continue
        if not isinstance(call.callee, nodes.RefExpr) or call.callee.fullname != _FIELD:
            continue
        given = dict(zip(call.arg_names, call.args, strict=True))
        alias = given.get("alias")
        name = alias.value if isinstance(alias, nodes.StrExpr) else target.name.lstrip("_")
        variable = target.node
        declared = variable.type if isinstance(variable, nodes.Var) else None
        if statement.unanalyzed_type is None:
            declared = AnyType(TypeOfAny.unannotated)
        has_default = bool(call.args) and call.arg_names[0] in (None, "default") and not _is_validator(call.args[0])
        keyword_only = given.get("kw_only")
        keyword = isinstance(keyword_only, nodes.NameExpr) and keyword_only.fullname == "builtins.True"
        required, dispensable = (nodes.ARG_NAMED, nodes.ARG_NAMED_OPT) if keyword else (nodes.ARG_POS, nodes.ARG_OPT)
        accepted = AnyType(TypeOfAny.explicit) if "converter" in given else _or_schedule(context, declared)
        yield nodes.Argument(nodes.Var(name, accepted), accepted, None, dispensable if has_default else required)


def _or_schedule(context: ClassDefContext, declared: Type | None) -> Type | None:
    """Return what an optimizer takes for a hyper-parameter: a number may also be a function of the update count."""
    if declared is None:
        return None
    kind = get_proper_type(declared)
    parts = [get_proper_type(part) for part in (kind.items if isinstance(kind, UnionType) else [kind])]
    names = {part.type.fullname for part in parts if isinstance(part, Instance)}
    if names.isdisjoint(_NUMBERS) or not context.cls.info.has_base(_OPTIMIZER):
        return declared
    count, number = context.api.named_type("builtins.int"), context.api.named_type("builtins.float")
    function = context.api.named_type("builtins.function")
    return UnionType.make_union([declared, CallableType([count], [nodes.ARG_POS], [None], number, function)])


def _is_validator(expression: nodes.Expression) -> bool:
    callee = expression.callee if isinstance(expression, nodes.CallExpr) else expression
    if not isinstance(callee, nodes.RefExpr):
        return False
    declared = get_proper_type(callee.node.type) if isinstance(callee.node, (nodes.Var, nodes.FuncDef)) else None
    made = declared.ret_type if isinstance(declared, CallableType) else declared
    return "mxcore.validators.Validator" in (callee.fullname, str(made))


def _arguments_of(base: nodes.TypeInfo) -> Iterator[nodes.Argument]:
    """Return the constructor arguments of a base class."""
    found = base.names.get("__init__")
    declared = get_proper_type(found.type) if found else None
    if isinstance(declared, CallableType):
        arguments = zip(declared.arg_names, declared.arg_types, declared.arg_kinds, strict=True)
        for name, kind_of, kind in list(arguments)[1:]:
            if name and not kind.is_star():
                yield nodes.Argument(nodes.Var(name, kind_of), kind_of, None, kind)


# --- rules -----------------------------------------------------------------------------------------------------------


def _type_rules(context: ClassDefContext) -> None:
    """Type the rule and the evaluation of an optimizer as functions of anything, unless their author annotates them."""
    if not context.cls.info.has_base(_OPTIMIZER):
        return
    anything = AnyType(TypeOfAny.explicit)
    for statement in context.cls.defs.body:
        function = statement.func if isinstance(statement, nodes.Decorator) else statement
        if isinstance(function, nodes.FuncDef) and function.name in ("rule", "evaluation") and function.type is None:
            kinds, names = function.arg_kinds, function.arg_names
            function.type = CallableType(
                [anything] * len(kinds), kinds, names, anything, context.api.named_type("builtins.function")
            )
            for argument in function.arguments:
                argument.variable.type = anything
