"""Remove files that were not requested."""

import shutil

if "{{ cookiecutter.ci }}" == "none":
    shutil.rmtree(".github")
