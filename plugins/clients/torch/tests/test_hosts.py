"""Programs that create an optimizer from a class or a name train a tiny model with one that exists only here."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import mxcore as mx

torch.manual_seed(0)
X = torch.randn(64, 4)
Y = X[:, :1] - X[:, 1:2]
QUIET = pytest.mark.filterwarnings("ignore")  # what these libraries warn of


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Begin with the same weights in any order of tests."""
    torch.manual_seed(0)


def imported(name: str) -> Any:
    try:
        return pytest.importorskip(name, exc_type=ImportError)
    except RuntimeError as error:  # torchvision for CUDA with a torch for CPUs
        pytest.skip(str(error))


class Regression(torch.nn.Module):
    """A model that computes its own loss, as those of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x: Any, labels: Any = None) -> dict[str, Any]:
        found = self.layer(x)
        return {"loss": ((found - labels) ** 2).mean(), "logits": found}


def loss_of(layer: Any) -> float:
    return float(((layer(X) - Y) ** 2).mean())


@QUIET
def test_trainer_of_transformers(tmp_path: Path) -> None:
    transformers = imported("transformers")
    model = Regression()
    before = loss_of(model.layer)
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=10, per_device_train_batch_size=16, report_to=[], use_cpu=True,
        learning_rate=0.02, save_steps=20, logging_steps=100, disable_tqdm=True,
    )  # fmt: skip
    data = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    trainer = transformers.Trainer(
        model, arguments, train_dataset=data,
        optimizer_cls_and_kwargs=(mx.torch.Optimizer, {"name": "lookahead(lion)", "lr": 0.1}),
    )  # fmt: skip
    trainer.train()
    assert loss_of(model.layer) < before / 3
    assert len(trainer.optimizer.param_groups) == 2
    once = [param.detach().clone() for param in model.parameters()]
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-20"))
    for param, other in zip(model.parameters(), once, strict=True):
        torch.testing.assert_close(param.detach(), other, rtol=0, atol=0)


@QUIET
def test_command_line_of_lightning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lightning = imported("lightning.pytorch")
    from lightning.pytorch.cli import LightningCLI

    class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any) -> Any:
            return ((self.layer(batch[0]) - batch[1]) ** 2).mean()

        def train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=16)

    monkeypatch.setattr(sys, "argv", ["fit"])
    torch.manual_seed(0)
    before = loss_of(torch.nn.Linear(4, 1))
    torch.manual_seed(0)
    cli = LightningCLI(
        Model,
        args=[
            "fit", "--optimizer=mxcore_torch.Optimizer", "--optimizer.name=lookahead(lion)", "--optimizer.lr=0.1",
            "--trainer.max_epochs=10", "--trainer.accelerator=cpu", "--trainer.logger=false",
            "--trainer.enable_checkpointing=false", "--trainer.enable_progress_bar=false",
            "--trainer.enable_model_summary=false", f"--trainer.default_root_dir={tmp_path}",
        ],
        save_config_callback=None,
    )  # fmt: skip
    assert repr(cli.trainer.optimizers[0].optimizer).startswith("Lookahead")
    assert loss_of(cli.model.layer) < before / 3


@QUIET
def test_factory_of_timm() -> None:
    optim = imported("timm.optim")
    info = optim.OptimInfo(
        "mxlion", mx.torch.Optimizer, has_eps=False, has_betas=True, defaults={"name": "lookahead(lion)"}
    )
    optim._optim_factory.default_registry.register(info)
    model = torch.nn.Linear(4, 1)
    optimizer = optim.create_optimizer_v2(model, opt="mxlion", lr=0.02, weight_decay=0.05)
    assert isinstance(optimizer, mx.torch.Optimizer)
    assert [(one["weight_decay"], len(one["params"])) for one in optimizer.param_groups] == [(0.0, 1), (0.05, 1)]
    for _ in range(300):
        optimizer.zero_grad()
        ((model(X) - Y) ** 2).mean().backward()
        optimizer.step()
    assert loss_of(model) < 0.1
