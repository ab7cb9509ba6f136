"""Everything that mxcore promises of {{ 'an' if cookiecutter.kind[0] in 'io' else 'a' }} {{ cookiecutter.kind.replace('lr_', 'learning-rate ') }}, checked by its conformance kit."""

from collections.abc import Callable

from mxcore.testing import parametrize_with_checks

from {{ cookiecutter.__package }} import {{ cookiecutter.class }}


@parametrize_with_checks({{ cookiecutter.class }})
def test_conformance(check: Callable[[], None]) -> None:
    check()
