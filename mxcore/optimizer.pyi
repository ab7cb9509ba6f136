# Written by tools/sync.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, overload

from _typeshed import Incomplete

from mxcore.backend import Array
from mxcore.controls import Controlled
from mxcore.gathering import get_updater as get_updater
from mxcore.kernel import Decay
from mxcore.kernel import Slot as Slot
from mxcore.step import Runner
from mxcore.step.protocol import Index as Index
from mxcore.updater import Updater as Updater
from mxcore.watched import Watched
from mxcore.wrapper import Wrapper as Wrapper

__all__ = [
    "ADOPT",
    "AGC",
    "APOLLO",
    "ASGD",
    "COCOB",
    "DCASGD",
    "FTML",
    "LAMB",
    "LARS",
    "LBFGS",
    "LBSGD",
    "MADGRAD",
    "MARS",
    "NAG",
    "SAM",
    "SGD",
    "SGLD",
    "SM3",
    "SOAP",
    "AdEMAMix",
    "AdaBelief",
    "AdaBound",
    "AdaDelta",
    "AdaGrad",
    "AdaMuon",
    "Adafactor",
    "Adai",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "AggMo",
    "Average",
    "Cautious",
    "Centralized",
    "DAdaptAdam",
    "DoG",
    "DoWG",
    "Ftrl",
    "Grokfast",
    "GroupAdaGrad",
    "Kron",
    "LaProp",
    "Lion",
    "Lookahead",
    "Mixed",
    "MoMo",
    "Muon",
    "Nadam",
    "NorMuon",
    "NovoGrad",
    "Optimizer",
    "Prodigy",
    "QHAdam",
    "RAdam",
    "RMSProp",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Scion",
    "Signum",
    "Slot",
    "Sophia",
    "StableAdamW",
    "Updater",
    "Wrapper",
    "Yogi",
    "alias",
    "create",
    "get_updater",
    "register",
]

