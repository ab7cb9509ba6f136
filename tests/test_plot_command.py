"""The command `mxcore plot`: what it draws, and what it refuses before writing anything."""

import keyword
import subprocess
import sys
from pathlib import Path
from typing import Any

import mxcore_plot as plotting
import pytest
from commands import Result, invoke
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx
from mxcore.commands.choice import ChoiceError, parse
from mxcore.commands.cli import main


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plot(*arguments: object) -> Result:
    return invoke(main, ["plot", *arguments])


def texts(file: Path) -> str:
    return file.read_text("utf-8")


# --- names with arguments --------------------------------------------------------------------------------------------


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda word: not keyword.iskeyword(word))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
VALUES = NUMBERS | st.text("abc,=:'()[] ") | st.lists(st.integers(), max_size=3)


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_every_literal_is_read_as_what_it_is(arguments: dict[str, Any]) -> None:
    text = ",".join(f"{name}={value!r}" for name, value in arguments.items())
    assert parse(f"mxcore-optimizer-adam:adam:{text}") == ("mxcore-optimizer-adam:adam", arguments)


@pytest.mark.parametrize("text", ["", ":a=1", "adam:a=1)+(b", "adam:1=2", "adam:a=1,b", "adam:a=1,**b"])
def test_what_is_written_in_another_way_is_no_name_with_arguments(text: str) -> None:
    with pytest.raises(ChoiceError, match=r"expected NAME or NAME:ARGUMENT=VALUE"):
        parse(text)


# --- pictures --------------------------------------------------------------------------------------------------------


def test_schedules_are_drawn_by_their_names(workplace: Path) -> None:
    result = plot("cosine", "factor", "--updates", 1000, "--out", "curves.svg")
    assert (result.exit_code, result.output) == (0, "Drawn: curves.svg\n")
    assert all(f">{word}<" in texts(workplace / "curves.svg") for word in ("cosine", "factor", "learning rate", "1000"))


def test_each_schedule_has_its_own_arguments(workplace: Path) -> None:
    given = ("cosine:max_update=60", "cosine:max_update=90,warmup_steps=10", "multifactor:step=[20,40],factor=0.5")
    assert plot(*given, "--out", "curves.svg").exit_code == 0
    drawn = texts(workplace / "curves.svg")
    assert all(f">{name}<" in drawn for name in (*given[:2], "multifactor"))
    create = mx.lr_scheduler.create
    schedules = (
        create("cosine", max_update=60),
        create("cosine", max_update=90, warmup_steps=10),
        create("multifactor", step=[20, 40], factor=0.5),
    )
    figure = plotting.schedules(dict(zip((*given[:2], "multifactor"), schedules, strict=True)))
    assert plotting.render(figure, "svg").decode() == drawn


def test_a_real_process_draws_paths(workplace: Path) -> None:
    command = [sys.executable, "-m", "mxcore", "plot", "adam", "optimizer:sgd:momentum=0.9", "--function", "beale"]
    done = subprocess.run(
        [*command, "--steps", "60", "--out", "path.png"], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Drawn: path.png\n", "")
    assert (workplace / "path.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("record", mx.catalogue.records("initializer"), ids=lambda record: record.name)
def test_every_installed_initializer_can_be_drawn_by_its_name_and_its_kind_if_others_share_it(
    record: mx.catalogue.Record, workplace: Path
) -> None:
    shared = len({one.kind for one in mx.catalogue.algorithms() if one.name == record.name}) > 1
    name = f"initializer:{record.name}" if shared else record.name
    result = plot(name, "--out", "values.svg")
    assert result.exit_code == 0, result.output
    assert f">{name}<" in texts(workplace / "values.svg")


@pytest.mark.parametrize("kind", ["optimizer", "lr_scheduler"])
def test_everything_installed_can_be_drawn_by_its_name_alone(kind: str, workplace: Path) -> None:
    names = [record.name for record in mx.catalogue.records(kind)]
    result = plot(*names, "--out", "all.svg")
    assert result.exit_code == 0, result.output
    assert all(f">{name}<" in texts(workplace / "all.svg") for name in names)


REFUSED = [
    (["cosin"], "cannot find optimizer or lr_scheduler 'cosin': did you mean 'cosine' or 'join' or 'scion'?"),
    (["adm"], "did you mean 'adam'"),
    (["cosine", "adam"], "a plot shows algorithms of one kind, got 'cosine' (lr_scheduler), 'adam' (optimizer)"),
    (["xavier", "fusedrnn"], "initializers cannot fill a weight of shape (64, 32) or "),
    (["xavier", "--steps", "5"], "--steps does not apply to initializers"),
    (["xavier", "--updates", "5"], "--updates does not apply to initializers"),
    (["adam", "adam"], "'adam' is given twice"),
    (["adam:beta1=1.2"], "optimizer 'adam': beta1 must be in [0, 1), got 1.2"),
    (["cosine:max_updat=5"], "lr_scheduler 'cosine' has no argument 'max_updat' (did you mean 'max_update'?)"),
    (["adam:beta1=0.1,beta1=0.2"], "an argument is given twice in 'beta1=0.1,beta1=0.2'"),
    (["adam:beta1"], "cannot find optimizer 'adam:beta1'"),
    (["adam", "--updates", "5"], "--updates does not apply to optimizers"),
    (["cosine", "--steps", "5"], "--steps does not apply to lr_schedulers"),
    (["adam", "--steps", "0"], "0 is not in the range x>=1"),
    (["adam", "--function", "ackley"], "'ackley' is not one of 'rosenbrock', 'beale'"),
    ([], "Missing argument"),
    (["adam", "--out", "a.gif"], "'a.gif' must end in .pdf, .png or .svg"),
    (["adam", "--out", "no/a.png"], "'no/a.png' is in a missing folder"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_cannot_be_drawn_is_one_line_and_status_2(workplace: Path, arguments: list[str], message: str) -> None:
    result = plot("--out", "a.png", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert list(workplace.iterdir()) == []


def test_help_names_no_matplotlib_and_loads_none(run_python: Any) -> None:
    program = (
        "import sys; from mxcore.commands.cli import main; "
        "main(['plot', '--help'], standalone_mode=False); print(*sys.modules)"
    )
    *shown, loaded = run_python(program).splitlines()
    assert any("--function" in line for line in shown)
    assert "matplotlib" not in loaded.split()