class Optimizer(Controlled):
    default_learning_rate: ClassVar[float]
    decay: ClassVar[Decay]
    slots: ClassVar[Any]
    rule: ClassVar[Callable[..., Any] | None]
    evaluation: ClassVar[Callable[..., Any] | None]
    state_version: ClassVar[int]
    elementwise: ClassVar[bool]
    moves_at_rate_zero: ClassVar[bool]
    descent: ClassVar[Mapping[str, Any]]
    trajectory: ClassVar[Sequence[float]]
    conventions: ClassVar[Mapping[str, Mapping[str, Any] | str]]
    _inner: ClassVar[Any]
    rescale_grad: float
    idx2name: Watched[Index, str]
    wd: float
    clip_gradient: float | None
    lr: float | None
    lr_scheduler: Any
    sym_info: Any
    begin_num_update: int
    multi_precision: bool
    clip_global_norm: float | None
    groups: Any
    accumulate: int
    on_nonfinite: str
    loss_scale: Any
    maximize: bool
    param_dict: Any
    lr_mult: Watched[Index, float]
    wd_mult: Watched[Index, float]
    def __init__(
        self,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...
    def __init_subclass__(cls, **keywords: Any) -> None: ...
    _settings_version: Incomplete
    _tables_version: Incomplete
    _counting: Incomplete
    aggregate_num: int
    def __attrs_post_init__(self) -> None: ...
    _runners: Incomplete
    def _set_runners(self) -> None: ...
    @property
    def _direct(self) -> Runner: ...
    def __getstate__(self) -> dict[str, Any]: ...
    def _arguments(self) -> Mapping[str, Any]: ...
    def _assigning(self, name: str, value: Any) -> None: ...
    def own_slots(self) -> tuple[Slot, ...]: ...
    def state_slots(self) -> tuple[Slot, ...]: ...
    def create_state(self, index: Index, weight: Array) -> Any: ...
    def create_state_multi_precision(self, index: Index, weight: Array) -> Any: ...
    def upgrade_state(self, from_version: int, slots: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def has_master(self, weight: Array) -> bool: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None: ...
    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None: ...
    def update_all(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None: ...
    def _update_one(self, index: Index, weight: Array, grad: Array, state: Any) -> None: ...
    @classmethod
    def runs_rule(cls) -> bool: ...
    def _run_rule(self, runner: Runner, index: Any, weight: Any, grad: Any, state: Any) -> None: ...
    def make_updater(self) -> Updater[Any]: ...
    def preprocessed(self, grad: Array) -> Array: ...
    def flags(self, name: str) -> Mapping[str, bool]: ...
    def describe(self, index: Index) -> str: ...
    opt_registry: ClassVar[dict[str, type[Optimizer]]]
    @staticmethod
    def register(klass: Any, name: str | None = None) -> Any: ...
    @staticmethod
    def create_optimizer(name: str, **kwargs: Any) -> Optimizer: ...

_C = TypeVar("_C", bound=type)

_Schedule: TypeAlias = Callable[[int], float]

def register(cls: _C, name: str | None = None) -> _C: ...
def alias(*names: str) -> Callable[[_C], _C]: ...
@overload
def create(name: Literal["adabelief"], *args: Any, **kwargs: Any) -> AdaBelief: ...
@overload
def create(name: Literal["adabound"], *args: Any, **kwargs: Any) -> AdaBound: ...
@overload
def create(name: Literal["adadelta"], *args: Any, **kwargs: Any) -> AdaDelta: ...
@overload
def create(name: Literal["adafactor"], *args: Any, **kwargs: Any) -> Adafactor: ...
@overload
def create(name: Literal["adagrad"], *args: Any, **kwargs: Any) -> AdaGrad: ...
@overload
def create(name: Literal["adai"], *args: Any, **kwargs: Any) -> Adai: ...
@overload
def create(name: Literal["adam"], *args: Any, **kwargs: Any) -> Adam: ...
@overload
def create(name: Literal["adamax"], *args: Any, **kwargs: Any) -> Adamax: ...
@overload
def create(name: Literal["adamuon"], *args: Any, **kwargs: Any) -> AdaMuon: ...
@overload
def create(name: Literal["adamw"], *args: Any, **kwargs: Any) -> AdamW: ...
@overload
def create(name: Literal["adan"], *args: Any, **kwargs: Any) -> Adan: ...
@overload
def create(name: Literal["ademamix"], *args: Any, **kwargs: Any) -> AdEMAMix: ...
@overload
def create(name: Literal["adopt"], *args: Any, **kwargs: Any) -> ADOPT: ...
@overload
def create(name: Literal["agc"], *args: Any, **kwargs: Any) -> AGC: ...
@overload
def create(name: Literal["aggmo"], *args: Any, **kwargs: Any) -> AggMo: ...
@overload
def create(name: Literal["apollo"], *args: Any, **kwargs: Any) -> APOLLO: ...
@overload
def create(name: Literal["asgd"], *args: Any, **kwargs: Any) -> ASGD: ...
@overload
def create(name: Literal["average"], *args: Any, **kwargs: Any) -> Average: ...
@overload
def create(name: Literal["cautious"], *args: Any, **kwargs: Any) -> Cautious: ...
@overload
def create(name: Literal["ccsgd", "sgd"], *args: Any, **kwargs: Any) -> SGD: ...
@overload
def create(name: Literal["centralized"], *args: Any, **kwargs: Any) -> Centralized: ...
@overload
def create(name: Literal["cocob"], *args: Any, **kwargs: Any) -> COCOB: ...
@overload
def create(name: Literal["dadaptadam"], *args: Any, **kwargs: Any) -> DAdaptAdam: ...
@overload
def create(name: Literal["dcasgd"], *args: Any, **kwargs: Any) -> DCASGD: ...
@overload
def create(name: Literal["dog"], *args: Any, **kwargs: Any) -> DoG: ...
@overload
def create(name: Literal["dowg"], *args: Any, **kwargs: Any) -> DoWG: ...
@overload
def create(name: Literal["ftml"], *args: Any, **kwargs: Any) -> FTML: ...
@overload
def create(name: Literal["ftrl"], *args: Any, **kwargs: Any) -> Ftrl: ...
@overload
def create(name: Literal["grokfast"], *args: Any, **kwargs: Any) -> Grokfast: ...
@overload
def create(name: Literal["groupadagrad"], *args: Any, **kwargs: Any) -> GroupAdaGrad: ...
@overload
def create(name: Literal["kron"], *args: Any, **kwargs: Any) -> Kron: ...
@overload
def create(name: Literal["lamb"], *args: Any, **kwargs: Any) -> LAMB: ...
@overload
def create(name: Literal["laprop"], *args: Any, **kwargs: Any) -> LaProp: ...
@overload
def create(name: Literal["lars"], *args: Any, **kwargs: Any) -> LARS: ...
@overload
def create(name: Literal["lbfgs"], *args: Any, **kwargs: Any) -> LBFGS: ...
@overload
def create(name: Literal["lbsgd"], *args: Any, **kwargs: Any) -> LBSGD: ...
@overload
def create(name: Literal["lion"], *args: Any, **kwargs: Any) -> Lion: ...
@overload
def create(name: Literal["lookahead"], *args: Any, **kwargs: Any) -> Lookahead: ...
@overload
def create(name: Literal["madgrad"], *args: Any, **kwargs: Any) -> MADGRAD: ...
@overload
def create(name: Literal["mars"], *args: Any, **kwargs: Any) -> MARS: ...
@overload
def create(name: Literal["mixed"], *args: Any, **kwargs: Any) -> Mixed: ...
@overload
def create(name: Literal["momo"], *args: Any, **kwargs: Any) -> MoMo: ...
@overload
def create(name: Literal["muon"], *args: Any, **kwargs: Any) -> Muon: ...
@overload
def create(name: Literal["nadam"], *args: Any, **kwargs: Any) -> Nadam: ...
@overload
def create(name: Literal["nag"], *args: Any, **kwargs: Any) -> NAG: ...
@overload
def create(name: Literal["normuon"], *args: Any, **kwargs: Any) -> NorMuon: ...
@overload
def create(name: Literal["novograd"], *args: Any, **kwargs: Any) -> NovoGrad: ...
@overload
def create(name: Literal["prodigy"], *args: Any, **kwargs: Any) -> Prodigy: ...
@overload
def create(name: Literal["qhadam"], *args: Any, **kwargs: Any) -> QHAdam: ...
@overload
def create(name: Literal["radam"], *args: Any, **kwargs: Any) -> RAdam: ...
@overload
def create(name: Literal["rmsprop"], *args: Any, **kwargs: Any) -> RMSProp: ...
@overload
def create(name: Literal["rprop"], *args: Any, **kwargs: Any) -> Rprop: ...
@overload
def create(name: Literal["sam"], *args: Any, **kwargs: Any) -> SAM: ...
@overload
def create(name: Literal["schedulefreeadamw"], *args: Any, **kwargs: Any) -> ScheduleFreeAdamW: ...
@overload
def create(name: Literal["schedulefreesgd"], *args: Any, **kwargs: Any) -> ScheduleFreeSGD: ...
@overload
def create(name: Literal["scion"], *args: Any, **kwargs: Any) -> Scion: ...
@overload
def create(name: Literal["sgld"], *args: Any, **kwargs: Any) -> SGLD: ...
@overload
def create(name: Literal["signum"], *args: Any, **kwargs: Any) -> Signum: ...
@overload
def create(name: Literal["sm3"], *args: Any, **kwargs: Any) -> SM3: ...
@overload
def create(name: Literal["soap"], *args: Any, **kwargs: Any) -> SOAP: ...
@overload
def create(name: Literal["sophia"], *args: Any, **kwargs: Any) -> Sophia: ...
@overload
def create(name: Literal["stableadamw"], *args: Any, **kwargs: Any) -> StableAdamW: ...
@overload
def create(name: Literal["yogi"], *args: Any, **kwargs: Any) -> Yogi: ...
@overload
def create(*args: Any, **kwargs: Any) -> Optimizer: ...

class AdaBelief(Optimizer):
    r"""AdaBelief: Adam with the variance of gradients around their mean, so that steps are large where they agree."""

    beta1: float
    beta2: float
    epsilon: float
    epsilon_root: float | None
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-16,
        epsilon_root: _Schedule | float | None = None,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class AdaBound(Optimizer):
    r"""AdaBound: Adam with bounds on each step size that close in on one value, so that it ends as SGD with momentum."""

    beta1: float
    beta2: float
    final_scale: float
    gamma: float
    epsilon: float
    amsbound: bool
    decoupled_wd: bool
    @property
    def decay(self) -> Decay: ...  # type: ignore[override]
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        final_scale: _Schedule | float = 100.0,
        gamma: _Schedule | float = 0.001,
        epsilon: _Schedule | float = 1e-08,
        amsbound: bool = False,
        decoupled_wd: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class AdaDelta(Optimizer):
    r"""AdaDelta: steps in the units of the weights, from moving averages of squared gradients and squared steps."""

    rho: float
    epsilon: float
    use_lr: bool
    def __init__(
        self,
        rho: _Schedule | float = 0.9,
        epsilon: _Schedule | float = 1e-05,
        *,
        use_lr: bool = False,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Adafactor(Optimizer):
    r"""Adafactor: steps scaled by second moments of which only means of rows and columns are kept."""

    beta2_decay: float
    epsilon1: float | None
    epsilon2: float
    clip_threshold: float
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        beta2_decay: _Schedule | float = -0.8,
        epsilon1: _Schedule | float | None = None,
        epsilon2: _Schedule | float = 0.001,
        clip_threshold: _Schedule | float = 1.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class AdaGrad(Optimizer):
    r"""AdaGrad: steps scaled by the root of the sum of all squared gradients so far."""

    eps: float
    initial_history: float
    lr_decay: float
    epsilon_in_root: bool
    decoupled_wd: bool
    @property
    def decay(self) -> Decay: ...  # type: ignore[override]
    def __init__(
        self,
        eps: _Schedule | float = 1e-07,
        *,
        initial_history: _Schedule | float = 0.0,
        lr_decay: _Schedule | float = 0.0,
        epsilon_in_root: bool = True,
        decoupled_wd: bool = True,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Adai(Optimizer):
    r"""Adai: SGD with a momentum of its own for each weight, smaller where gradients are larger than elsewhere."""

    beta0: float
    beta2: float
    epsilon: float
    decoupled_wd: bool
    @property
    def decay(self) -> Decay: ...  # type: ignore[override]
    def __init__(
        self,
        learning_rate: float | None = 0.1,
        beta0: _Schedule | float = 0.1,
        beta2: _Schedule | float = 0.99,
        epsilon: _Schedule | float = 0.001,
        decoupled_wd: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Adam(Optimizer):
    r"""Adam: steps scaled by running estimates of the gradient's mean and uncentred variance."""

    beta1: float
    beta2: float
    epsilon: float
    lazy_update: bool
    epsilon_after_correction: bool
    amsgrad: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        lazy_update: bool = True,
        *,
        epsilon_after_correction: bool = False,
        amsgrad: bool = False,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Adamax(Optimizer):
    r"""Adamax: Adam with a decaying maximum of the gradients instead of their root mean square."""

    beta1: float
    beta2: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 0.002,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 0.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class AdaMuon(Optimizer):
    r"""AdaMuon: Muon whose elements are divided by their root mean square, as Adam's are."""

    beta2: float
    sign: bool
    nesterov: bool
    scale_mode: str
    ns_steps: int
    ns_coefficients: Any
    epsilon: float
    flatten: bool
    exclude: Any
    adam_learning_rate: float | None
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    adam_wd: float
    momentum: float
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta2: _Schedule | float = 0.95,
        sign: bool = True,
        nesterov: bool = False,
        scale_mode: str = "match_rms_adamw",
        ns_steps: _Schedule | int = 5,
        ns_coefficients: Any = ...,
        epsilon: _Schedule | float = 1e-07,
        flatten: bool = False,
        exclude: Any = ...,
        adam_learning_rate: _Schedule | float | None = None,
        adam_beta1: _Schedule | float = 0.9,
        adam_beta2: _Schedule | float = 0.999,
        adam_epsilon: _Schedule | float = 1e-08,
        adam_wd: _Schedule | float = 0.01,
        momentum: _Schedule | float = 0.95,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
        wd: _Schedule | float = 0.1,
    ) -> None: ...

class AdamW(Optimizer):
    r"""AdamW: Adam with weight decay that does not pass through the moments."""

    beta1: float
    beta2: float
    epsilon: float
    amsgrad: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        amsgrad: bool = False,
        *,
        wd: _Schedule | float = 0.01,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Adan(Optimizer):
    r"""Adan: Nesterov momentum from the differences of successive gradients, with steps scaled as in Adam."""

    beta1: float
    beta2: float
    beta3: float
    epsilon: float
    proximal_wd: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.98,
        beta2: _Schedule | float = 0.92,
        beta3: _Schedule | float = 0.99,
        epsilon: _Schedule | float = 1e-08,
        proximal_wd: bool = True,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class AdEMAMix(Optimizer):
    r"""AdEMAMix: Adam with a second, much slower mean, which makes use of gradients of thousands of updates ago."""

    beta1: float
    beta2: float
    beta3: float
    alpha: float
    epsilon: float
    warmup_steps: int | None
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        beta3: _Schedule | float = 0.9999,
        alpha: _Schedule | float = 5.0,
        epsilon: _Schedule | float = 1e-08,
        warmup_steps: _Schedule | int | None = None,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class ADOPT(Optimizer):
    r"""ADOPT: Adam that divides each gradient by the variance of the gradients before it, then takes the mean."""

    beta1: float
    beta2: float
    epsilon: float
    clip_exponent: float | None
    decoupled_wd: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.9999,
        epsilon: _Schedule | float = 1e-06,
        clip_exponent: _Schedule | float | None = 0.25,
        decoupled_wd: bool = True,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class AGC(Wrapper):
    r"""Adaptive gradient clipping: the gradient of a unit is at most a fraction of its weights, by their norms."""

    clipping: float
    epsilon: float
    def __init__(
        self, optimizer: Any, clipping: _Schedule | float = 0.01, epsilon: _Schedule | float = 0.001, **kwargs: Any
    ) -> None: ...

class AggMo(Optimizer):
    r"""AggMo: SGD with the mean of several velocities, of which the fast ones damp the slow ones."""

    beta1: float
    beta2: float | None
    beta3: float | None
    beta4: float | None
    def __init__(
        self,
        beta1: _Schedule | float = 0.0,
        beta2: _Schedule | float | None = 0.9,
        beta3: _Schedule | float | None = 0.99,
        beta4: _Schedule | float | None = None,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class APOLLO(Optimizer):
    r"""APOLLO: SGD whose learning rate for each row or column is estimated from what Adam does in few dimensions."""

    beta1: float
    beta2: float
    epsilon: float
    rank: int
    scale: float
    scale_type: str
    update_gap: int
    correct_bias: bool
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-06,
        rank: _Schedule | int = 256,
        scale: _Schedule | float = 1.0,
        scale_type: str = "channel",
        update_gap: _Schedule | int = 200,
        correct_bias: bool = True,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class ASGD(Optimizer):
    r"""Averaged stochastic gradient descent: decaying steps, and the average of the weights to evaluate with."""

    lambd: float
    alpha: float
    t0: float
    late_lr: bool
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        lambd: _Schedule | float = 0.0001,
        alpha: _Schedule | float = 0.75,
        t0: _Schedule | float = 1000000.0,
        *,
        late_lr: bool = False,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Average(Wrapper):
    r"""Average of the weights along the way, to evaluate and deploy with: exponential, or equal as in SWA."""

    beta: float | None
    begin: int
    every: int
    gamma: float
    def __init__(
        self,
        optimizer: Any,
        beta: _Schedule | float | None = 0.999,
        begin: _Schedule | int = 0,
        every: _Schedule | int = 1,
        gamma: _Schedule | float = 0.0,
        **kwargs: Any,
    ) -> None: ...

class Cautious(Wrapper):
    r"""Cautious steps: elements whose step does not point downhill stay; or weight decay that does not fight the step."""

    caution: str
    normalized: bool
    def __init__(self, optimizer: Any, caution: str = "steps", normalized: bool = True, **kwargs: Any) -> None: ...

class SGD(Optimizer):
    r"""Stochastic gradient descent, with optional momentum."""

    momentum: float
    lazy_update: bool
    lr_in_velocity: bool
    dampening: float
    def __init__(
        self,
        momentum: _Schedule | float = 0.0,
        lazy_update: bool = True,
        *,
        lr_in_velocity: bool = True,
        dampening: _Schedule | float = 0.0,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Centralized(Wrapper):
    r"""Gradient centralization: each row of a gradient gets mean 0."""

    convolutions_only: bool
    def __init__(self, optimizer: Any, convolutions_only: bool = False, **kwargs: Any) -> None: ...

class COCOB(Optimizer):
    r"""COCOB: each weight bets a share of what it has won on the sign of its next gradient; no learning rate to tune."""

    alpha: float
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        alpha: _Schedule | float = 100.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class DAdaptAdam(Optimizer):
    r"""D-Adaptation: Adam with steps in units of d, an estimate of the distance to the solution."""

    beta1: float
    beta2: float
    epsilon: float
    d0: float
    growth_rate: float | None
    decoupled_wd: bool
    use_bias_correction: bool
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        d0: _Schedule | float = 1e-06,
        growth_rate: _Schedule | float | None = None,
        decoupled_wd: bool = False,
        use_bias_correction: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class DCASGD(Optimizer):
    r"""DC-ASGD: corrects delayed gradients for how the weight has changed in the meantime."""

    momentum: float
    lamda: float
    adaptive: bool
    m: float
    epsilon: float
    def __init__(
        self,
        momentum: _Schedule | float = 0.0,
        lamda: _Schedule | float = 0.04,
        adaptive: bool = False,
        m: _Schedule | float = 0.95,
        epsilon: _Schedule | float = 1e-07,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class DoG(Optimizer):
    r"""Distance over gradients: SGD whose rate is the distance covered so far over the gradients seen so far."""

    reps_rel: float
    epsilon: float
    granularity: str
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        reps_rel: _Schedule | float = 1e-06,
        epsilon: _Schedule | float = 1e-08,
        granularity: str = "all",
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class DoWG(Optimizer):
    r"""Distance over weighted gradients: as DoG, with each gradient weighted by the distance covered when it came."""

    d0: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        d0: _Schedule | float = 0.01,
        epsilon: _Schedule | float = 0.0001,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class FTML(Optimizer):
    r"""FTML, follow the moving leader: FTRL with more weight on recent gradients."""

    beta1: float
    beta2: float
    epsilon: float
    def __init__(
        self,
        beta1: _Schedule | float = 0.6,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Ftrl(Optimizer):
    r"""FTRL-Proximal, follow the regularised leader: keeps unimportant weights at exactly 0."""

    lamda1: float
    beta: float
    def __init__(
        self,
        lamda1: _Schedule | float = 0.01,
        learning_rate: float | None = 0.1,
        beta: _Schedule | float = 1.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Grokfast(Wrapper):
    r"""Grokfast: amplifies the slow part of gradients, their exponential average, so that a model generalizes sooner."""

    alpha: float
    factor: float
    def __init__(
        self, optimizer: Any, alpha: _Schedule | float = 0.98, factor: _Schedule | float = 2.0, **kwargs: Any
    ) -> None: ...

class GroupAdaGrad(Optimizer):
    r"""AdaGrad with one history per row of the weight, for example per word of an embedding."""

    eps: float
    def __init__(
        self,
        eps: _Schedule | float = 1e-05,
        *,
        wd: _Schedule | float = 0.0,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Kron(Optimizer):
    r"""PSGD-Kron: a triangular matrix for each axis, fitted so that preconditioned gradients are like white noise."""

    momentum: float
    precondition_lr: float
    update_probability: float | None
    max_size_triangular: int
    initial_scale: float
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        momentum: _Schedule | float = 0.9,
        precondition_lr: _Schedule | float = 0.1,
        update_probability: _Schedule | float | None = None,
        max_size_triangular: _Schedule | int = 8192,
        initial_scale: _Schedule | float = 1.0,
        *,
        wd: _Schedule | float = 0.0,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class LAMB(Optimizer):
    r"""LAMB: Adam's step, scaled for each parameter to the norm of its weight; for large batches."""

    beta1: float
    beta2: float
    epsilon: float
    lower_bound: float | None
    upper_bound: float | None
    bias_correction: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-06,
        lower_bound: _Schedule | float | None = None,
        upper_bound: _Schedule | float | None = None,
        bias_correction: bool = True,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class LaProp(Optimizer):
    r"""LaProp: Adam that scales gradients first and takes their mean then, so momentum and scaling do not interfere."""

    beta1: float
    beta2: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 0.0004,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-15,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class LARS(Optimizer):
    r"""LARS: momentum with a learning rate for each parameter, from the norms of weight and gradient."""

    momentum: float
    lazy_update: bool
    eta: float
    eps: float
    momentum_correction: bool
    def __init__(
        self,
        momentum: _Schedule | float = 0.0,
        lazy_update: bool = True,
        eta: _Schedule | float = 0.001,
        eps: _Schedule | float = 0.0,
        momentum_correction: bool = True,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class LBFGS(Optimizer):
    r"""L-BFGS: quasi-Newton steps from the last changes of weights and gradients, for deterministic functions."""

    history_size: int
    max_evaluations: int
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        history_size: _Schedule | int = 10,
        max_evaluations: _Schedule | int = 25,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class LBSGD(Optimizer):
    r"""Large-batch SGD: one step per ``batch_scale`` gradients, with a learning rate that warms up to that multiple."""

    momentum: float
    warmup_strategy: str
    warmup_epochs: int
    batch_scale: int
    updates_per_epoch: int
    begin_epoch: int
    num_epochs: int
    def __init__(
        self,
        momentum: _Schedule | float = 0.0,
        multi_precision: bool = False,
        warmup_strategy: str = "linear",
        warmup_epochs: _Schedule | int = 5,
        batch_scale: _Schedule | int = 1,
        updates_per_epoch: _Schedule | int = 32,
        begin_epoch: _Schedule | int = 0,
        num_epochs: _Schedule | int = 60,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Lion(Optimizer):
    r"""Lion: steps by the sign of a mix of gradient and momentum, each as large as the learning rate."""

    beta1: float
    beta2: float
    def __init__(
        self,
        learning_rate: float | None = 0.0001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.99,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Lookahead(Wrapper):
    r"""Lookahead: every ``k`` updates, slow weights follow those of the optimizer, which goes on from there."""

    k: int
    alpha: float
    def __init__(
        self, optimizer: Any, k: _Schedule | int = 5, alpha: _Schedule | float = 0.5, **kwargs: Any
    ) -> None: ...

class MADGRAD(Optimizer):
    r"""MADGRAD: sums of gradients divided by cube roots of sums of squares, as an offset from the initial weights."""

    momentum: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        momentum: _Schedule | float = 0.9,
        epsilon: _Schedule | float = 1e-06,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class MARS(Wrapper):
    r"""MARS: reduces the variance of gradients by what they have changed by since the last update."""

    gamma: float
    beta1: float
    def __init__(
        self, optimizer: Any, gamma: _Schedule | float = 0.025, beta1: _Schedule | float = 0.95, **kwargs: Any
    ) -> None: ...

class Mixed(Optimizer):
    r"""Different optimizers for different parameters, each the first whose pattern matches."""

    patterns: Sequence[str | Callable[[str, Any], bool]]
    optimizers: Sequence[Any]
    def __init__(
        self,
        patterns: Sequence[str | Callable[[str, Any], bool]],
        optimizers: Sequence[Any],
        *,
        learning_rate: float | None = None,
        lr_scheduler: Any = None,
        wd: _Schedule | Any = None,
        clip_gradient: _Schedule | float | None = None,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class MoMo(Optimizer):
    r"""MoMo: SGD with momentum, with a rate that follows from the loss, bounded by the learning rate."""

    beta: float
    lower_bound: float
    adapt_lower_bound: bool
    bias_correction: bool
    loss: Any
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        beta: _Schedule | float = 0.9,
        lower_bound: _Schedule | float = 0.0,
        adapt_lower_bound: bool = False,
        bias_correction: bool = False,
        loss: _Schedule | Any = None,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Muon(Optimizer):
    r"""Muon: momentum whose singular values are all set to about 1, for matrices, and AdamW for the rest."""

    momentum: float
    nesterov: bool
    scale_mode: str
    ns_steps: int
    ns_coefficients: Any
    epsilon: float
    flatten: bool
    exclude: Any
    adam_learning_rate: float | None
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    adam_wd: float
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        momentum: _Schedule | float = 0.95,
        nesterov: bool = True,
        scale_mode: str = "original",
        ns_steps: _Schedule | int = 5,
        ns_coefficients: Any = ...,
        epsilon: _Schedule | float = 1e-07,
        flatten: bool = False,
        exclude: Any = ...,
        adam_learning_rate: _Schedule | float | None = None,
        adam_beta1: _Schedule | float = 0.9,
        adam_beta2: _Schedule | float = 0.999,
        adam_epsilon: _Schedule | float = 1e-08,
        adam_wd: _Schedule | float = 0.01,
        *,
        wd: _Schedule | float = 0.1,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Nadam(Optimizer):
    r"""Nadam: Adam with Nesterov momentum, which warms up on a schedule."""

    beta1: float
    beta2: float
    epsilon: float
    schedule_decay: float
    decoupled_wd: bool
    @property
    def decay(self) -> Decay: ...  # type: ignore[override]
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        schedule_decay: _Schedule | float = 0.004,
        decoupled_wd: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class NAG(Optimizer):
    r"""Nesterov's accelerated gradient: momentum that looks one step ahead."""

    momentum: float
    lr_in_velocity: bool
    def __init__(
        self,
        momentum: _Schedule | float = 0.0,
        *,
        lr_in_velocity: bool = True,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class NorMuon(Optimizer):
    r"""NorMuon: Muon whose rows, one for each neuron, take steps of about the same size."""

    beta2: float
    ns_steps: int
    ns_coefficients: Any
    epsilon: float
    flatten: bool
    exclude: Any
    adam_learning_rate: float | None
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    adam_wd: float
    momentum: float
    nesterov: bool
    scale_mode: str
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta2: _Schedule | float = 0.95,
        ns_steps: _Schedule | int = 5,
        ns_coefficients: Any = ...,
        epsilon: _Schedule | float = 1e-07,
        flatten: bool = False,
        exclude: Any = ...,
        adam_learning_rate: _Schedule | float | None = None,
        adam_beta1: _Schedule | float = 0.9,
        adam_beta2: _Schedule | float = 0.999,
        adam_epsilon: _Schedule | float = 1e-08,
        adam_wd: _Schedule | float = 0.01,
        momentum: _Schedule | float = 0.95,
        nesterov: bool = True,
        scale_mode: str = "original",
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
        wd: _Schedule | float = 0.1,
    ) -> None: ...

class NovoGrad(Optimizer):
    r"""NovoGrad: gradients divided by a moving norm of their parameter, and then averaged."""

    beta1: float
    beta2: float
    epsilon: float
    grad_averaging: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.95,
        beta2: _Schedule | float = 0.98,
        epsilon: _Schedule | float = 1e-08,
        grad_averaging: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Prodigy(Optimizer):
    r"""Prodigy: Adam with steps in units of d, an estimate of the distance to the solution; no learning rate to tune."""

    beta1: float
    beta2: float
    beta3: float | None
    epsilon: float
    d0: float
    d_coef: float
    growth_rate: float | None
    decoupled_wd: bool
    use_bias_correction: bool
    safeguard_warmup: bool
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        beta3: _Schedule | float | None = None,
        epsilon: _Schedule | float = 1e-08,
        d0: _Schedule | float = 1e-06,
        d_coef: _Schedule | float = 1.0,
        growth_rate: _Schedule | float | None = None,
        decoupled_wd: bool = True,
        use_bias_correction: bool = False,
        safeguard_warmup: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class QHAdam(Optimizer):
    r"""QHAdam: Adam with mixtures of each moment and the current gradient, between Adam and RMSProp or SGD."""

    beta1: float
    beta2: float
    nu1: float
    nu2: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        nu1: _Schedule | float = 1.0,
        nu2: _Schedule | float = 1.0,
        epsilon: _Schedule | float = 1e-08,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class RAdam(Optimizer):
    r"""RAdam: Adam that uses its variance only once it has seen enough gradients, and scales it until it is reliable."""

    beta1: float
    beta2: float
    epsilon: float
    decoupled_wd: bool
    @property
    def decay(self) -> Decay: ...  # type: ignore[override]
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        decoupled_wd: bool = False,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class RMSProp(Optimizer):
    r"""RMSProp: steps scaled by the root of a moving average of squared gradients, or of their variance if centered."""

    gamma1: float
    gamma2: float
    epsilon: float
    centered: bool
    clip_weights: float | None
    epsilon_in_root: bool
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        gamma1: _Schedule | float = 0.9,
        gamma2: _Schedule | float = 0.9,
        epsilon: _Schedule | float = 1e-08,
        centered: bool = False,
        clip_weights: _Schedule | float | None = None,
        *,
        epsilon_in_root: bool = True,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Rprop(Optimizer):
    r"""Rprop: each weight has a step that grows while its gradient keeps its sign, and shrinks when that changes."""

    eta_minus: float
    eta_plus: float
    step_min: float
    step_max: float
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        eta_minus: _Schedule | float = 0.5,
        eta_plus: _Schedule | float = 1.2,
        step_min: _Schedule | float = 1e-06,
        step_max: _Schedule | float = 50.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class SAM(Wrapper):
    r"""Sharpness-aware minimization: an update with the gradient at the nearby point where the loss is greatest."""

    rho: float
    adaptive: bool
    epsilon: float
    def __init__(
        self,
        optimizer: Any,
        rho: _Schedule | float = 0.05,
        adaptive: bool = False,
        epsilon: _Schedule | float = 1e-12,
        **kwargs: Any,
    ) -> None: ...

class ScheduleFreeAdamW(Optimizer):
    r"""Schedule-Free AdamW: AdamW with an average of the weights that replaces both the mean and a schedule."""

    beta1: float
    beta2: float
    epsilon: float
    warmup_steps: int
    r: float
    weight_lr_power: float
    def __init__(
        self,
        learning_rate: float | None = 0.0025,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 1e-08,
        warmup_steps: _Schedule | int = 0,
        r: _Schedule | float = 0.0,
        weight_lr_power: _Schedule | float = 2.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class ScheduleFreeSGD(Optimizer):
    r"""Schedule-Free SGD: averages the weights in a way that replaces both momentum and a schedule."""

    momentum: float
    warmup_steps: int
    r: float
    weight_lr_power: float
    def __init__(
        self,
        learning_rate: float | None = 1.0,
        momentum: _Schedule | float = 0.9,
        warmup_steps: _Schedule | int = 0,
        r: _Schedule | float = 0.0,
        weight_lr_power: _Schedule | float = 2.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Scion(Optimizer):
    r"""Scion: steps of a fixed size, in a norm that fits the kind of parameter."""

    momentum: float
    radius: float
    sign_radius: float
    constrained: bool
    epsilon: float
    flatten: bool
    ns_steps: int
    ns_coefficients: Any
    exclude: Any
    def __init__(
        self,
        learning_rate: float | None = 0.00025,
        momentum: _Schedule | float = 0.9,
        radius: _Schedule | float = 50.0,
        sign_radius: _Schedule | float = 3000.0,
        constrained: bool = False,
        epsilon: _Schedule | float = 1e-08,
        flatten: bool = True,
        ns_steps: _Schedule | int = 5,
        ns_coefficients: Any = ...,
        exclude: Any = ...,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class SGLD(Optimizer):
    r"""Stochastic gradient Langevin dynamics: noisy gradient steps, so that the weights sample a posterior."""
    def __init__(
        self,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        learning_rate: float | None = 0.01,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Signum(Optimizer):
    r"""Signum: steps by the sign of the momentum, each as large as the learning rate."""

    momentum: float
    wd_lh: float
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        momentum: _Schedule | float = 0.9,
        wd_lh: _Schedule | float = 0.0,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class SM3(Optimizer):
    r"""SM3: AdaGrad with one accumulator per index of each axis instead of one per element."""

    momentum: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 0.1,
        momentum: _Schedule | float = 0.9,
        epsilon: _Schedule | float = 1e-08,
        *,
        wd: _Schedule | float = 0.0,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class SOAP(Optimizer):
    r"""SOAP: Adam in a basis in which the elements of a gradient are nearly uncorrelated."""

    beta1: float
    beta2: float
    shampoo_beta: float | None
    epsilon: float
    precondition_frequency: int
    max_precondition_dim: int
    precondition_1d: bool
    correct_bias: bool
    def __init__(
        self,
        learning_rate: float | None = 0.003,
        beta1: _Schedule | float = 0.95,
        beta2: _Schedule | float = 0.95,
        shampoo_beta: _Schedule | float | None = None,
        epsilon: _Schedule | float = 1e-08,
        precondition_frequency: _Schedule | int = 10,
        max_precondition_dim: _Schedule | int = 10000,
        precondition_1d: bool = False,
        correct_bias: bool = True,
        *,
        wd: _Schedule | float = 0.01,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Sophia(Optimizer):
    r"""Sophia: momentum divided by an estimate of the Hessian's diagonal, and clipped."""

    beta1: float
    beta2: float
    epsilon: float
    gamma: float
    clip_threshold: float
    update_interval: int
    estimator: str
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.965,
        beta2: _Schedule | float = 0.99,
        epsilon: _Schedule | float = 1e-08,
        gamma: _Schedule | float = 0.01,
        clip_threshold: _Schedule | float = 1.0,
        update_interval: _Schedule | int = 10,
        estimator: str = "given",
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class StableAdamW(Optimizer):
    r"""StableAdamW: AdamW with a smaller rate for a parameter whose gradient its second moment did not expect."""

    beta1: float
    beta2: float
    epsilon: float
    def __init__(
        self,
        learning_rate: float | None = 0.001,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.99,
        epsilon: _Schedule | float = 1e-08,
        *,
        wd: _Schedule | float = 0.01,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...

class Yogi(Optimizer):
    r"""Yogi: Adam whose variance moves towards the squared gradient in steps of its size, so it shrinks slowly."""

    beta1: float
    beta2: float
    epsilon: float
    initial_accumulator: float
    def __init__(
        self,
        learning_rate: float | None = 0.01,
        beta1: _Schedule | float = 0.9,
        beta2: _Schedule | float = 0.999,
        epsilon: _Schedule | float = 0.001,
        initial_accumulator: _Schedule | float = 1e-06,
        *,
        rescale_grad: _Schedule | float = 1.0,
        param_idx2name: Any = None,
        wd: _Schedule | float = 0.0,
        clip_gradient: _Schedule | float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        clip_global_norm: _Schedule | float | None = None,
        groups: Any = None,
        accumulate: int = 1,
        on_nonfinite: str = "ignore",
        loss_scale: Any = 1.0,
        maximize: bool = False,
        param_dict: Any = None,
    ) -> None: ...
